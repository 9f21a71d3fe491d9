"""Fields of a JSON payload, as a filter sees them: numbers keep the digits they were written with.

``js/src/filter/payload.ts`` is this file in the page.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

__all__ = ["Written", "compare", "fields", "is_number", "written"]

#: Arrays and objects within each other; a payload with more of them has no fields.
MOST_DEPTH: Final = 500
_MISSING: Final = object()
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_NUMBER: Final = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?)0*(\d+))?", re.ASCII)
_VALID: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9]\d{0,9}", re.ASCII)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class Written(str):
    """A number, as it is written in the payload."""

    __slots__ = ()


def fields(payload: str, keys: list[str]) -> list[Any]:
    """Return all values under a path; of an array the items as well as the array itself.

    ``*`` stands for every item or field, and an array without an index for all its items.
    A leading ``payload`` may be left out, unless there is a field of that name.
    """
    root = _parsed(payload)
    found = _values(root, keys)
    return found or (_values(root, keys[1:]) if keys[:1] == ["payload"] else [])


def _parsed(payload: str) -> Any:
    if payload.count("[") + payload.count("{") > MOST_DEPTH and _depth(payload) > MOST_DEPTH:
        return _MISSING
    try:
        return json.loads(payload, parse_int=Written, parse_float=Written, parse_constant=_not_json)
    except (ValueError, RecursionError):
        return _MISSING


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _depth(payload: str) -> int:
    depth = most = 0
    for token in _BRACKET.findall(payload):
        depth += (token in "[{") - (token in "]}")
        most = max(most, depth)
    return most


def _values(value: Any, keys: list[str]) -> list[Any]:
    if not keys:
        if value is _MISSING:
            return []
        return [value, *value] if isinstance(value, list) else [value]
    key, rest = keys[0], keys[1:]
    if isinstance(value, list):
        if key == "*":
            return [found for item in value for found in _values(item, rest)]
        if key.isascii() and key.isdigit():
            inside = _INDEX.fullmatch(key) and int(key) < len(value)
            return _values(value[int(key)], rest) if inside else []
        return [found for item in value for found in _values(item, keys)]
    if not isinstance(value, dict):
        return []
    if key == "*":
        return [found for item in value.values() for found in _values(item, rest)]
    return _values(value[key], rest) if key in value else []


def written(value: Any) -> str:
    """Return a value as text: texts and numbers as they are, others as JSON without blanks."""
    return str(value) if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    if isinstance(value, dict):
        # As JavaScript orders them: first the keys that are array indexes.
        keys = sorted(value, key=lambda key: int(key) if _is_index(key) else 2**32)
        return "{" + ",".join(f"{_json(key)}:{_json(value[key])}" for key in keys) + "}"
    text = json.dumps(value, ensure_ascii=False)
    return _SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _is_index(key: str) -> bool:
    return _INDEX.fullmatch(key) is not None and int(key) < 2**32 - 1


def is_number(text: str) -> bool:
    """Whether a filter can compare with *text* as a number."""
    return _VALID.fullmatch(text) is not None


def compare(one: str, other: str) -> int:
    """Return -1, 0 or 1 as the number *one* is less than, equal to or more than *other*.

    Both are decimal texts and are compared exactly, however many digits they have.
    """
    first, second = _ordered(one), _ordered(other)
    if first[0] != second[0]:
        return 1 if first[0] > second[0] else -1
    larger = (first[1:] > second[1:]) - (first[1:] < second[1:])
    return first[0] * larger


def _ordered(number: str) -> tuple[int, int, str]:
    """Return sign, place of the first digit, and the digits without zeros at both ends."""
    found = _NUMBER.fullmatch(number)
    assert found, "checked before"
    sign, whole, fraction, minus, exponent = found.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0, 0, ""
    shift = 10**9 if len(exponent) > 9 else int(exponent or 0)
    first = len(digits) - len(fraction) + (-shift if minus == "-" else shift)
    return -1 if sign == "-" else 1, first, digits.rstrip("0")
