"""What a terminal shows in the end: the kernel's answer is the page's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.widgets.screen_text import ROWS, ScreenText

# js/tests/log/screen.test.ts holds the page to this file, and to xterm.
CASES = json.loads(Path(__file__).with_name("screen_cases.json").read_text("utf-8"))
RECORDINGS = Path(__file__).parents[1] / "recordings"
CONTROLS = ("\n", "\r", "\t", "\b", "\x1b7", "\x1b8", "\x1b]0;t\x07", "\x1b[")
MOVES = ("A", "3B", "2K", "J", "2J", "9999G", "5;5H", "?1049h", "?1049l")
PIECES = st.sampled_from(["a", "漢", "e\u0301", *CONTROLS, *(f"\x1b[{move}" for move in MOVES)])


def lines_of(*pieces: str) -> list[str]:
    screen = ScreenText()
    for piece in pieces:
        screen.feed(piece)
    lines = [screen.text(line) for line in range(len(screen.lines))]
    while lines and not lines[-1]:
        lines.pop()
    return lines


@pytest.mark.parametrize("name", CASES["printed"])
def test_what_programs_redraw_is_left_in_its_last_state(name: str) -> None:
    """Of a progress bar all frames would be saved otherwise, twenty lines for a bar of three."""
    case = CASES["printed"][name]

    assert lines_of(case["printed"]) == case["lines"]
    assert lines_of(*case["printed"]) == case["lines"]


@pytest.mark.parametrize("name", CASES["recorded"])
def test_the_output_of_real_programs_is_what_the_page_shows(name: str) -> None:
    """pip, npm, apt, pytest, rich and tqdm, as they wrote it to a terminal."""
    text = (RECORDINGS / name).read_bytes().decode("utf-8", "replace")

    assert lines_of(text) == CASES["recorded"][name]


def test_a_full_screen_program_leaves_nothing() -> None:
    """less, vim and htop use the alternate screen, and a terminal forgets it."""
    assert lines_of("a\n\x1b[?1049hfull\x1b[?1049lb\n") == ["a", "b"]


@given(st.lists(PIECES, max_size=200))
def test_any_output_makes_lines(pieces: list[str]) -> None:
    """What commands print is anybody's; a snapshot that raises loses the notebook's output."""
    ended: list[int] = []
    screen = ScreenText(ended.append)
    screen.feed("".join(pieces))

    assert ended == list(range(screen.open_line))
    assert len(screen.lines) <= pieces.count("\n") + ROWS * (1 + len(pieces))
