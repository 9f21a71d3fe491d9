"""The values of a column, as lists and as they travel.

Integers without NULL travel as their bytes, texts without NULL as one text: to make
10,000 objects of each column is most of what reading a result costs, and a frame
needs none of them.  Everything else travels as the list it is.
"""

from __future__ import annotations

import sys
from array import array
from typing import Any, Final, TypeAlias

__all__ = ["Packed", "length", "packed", "unpacked"]

#: ``bytes`` are 64-bit integers, little-endian; ``str`` are texts with NUL between them.
Packed: TypeAlias = list[Any] | bytes | str

INTEGER_BYTES: Final = 8


def packed(values: list[Any]) -> Packed:
    """Return *values* in the form in which they travel.  They are what SQLite has: no booleans."""
    try:
        if values and isinstance(values[0], str):
            text = "\0".join(values)
            return text if text.count("\0") == len(values) - 1 else values
        return _swapped(array("q", values)).tobytes() if values else values
    except TypeError:  # not all of one kind
        return values


def unpacked(values: Packed) -> list[Any]:
    """Return the list that was packed."""
    if isinstance(values, bytes):
        return _swapped(array("q", values)).tolist()
    return values.split("\0") if isinstance(values, str) else values


def length(values: Packed) -> int:
    """Return how many values there are.

    Raises:
        ValueError: If it is nothing of the kind.
    """
    if isinstance(values, str):
        return values.count("\0") + 1
    if isinstance(values, list):
        return len(values)
    if not isinstance(values, bytes) or len(values) % INTEGER_BYTES:
        raise ValueError(f"{values!r:.40} are no values of a column")
    return len(values) // INTEGER_BYTES


def _swapped(integers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        integers.byteswap()
    return integers
