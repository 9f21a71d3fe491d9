"""Results of one statement on several axons as one table, with one type per column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..models import SqlColumn, SqlColumns, SqlMeta, SqlResult
from .columns import Column, columns_of

__all__ = ["as_columns", "merged"]


def merged(results: Sequence[SqlResult | SqlColumns]) -> SqlColumns:
    """Return the rows of all *results*, one after the other, as SQLite has the values.

    Columns are matched by name, in the order of their first appearance; where a result lacks
    one, its rows have NULL there.  A column whose declared type differs between results has
    none.  ``meta`` sums durations and changes, and says whether any result was cut.
    """
    parts = [({c.name: c for c in columns_of(result)}, result.row_count) for result in results]
    names = list(dict.fromkeys(name for part, _ in parts for name in part))
    columns = [SqlColumn(name, _declared(part.get(name) for part, _ in parts)) for name in names]
    values = [
        [value for part, length in parts for value in _values(part.get(name), length)]
        for name in names
    ]
    return SqlColumns(columns, values, _meta([result.meta for result in results]))


def as_columns(result: SqlColumns) -> list[Column]:
    """Return the columns of a :func:`merged` result; nothing is read back a second time."""
    return [
        Column(column.name, column.type, values)
        for column, values in zip(result.columns, result.values, strict=True)
    ]


def _values(column: Column | None, length: int) -> Sequence[object]:
    return [None] * length if column is None else column.values


def _declared(columns: Iterable[Column | None]) -> str:
    """Return the declared type that all results agree on which have the column."""
    types = {column.declared for column in columns if column is not None}
    return types.pop() if len(types) == 1 else ""


def _meta(metas: Sequence[SqlMeta]) -> SqlMeta:
    return SqlMeta(
        duration_ms=sum(meta.duration_ms for meta in metas),
        changes=sum(meta.changes for meta in metas),
        rows_read_limit_reached=any(meta.rows_read_limit_reached for meta in metas),
    )
