"""All the rows of a result that the server cut at its limit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .errors import SqlError
from .models import SqlColumn, SqlResult
from .sql.columns import unified
from .sql.tokens import significant, tokenize

if TYPE_CHECKING:
    from .axon import Axon

__all__ = ["whole_result"]

#: One batch takes 100 statements.
MOST_PAGES: Final = 99

_RANDOM: Final = ("RANDOM", "RANDOMBLOB")


def whole_result(
    axon: Axon,
    sql: str,
    params: Sequence[Any],
    first: SqlResult,
    timeout: float | None = None,
) -> SqlResult:
    """Fetch a truncated result whole, in pages of one batch: one snapshot.

    Args:
        axon: Where it comes from.
        sql: A statement that only reads.
        params: For its ``?``.
        first: The truncated answer.
        timeout: The longest silence of the server in seconds.

    Raises:
        SqlError: If the pages do not fit into one batch, or would differ from
            each other.
    """
    _check_pageable(sql, first)
    page = len(first.rows)
    while page:
        count = axon.execute(f"SELECT count(*) FROM (\n{sql}\n)", params, timeout=timeout).rows[0][
            0
        ]
        # One more, for rows that arrive between counting and reading.
        pages = count // page + 2
        if pages > MOST_PAGES:
            raise SqlError(
                f"the result has {count:,} rows, --all fetches at most {MOST_PAGES * page:,} of "
                "this width from one snapshot: select a part, WHERE sequence > …",
                sql=sql,
            )
        windows = [
            f"SELECT * FROM (\n{sql}\n) LIMIT {page} OFFSET {page * place}"
            for place in range(pages)
        ]
        results = axon.batch([(window, params) for window in windows], timeout=timeout)
        if any(result.meta.rows_read_limit_reached for result in results):
            page //= 2  # cut by its size in bytes
        elif len(results[-1].rows) < page:
            break
    rows = [row for result in unified(results) for row in result.rows]
    return SqlResult(columns=_columns(first, results), rows=rows, meta=results[-1].meta)


def _columns(first: SqlResult, results: Sequence[SqlResult]) -> list[SqlColumn]:
    """Names as the statement has them (a sub-query renames duplicates), types as they came."""
    types = unified(results)[0].columns
    return [SqlColumn(c.name, t.type) for c, t in zip(first.columns, types, strict=True)]


def _check_pageable(sql: str, first: SqlResult) -> None:
    tokens = significant(tokenize(sql))
    random = next((t.text for t in tokens if t.is_word(*_RANDOM)), None)
    if random:
        raise SqlError(
            f"--all reads in pages, and {random}() answers differently on each: "
            "store the rows in a table first",
            sql=sql,
        )
    if not first.rows:
        raise SqlError(
            "the first row alone is too large for the server: select less of it", sql=sql
        )
