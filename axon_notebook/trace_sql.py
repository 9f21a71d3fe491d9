"""The trace of an axon as tables of its SQL: ``turns``, ``tool_calls``, ``messages`` and others."""

from __future__ import annotations

import datetime as dt
import functools
import re
import threading
from typing import TYPE_CHECKING, Any, Final

from .sql.schema import Schema
from .sql.supplied import SuppliedTables
from .sql.values import json_text

if TYPE_CHECKING:
    from .agents.axon_trace import AxonTrace
    from .wire.api import ApiClient

__all__ = ["TRACE_TABLES", "TraceTables", "missing_table", "with_trace"]

TRACE_TABLES: Final = frozenset(
    {"turns", "tool_calls", "messages", "questions", "notices", "annotations"}
)
_MISSING: Final = re.compile(r"no such table: (?:main\.)?((?:trace\.)?(\w+))")


@functools.lru_cache(16)
def with_trace(schema: Schema) -> Schema:
    """Return *schema* with the tables of the trace that the axon does not have itself."""
    from .agents.trace_tables import TABLES

    own = {name.lower() for name in schema.tables}
    types = {"real": "REAL", "integer": "INTEGER"}
    entries = [
        (
            "table",
            name,
            f"CREATE TABLE {name}("
            + ", ".join(f"{column} {types.get(kind, 'TEXT')}" for column, kind in columns.items())
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
    """

    def __init__(self, api: ApiClient, axon_id: str) -> None:
        self._api = api
        self._axon_id = axon_id
        self._trace: AxonTrace | None = None
        self._reading = threading.Lock()  # a trace is fed by one thread at a time

    def refresh(self) -> None:
        """Read what is new."""
        from .agents.axon_trace import trace_of_axon

        with self._reading:
            # Whoever is interrupted half way leaves none behind: the next use reads it whole.
            trace, self._trace = self._trace, None
            if trace is None:
                trace = trace_of_axon(self._api, self._axon_id)
            else:
                trace.refresh()
            self._trace = trace

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
