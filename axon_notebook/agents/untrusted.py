"""Reading untrusted JSON: every field may be missing or of another type."""

from __future__ import annotations

import math

import msgspec

__all__ = [
    "Fields",
    "array",
    "fields_of",
    "integer",
    "number",
    "obj",
    "string",
    "summary_of",
    "text",
]

#: A JSON object whose values are unchecked.
Fields = dict[str, object]

_DECODER = msgspec.json.Decoder()
#: Arguments of a tool call that tell most about it, best first.
TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "prompt")


def fields_of(payload: str) -> Fields:
    """Return the object that *payload* is; an empty one if it is none."""
    try:
        value = _DECODER.decode(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def obj(value: object) -> Fields:
    """Return *value* if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def array(value: object) -> list[object]:
    """Return *value* if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: object) -> str | None:
    """Return *value* if it is a text."""
    return value if isinstance(value, str) else None


def text(value: object, otherwise: str = "") -> str:
    """Return *value* if it is a text, else *otherwise*."""
    return value if isinstance(value, str) else otherwise


def number(value: object) -> float | None:
    """Return *value* if it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def integer(value: object) -> int | None:
    """Return *value* if it is a whole number of at most 53 bits."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) < 2**53 else None


def summary_of(name: str, arguments: object) -> str:
    """Return a tool's name with the argument that tells most."""
    for key in TELLING:
        if isinstance(value := obj(arguments).get(key), str) and value:
            return f"{name} {value}" if name else value
    return name
