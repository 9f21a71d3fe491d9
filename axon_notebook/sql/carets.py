"""A caret under the word that is wrong."""

from __future__ import annotations

from typing import Final

__all__ = ["caret_lines"]

#: Characters of a long line that are shown around the culprit.
WIDTH: Final = 96


def caret_lines(text: str, start: int, length: int = 1) -> list[str]:
    """Return the line of *text* that holds position *start*, and carets under it.

    Positions count characters.  The line number is the text's own, from 1; a
    long line is cut around the culprit, a tab shows as one space, and what a
    terminal would obey (control characters) as ``·``.
    """
    start = max(0, min(start, len(text)))
    before = text[:start]
    number = before.count("\n") + 1
    begin = before.rfind("\n") + 1
    line = text[begin:].split("\n", 1)[0].rstrip("\r")
    column = start - begin
    cut = max(0, min(column - WIDTH // 2, len(line) - WIDTH)) if len(line) > WIDTH else 0
    shown, column = _printable(line[cut : cut + WIDTH]), column - cut
    carets = "^" * max(1, min(length, len(shown) - column))
    gutter = " " * len(str(number))
    return [f"  {number} │ {shown}", f"  {gutter} │ {' ' * column}{carets}"]


def _printable(line: str) -> str:
    return "".join(
        " " if character == "\t" else character if character.isprintable() else "·"
        for character in line
    )
