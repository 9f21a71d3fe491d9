"""A result, seen as columns: their names kept apart and their kinds decided.

SQLite types values, not columns, so a column's declared type is only a claim.
Here the values have the last word: a column declared ``INTEGER`` that holds a
text is ``mixed``, one without a declared type that holds integers alone is
``integer``.  The declared type decides where the values say nothing (no rows,
only NULLs), by SQLite's own affinity rules.

JSON has no bytes and no infinities.  The embedded service sends a BLOB as
base64 in a column of type ``BLOB`` (where every text is base64) and an infinity
as the text ``Infinity`` in a column of type ``REAL``; in a column with texts, they
are objects: ``{"blob": base64}`` and ``{"real": "Infinity"}``.  All are read back
here.  A ``BLOB`` or ``REAL`` column with another text among its values comes from
another server and is left alone.

Pure: no third-party import, so that every output form starts from here.

Source: SQLite, "Datatypes In SQLite", section 3.1 (determination of affinity).
"""

from __future__ import annotations

import math
from base64 import b64decode
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from types import NoneType
from typing import Any, Final, Literal

from ..models import SqlColumn, SqlColumns, SqlResult

__all__ = [
    "INFINITIES",
    "Column",
    "Kind",
    "affinity",
    "columns_of",
    "kind_of",
    "unified",
    "unique_names",
]

Kind = Literal["integer", "real", "text", "blob", "boolean", "mixed", "unknown"]

#: Integers up to here are exact as a 64-bit float.
EXACT_FLOAT = 2**53

#: How an infinity is sent.
INFINITIES: Final[Mapping[str, float]] = {"Infinity": math.inf, "-Infinity": -math.inf}

_BY_TYPE: Mapping[type, Kind] = {
    int: "integer",
    float: "real",
    str: "text",
    bytes: "blob",
    bool: "boolean",
}


class Column:
    """One column of a result.

    Args:
        name: Unique within its result.
        declared: The declared type as the server gave it; empty for expressions.
        values: In row order.
        wire: Whether *values* are as JSON carried them; they are read back
            when they are first asked for.
    """

    def __init__(
        self, name: str, declared: str, values: list[object], *, wire: bool = False
    ) -> None:
        self.name = name
        self.declared = declared
        self.raw = values  # as the wire has them
        self._wire = wire
        self._settled: tuple[Kind, bool] | None = None

    @property
    def kind(self) -> Kind:
        """What the values are, NULLs aside; ``mixed`` if they differ, ``unknown`` if all are."""
        return self._kind[0]

    @property
    def nullable(self) -> bool:
        """Whether a NULL was seen."""
        return self._kind[1]

    @property
    def _kind(self) -> tuple[Kind, bool]:
        if self._settled is None:
            self._settled = kind_of(self.values, self.declared)
        return self._settled

    @cached_property
    def values(self) -> list[Any]:
        """The values as SQLite has them."""
        return _read_back(self.raw, self.declared) if self._wire else self.raw

    @property
    def may_be_encoded(self) -> bool:
        """Whether a text among the values may stand for bytes or an infinity."""
        return self._wire and affinity(self.declared) in ("blob", "real")

    def settle(self, kind: Kind, nullable: bool) -> None:
        """Record what the values are, as found while they were read."""
        self._settled = kind, nullable

    def renamed(self, name: str) -> Column:
        """Return the same column under another name."""
        return Column(name, self.declared, self.raw, wire=self._wire)


def columns_of(result: SqlResult | SqlColumns) -> list[Column]:
    """Return the columns of *result*."""
    names = unique_names(column.name for column in result.columns)
    return [
        Column(name, column.type, values, wire=True)
        for name, column, values in zip(
            names, result.columns, result.by_columns().values, strict=True
        )
    ]


def unified(results: Sequence[SqlResult]) -> list[SqlResult]:
    """Return pages of one result with the same types of columns.

    Each page has the types that its own values ask for.  Where they differ, the encoded
    values of ``BLOB`` and ``REAL`` pages become objects, which are read back in every column.
    """
    places = range(len(results[0].columns) if results else 0)
    types = [{result.columns[place].type for result in results} for place in places]
    differing = {place: _common_type(found) for place, found in enumerate(types) if len(found) > 1}
    return [_with_types(result, differing) for result in results] if differing else list(results)


