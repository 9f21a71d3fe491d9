"""A cell of SQL on its way: split, bound, checked, sent, explained, shaped.

Expressions of the user are evaluated in the main thread; only requests run
in a worker thread.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import AxonError, ParameterError, SqlError
from ..models import SqlResult
from ..paging import whole_result
from ..sql.as_of import check_readable
from ..sql.binding import BoundStatement, bind
from ..sql.carets import caret_lines
from ..sql.shaping import limited
from ..sql.splitting import Statement, split
from ..sql.supplied import SuppliedTables, supplied_tables
from ..sql.tables import events_alias
from ..sql.tokens import significant, tokenize, unquote
from .shell_session import FRESH, Last, Session, label
from .status import StatusLine, in_thread

if TYPE_CHECKING:
    from ..axon import Axon
    from ..sql.schema import Schema

__all__ = ["Answer", "Cell", "prepared"]

_TRANSACTIONS: Final = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE")


class Answer(NamedTuple):
    """What came back.

    Attributes:
        results: One per statement.
        seconds: From sending to answer.
    """

    results: list[SqlResult]
    seconds: float

    @property
    def shown(self) -> SqlResult | None:
        """The last result set; ``None`` if no statement returned rows."""
        return next((r for r in reversed(self.results) if r.columns), None)


class Cell(NamedTuple):
    """A cell, ready to be sent.

    Attributes:
        text: As written.
        statements: Its pieces.
        bound: The same, with their values.
        sent: The texts that go to the server: ``bound`` with a limit, or explained.
    """

    text: str
    statements: list[Statement]
    bound: list[BoundStatement]
    sent: list[str]

    def send(
        self,
        session: Session,
        axon: Axon,
        line: StatusLine,
        *,
        timeout: float | None,
        all_rows: bool,
    ) -> Answer:
        """Send it and wait for the answer; the stop button works.

        Raises:
            SqlError: With what is wrong, where, and what was kept.
        """
        self._check_names(session, axon, line)
        return in_thread(lambda: self.ask(session, axon, timeout=timeout, all_rows=all_rows), line)

    def ask(self, session: Session, axon: Axon, *, timeout: float | None, all_rows: bool) -> Answer:
        """Send it and return the answer; blocks, in any thread."""
        last = Last(label(axon), ";\n".join(self.sent), [list(b.params) for b in self.bound])
        session.last = last
        started = time.monotonic()
        try:
            results = self._results(axon, timeout)
            if all_rows and results[-1].meta.rows_read_limit_reached:
                params = self.bound[0].params
                results = [whole_result(axon, self.sent[0], params, results[0], timeout)]
        except AxonError as error:
            last.error = self.explained(error, session, axon)
            raise last.error from error
        finally:
            last.seconds = time.monotonic() - started
            session.milliseconds = last.seconds * 1000
        self._note_definitions(session, axon)
        answer = Answer(results, last.seconds)
        last.rows = len(answer.shown.rows) if answer.shown else 0
        return answer

    def _results(self, axon: Axon, timeout: float | None) -> list[SqlResult]:
        if len(self.sent) == 1:
            return [axon.execute(self.sent[0], self.bound[0].params, timeout=timeout)]
        pairs = [(sql, b.params) for sql, b in zip(self.sent, self.bound, strict=True)]
        return axon.batch(pairs, timeout=timeout)

    def _check_names(self, session: Session, axon: Axon, line: StatusLine) -> None:
        """Refuse names that the axon does not have, without sending the statement."""
        from ..sql.diagnosis import find_unknown_name

        schema = session.known_schema(axon)
        if any(b.local for b in self.bound):
            return  # it runs over tables that the axon does not have
        if schema is None or find_unknown_name(self.sent, schema) is None:
            return
        # It may have been made a moment ago: ask before refusing.
        unknown = find_unknown_name(self.sent, in_thread(lambda: session.fetch_schema(axon), line))
        if unknown is None:
            return
        many = len(self.sent) > 1
        where = f"statement {unknown.statement_index + 1} of {len(self.sent)}: " if many else ""
        error = SqlError(
            f"{where}{unknown.message}",
            sql=self.sent[unknown.statement_index],
            statement_index=unknown.statement_index,
        )
        session.last = Last(
            label(axon), ";\n".join(self.sent), [list(b.params) for b in self.bound]
        )
        session.last.error = self.explained(error, session, axon, sent=False)
        raise session.last.error

    def _note_definitions(self, session: Session, axon: Axon) -> None:
        if any(s.verb.startswith(("CREATE", "DROP", "ALTER")) for s in self.statements):
            session.forget_schema(axon)
            session.prefetch_schema(axon)

    def explained(
        self, error: AxonError, session: Session, axon: Axon, *, sent: bool = True
    ) -> AxonError:
        """Return *error* with the lines that point, suggest, and say what was kept."""
        from ..sql.diagnosis import details
        from ..trace_sql import with_trace

        place = f"{label(axon)} ({axon.id})" if axon.name else axon.id
        if not isinstance(error, SqlError):
            error.detail = [*error.detail, f"  {place} · more: %axon last, %tb"]
            return error
        index = error.statement_index
        schema = session.known_schema(axon) or _quietly(session, axon, error)
        lines = details(
            str(error),
            self.bound[index],
            with_trace(schema) if schema else None,
            cell=self.text,
            start=self.statements[index].start,
            earlier=self.sent[:index],
        )
        kept = "nothing was changed" if sent else "nothing was sent"
        if len(self.sent) > 1 and sent:
            kept = f"all {len(self.sent)} statements were rolled back"
        tail = f"  {place} · {kept} · more: %axon last, %tb"
        return SqlError(str(error), sql=error.sql, statement_index=index, detail=[*lines, tail])


def prepared(
    text: str,
    namespace: Mapping[str, Any],
    session: Session,
    axon: Axon,
    line: StatusLine,
    *,
    params: Sequence[Any] | None = None,
    limit: int | None = None,
    explain: bool = False,
    as_of: int | None = None,
) -> Cell:
    """Split and bind *text*; return it ready to be sent.  *as_of*: read events up to there only.

    Raises:
        ParameterError: For what cannot be bound or cannot go together.
    """
    statements = split(text)
    _check_transactions(text, statements)
    if as_of is not None:
        from ..trace_sql import TRACE_TABLES

        own = _own_tables(session, axon, line)
        for statement in statements:
            check_readable(text, statement, as_of, TRACE_TABLES, own)
    alias = _events_are_history(statements, session, axon, line)
    trace = _trace_tables(statements, session, axon, line, as_of)
    bind_one = functools.partial(
        bind,
        lookup=namespace,
        params=params,
        events=alias,
        supplied=trace,
        # What is too large to be sent is run here, over the newest history.
        alone=len(statements) == 1 and as_of is None,
        as_of=as_of,
    )
    bound = [_bound(text, s, bind_one) for s in statements]
    sent = [b.sql for b in bound]
    if explain:
        sent = [f"EXPLAIN QUERY PLAN {sql}" for sql in sent]
    if limit is not None:
        if len(sent) != 1:
            raise ParameterError(f"a limit is for one SELECT, the cell has {len(sent)} statements")
        sent = [limited(sent[0], limit)]
    return Cell(text, statements, bound, sent)


def _bound(
    text: str, statement: Statement, bind_one: Callable[[str], BoundStatement]
) -> BoundStatement:
    try:
        return bind_one(statement.sql)
    except ParameterError as error:
        raise _in_cell(error, text, statement) from error.__cause__


def _in_cell(error: ParameterError, text: str, statement: Statement) -> ParameterError:
    """Renumber the caret's line: the binder knows the statement, the user sees the cell."""
    lines = list(error.detail)
    before = text.count("\n", 0, statement.start)
    if len(lines) >= 2 and before:
        number, _, shown = lines[0].strip().partition(" │")
        if number.isdigit():
            moved = str(int(number) + before)
            _, _, carets = lines[1].partition(" │")
            lines[:2] = [f"  {moved} │{shown}", f"  {' ' * len(moved)} │{carets}"]
    return ParameterError(str(error), detail=lines)


