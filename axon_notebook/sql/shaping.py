"""A result in the form that was asked for, and a statement with a limit around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..errors import ParameterError
from ..models import SqlColumns, SqlResult
from . import forms
from .columns import Column, columns_of
from .json_columns import decoded, expanded
from .splitting import verb_of
from .tokens import Token, significant, tokenize

__all__ = ["Shape", "file_columns", "limited", "shaped"]

_FORMS: Final[Mapping[str, Callable[[Sequence[Column], int], Any]]] = {
    "polars": forms.as_polars,
    "arrow": forms.as_arrow,
    "rows": forms.as_rows,
    "dicts": forms.as_dicts,
    "scalar": forms.as_scalar,
    "none": lambda columns, length: None,
}


class Shape(NamedTuple):
    """How a result is wanted.

    Attributes:
        to: One of :data:`~axon_notebook.sql.forms.FORMS`.
        json: Columns whose JSON texts are decoded.
        expand: A column whose JSON objects become columns.
        dates: As in :func:`~axon_notebook.sql.frames.result_frame`; pandas only.
    """

    to: str = "pandas"
    json: Sequence[str] = ()
    expand: str | None = None
    dates: bool | Sequence[str] = False


def shaped(
    result: SqlResult | SqlColumns,
    shape: Shape,
    *,
    axon_id: str | None,
    sql: str | None,
    columns: Sequence[Column] | None = None,
) -> Any:
    """Return *result* in the form that *shape* names.

    Args:
        result: What was returned.
        shape: How it is wanted.
        axon_id: Kept in the ``attrs`` of a frame, as is *sql*.
        sql: The statement.
        columns: Those of *result*, if they are known already.

    Raises:
        ParameterError: If the form does not fit the result.
    """
    columns = _shaped_columns(columns_of(result) if columns is None else columns, shape)
    if shape.to == "pandas":
        from .frames import result_frame

        return result_frame(result, dates=shape.dates, axon_id=axon_id, sql=sql, columns=columns)
    # True holds for every form; names ask for these columns.
    if shape.dates and shape.dates is not True:
        raise ParameterError(
            f"dates are read for pandas, not for {shape.to}: leave one of both out"
        )
    return _FORMS[shape.to](columns, result.row_count)


def _shaped_columns(given: Sequence[Column], shape: Shape) -> list[Column]:
    columns = list(given)
    if shape.json:
        columns = decoded(columns, shape.json)
    return expanded(columns, shape.expand) if shape.expand else columns


def file_columns(
    result: SqlResult | SqlColumns, shape: Shape, columns: Sequence[Column] | None = None
) -> list[Column]:
    """Return the columns of *result* as *shape* wants them, dates as datetimes, for a file.

    Raises:
        ParameterError: If the shape does not fit the result.
    """
    columns = _shaped_columns(columns_of(result) if columns is None else columns, shape)
    if not shape.dates:
        return columns
    from .frames import dated_columns, result_frame

    return dated_columns(result_frame(result, dates=shape.dates, columns=columns), columns)


def limited(sql: str, limit: int, offset: int = 0) -> str:
    """Return the ``SELECT`` *sql* with at most *limit* rows, from row *offset* on.

    Raises:
        ParameterError: If *sql* does not select.
    """
    verb = verb_of(sql)
    if verb not in ("SELECT", "VALUES"):
        raise ParameterError(f"only a SELECT can be limited, this is {verb or 'nothing'}")
    clause = f"LIMIT {limit}" + (f" OFFSET {offset}" if offset else "")
    if verb == "SELECT" and not offset and not _has_limit(tokenize(sql)):
        # On a line of its own: the statement may end in a comment.
        return f"{sql}\n{clause}"
    return f"SELECT * FROM (\n{sql}\n) {clause}"


def _has_limit(tokens: Sequence[Token]) -> bool:
    depth = 0
    for token in significant(tokens):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.is_word("LIMIT"):
            return True
    return False
