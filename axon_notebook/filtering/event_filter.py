"""The language of the filter box, for ``viewer.filtered()`` and everything that selects events.

The page filters by itself (``js/src/filter/filter.ts``), by the same rules: ``docs/filters.md``
describes the language, ``tests/filtering/test_same_in_page.py`` compares both.

=====================  ======================================================
``word "two words"``   in the payload, the type or the source, in any case
``/pattern/i``         a regular expression over the payload
``type:tool.*,turn.*`` also ``source:`` and ``origin:``; ``*`` stands for any text
``axon:nightly-*``     of an axon, by its name or its id
``seq:100..200``       also ``seq:100..`` and ``seq:..200``
``after:10:02``        also ``before:``; a time of day on the page's clock, or a date
``usage.in>1000``      a field of a JSON payload: ``= != > >= < <= ~``
``-anything``          leaves out what it names
=====================  ======================================================
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple, TypeAlias

from ..errors import ParameterError
from ..models import AxonEvent
from .case import folded, holds
from .pattern import pattern
from .payload import Written, compare, fields, is_number, written

__all__ = ["EventFilter"]

Test = Callable[[AxonEvent], bool]

# JavaScript's blanks, which are not those of Python.
_BLANK: Final = "\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_WORD: Final = re.compile(
    rf"[{_BLANK}]*(-?/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\])+/[A-Za-z0-9_]*(?=[{_BLANK}]|\Z)"
    rf'|(?:"(?:\\.|[^"\\])*"?|[^"{_BLANK}])+)',
    re.DOTALL,
)
_EXPRESSION: Final = re.compile(r"/(.+)/([A-Za-z0-9_]*)", re.DOTALL)
_FIRST: Final = r"[A-Za-z_$@\x80-\U0010ffff]"
_PATH: Final = re.compile(
    rf"({_FIRST}[A-Za-z0-9_$@.[\]*\x80-\U0010ffff-]*?)(!=|>=|<=|=|>|<|~)(.*)", re.DOTALL
)
_KEY: Final = re.compile(
    r"(type|kind|axon|source|origin|seq|sequence|after|before):(.*)", re.DOTALL
)
_SEQUENCES: Final = re.compile(r"(\d{0,15})(?:(\.\.)(\d{0,15}))?", re.ASCII)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?", re.ASCII)
_DATE: Final = re.compile(
    r"([1-9]\d{3})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?"
    r"(?:(Z)|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)
_DAY_MS: Final = 86_400_000
_ORDER: Final[dict[str, Callable[[int], bool]]] = {
    ">": lambda difference: difference > 0,
    ">=": lambda difference: difference >= 0,
    "<": lambda difference: difference < 0,
    "<=": lambda difference: difference <= 0,
}


#: Says what an event is about: ``message``, ``tool``, ….
KindOf: TypeAlias = Callable[[AxonEvent], str]


class _Context(NamedTuple):
    """What terms need besides their own text."""

    zone_ms: int
    kind_of: KindOf | None
    names: Mapping[str, str | None]


class EventFilter:
    """A compiled filter; :meth:`test` says whether an event passes.

    Args:
        text: The terms; an empty text lets everything through.
        tz_offset_min: Minutes from the clock of ``after:`` and ``before:`` to UTC,
            as JavaScript counts them: -60 in Berlin's winter.
        kind_of: Says what an event is about, for ``kind:``; without it that is refused.
        names: Of axons by their ids, for ``axon:``; the ids themselves are always known.

    Raises:
        ParameterError: If the text is not a filter; the message names the wrong term.
    """

    def __init__(
        self,
        text: str,
        *,
        tz_offset_min: int = 0,
        kind_of: KindOf | None = None,
        names: Mapping[str, str | None] | None = None,
    ) -> None:
        self.text = text.strip()
        context = _Context(tz_offset_min * 60_000, kind_of, names or {})
        self._tests = [_term(word, context) for word in _WORD.findall(text)]

    def test(self, event: AxonEvent) -> bool:
        """Whether all terms let *event* through."""
        return all(test(event) for test in self._tests)


def _term(word: str, context: _Context) -> Test:
    if len(word) > 1 and word.startswith("-"):
        passes = _positive(word[1:], context)
        return lambda event: not passes(event)
    return _positive(word, context)


def _positive(word: str, context: _Context) -> Test:
    if (found := _EXPRESSION.fullmatch(word)) is not None:
        return _expression(word, found[1], found[2])
    if word.startswith('"'):
        return _text(_unquoted(word))
    if (found := _KEY.fullmatch(word)) is not None:
        return _by_key(found[1], _unquoted(found[2]), context)
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
    """In any case; the text may stand in JSON with its characters escaped."""
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return holds({text, escaped, json.dumps(text)[1:-1]})


def _text(word: str) -> Test:
    if not word:
        raise ParameterError('filter: "" matches everything: leave it out')
    inside = _contains(word)
    named = functools.lru_cache(4096)(inside)
    return lambda e: inside(e.payload) or named(e.event_type) or named(e.source)


def _by_key(key: str, value: str, context: _Context) -> Test:
    if not value:
        raise ParameterError(f"filter: {key}: needs a value")
    if key in ("after", "before"):
        return _by_time(key, value, context.zone_ms)
    if key in ("seq", "sequence"):
        return _by_sequence(value)
    globs = [_glob(glob) for glob in value.split(",") if glob]
    if key == "origin":
        return lambda event: any(fits(name) for fits in globs for name in _origins(event.origin))
    if key == "kind":
        return _by_kind(globs, context.kind_of)
    if key == "axon":
        return _by_axon(globs, context.names)
    field = "event_type" if key == "type" else key
    return lambda event: any(fits(folded(getattr(event, field))) for fits in globs)


def _by_kind(globs: list[Callable[[str], bool]], kind_of: KindOf | None) -> Test:
    if kind_of is None:
        raise ParameterError("filter: kind: is not known here; use type:")
    return lambda event: any(fits(folded(kind_of(event))) for fits in globs)


def _by_axon(globs: list[Callable[[str], bool]], names: Mapping[str, str | None]) -> Test:
    @functools.lru_cache(4096)
    def passes(axon_id: str) -> bool:
        known = (axon_id, names.get(axon_id) or "")
        return any(fits(folded(name)) for fits in globs for name in known if name)

    return lambda event: passes(event.axon_id)


def _origins(origin: str) -> tuple[str, str]:
    """``AGENT_EVENT`` is also called ``agent``."""
    return folded(origin), folded(origin.removesuffix("_EVENT").lower())


def _glob(glob: str) -> Callable[[str], bool]:
    """Each part is looked for behind the one before, so it ends soon."""
    first, *rest = folded(glob).split("*")

    def fits(name: str) -> bool:
        if not rest:
            return name == first
        at = len(first)
        if not name.startswith(first):
            return False
        for part in rest[:-1]:
            found = name.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return len(name) - len(rest[-1]) >= at and name.endswith(rest[-1])

    return fits


def _by_sequence(value: str) -> Test:
    found = _SEQUENCES.fullmatch(value)
    if found is None or not (found[1] or found[3]):
        raise ParameterError(f"filter: seq:{value} is not like seq:100..200")
    low = int(found[1] or 0)
    high = int(found[3]) if found[3] else 2**63 if found[2] else low
    return lambda event: low <= event.sequence <= high


def _by_time(key: str, value: str, zone_ms: int) -> Test:
    def keeps(time: int, limit: int) -> bool:
        return time >= limit if key == "after" else time < limit

    clock = _CLOCK.fullmatch(value)
    of_day = clock and _clock(*clock.groups())
    if of_day is not None:
        return lambda event: keeps((event.timestamp_ms - zone_ms) % _DAY_MS, of_day)
    limit = _date(value, zone_ms)
    if limit is None:
        raise ParameterError(
            f"filter: {key}:{value} is not a time like 10:02:31 or 2026-11-22T10:02"
        )
    return lambda event: keeps(event.timestamp_ms, limit)


def _clock(
    hours: str | None, minutes: str | None, seconds: str | None = None, fraction: str | None = None
) -> int | None:
    """Return milliseconds of the day; ``None`` if there is no such time."""
    h, m, s = (int(part or 0) for part in (hours, minutes, seconds))
    if h > 23 or m > 59 or s > 59:
        return None
    return ((h * 60 + m) * 60 + s) * 1000 + int((fraction or "").ljust(3, "0"))


def _date(value: str, zone_ms: int) -> int | None:
    """Return a date in milliseconds, without a zone on the page's clock."""
    found = _DATE.fullmatch(value)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None
    of_day, zone = _clock(*found.groups()[3:7]), _clock(found[10], found[11])
    if of_day is None or zone is None:
        return None
    own = -zone if found[9] == "+" else zone
    offset = 0 if found[8] else own if found[9] else zone_ms
    return (day.toordinal() - date(1970, 1, 1).toordinal()) * _DAY_MS + of_day + offset


def _by_path(path: str, operator: str, raw: str) -> Test:
    keys = [key for key in re.split(r"[.[\]]+", path) if key]
    decide = _comparison(operator, _unquoted(raw), quoted=raw.startswith('"'))

    def test(event: AxonEvent) -> bool:
        found = fields(event.payload, keys)
        if operator == "!=":  # of a field that is there, and of none of its items
            return bool(found) and all(map(decide, found))
        return any(map(decide, found))

    return test


def _comparison(operator: str, value: str, *, quoted: bool) -> Callable[[Any], bool]:
    if operator == "~":
        inside = _contains(value)
        return lambda found: inside(written(found))
    number = is_number(value)
    if (order := _ORDER.get(operator)) is not None:
        if not number:
            raise ParameterError(f"filter: {operator}{value} compares with a number")
        return lambda found: isinstance(found, Written) and order(compare(found, value))

    def same(found: Any) -> bool:
        if written(found) == value:
            return True
        exact = number and not quoted and isinstance(found, Written)
        return exact and compare(found, value) == 0

    return same if operator == "=" else lambda found: not same(found)
