"""A cell of SQL on many axons: bound once, sent to each, one table as the answer.

Expressions of the user are evaluated once and in the main thread; only requests run in worker
threads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..asking_together import answered_together
from ..errors import AxonError, NotFound, ParameterError
from ..fan_out import fan_out
from ..models import SqlColumn, SqlColumns, SqlResult
from ..paging import whole_result
from ..sql.binding import BoundStatement, bind
from ..sql.columns import Column, unique_names
from ..sql.merging import as_columns, merged
from ..sql.shaping import limited
from ..sql.splitting import split
from ..sql.supplied import supplied_tables
from ..sql.tokens import tokenize
from ..visible import visible
from .options import Option
from .registry import Call
from .shell_session import Last, Session, label
from .status import Interrupted, StatusLine

if TYPE_CHECKING:
    from ..axon import Axon
    from ..axon_set import AxonSet

__all__ = ["SINCE", "UNTIL", "SetAnswer", "SetStatement", "axons_of", "means_set"]

SINCE: Final = Option(
    "--since", "", "text", "TIME", "only axons made since then: 7d, 12h, 2026-11-27"
)
UNTIL: Final = Option("--until", "", "text", "TIME", "only axons made before then")

_ONE_ONLY: Final = ("explain", "each", "bg")
_READS: Final = ("SELECT", "VALUES", "WITH")
SHOWN: Final = 3  # failed axons that the status line names


def means_set(call: Call) -> bool:
    """Whether the options of a cell mean several axons."""
    names = call.options.get("axon", [])
    return (
        len(names) > 1
        or bool(call.options.keys() & {"since", "until"})
        or any(_is_pattern(call, name) for name in names)
    )


def _is_pattern(call: Call, name: str) -> bool:
    if name in call.magics.session.aliases:
        return False
    return any(mark in name for mark in "*?[") or call.magics.session.is_set(name, call.names)


def axons_of(call: Call, names: Sequence[str], limit: int | None = None) -> AxonSet:
    """Return the axons that *names* and the options ``--since`` and ``--until`` mean.

    Raises:
        NotFound: There is none.
    """
    since, until = call.options.get("since"), call.options.get("until")
    axons = call.magics.session.axon_set(names, call.names, since=since, until=until, limit=limit)
    if not axons:
        times = "".join(f" {w} {t}" for w, t in (("since", since), ("until", until)) if t)
        wanted = " or ".join(visible(repr(name)) for name in names) or "anything"
        where = call.magics.session.client.where
        raise NotFound(
            f"no axon matches {wanted}{times} on {where}: %axon ls lists them", status=404
        )
    return axons


class SetAnswer(NamedTuple):
    """What the axons answered.

    Attributes:
        result: All rows, after ``axon`` (id) and ``axon_name``.
        columns: Those of *result*.
        seconds: From the first request to the last answer.
        failed: The axons that did not answer, and why.
        axons: How many were asked.
    """

    result: SqlColumns
    columns: list[Column]
    seconds: float
    failed: list[tuple[Axon, str]]
    axons: int

    def summary(self, name: str) -> list[str]:
        """Return what the status line says; *name* is that of the variable, or empty."""
        rows = self.result.row_count
        counted = f"{name}{rows:,} row{'' if rows == 1 else 's'} × {len(self.columns)}"
        if self.result.meta.rows_read_limit_reached:
            counted += ", TRUNCATED at the server's row limit: aggregate, or use --all"
        asked = f"{self.axons:,} axon{'' if self.axons == 1 else 's'}"
        lines = [f"{'⚠' if self.failed else '✓'} {counted} · {self.seconds:.1f} s · {asked}"]
        if not self.failed:
            return lines
        named = [f"{label(axon)}: {why}" for axon, why in self.failed[:SHOWN]]
        more = f"; {len(self.failed) - SHOWN:,} more" if len(self.failed) > SHOWN else ""
        return [*lines, f"  {len(self.failed):,} of them failed: {'; '.join(named)}{more}"]


class SetStatement:
    """One statement that reads, with its values, for many axons.

    Raises:
        ParameterError: It cannot be asked of several axons, or a value cannot be bound.
    """

    def __init__(
        self,
        text: str,
        names: Mapping[str, Any],
        *,
        params: Sequence[Any] | None,
        limit: int | None,
        options: Mapping[str, Any],
    ) -> None:
        for option in _ONE_ONLY:
            if options.get(option):
                raise ParameterError(f"--{option} is for one axon: leave it out")
        statements = split(text)
        if len(statements) != 1:
            raise ParameterError(
                f"several axons take one statement per cell, this one has {len(statements)}"
            )
        if statements[0].verb not in _READS:
            raise ParameterError(
                f"only a SELECT can be asked of several axons, this is {statements[0].verb}: "
                "axons.sql(…) runs any statement on each"
            )
        # ``events`` is the history: whether each axon has its own table of that name is not asked.
        self.bound = bind(statements[0].sql, names, params=params, events=True)
        self._limit = limit
        self._all = bool(options.get("all"))
        self._traced = _reads_trace(statements[0].sql)

    @property
    def sql(self) -> str:
        """The statement as written."""
        return self.bound.source

    def ask(
        self, session: Session, axons: Sequence[Axon], line: StatusLine, timeout: float | None
    ) -> SetAnswer:
        """Ask every axon; the stop button works.

        Raises:
            AxonError: All of them failed; the first reason.
        """
        started = time.monotonic()
        last = Last(f"{len(axons):,} axons", self.bound.sql, [list(self.bound.params)])
        session.last = last

        def progress(done: int) -> None:
            seconds = time.monotonic() - started
            rate = done / seconds if seconds else 0.0
            line.running(seconds, f"{done:,} of {len(axons):,} axons · {rate:,.0f}/s")

        try:
            results = self._together(axons, progress)
            rest = [axon for axon in axons if axon.id not in results]
            outcomes = fan_out(rest, lambda axon: self._one(axon, timeout), on_progress=progress)
        except KeyboardInterrupt:
            line.clear()
            raise Interrupted(time.monotonic() - started) from None
        asked = list(zip(rest, outcomes, strict=True))
        results |= {axon.id: o.value for axon, o in asked if o.value is not None}
        answered = [(axon, results[axon.id]) for axon in axons if axon.id in results]
        errors = [(axon, o.error) for axon, o in asked if o.error is not None]
        last.seconds = time.monotonic() - started
        if errors and not answered:
            last.error = AxonError(f"all {len(errors):,} axons failed; the first: {errors[0][1]}")
            raise last.error
        failed = [(axon, str(error).partition("\n")[0]) for axon, error in errors]
        table = _with_axons(answered)
        last.rows = table.row_count
        return SetAnswer(table, as_columns(table), last.seconds, failed, len(axons))

    def _together(
        self, axons: Sequence[Axon], progress: Callable[[int], None]
    ) -> dict[str, SqlResult]:
        """Return what axons answered that could be asked in one request."""
        if self._traced:
            return {}
        sql, params = self._limited(self.bound.sql), self.bound.params
        found = answered_together(axons, sql, params, on_progress=progress)
        return {axon: result for axon, result in found.items() if not self._cut(result)}

    def _cut(self, result: SqlResult) -> bool:
        return self._all and result.meta.rows_read_limit_reached

    def _limited(self, sql: str) -> str:
        return sql if self._limit is None else limited(sql, self._limit)

    def _one(self, axon: Axon, timeout: float | None) -> SqlResult:
        bound = self._of(axon)
        sql = self._limited(bound.sql)
        result = axon.execute(sql, bound.params, timeout=timeout)
        if self._cut(result):
            return whole_result(axon, sql, bound.params, result, timeout)
        return result

    def _of(self, axon: Axon) -> BoundStatement:
        """Return the statement with the axon's own trace, where it reads one."""
        if not self._traced:
            return self.bound
        tables = axon.trace_tables
        tables.refresh()
        return bind(self.bound.sql, {}, params=self.bound.params, supplied=tables.supplied())


def _reads_trace(sql: str) -> bool:
    from ..trace_sql import TRACE_TABLES

    return bool(supplied_tables(tokenize(sql), TRACE_TABLES))


def _with_axons(answered: Sequence[tuple[Axon, SqlResult]]) -> SqlColumns:
    table = merged([result for _, result in answered])
    ids = [axon.id for axon, result in answered for _ in range(result.row_count)]
    names = [axon.name for axon, result in answered for _ in range(result.row_count)]
    columns = [SqlColumn("axon", "TEXT"), SqlColumn("axon_name", "TEXT"), *table.columns]
    unique = unique_names([column.name for column in columns])
    named = [SqlColumn(name, c.type) for name, c in zip(unique, columns, strict=True)]
    return SqlColumns(named, [ids, names, *table.values], table.meta)
