"""Makes untrusted text fit to be printed: hidden, reordering and control characters are shown.

Names of axons, messages of servers and payloads are written by others.  A terminal
obeys control characters in them (title, clipboard, cursor), and everybody misreads
text that is turned around.
"""

from __future__ import annotations

import unicodedata
from typing import Final

__all__ = ["visible"]

# Characters that reorder or hide text around them.
_INVISIBLE: Final = {*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF}
_SIGNS: Final = {"\n": "⏎", "\t": " "}


def visible(text: str, *, keep: str = "") -> str:
    r"""Return *text* with a sign for each unprintable character; *keep* passes (``"\n"``)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep else _sign(char) for char in text)


def _sign(char: str) -> str:
    if ord(char) in _INVISIBLE:
        return f"⟨U+{ord(char):04X}⟩"
    if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
        return _SIGNS.get(char, "�")
    return char
