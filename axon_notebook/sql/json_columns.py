"""JSON in a column: decoded in place, or spread over columns of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ..errors import ParameterError
from .columns import Column, unique_names

__all__ = ["decoded", "expanded"]

#: More keys than this are data, not columns.
MOST_KEYS: Final = 200


def decoded(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    """Return *columns* with the JSON texts of those in *names* as Python objects.

    What is not valid JSON stays the text it is.

    Raises:
        ParameterError: If there is no such column.
    """
    wanted = {_found(columns, name).name for name in names}
    return [
        Column(column.name, "", [_decoded(value)[0] for value in column.values])
        if column.name in wanted
        else column
        for column in columns
    ]


def expanded(columns: Sequence[Column], name: str) -> list[Column]:
    """Return *columns* with the JSON objects of column *name* as columns ``name.key``.

    Objects inside become ``name.key.inner``; a missing key is NULL.  The column
    itself stays, behind them, only where a value is not a JSON object.

    Raises:
        ParameterError: If there is no such column, or there are more than 200 keys.
    """
    column = _found(columns, name)
    rows: list[dict[str, Any]] = []
    rest: list[Any] = []
    for value in column.values:
        content, known = _decoded(value)
        flat = _flat(content, f"{name}.") if known and isinstance(content, dict) else None
        rows.append(flat or {})
        rest.append(value if flat is None else None)
    keys = dict.fromkeys(key for row in rows for key in row)
    if len(keys) > MOST_KEYS:
        raise ParameterError(
            f"{name} has {len(keys)} different keys, more than {MOST_KEYS} columns: "
            f"pick some with {name} ->> '$.key'"
        )
    spread = [Column(key, "", [row.get(key) for row in rows]) for key in keys]
    kept = [Column(name, column.declared, rest)] if any(v is not None for v in rest) else []
    place = columns.index(column)
    all_columns = [*columns[:place], *spread, *kept, *columns[place + 1 :]]
    names = unique_names(c.name for c in all_columns)
    return [c.renamed(unique) for c, unique in zip(all_columns, names, strict=True)]


def _found(columns: Sequence[Column], name: str) -> Column:
    for column in columns:
        if column.name == name:
            return column
    names = ", ".join(column.name for column in columns)
    raise ParameterError(f"no column {name} to read JSON from: there are {names or 'none'}")


def _decoded(value: Any) -> tuple[Any, bool]:
    """Return what the JSON text *value* says, and whether it is JSON."""
    if not isinstance(value, str):
        return value, False
    try:
        return msgspec.json.decode(value), True
    except (msgspec.DecodeError, RecursionError):
        return value, False


def _flat(content: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Return *content* with the keys of inner objects joined by dots."""
    flat: dict[str, Any] = {}
    pending = [(prefix, content)]
    while pending:
        path, inner = pending.pop()
        for key, value in inner.items():
            if isinstance(value, dict) and value:
                pending.append((f"{path}{key}.", value))
            else:
                flat[f"{path}{key}"] = value
    return flat
