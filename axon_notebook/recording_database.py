"""A recording in an SQLite database in memory, which answers as an axon does.

Statements run by the rules of the embedded service: the same tables, types, limits of a
result and words; only that nothing can be written.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any, Final

import apsw

from .errors import ParameterError, RecordingError, SqlError
from .local.refusals import Refusal
from .local.storage.limits import Limits
from .local.storage.statements import NeedsWriter, SqlConnection, checked, refusal_for
from .models import (
    EVENT_COLUMNS,
    EVENTS_SELECT,
    ORIGINS,
    AxonEvent,
    AxonEventList,
    AxonInfo,
    SqlBatchResult,
    SqlResult,
    SqlStep,
    SqlStepError,
)
from .recording_file import RecordedEvent, RecordingReader, Row, Table
from .wire.http import Interrupt

__all__ = ["RecordedApi", "insert_statement"]

READ_ONLY: Final = "a recording is read-only: client.import_recording(path) makes an axon of it"

_CREATE: Final = re.compile(r"\s*CREATE\s+(TABLE|(UNIQUE\s+)?INDEX|VIEW|TRIGGER)\s", re.IGNORECASE)
_NUMBERS: Final = {name: number for number, name in ORIGINS.items()}

#: Steps of SQLite's machine between two looks for Ctrl-C, and what a definition may take.
LOOK: Final = 100_000
MOST_LOOKS: Final = 200

#: Rows of the file that are held before they are stored.
PAGE: Final = 1000

_SPAN: Final = "SELECT min(timestamp_ms), max(sequence), count(*) FROM rl_axon_events"


class RecordedApi:
    """The endpoints of one axon that a recording can answer; from any thread.

    Args:
        reader: The recording; read here to its end.

    Attributes:
        axon_id: The id of the axon that was saved, or ``"recording"``.
        count: How many events there are.
    """

    accepts_batches = accepts_replays = False

    def __init__(self, reader: RecordingReader) -> None:
        self._lock = threading.Lock()
        self._connection = apsw.Connection(":memory:")
        self._looks: int | None = MOST_LOOKS
        self._connection.set_progress_handler(self._look, LOOK)
        self._limits = Limits(sql_result_bytes=64 * 1024**2)
        try:
            self._fill(reader)
        except BaseException:
            self._connection.close()
            raise
        header = reader.header
        self.axon_id = header.axon_id or "recording"
        self._connection.pragma("query_only", True)
        self._looks = None
        self._sql = SqlConnection(self._connection, self._limits, writes=False)
        found = self.query(self.axon_id, _SPAN).by_rows().rows[0]
        first, self._head, self.count = (int(value or 0) for value in found)
        name = header.name or reader.path.name
        self._info = AxonInfo(self.axon_id, first, name, dict(header.metadata))

    def close(self) -> None:
        """Free the memory; idempotent."""
        with self._lock:
            self._connection.close()

    # -- what ApiClient has

    def get_axon(self, axon_id: str) -> AxonInfo:
        """Return what the header says."""
        return self._info

    def query(
        self,
        axon_id: str,
        sql: str,
        params: Sequence[Any] = (),
        *,
        timeout: float | None = None,
        interrupt: Interrupt | None = None,
    ) -> SqlResult:
        """Run one statement that reads."""
        try:
            statement = checked(sql, params, self._limits)
            with self._lock:
                return self._sql.run(statement)
        except NeedsWriter:
            raise SqlError(READ_ONLY, sql=sql) from None
        except (Refusal, apsw.Error, UnicodeError) as error:
            reason = refusal_for(error, self._sql.reason).message
            raise SqlError(reason.removesuffix("."), sql=sql) from None

    def batch(
        self,
        axon_id: str,
        statements: Sequence[tuple[str, Sequence[Any]]],
        *,
        timeout: float | None = None,
    ) -> SqlBatchResult:
        """Run statements that read."""
        steps: list[SqlStep] = []
        for sql, params in statements:
            try:
                steps.append(SqlStep(success=self.query(axon_id, sql, params).by_rows()))
            except SqlError as error:
                steps.append(SqlStep(error=SqlStepError(str(error))))
                break
        return SqlBatchResult(steps)

    def list_events(
        self,
        axon_id: str,
        *,
        limit: int,
        starting_after: str | None = None,
        count: bool = True,
        interrupt: Interrupt | None = None,
    ) -> AxonEventList:
        """Return a page of events, newest first."""
        before = 2**63 - 1 if starting_after is None else int(starting_after)
        sql = f"{EVENTS_SELECT} WHERE sequence < ? ORDER BY sequence DESC LIMIT ?"
        rows = self.query(axon_id, sql, [before, limit + 1]).by_rows().rows
        events = [AxonEvent.from_row(axon_id, row) for row in rows[:limit]]
        total = self._head if count else None
        return AxonEventList(events, has_more=len(rows) > limit, total_count=total)

    def publish(self, axon_id: str, draft: object = None) -> Any:
        """Refuse."""
        raise ParameterError(READ_ONLY)

    publish_batch = update_axon = delete_axon = publish

    # -- filling

    def _fill(self, reader: RecordingReader) -> None:
        columns = ", ".join(f"{name} {kind}" for name, kind in EVENT_COLUMNS.items())
        self._connection.execute(f"CREATE TABLE rl_axon_events ({columns})")
        places = ", ".join("?" * len(EVENT_COLUMNS))
        insert = f"INSERT INTO rl_axon_events VALUES ({places})"
        pending: list[Sequence[Any]] = []
        for item in reader:
            if isinstance(item, RecordedEvent):
                pending.append(_row(item))
            elif isinstance(item, Row):
                pending.append(item.values)
            else:
                self._insert(insert, pending, reader)
                self._define(item.sql, reader)
                insert = insert_statement(item) if isinstance(item, Table) else ""
            if len(pending) >= PAGE:
                self._insert(insert, pending, reader)
        self._insert(insert, pending, reader)

    def _insert(self, insert: str, rows: list[Sequence[Any]], reader: RecordingReader) -> None:
        self._looks = MOST_LOOKS
        try:
            with self._connection:
                self._connection.executemany(insert, rows)
        except apsw.Error as error:
            raise _unusable(reader, refusal_for(error).message) from None
        rows.clear()

    def _define(self, sql: str, reader: RecordingReader) -> None:
        """Run a definition of the file by the rules for users' statements."""
        self._looks = MOST_LOOKS
        maker = SqlConnection(self._connection, self._limits, writes=True)
        try:
            if not _CREATE.match(sql):
                raise Refusal(400, "not the definition of a table, index, view or trigger")
            maker.run(checked(sql, (), self._limits))
        except (Refusal, apsw.Error) as error:
            raise _unusable(reader, refusal_for(error, maker.reason).message) from None
        finally:
            self._connection.authorizer = None

    def _look(self) -> bool:
        """Let Ctrl-C through; stop what a file makes take too long."""
        if self._looks is None:
            return False
        self._looks -= 1
        return self._looks < 0


def insert_statement(table: Table) -> str:
    """Return the statement that adds a row to *table*."""
    columns = ", ".join(_quoted(column) for column in table.columns)
    places = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {_quoted(table.name)} ({columns}) VALUES ({places})"


def _row(event: RecordedEvent) -> tuple[Any, ...]:
    number = _NUMBERS[event.origin]
    head = (event.sequence, event.timestamp_ms, number)
    return (*head, event.source, event.event_type, event.payload)


def _unusable(reader: RecordingReader, reason: str) -> RecordingError:
    return RecordingError(
        f"{reader.path}: the tables cannot be used: {reason.removesuffix('.')};"
        " the events alone can be read with tables=False",
        path=str(reader.path),
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
