"""A DataFrame into a table of an axon."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from ..sql.columns import kind_of
from ..sql.tokens import quote_identifier
from ..sql.values import Fragment, Refused, scalar, table

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["load_table"]

#: Rows of one INSERT; with 32,766 values at most.
MOST_ROWS: Final = 500
MOST_VALUES: Final = 32_000

#: What one batch may hold: statements, and characters of values.
MOST_STATEMENTS: Final = 90
MOST_CHARACTERS: Final = 2_000_000

_TYPES: Final = {
    "integer": "INTEGER",
    "real": "REAL",
    "text": "TEXT",
    "blob": "BLOB",
    "boolean": "BOOLEAN",
}

Batch = list[tuple[str, list[Any]]]


def load_table(axon: Axon, value: Any, name: str, *, way: str) -> str:
    """Store a DataFrame, Arrow table or list of dicts in the table *name*.

    Args:
        axon: Where.
        value: What.
        name: The table.
        way: ``create`` (it must not exist), ``append`` or ``replace``.

    Returns:
        What was done, in words.

    Raises:
        ParameterError: If a value has no SQL form.
        SqlError: If SQLite refuses; the batches before stay (the message of a
            load in one batch says that nothing was kept).
    """
    names, columns = _table_of(value)
    started = time.monotonic()
    rows = [
        [_fragment(cell, column) for cell, column in zip(row, names, strict=True)]
        for row in zip(*columns, strict=True)
    ]
    batches = _batches(_definition(name, names, rows, way), name, rows)
    for batch in batches:
        axon.batch(batch)
    seconds = time.monotonic() - started
    several = f" in {len(batches)} transactions" if len(batches) > 1 else ""
    return f"{len(rows):,} rows × {len(names)}{several} · {seconds:.1f} s"


def _table_of(value: Any) -> tuple[list[str], list[list[Any]]]:
    try:
        names, columns = table(value)
    except Refused as refusal:
        raise ParameterError(f"this is {refusal}") from None
    if not names:
        raise ParameterError("a table without columns cannot be stored")
    return names, columns


def _fragment(value: Any, column: str) -> Fragment:
    try:
        return scalar(value)
    except Refused as refusal:
        raise ParameterError(f"a value of column {column} is {refusal}") from None


def _definition(
    name: str, names: Sequence[str], rows: Sequence[Sequence[Fragment]], way: str
) -> Batch:
    if way == "append":
        return []
    columns = [
        f"{quote_identifier(column)} {_declared([row[place] for row in rows])}".strip()
        for place, column in enumerate(names)
    ]
    drop: Batch = [(f"DROP TABLE IF EXISTS {quote_identifier(name)}", [])]
    create = f"CREATE TABLE {quote_identifier(name)}({', '.join(columns)})"
    return [*(drop if way == "replace" else []), (create, [])]


def _declared(fragments: Sequence[Fragment]) -> str:
    """The type that the values of a column have in common; none if they differ."""
    values = [b"" if f.sql == "unhex(?)" else f.params[0] if f.params else 0.0 for f in fragments]
    kind, _ = kind_of(values, "")
    return _TYPES.get(kind, "")


def _batches(first: Batch, name: str, rows: Sequence[Sequence[Fragment]]) -> list[Batch]:
    batches, batch, size = [], first, 0
    width = len(rows[0]) if rows else 1
    step = max(1, min(MOST_ROWS, MOST_VALUES // width))
    for start in range(0, len(rows), step):
        piece = rows[start : start + step]
        sql = ", ".join(f"({', '.join(f.sql for f in row)})" for row in piece)
        params = [param for row in piece for f in row for param in f.params]
        length = sum(len(p) if isinstance(p, str) else 8 for p in params)
        if batch and (len(batch) >= MOST_STATEMENTS or size + length > MOST_CHARACTERS):
            batches.append(batch)
            batch, size = [], 0
        batch = [*batch, (f"INSERT INTO {quote_identifier(name)} VALUES {sql}", params)]
        size += length
    return [*batches, batch] if batch else batches
