"""Colours for the cells of our magics in terminal IPython."""

from __future__ import annotations

import sys
from typing import Any, Final

__all__ = ["install", "remove"]

_LEXERS: Final = {"axonsql": "SqlLexer", "axon_publish": "JsonLexer"}


def install() -> None:
    """Teach IPython's prompt which language follows our magics.

    The table is IPython's own and private; where a version has none, cells
    stay as they were.
    """
    _table().update(_LEXERS)


def remove() -> None:
    """Take the languages away again."""
    table = _table()
    for name in _LEXERS:
        table.pop(name, None)


def _table() -> dict[str, Any]:
    # Only a terminal's shell has loaded it; a kernel must not pay for its imports.
    ptutils = sys.modules.get("IPython.terminal.ptutils")
    return getattr(ptutils, "_MAGIC_LEXER_CLASSES", {})
