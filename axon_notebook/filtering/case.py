"""What "case does not matter" means: the rule of JavaScript's ``/i``, in Python.

Two characters are the same if their upper case is: ``ö`` and ``Ö``, ``σ`` and ``ς``; ``ß`` and
``ẞ`` are not, because the upper case of ``ß`` is two letters.  ASCII letters equal only ASCII
letters, and characters beyond U+FFFF only themselves.  ``js/src/filter/pattern.ts`` has the
same rule for its patterns; for words the page uses the browser's.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable

__all__ = ["fold", "folded", "holds", "lower"]


def fold(char: str) -> str:
    """Return the character that stands for all that differ from *char* only in case."""
    return _within(char, char.upper())


def lower(folded_char: str) -> str:
    """Return the lower case of a folded character, if that folds to it again."""
    found = _within(folded_char, folded_char.lower())
    return found if fold(found) == folded_char else folded_char


def _within(char: str, other: str) -> str:
    if len(other) != 1 or char > "\uffff" or (char >= "\x80") != (other >= "\x80"):
        return char
    return other


@functools.lru_cache(4096)  # names of types and sources, which repeat
def folded(text: str) -> str:
    """Return *text* with every character folded."""
    return text.upper() if text.isascii() else "".join(map(fold, text))


@functools.cache
def _same() -> dict[str, str]:
    """Folded character → all others with that fold, of the non-ASCII ones."""
    found: dict[str, str] = defaultdict(str)
    for code in (*range(0x80, 0xD800), *range(0xE000, 0x10000)):
        if (char := chr(code)) != (folded_char := fold(char)):
            found[folded_char] += char
    return dict(found)


def holds(forms: set[str]) -> Callable[[str], bool]:
    """Return a test whether a text contains one of *forms*, in any case."""
    # ASCII alone lets re.ASCII do it; of the others every spelling is listed.
    source = "|".join("".join(map(_spellings, form)) for form in sorted(forms))
    search = re.compile(source, re.IGNORECASE | re.ASCII).search
    return lambda text: search(text) is not None


def _spellings(char: str) -> str:
    if char < "\x80":
        return re.escape(char)
    return f"[{fold(char)}{_same().get(fold(char), '')}]"
