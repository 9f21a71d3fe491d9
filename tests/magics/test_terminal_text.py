"""Only text and colours reach a terminal."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.magics.terminal_text import STRING_LIMIT, TerminalText

ALLOWED = re.compile(r"(?:[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\x1b\[[0-9:;]*m)*\Z")
PARTS = st.sampled_from(
    [
        *"\x1b\x9b\x9d\x9c\x07\x18\n\r\t[]();?0123mHJ\\Pxé\0\x7f",
        "\x1b[",
        "\x1b]",
        "\x1b\\",
        "\x1b[31m",
    ]
)


def shown(*pieces: str) -> str:
    text = TerminalText()
    return "".join(text.feed(piece) for piece in pieces)


@pytest.mark.parametrize(
    ("sequence", "left"),
    [
        pytest.param("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", id="colours stay"),
        pytest.param("\x9b38;2;1;2;3mx", "\x1b[38;2;1;2;3mx", id="8-bit colours become 7-bit"),
        pytest.param("10%\r100%\n\tx", "10%\r100%\n\tx", id="line ends and tabs stay"),
        pytest.param("a\x1b[2Jb\x1b[Hc\x1b[3Ad", "abcd", id="clear and cursor"),
        pytest.param("a\x1b[?25lb\x1b[>4;1mc", "abc", id="private modes"),
        pytest.param("a\x1b]0;title\x07b", "ab", id="title, BEL"),
        pytest.param("a\x1b]52;c;aGk=\x1b\\b", "ab", id="clipboard, ST"),
        pytest.param("\x1b]8;;javascript:x\x1b\\link\x1b]8;;\x1b\\", "link", id="hyperlink"),
        pytest.param("a\x9d0;title\x9cb", "ab", id="title, 8-bit"),
        pytest.param("a\x1bP+q544e\x1b\\b\x1b_x\x1b\\c", "abc", id="DCS and APC"),
        pytest.param("a\x1b(Bb\x1bcd\x1b#8e", "abde", id="charset, reset, fill"),
        pytest.param("a\x1b[6nb\x05c\x1b[cd", "abcd", id="questions the terminal would answer"),
        pytest.param("a\x08\x0b\x0c\x0e\x7f\x85b", "ab", id="other controls"),
        pytest.param("a\x1b]0;never ends\nb", "a\nb", id="a string ends with its line"),
    ],
)
def test_what_is_not_text_or_colour_is_dropped(sequence: str, left: str) -> None:
    """A log must not type into the terminal that shows it."""
    assert shown(sequence) == left
    assert shown(*sequence) == left


@given(st.lists(PARTS, max_size=40), st.sets(st.integers(0, 60)))
def test_nothing_else_comes_through_wherever_it_is_split(parts: list[str], cuts: set[int]) -> None:
    """An escape sequence cut in two is the classic way around a filter."""
    text = "".join(parts)
    places = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]

    result = shown(*pieces)

    assert ALLOWED.match(result)


def test_an_endless_control_string_does_not_eat_the_rest() -> None:
    """Or one byte of hostile output would hide everything after it."""
    text = "\x1b]0;" + "x" * 1_000_000 + "end"

    whole, split = shown(text), shown(*(text[i : i + 1000] for i in range(0, len(text), 1000)))

    assert whole.endswith("end")
    assert len(whole) >= 1_000_000 - STRING_LIMIT
    assert split.endswith("end")


def test_text_alone_passes_unchanged() -> None:
    """The common case."""
    text = "é€👩‍🚀 plain\r\n\ttext\n"

    assert shown(text) == text
