"""The first and last fields of a JSON object whose middle is not kept.

An agent's line that is too long is dropped, but its id or type must be known: somebody
waits for what it carried.  Keys come in any order, so both ends are looked at.  Only
fields of the object itself count, and only strings, numbers, ``true`` and ``false``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

__all__ = ["outer_fields"]

TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)


def outer_fields(head: bytes, tail: bytes) -> dict[str, bytes]:
    """Return the raw values of the fields in *head* and *tail*, by key.

    Args:
        head: The first bytes of the object.
        tail: Its last bytes, up to and with the closing brace.
    """
    found: dict[str, bytes] = {}
    for piece in (*_first_fields(head), *_last_fields(tail)):
        try:
            field = msgspec.json.decode(b"{" + piece + b"}", type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            continue
        for key, value in field.items():
            if bytes(value)[:1] not in (b"{", b"["):
                found.setdefault(key, bytes(value))
    return found


def _first_fields(head: bytes) -> Iterator[bytes]:
    """Yield the complete fields at the beginning of an object."""
    depth = start = 0
    for token in TOKEN.finditer(head):
        mark = token[0]
        if mark in (b"{", b"["):
            depth += 1
            start = token.end() if depth == 1 else start
        elif mark in (b"}", b"]"):
            depth -= 1
        elif mark == b"," and depth == 1:
            yield head[start : token.start()]
            start = token.end()


def _last_fields(tail: bytes) -> Iterator[bytes]:
    """Yield the complete fields at the end of an object, the last one first."""
    tail = tail.rstrip()
    if not tail.endswith(b"}"):
        return
    depth, end, place = 0, len(tail) - 1, len(tail)
    while (place := place - 1) >= 0:
        mark = tail[place : place + 1]
        if mark == b'"':
            place = _start_of_string(tail, place)
        elif mark in (b"}", b"]"):
            depth += 1
        elif mark in (b"{", b"["):
            depth -= 1
        elif mark == b"," and depth == 1:
            yield tail[place + 1 : end]
            end = place


def _start_of_string(text: bytes, end: int) -> int:
    """Return where the string begins whose last quote is at *end*; -1 if before *text*."""
    place = end
    while (place := text.rfind(b'"', 0, place)) >= 0:
        before = text[:place]
        if (len(before) - len(before.rstrip(b"\\"))) % 2 == 0:
            return place
    return -1
