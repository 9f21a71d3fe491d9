"""IPython in a terminal of our own: a pseudo-terminal, and the screen that a person would see."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pexpect
import pyte

from axon_notebook.closing import Closing

__all__ = ["Terminal"]

ROWS, COLUMNS = 150, 160  # so many rows that nothing scrolls away
PROMPT = re.compile(r"In \[(\d+)\]:")


class Terminal(Closing):
    """An interactive IPython; lives until :meth:`close`."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self.screen)
        self._text = ""
        self._child = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--no-confirm-exit"],
            # This terminal answers no questions about its cursor.
            env={**environment, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            dimensions=(ROWS, COLUMNS),
            timeout=300,
        )
        self.wait(lambda: self._prompt() is not None)

    def type(self, text: str) -> None:
        """Type *text*; a carriage return is the Enter key."""
        self._child.send(text)

    def run(self, *lines: str, timeout: float = 240) -> str:
        """Type a cell and wait for the next prompt; return what it printed."""
        before = self.begin(*lines)
        return self.end(before, timeout)

    def begin(self, *lines: str, start: bool = True) -> int:
        """Type a cell and start it, or leave the last Enter to the test; return its number."""
        number = self._prompt()
        assert number is not None, self.text()
        for line in lines:
            self.type(line)
            self.wait(lambda shown=line: shown.strip() in self.text())
            self.type("\r")
        if len(lines) > 1:  # IPython runs a cell magic at the Enter on a second empty line
            self.wait(lambda: self.text().endswith("...:"))
            self.type("\r")
            self.wait(lambda: re.search(r"\.\.\.:\n\s*\.\.\.:\Z", self.text()))
            if start:
                self.type("\r")
        return number

    def end(self, number: int, timeout: float = 240) -> str:
        """Wait for the prompt after cell *number*; return what the cell printed."""
        self.wait(lambda: (self._prompt() or 0) > number, timeout)
        shown = self.text().split(f"In [{number}]:")[-1].split(f"In [{number + 1}]:")[0]
        lines = shown.splitlines()[1:]
        while lines and re.match(r"\s+\.\.\.:", lines[0]):
            lines.pop(0)
        return "\n".join(lines).strip("\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._child.sendintr()

    def colours(self, word: str) -> set[str]:
        """The colours of the last *word* on the screen."""
        for row in range(ROWS - 1, -1, -1):
            at = self.screen.display[row].rfind(word)
            if at >= 0:
                return {self.screen.buffer[row][at + i].fg for i in range(len(word))}
        raise AssertionError(f"{word!r} is not on the screen:\n{self.text()}")

    def text(self) -> str:
        """The screen, without the empty rows below and the spaces at the right."""
        return self._text

    def wait(self, seen: Callable[[], Any], timeout: float = 240) -> None:
        """Read what IPython prints until *seen*; fail with the screen if it never is."""
        deadline = time.monotonic() + timeout
        while not seen():
            try:
                self._stream.feed(self._child.read_nonblocking(65536, timeout=0.2))
                self._text = "\n".join(line.rstrip() for line in self.screen.display).rstrip()
            except pexpect.TIMEOUT:
                assert time.monotonic() < deadline, f"still waiting; the screen:\n{self.text()}"
            except pexpect.EOF:
                raise AssertionError(f"IPython ended; the screen:\n{self.text()}") from None

    def close(self) -> None:
        """End IPython; a second call does nothing."""
        self._child.close(force=True)

    def _line(self) -> str:
        return self.text().rpartition("\n")[2]

    def _prompt(self) -> int | None:
        """The number of the prompt that waits for input."""
        found = PROMPT.fullmatch(self._line().strip())
        return int(found[1]) if found else None