def _common_type(types: set[str]) -> str:
    plain = sorted(name for name in types if name.upper() not in _ENCODED)
    return "TEXT" if "TEXT" in plain else next(iter(plain), "")


def _with_types(result: SqlResult, types: Mapping[int, str]) -> SqlResult:
    columns = list(result.columns)
    rows = [list(row) for row in result.rows]
    for place, declared in types.items():
        column = columns[place]
        columns[place] = SqlColumn(column.name, declared)
        if column.type != declared and (tag := _ENCODED.get(column.type.upper())):
            for row in rows:
                value = row[place]
                if type(value) is str and (tag == "blob" or value in INFINITIES):
                    row[place] = {tag: value}
    return SqlResult(columns, rows, result.meta)


#: Types of columns whose texts are encoded values, and the key of the same value as an object.
_ENCODED: Final[Mapping[str, str]] = {"BLOB": "blob", "REAL": "real"}


def _read_back(values: list[object], declared: str) -> list[object]:
    if dict in set(map(type, values)):
        return [_from_object(v) if type(v) is dict else v for v in values]
    if declared.upper() == "BLOB":
        return _bytes_of(values)
    if affinity(declared) == "real":
        return _infinities_of(values)
    return values


def _from_object(value: dict[str, object]) -> object:
    """Return what the service encoded as an object; another server's objects stay."""
    match value:
        case {"blob": str(text), **rest} if not rest:
            return _bytes_of([text])[0]
        case {"real": str(text), **rest} if not rest:
            return INFINITIES.get(text, value)
    return value


def _bytes_of(values: list[object]) -> list[object]:
    try:
        return [b64decode(v, validate=True) if type(v) is str else v for v in values]
    except ValueError:
        return values


def _infinities_of(values: list[object]) -> list[object]:
    if not all(v in INFINITIES for v in values if type(v) is str):
        return values
    return [INFINITIES[v] if type(v) is str else v for v in values]


def unique_names(names: Iterable[str]) -> list[str]:
    """Return *names* with duplicates numbered (``id``, ``id_2``) and empty ones named.

    The first of several keeps its name, and no new name takes one that another
    column already has.
    """
    wanted = list(names)
    taken = set(wanted)
    unique = []
    for place, name in enumerate(wanted):
        if not name:
            name = _free_name(f"column_{place + 1}", taken)
        elif name in unique:
            name = _free_name(f"{name}_2", taken)
        taken.add(name)
        unique.append(name)
    return unique


def _free_name(name: str, taken: set[str]) -> str:
    stem, _, number = name.rpartition("_")
    following = count(int(number))
    return next(free for n in following if (free := f"{stem}_{n}") not in taken)


def kind_of(values: Sequence[object], declared: str) -> tuple[Kind, bool]:
    """Return the kind of *values* and whether there is a NULL among them."""
    found = set(map(type, values))
    nullable = NoneType in found
    found.discard(NoneType)
    claim = affinity(declared)
    if not found:
        return claim, nullable
    if claim == "boolean" and found == {int} and set(values) <= {0, 1, None}:
        return "boolean", nullable
    if found == {int, float} and _fit_floats(values):
        return "real", nullable
    if found == {int} and claim == "real" and _fit_floats(values):
        return "real", nullable
    if len(found) == 1:
        return _BY_TYPE.get(found.pop(), "mixed"), nullable
    return "mixed", nullable


def _fit_floats(values: Sequence[object]) -> bool:
    """Whether every integer among *values* is the same number as a float."""
    return all(abs(v) <= EXACT_FLOAT for v in values if type(v) is int)


def affinity(declared: str) -> Kind:
    """What the declared type promises, in SQLite's order of rules."""
    name = declared.upper()
    if "BOOL" in name:
        return "boolean"
    if "INT" in name:
        return "integer"
    if any(part in name for part in ("CHAR", "CLOB", "TEXT", "DATE", "TIME", "JSON", "UUID")):
        return "text"
    if "BLOB" in name:
        return "blob"
    return "real" if name else "unknown"
