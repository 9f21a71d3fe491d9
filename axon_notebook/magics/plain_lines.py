"""Output of a command for a place that does not move its cursor: a notebook's text, a file, a pipe.

A terminal shows the last state of a progress bar.  Printed as they come, its frames would all
stay, so a line is given out when it has ended and seems final.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, NamedTuple

from ..widgets.screen_text import ROWS, ScreenText

__all__ = ["HOLD_SECONDS", "PlainLines"]

#: A line stands so long before it is given out; bars that redraw several lines are faster.
HOLD_SECONDS: Final = 1.0

_GONE: Final[list[str]] = []  # cells of lines that are given out and final


class _Ended(NamedTuple):
    stream: str
    line: int
    at: float


class PlainLines:
    """Lines of several streams in the order in which they end, without colours.  Not thread-safe.

    A line that is rewritten after it was given out is given out again.

    Args:
        streams: Their names; each has a screen of its own.
        now: A clock in seconds.
    """

    def __init__(self, streams: Iterable[str], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._screens = {name: ScreenText(partial(self._ended, name)) for name in streams}
        self._waiting: list[_Ended] = []
        self._given: dict[tuple[str, int], str] = {}  # what can still be rewritten
        self._redrawn = dict.fromkeys(self._screens, float("-inf"))  # when it last was

    @property
    def holds(self) -> bool:
        """Whether lines wait to be given out."""
        return bool(self._waiting)

    def feed(self, stream: str, text: str) -> str:
        """Take the next output of *stream*, cut anywhere; return what is to be printed."""
        screen = self._screens[stream]
        screen.feed(text)
        if (first := screen.take_rewritten()) is not None:
            self._redrawn[stream] = self._now()
            again = [line for name, line in self._given if name == stream and line >= first]
            waiting = {line for name, line, _ in self._waiting if name == stream}
            ends = [_Ended(stream, line, self._now()) for line in again if line not in waiting]
            self._waiting[:0] = sorted(ends)
        return self.due()

    def due(self) -> str:
        """Return the lines that have stood long enough, and those that nothing can rewrite."""
        return self._give(self._is_due)

    def finish(self) -> str:
        """Return what is left, at the end of the output."""
        for name, screen in self._screens.items():
            if screen.text(screen.open_line):
                self._ended(name, screen.open_line)
        return self._give(lambda ended: not self._is_wiped(ended))

    def _ended(self, stream: str, line: int) -> None:
        self._waiting.append(_Ended(stream, line, self._now()))

    def _is_due(self, ended: _Ended) -> bool:
        if self._is_final(ended):
            return True
        if ended.line >= self._screens[ended.stream].cursor_line:
            return False  # the output went up to rewrite it
        return self._now() - max(ended.at, self._redrawn[ended.stream]) >= HOLD_SECONDS

    def _is_wiped(self, ended: _Ended) -> bool:
        """Whether the line is empty and the cursor above it: a bar that was there is gone."""
        screen = self._screens[ended.stream]
        return ended.line >= screen.cursor_line and not screen.text(ended.line)

    def _is_final(self, ended: _Ended) -> bool:
        return ended.line < len(self._screens[ended.stream].lines) - ROWS

    def _give(self, is_due: Callable[[_Ended], bool]) -> str:
        due: list[_Ended] = []
        waiting: list[_Ended] = []
        for ended in self._waiting:
            (due if is_due(ended) else waiting).append(ended)
        self._waiting = waiting
        printed = [text + "\n" for ended in due if (text := self._changed(ended)) is not None]
        self._forget()
        return "".join(printed)

    def _changed(self, ended: _Ended) -> str | None:
        """Return the line's text, or ``None`` if it was given out as it is, or is wiped since."""
        key = (ended.stream, ended.line)
        text, before = self._screens[ended.stream].text(ended.line), self._given.get(key)
        if before is not None and text in (before, ""):
            return None
        self._given[key] = text
        return text

    def _forget(self) -> None:
        """Drop what is final, so that a long output takes no memory."""
        waiting = {(ended.stream, ended.line) for ended in self._waiting}
        for stream, line in list(self._given):
            key = (stream, line)
            if key not in waiting and self._is_final(_Ended(stream, line, 0)):
                self._screens[stream].lines[line] = _GONE
                del self._given[key]
