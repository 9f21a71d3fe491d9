"""The language of the filter box, for ``viewer.filtered()``.

The page filters by itself (``js/src/filter/filter.ts``); this is the same
language over decoded events.  ``tests/widgets/filter_cases.json`` holds both to
the same answers.

=====================  ======================================================
``word "two words"``   in the payload, the type or the source, in any case
``/pattern/i``         a regular expression over the payload
``type:tool.*,turn.*`` also ``source:`` and ``origin:``; ``*`` stands for any text
``seq:100..200``       also ``seq:100..`` and ``seq:..200``
``after:10:02``        also ``before:``; a time of day on the page's clock, or a date
``usage.in>1000``      a field of a JSON payload: ``= != > >= < <= ~``
``-anything``          leaves out what it names
=====================  ======================================================
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from ..errors import ParameterError
from ..models import AxonEvent
from .pattern import pattern

__all__ = ["EventFilter"]

Test = Callable[[AxonEvent], bool]

_WORD: Final = re.compile(
    r'\s*(-?/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\])+/\w*(?=\s|$)|(?:"(?:\\.|[^"\\])*"?|[^\s"])+)',
    re.DOTALL,
)
_PATH: Final = re.compile(r"([^\W\d][\w$@.[\]*-]*?)(!=|>=|<=|=|>|<|~)(.*)", re.DOTALL)
_KEY: Final = re.compile(r"(type|source|origin|seq|sequence|after|before):(.*)", re.DOTALL)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,3})?)?")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DAY_MS: Final = 86_400_000
_MISSING: Final = object()


class EventFilter:
    """A compiled filter; :meth:`test` says whether an event passes.

    Args:
        text: The terms; an empty text lets everything through.
        tz_offset_min: Minutes from the clock of ``after:`` and ``before:`` to UTC,
            as JavaScript counts them: -60 in Berlin's winter.

    Raises:
        ParameterError: If the text is no filter; the message names the culprit.
    """

    def __init__(self, text: str, *, tz_offset_min: int = 0) -> None:
        self.text = text.strip()
        zone_ms = tz_offset_min * 60_000
        self._tests = [_term(word, zone_ms) for word in _WORD.findall(self.text)]

    def test(self, event: AxonEvent) -> bool:
        """Whether all terms let *event* through."""
        return all(test(event) for test in self._tests)


def _term(word: str, zone_ms: int) -> Test:
    if len(word) > 1 and word.startswith("-"):
        passes = _positive(word[1:], zone_ms)
        return lambda event: not passes(event)
    return _positive(word, zone_ms)


def _positive(word: str, zone_ms: int) -> Test:
    if (found := re.fullmatch(r"/(.+)/(\w*)", word, re.DOTALL)) is not None:
        return _expression(word, found[1], found[2])
    if word.startswith('"'):
        return _text(_unquoted(word))
    if (found := _KEY.fullmatch(word)) is not None:
        return _by_key(found[1], _unquoted(found[2]), zone_ms)
    if (found := _PATH.fullmatch(word)) is not None:
        return _by_path(found[1], found[2], found[3])
    return _text(word)


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    if len(text) < 2 or not text.endswith('"'):
        raise ParameterError(f"filter: {text} has no closing quote")
    return re.sub(r'\\(["\\])', r"\1", text[1:-1])


def _expression(word: str, source: str, flags: str) -> Test:
    try:
        finds = pattern(source, flags)
    except ValueError as error:
        raise ParameterError(f"filter: {word}: {error}") from error
    return lambda event: finds(event.payload)


def _contains(text: str) -> Callable[[str], bool]:
    """Case-insensitive; the text may stand in JSON with its characters escaped."""
    forms = {text, json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]}
    search = re.compile("|".join(map(re.escape, sorted(forms))), re.IGNORECASE).search
    return lambda where: search(where) is not None


def _text(word: str) -> Test:
    if not word:
        raise ParameterError('filter: "" matches everything: leave it out')
    inside = _contains(word)
    return lambda e: inside(e.event_type) or inside(e.source) or inside(e.payload)


def _by_key(key: str, value: str, zone_ms: int) -> Test:
    if not value:
        raise ParameterError(f"filter: {key}: needs a value")
    if key in ("after", "before"):
        return _by_time(key, value, zone_ms)
    if key in ("seq", "sequence"):
        return _by_sequence(value)
    globs = [
        re.compile(".*".join(map(re.escape, glob.split("*"))), re.IGNORECASE | re.DOTALL)
        for glob in value.split(",")
        if glob
    ]
    field = "event_type" if key == "type" else key
    return lambda event: any(
        glob.fullmatch(name) for glob in globs for name in _names(field, getattr(event, field))
    )


def _names(field: str, name: str) -> tuple[str, ...]:
    """``AGENT_EVENT`` is also called ``agent``."""
    return (name, name.removesuffix("_EVENT").lower()) if field == "origin" else (name,)


def _by_sequence(value: str) -> Test:
    found = re.fullmatch(r"(\d*)(\.\.)?(\d*)", value, re.ASCII)
    if found is None or not (found[1] or found[3]):
        raise ParameterError(f"filter: seq:{value} is not like seq:100..200")
    low = int(found[1] or 0)
    high = int(found[3]) if found[3] else 2**63 if found[2] else low
    return lambda event: low <= event.sequence <= high


def _by_time(key: str, value: str, zone_ms: int) -> Test:
    def keeps(time: float, limit: float) -> bool:
        return time >= limit if key == "after" else time < limit

    if (clock := _CLOCK.fullmatch(value)) is not None:
        hours, minutes, seconds, fraction = (float(part or 0) for part in clock.groups())
        of_day = (hours * 3600 + minutes * 60 + seconds + fraction) * 1000
        return lambda event: keeps((event.timestamp_ms - zone_ms) % _DAY_MS, of_day)
    try:
        date = datetime.fromisoformat(value)
    except ValueError as error:
        raise ParameterError(
            f"filter: {key}:{value} is no time like 10:02:31 or 2026-11-22T10:02"
        ) from error
    limit = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1000
    limit += 0 if date.tzinfo else zone_ms
    return lambda event: keeps(event.timestamp_ms, limit)


def _by_path(path: str, operator: str, raw: str) -> Test:
    keys = [key for key in re.split(r"[.[\]]+", path) if key]
    decide = _comparison(operator, _unquoted(raw), quoted=raw.startswith('"'))

    def test(event: AxonEvent) -> bool:
        found = _values(_parsed(event.payload), keys)
        if operator == "!=":  # of a field that is there
            return bool(found) and all(map(decide, found))
        return any(map(decide, found))

    return test


def _comparison(operator: str, value: str, *, quoted: bool) -> Callable[[Any], bool]:
    if operator == "~":
        inside = _contains(value)
        return lambda found: inside(_plain(found))
    if operator in (">", ">=", "<", "<="):
        return _order(operator, value)

    def same(found: Any) -> bool:
        return _plain(found) == value or (
            not quoted and _is_number(found) and found == _number(value)
        )

    return same if operator == "=" else lambda found: not same(found)


def _order(operator: str, value: str) -> Callable[[Any], bool]:
    limit = _number(value)
    if limit is None:
        raise ParameterError(f"filter: {operator}{value} compares with a number")
    compare: Callable[[Any], bool] = {
        ">": limit.__lt__,
        ">=": limit.__le__,
        "<": limit.__gt__,
        "<=": limit.__ge__,
    }[operator]
    return lambda found: _is_number(found) and compare(float(found))


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _parsed(payload: str) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return _MISSING


def _values(value: Any, keys: list[str]) -> list[Any]:
    """All values under a path; ``*`` and arrays without an index stand for every item."""
    if not keys:
        if value is _MISSING:
            return []
        return value if isinstance(value, list) else [value]
    key, rest = keys[0], keys[1:]
    if isinstance(value, list):
        if key == "*":
            return [found for item in value for found in _values(item, rest)]
        if key.isascii() and key.isdigit():
            return _values(value[int(key)], rest) if int(key) < len(value) else []
        return [found for item in value for found in _values(item, keys)]
    if not isinstance(value, dict):
        return []
    if key == "*":
        return [found for item in value.values() for found in _values(item, rest)]
    return _values(value[key], rest) if key in value else []
