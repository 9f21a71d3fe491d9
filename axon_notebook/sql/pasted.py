"""Characters that come along when a query is pasted from a web page, a chat or a document.

SQLite takes every character from U+0080 on as part of a name, so that its message is about a
table or column that was not meant.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from .tokens import Token

__all__ = ["pasted_character"]

_QUOTES: Final = {
    **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4", "'"),
    **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", "' around a text, or \""),
    **dict.fromkeys("\u2013\u2014\u2212", "-"),
    "\u00d7": "*",
    "\u2260": "<>",
    "\u2264": "<=",
    "\u2265": ">=",
    "\uff1b": ";",
    "\uff0c": ",",
    "\uff08": "(",
    "\uff09": ")",
}


def pasted_character(token: Token) -> tuple[int, str, str] | None:
    """Return place, name and replacement of the first such character of an unquoted *token*."""
    if token.kind not in ("word", "illegal") or token.text.isascii():
        return None
    for place, char in enumerate(token.text):
        if char in _QUOTES:
            return place, _named(char), f"type {_QUOTES[char]}"
        category = unicodedata.category(char)
        if category == "Zs":
            return place, _named(char), "type a space"
        if category == "Cf" or char in "\u2028\u2029\u0085":
            return place, _named(char), "delete it"
    return None


def _named(char: str) -> str:
    name = unicodedata.name(char, "a control character").lower()
    return f"U+{ord(char):04X} ({name})"
