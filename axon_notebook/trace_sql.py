"""The trace of an axon as tables of its SQL: ``turns``, ``tool_calls``, ``messages`` and others."""

from __future__ import annotations

import datetime as dt
import functools
import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .sql.schema import Schema
from .sql.supplied import SuppliedTables
from .sql.tables import HISTORY
from .sql.values import json_text

if TYPE_CHECKING:
    from .agents.axon_trace import AxonTrace
    from .models import SqlResult
    from .wire.api import ApiClient

__all__ = ["TRACE_TABLES", "TraceTables", "missing_table", "with_trace"]

TRACE_TABLES: Final = frozenset(
    {"turns", "tool_calls", "messages", "questions", "notices", "annotations"}
)
_SQL_TYPES: Final = {"real": "REAL", "integer": "INTEGER"}
_MISSING: Final = re.compile(r"no such table: (?:main\.)?((?:trace\.)?(\w+))")


@functools.lru_cache(16)
def with_trace(schema: Schema) -> Schema:
    """Return *schema* with the tables of the trace that the axon does not have itself."""
    from .agents.trace_tables import TABLES

    own = {name.lower() for name in schema.tables}
    entries = [
        (
            "table",
            name,
            f"CREATE TABLE {name}("
            + ", ".join(
                f"{column} {_SQL_TYPES.get(kind, 'TEXT')}" for column, kind in columns.items()
            )
            + ")",
        )
        for name, columns in TABLES.items()
        if name not in own
    ]
    return Schema([*schema.entries, *entries])


def missing_table(message: str) -> str | None:
    """Return which of our tables SQLite did not find: ``events``, or one of the trace."""
    found = _MISSING.search(message)
    name = found[2].lower() if found else ""
    return name if name == "events" or name in TRACE_TABLES else None


class TraceTables:
    """Reads the history at first use and later only what is new; for any thread.

    Args:
        api: The server.
        axon_id: The axon.
        as_of: Read events up to this sequence only.
    """

    def __init__(self, api: ApiClient, axon_id: str, as_of: int | None = None) -> None:
        self._api = api
        self._axon_id = axon_id
        self._as_of = as_of
        self._trace: AxonTrace | None = None
        self._reading = threading.Lock()  # a trace is fed by one thread at a time
        # How far reading is; only told, so that a torn read does no harm.
        self._in_work: AxonTrace | None = None
        self._started, self._before = 0.0, 0

    def refresh(self) -> None:
        """Read what is new."""
        from .agents.axon_trace import AxonTrace, history

        with self._reading:
            # An interrupt half way leaves none behind: the next use reads all of it.
            trace, self._trace = self._trace, None
            if trace is None:
                trace = AxonTrace(
                    lambda after: history(self._api, self._axon_id, after, self._as_of),
                    as_of=self._as_of,
                )
            self._started, self._in_work = time.monotonic(), trace
            self._before = trace.events_read
            try:
                trace.refresh()
            finally:
                self._in_work = None
            self._trace = trace

    def progress(self) -> str:
        """Return how far reading is; from any thread."""
        trace = self._in_work
        if trace is None:
            return ""
        count = trace.events_read - self._before
        rate = count / max(0.001, time.monotonic() - self._started)
        return f"reading the history for the trace: {count:,} events, {rate:,.0f}/s"

    def run(self, sql: str, params: Sequence[Any], needed: frozenset[str]) -> SqlResult:
        """Run a statement here, over tables that are too large to be sent with it.

        Args:
            sql: Reads nothing but tables of the trace and ``rl_axon_events``.
            params: For its ``?``.
            needed: The tables of the trace.

        Raises:
            SqlError: SQLite refused it.
        """
        from .agents.axon_trace import history_rows
        from .agents.trace_tables import TABLES
        from .sql.supplied import named_columns
        from .sql.tables import table_names
        from .sql.tokens import tokenize
        from .trace_database import TraceDatabase

        tokens = tokenize(sql)
        with TraceDatabase() as database:
            for name in sorted(needed):
                columns = self._columns(name)
                chosen = named_columns(tokens, list(columns))
                types = {n: _SQL_TYPES.get(kind, "TEXT") for n, kind in TABLES[name].items()}
                database.add_table(name, types, {n: columns[n] for n in chosen})
            if any(table.name.lower() == HISTORY for table in table_names(tokens)):
                database.add_events(history_rows(self._api, self._axon_id))
            return database.run(sql, params)

    def supplied(self, own: frozenset[str] = frozenset()) -> SuppliedTables:
        """Return what statements can be given; *own* are names that the axon has itself."""
        return SuppliedTables(TRACE_TABLES, self._columns, own)

    def _columns(self, table: str) -> dict[str, list[Any]]:
        from .agents.trace_tables import TABLES

        trace = self._trace
        if trace is None:
            self.refresh()
            return self._columns(table)
        types = TABLES[table]
        return {
            name: [_as_sql(value, types[name]) for value in values]
            for name, values in trace.columns(table).items()
        }


def _as_sql(value: Any, kind: str) -> Any:
    if value is None or kind not in ("time", "json"):
        return value
    return _moment(value) if kind == "time" else _json(value)


def _moment(milliseconds: int) -> str:
    """Return a time as SQLite writes it, in UTC, with its milliseconds."""
    moment = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "milliseconds")


def _json(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)