def _check_transactions(text: str, statements: Sequence[Statement]) -> None:
    for statement in statements:
        if statement.verb in _TRANSACTIONS:
            raise ParameterError(
                f"{statement.verb} is not needed: the statements of a cell are one transaction",
                detail=[
                    *caret_lines(text, statement.start, len(statement.sql)),
                    "  leave it out; if one statement fails, all are rolled back",
                ],
            )


def _events_are_history(
    statements: Sequence[Statement], session: Session, axon: Axon, line: StatusLine
) -> bool:
    """Whether ``events`` means the event history: not if the axon has a table of that name."""
    if not any(events_alias(tokenize(s.sql)) for s in statements):
        return False
    if any(_defines_events(s.sql) for s in statements):
        return False
    schema = session.known_schema(axon, within=FRESH)
    if schema is None:
        schema = in_thread(lambda: session.fetch_schema(axon), line)
    return not schema.has_events


def _own_tables(session: Session, axon: Axon, line: StatusLine) -> frozenset[str]:
    """Return the names of the axon's tables and views, in lower case."""
    schema = session.known_schema(axon, within=FRESH)
    if schema is None:
        schema = in_thread(lambda: session.fetch_schema(axon), line)
    return frozenset(name.lower() for name in schema.tables)


def _trace_tables(
    statements: Sequence[Statement],
    session: Session,
    axon: Axon,
    line: StatusLine,
    as_of: int | None,
) -> SuppliedTables | None:
    """Return the tables of the trace if the cell reads one; reads what is new of the history."""
    from ..trace_sql import TRACE_TABLES, TraceTables

    found = [f for s in statements for f in supplied_tables(tokenize(s.sql), TRACE_TABLES)]
    if not found:
        return None
    own = _own_tables(session, axon, line) & TRACE_TABLES
    plain = {table.name.lower() for table, name in found if len(name) == 1}
    for name in sorted(plain & own):
        line.note(f"{name} is a table of this axon: trace.{name} is the agent's")
    if plain <= own and all(len(name) == 1 for _, name in found):
        return None
    tables = axon.trace_tables if as_of is None else TraceTables(axon.api, axon.id, as_of)
    in_thread(tables.refresh, line, tables.progress)
    return tables.supplied(own)


def _defines_events(sql: str) -> bool:
    words = significant(tokenize(sql))[:8]
    if not words or not words[0].is_word("CREATE"):
        return False
    named = [w for w in words[1:] if not w.is_word("TABLE", "VIEW", "IF", "NOT", "EXISTS")]
    return bool(named) and unquote(named[0]).lower() == "events"


def _quietly(session: Session, axon: Axon, error: SqlError) -> Schema | None:
    """Fetch the schema for an explanation; without it the explanation is shorter."""
    try:
        return session.fetch_schema(axon)
    except AxonError as second:
        error.add_note(f"the schema could not be read: {second}")
        return None
