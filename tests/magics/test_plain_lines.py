"""Output where no cursor moves: lines in their last state, as soon as they seem final."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from axon_notebook.magics.plain_lines import HOLD_SECONDS, PlainLines
from axon_notebook.widgets.screen_text import ROWS

CASES = json.loads(
    Path(__file__).parents[1].joinpath("widgets", "screen_cases.json").read_text("utf-8")
)
BARS = "\x1b[1A\x1b[2K\x1b[1A\x1b[2K"


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lines = PlainLines(("stdout", "stderr"), lambda: self.seconds)

    def later(self, seconds: float = HOLD_SECONDS) -> str:
        self.seconds += seconds
        return self.lines.due()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("name", CASES["printed"])
def test_the_last_state_is_printed(clock: Clock, name: str) -> None:
    """What a terminal shows in the end, by the same cases as the log."""
    case = CASES["printed"][name]
    whole = clock.lines.feed("stdout", case["printed"]) + clock.lines.finish()
    split = Clock().lines
    pieces = "".join(split.feed("stdout", char) for char in case["printed"]) + split.finish()

    assert whole.rstrip("\n").split("\n") == (case["lines"] or [""])
    assert pieces == whole


def test_a_line_is_printed_when_it_has_stood_for_a_moment(clock: Clock) -> None:
    """A server that says where it listens, and then nothing, must be seen."""
    assert clock.lines.feed("stdout", "listening\nno end") == ""
    assert clock.lines.holds
    assert clock.later() == "listening\n"
    assert not clock.lines.holds
    assert clock.lines.finish() == "no end\n"


def test_bars_of_several_lines_leave_their_last_state(clock: Clock) -> None:
    """Rich and uv go up and write again; each frame would be two lines."""
    printed = clock.lines.feed("stdout", "a 0%\nb 0%\n")
    for part in range(1, 11):
        printed += clock.later(0.3)
        printed += clock.lines.feed("stdout", f"{BARS}a {part}0%\nb {part}0%\n")
    printed += clock.lines.feed("stdout", "done\n")

    assert printed == ""
    assert clock.later() == "a 100%\nb 100%\ndone\n"


def test_a_line_that_changes_after_it_was_printed_is_printed_again(clock: Clock) -> None:
    """A bar that moves once a minute; what did not change is not repeated."""
    clock.lines.feed("stdout", "a 0%\nb 0%\n")

    assert clock.later() == "a 0%\nb 0%\n"
    assert clock.lines.feed("stdout", f"{BARS}a 50%\nb 0%\n") == ""
    assert clock.later() == "a 50%\n"
    assert clock.lines.finish() == ""


def test_a_bar_that_was_wiped_leaves_no_empty_lines(clock: Clock) -> None:
    """The prompt stands where the bar was."""
    clock.lines.feed("stdout", f"a\nb\n{BARS}done\n")

    assert clock.lines.finish() == "done\n"


def test_lines_of_both_streams_come_in_the_order_in_which_they_ended(clock: Clock) -> None:
    """An error stands after what led to it."""
    for stream, text in (("stdout", "one\ntw"), ("stderr", "error\n"), ("stdout", "o\n")):
        clock.lines.feed(stream, text)

    assert clock.lines.finish() == "one\nerror\ntwo\n"


def test_a_long_output_is_printed_at_once_and_not_kept(clock: Clock) -> None:
    """What scrolled off a screen is final; a gigabyte of it must not stay in the kernel."""
    printed = clock.lines.feed("stdout", "".join(f"{n}\n" for n in range(10_000)))

    assert printed.count("\n") == 10_000 - ROWS + 1
    assert printed.startswith("0\n1\n")
    kept = clock.lines._screens["stdout"].lines
    assert sum(1 for cells in kept if cells) < 2 * ROWS
