"""The other forms of a result: polars, Arrow, rows, dicts, one value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from ..errors import ParameterError
from .columns import Column

__all__ = [
    "FORMS",
    "arrow_array",
    "as_arrow",
    "as_dicts",
    "as_polars",
    "as_rows",
    "as_scalar",
    "required",
]

#: What ``--to`` takes.
FORMS: Final = ("pandas", "polars", "arrow", "rows", "dicts", "scalar", "none")


def as_rows(columns: Sequence[Column], length: int) -> list[tuple[object, ...]]:
    """Return tuples; NULL is ``None``, a blob is bytes."""
    if not columns:
        return []
    return list(zip(*(column.values for column in columns), strict=True))


def as_dicts(columns: Sequence[Column], length: int) -> list[dict[str, object]]:
    """Return one dict per row."""
    names = [column.name for column in columns]
    return [dict(zip(names, row, strict=True)) for row in as_rows(columns, length)]


def as_scalar(columns: Sequence[Column], length: int) -> object:
    """Return the one value of a result of one row and one column.

    Raises:
        ParameterError: If it has another shape.
    """
    if length != 1 or len(columns) != 1:
        raise ParameterError(
            f"a scalar is one row and one column, the result has {length} × {len(columns)}: "
            "select less, or choose another form with --to"
        )
    return columns[0].values[0]


def as_arrow(columns: Sequence[Column], length: int) -> object:
    """Return a ``pyarrow.Table``.

    Raises:
        ParameterError: If pyarrow is missing, or a column holds values of
            several storage classes, which Arrow has no type for.
    """
    pa = required("pyarrow", "this form")
    arrays = [arrow_array(column) for column in columns]
    return pa.table(arrays, names=[column.name for column in columns])


def arrow_array(column: Column) -> object:
    """Return the values as a ``pyarrow.Array``.

    Raises:
        ParameterError: If they are of several storage classes, which Arrow has no type for.
    """
    import pyarrow as pa

    types = {
        "integer": pa.int64(),
        "real": pa.float64(),
        "text": pa.string(),
        "blob": pa.binary(),
        "boolean": pa.bool_(),
        "unknown": pa.null(),
    }
    if column.kind == "mixed":
        raise ParameterError(
            f"column {column.name} holds several storage classes, Arrow takes one: "
            f"CAST({column.name} AS TEXT), or choose another format"
        )
    return pa.array(_values(column), types[column.kind])


def as_polars(columns: Sequence[Column], length: int) -> object:
    """Return a ``polars.DataFrame``; a column of several storage classes is ``Object``.

    Raises:
        ParameterError: If polars is missing.
    """
    pl = required("polars", "this form")
    types = {
        "integer": pl.Int64,
        "real": pl.Float64,
        "text": pl.String,
        "blob": pl.Binary,
        "boolean": pl.Boolean,
        "unknown": pl.Null,
        "mixed": pl.Object,
    }
    return pl.DataFrame([pl.Series(c.name, _values(c), types[c.kind]) for c in columns])


def _values(column: Column) -> list[object]:
    """Return the values in the one type that the column's kind stands for."""
    if column.kind == "boolean":
        return [None if value is None else bool(value) for value in column.values]
    if column.kind == "real":
        return [None if value is None else float(value) for value in column.values]
    return column.values


def required(module: str, what: str) -> Any:
    """Return an optional package.

    Raises:
        ParameterError: It is not installed; says *what* needs it.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise ParameterError(f"{what} needs {module}: pip install {module}") from None
