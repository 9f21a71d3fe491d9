"""Terminal output as the text that is left on the screen.

The page's log (``js/src/log/screen.ts``) shows output as a terminal does: a progress bar is its
last state, not all of them.  This is the same without colours, for what stays in a saved notebook;
both are held to the same cases (``tests/widgets/screen_cases.json``).  After ECMA-48.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

__all__ = ["ROWS", "ScreenText"]

ROWS: Final = 50  # lines that a program can come back to; what scrolls off is final
COLUMNS: Final = 512  # the cursor goes this far right at least
CELLS: Final = 4096  # of one line; what is printed beyond lands in the last one
TAB: Final = 8
LONGEST: Final = 4100  # characters of a sequence
ALTERNATE: Final = frozenset(("47", "1047", "1049"))  # private modes of full-screen programs

# A sequence ends with its line and is at most 4096 long, so that an unterminated one eats no more.
_TOKEN: Final = re.compile(
    r"(?:\x1b\[|\x9b)(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c\n]{0,4096}"
    r"(?:\x07|\x18|\x1a|\x9c|\x1b\\)?"
    r"|\x1b[ -/]*(?P<escape>[0-~])?"
    r"|(?P<control>[\x00-\x1f\x7f])"
    r"|(?P<text>[^\x00-\x1f\x7f\x80-\x9f]+)"
    r"|[\x80-\x9f]"
)

#: The beginning of a sequence whose rest may come with the next piece.
_BEGUN: Final = re.compile(
    r"(?:\x1b(?:\[[0-?]*[ -/]*|[ -/]*)?|\x9b[0-?]*[ -/]*"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c\n]{0,4096}\x1b?)\Z"
)


class ScreenText:
    """The lines of one output stream.  Not thread-safe.

    Args:
        ended: Called with the index of each line that ends, in order; it may still be rewritten.
    """

    def __init__(self, ended: Callable[[int], None] = lambda line: None) -> None:
        self.lines: list[list[str]] = [[]]
        self._ended = ended
        self._row = 0
        self._column = 0
        self._saved = (0, 0)
        self._top = 0
        self._alternate = False
        self._begun = ""  # of a sequence
        self._rewritten: int | None = None

    def feed(self, text: str) -> None:
        """Take the next output, cut anywhere."""
        text, self._begun = self._begun + text, ""
        tail = max(0, len(text) - LONGEST)  # an earlier ESC cannot be an unfinished sequence
        if begun := _BEGUN.search(text, tail):
            text, self._begun = text[: begun.start()], begun[0]
        for token in _TOKEN.finditer(text):
            if (final := token["final"]) is not None:
                self._sequence(final, token["parameters"], token["between"])
            elif self._alternate:
                continue
            elif (words := token["text"]) is not None:
                self._print(words)
            elif (control := token["control"]) is not None:
                self._control(control)
            elif token["escape"] == "7":
                self._save()
            elif token["escape"] == "8":
                self._restore()

    def text(self, line: int) -> str:
        """Return one line, without blanks at its end."""
        return "".join(self.lines[line]).rstrip(" ")

    @property
    def cursor_line(self) -> int:
        """Index of the line in which the cursor is; it may be one that does not exist yet."""
        return self._row

    def take_rewritten(self) -> int | None:
        """Return the first line to which the output went back since the last call, if it did."""
        rewritten, self._rewritten = self._rewritten, None
        return rewritten

    @property
    def open_line(self) -> int:
        """Index of the last line, which has not ended."""
        return len(self.lines) - 1

    # -- what the tokens do

    def _print(self, text: str) -> None:
        self._fill_to(self._row)
        cells = self.lines[self._row]
        if self._column == len(cells) and text.isascii():
            room = max(0, CELLS - self._column)
            cells.extend(text[:room])
            self._column += min(len(text), room)
            return
        for char in text:
            self._put(cells, char)

    def _put(self, cells: list[str], char: str) -> None:
        width = _width(char)
        if width == 0:
            _combine(cells, self._column - 1, char)
            return
        at = min(self._column, CELLS - width)
        while len(cells) < at + width:
            cells.append(" ")
        _blank_halves(cells, at, width)
        cells[at : at + width] = [char, ""][:width]
        self._column = at + width

    def _control(self, control: str) -> None:
        if control in "\n\x0b\x0c":
            self._newline()
        elif control == "\r":
            self._column = 0
        elif control == "\b":
            self._column = max(0, self._column - 1)
        elif control == "\t":
            self._tab()
        elif control != "\x07":
            picture = 0x2421 if control == "\x7f" else 0x2400 + ord(control)
            self._print(chr(picture))

    def _tab(self) -> None:
        stop = self._column + TAB - self._column % TAB
        self._fill_to(self._row)
        cells = self.lines[self._row]
        if self._column == len(cells):
            cells.extend(" " * (stop - self._column))
        self._column = stop

    def _sequence(self, final: str, parameters: str, between: str) -> None:
        if parameters.startswith("?") and final in "hl":
            if not ALTERNATE.isdisjoint(parameters[1:].split(";")):
                self._alternate = final == "h"
            return
        if self._alternate or between or parameters[:1] in ("?", "<", "=", ">"):
            return
        numbers = [int(n) if n.isdecimal() else 0 for n in parameters.replace(":", ";").split(";")]
        if final in "JK":
            (self._erase_line if final == "K" else self._erase_lines)(numbers[0])
        else:
            self._move(final, max(1, min(numbers[0], 10**6)), numbers)

    def _move(self, final: str, n: int, numbers: list[int]) -> None:
        if final in "AF":
            self._row = max(self._top, self._row - n)
        elif final in "BE":
            self._row = min(self._top + ROWS - 1, self._row + n)
        elif final == "C":
            self._to_column(self._column + n)
        elif final == "D":
            self._to_column(self._column - n)
        elif final == "G":
            self._to_column(n - 1)
        elif final in "Hf":
            self._row = self._top + min(n, ROWS) - 1
            self._to_column(max(1, numbers[1] if len(numbers) > 1 else 1) - 1)
        elif final == "s":
            self._save()
        elif final == "u":
            self._restore()
        if final in "EF":
            self._column = 0
        self._went_back(self._row)

    def _to_column(self, column: int) -> None:
        self._column = max(0, min(column, max(self._column, COLUMNS - 1)))

    def _save(self) -> None:
        self._saved = (self._row - self._top, self._column)

    def _restore(self) -> None:
        row, self._column = self._saved
        self._row = self._top + row
        self._went_back(self._row)

    def _went_back(self, row: int) -> None:
        if row < self.open_line and (self._rewritten is None or row < self._rewritten):
            self._rewritten = row

    def _erase_line(self, kind: int, line: int | None = None) -> None:
        row = self._row if line is None else line
        if row >= len(self.lines):
            return
        cells = self.lines[row]
        if kind == 0:
            _blank_halves(cells, self._column, 1)
            del cells[self._column :]
        elif kind == 1:
            end = min(self._column + 1, len(cells))
            cells[:end] = " " * end
        elif kind == 2:
            cells.clear()

    def _erase_lines(self, kind: int) -> None:
        if kind == 2:
            self._scroll_away()
        if kind > 1:
            return
        self._erase_line(kind)
        rows = range(self._row + 1, len(self.lines)) if kind == 0 else range(self._top, self._row)
        self._went_back(self._row if kind == 0 else self._top)
        for row in rows:
            self._erase_line(2, row)

    # -- lines

    def _newline(self) -> None:
        self._row += 1
        self._column = 0
        self._fill_to(self._row)
        self._scroll()

    def _scroll_away(self) -> None:
        """Clearing keeps what was on the screen: it becomes final, an empty screen follows."""
        last = min(self.open_line, self._top + ROWS - 1)
        while last >= self._top and not self.text(last):
            last -= 1
        gone = last + 1 - self._top
        self._fill_to(last + 1)
        self._row += gone
        self._top += gone

    def _fill_to(self, row: int) -> None:
        while len(self.lines) <= row:
            self._ended(len(self.lines) - 1)
            self.lines.append([])

    def _scroll(self) -> None:
        self._top = max(self._top, self._row - ROWS + 1)


def _width(char: str) -> int:
    if char in "\u200d\ufe0e\ufe0f" or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _combine(cells: list[str], at: int, mark: str) -> None:
    base = at - 1 if 0 < at < len(cells) and cells[at] == "" else at
    if 0 <= base < len(cells) and len(cells[base]) < 12:  # more marks are a trick, not writing
        cells[base] += mark


def _blank_halves(cells: list[str], at: int, width: int) -> None:
    """What is written over half of a wide character blanks the other half."""
    if 0 < at < len(cells) and cells[at] == "":
        cells[at - 1] = " "
    end = at + width
    if end < len(cells) and cells[end] == "":
        cells[end] = " "
