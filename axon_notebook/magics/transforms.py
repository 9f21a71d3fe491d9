"""Accept two ways of writing our cell magics that IPython refuses.

A Python comment above ``%%axonsql`` would be a syntax error, and a cell of
``%%axonsql SELECT …`` alone an "empty cell".
"""

from __future__ import annotations

import re
from typing import Any, Final

from .registry import cell_magics

__all__ = ["install", "remove"]

_CELL: Final = re.compile(r"%%(\w+)")


def clean_cell(lines: list[str]) -> list[str]:
    """Return the *lines* of a cell in the form that IPython accepts."""
    first = 0
    while first < len(lines) and (not lines[first].strip() or lines[first].lstrip()[0] == "#"):
        first += 1
    found = _CELL.match(lines[first]) if first < len(lines) else None
    if found is None or found[1] not in cell_magics():
        return lines
    if any(line.strip() for line in lines[first + 1 :]):
        return lines[first:]
    # Without a body it is a line magic; alone, it is left to say what is missing.
    return [lines[first][1:]] if lines[first].split()[1:] else lines[first:]


def install(shell: Any) -> None:
    """Add the transformation to *shell*."""
    shell.input_transformers_cleanup.append(clean_cell)


def remove(shell: Any) -> None:
    """Take it away again."""
    kept = [t for t in shell.input_transformers_cleanup if t is not clean_cell]
    shell.input_transformers_cleanup[:] = kept
