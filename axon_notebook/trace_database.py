"""The trace of an axon, and its events, as an SQLite database in memory.

For statements over more rows than a request can carry.  The database lives for one statement,
is in the process of who asks, and can only be read.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

import apsw

from .errors import SqlError
from .models import EVENT_COLUMNS, SqlColumn, SqlMeta, SqlResult

__all__ = ["TraceDatabase"]

#: Steps of SQLite's machine between two looks for Ctrl-C.
LOOK: Final = 100_000


class TraceDatabase:
    """A context manager that owns its memory; for one thread."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        # Returning from Python code lets Ctrl-C through.
        self._connection.set_progress_handler(lambda: False, LOOK)
        self._connection.execute("ATTACH ':memory:' AS trace")

    def __enter__(self) -> TraceDatabase:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def add_table(
        self, name: str, types: Mapping[str, str], columns: Mapping[str, list[Any]]
    ) -> None:
        """Make a table of the trace.

        Args:
            name: Of the table.
            types: Of all columns: their SQL types.
            columns: The values of those that are needed.
        """
        defined = ", ".join(f"{column} {kind}" for column, kind in types.items())
        self._connection.execute(f"CREATE TABLE trace.{name} ({defined})")
        names, places = ", ".join(columns), ", ".join("?" * len(columns))
        with self._connection:
            self._connection.executemany(
                f"INSERT INTO trace.{name} ({names}) VALUES ({places})",
                zip(*columns.values(), strict=True),
            )

    def add_events(self, rows: Iterable[Sequence[Any]]) -> None:
        """Make the table of events; *rows* have the columns of ``rl_axon_events``."""
        defined = ", ".join(f"{name} {kind}" for name, kind in EVENT_COLUMNS.items())
        self._connection.execute(f"CREATE TABLE rl_axon_events ({defined})")
        places = ", ".join("?" * len(EVENT_COLUMNS))
        with self._connection:
            self._connection.executemany(f"INSERT INTO rl_axon_events VALUES ({places})", rows)

    def run(self, sql: str, params: Sequence[Any]) -> SqlResult:
        """Run a statement that reads; all its rows are returned.

        Raises:
            SqlError: SQLite refused it.
        """
        started = time.perf_counter()
        self._connection.pragma("query_only", True)
        try:
            cursor = self._connection.execute(sql, tuple(params))
            names = _description(cursor)
            rows = list(cursor)
        except (apsw.Error, UnicodeError) as error:
            raise SqlError(str(error), sql=sql) from None
        seconds = time.perf_counter() - started
        meta = SqlMeta(duration_ms=round(1000 * seconds, 3))
        return SqlResult([SqlColumn(name, kind or "") for name, kind in names], rows, meta)


def _description(cursor: apsw.Cursor) -> Sequence[tuple[str, str | None]]:
    try:
        return [(name, kind) for name, kind in cursor.get_description()]
    except apsw.ExecutionCompleteError:
        # A result without rows has been read to its end already.
        return [(column[0], None) for column in cursor.description or ()]
