"""Colours for the cells of our magics in terminal IPython."""

from __future__ import annotations

import sys
from typing import Any, Final

from .registry import Language, cell_magics

__all__ = ["install", "remove"]

_LEXERS: Final[dict[Language, str]] = {
    "sql": "SqlLexer",
    "json": "JsonLexer",
    "shell": "BashLexer",
    "text": "TextLexer",
}


def install() -> None:
    """Teach IPython's prompt which language follows our magics.

    The table is IPython's own and private; where a version has none, cells
    stay as they were.
    """
    for name, magic in cell_magics().items():
        if magic.language is not None:
            _table()[name] = _LEXERS[magic.language]


def remove() -> None:
    """Take the languages away again."""
    table = _table()
    for name in cell_magics():
        table.pop(name, None)


def _table() -> dict[str, Any]:
    # Only a terminal's shell has loaded it; a kernel must not pay for its imports.
    ptutils = sys.modules.get("IPython.terminal.ptutils")
    return getattr(ptutils, "_MAGIC_LEXER_CLASSES", {})
