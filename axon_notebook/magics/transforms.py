"""Two things IPython does not forgive, forgiven for our magics.

A comment of Python above ``%%axonsql`` would be a syntax error, and a cell of
``%%axonsql SELECT …`` alone an "empty cell".
"""

from __future__ import annotations

import re
from typing import Any, Final

__all__ = ["install", "remove"]

_OURS: Final = re.compile(r"%%(axonsql|axon_publish)\b")


def cell_magics(lines: list[str]) -> list[str]:
    """Return the cell's *lines* as IPython takes them."""
    first = 0
    while first < len(lines) and (not lines[first].strip() or lines[first].lstrip()[0] == "#"):
        first += 1
    if first == len(lines) or not _OURS.match(lines[first]):
        return lines
    if any(line.strip() for line in lines[first + 1 :]):
        return lines[first:]
    # Without a body it is a line magic; alone, it is left to say what is missing.
    return [lines[first][1:]] if lines[first].split()[1:] else lines[first:]


def install(shell: Any) -> None:
    """Add the transformation to *shell*."""
    shell.input_transformers_cleanup.append(cell_magics)


def remove(shell: Any) -> None:
    """Take it away again."""
    kept = [t for t in shell.input_transformers_cleanup if t is not cell_magics]
    shell.input_transformers_cleanup[:] = kept
