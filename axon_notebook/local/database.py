"""The file of one axon: its schema, and the connections to it.

Per axon one SQLite database in WAL mode.  ``synchronous=FULL`` makes a commit
wait for the disk, so an answered publish survives a power cut.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from .limits import Limits, Refused
from .sql import SqlConnection

__all__ = ["AxonDatabase"]

T = TypeVar("T")

# AUTOINCREMENT: a sequence is never given twice, whatever happens to the rows.
SCHEMA: Final = """
CREATE TABLE rl_axon_events (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    timestamp_ms INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    source TEXT NOT NULL,
    event_type TEXT NOT NULL,
    payload TEXT NOT NULL
);
CREATE TABLE rl_requests (
    sequence INTEGER PRIMARY KEY,
    request_id BLOB NOT NULL UNIQUE
);
"""

_SQL_LIMITS: Final = {
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_COLUMN: 500,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 200,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 100,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 20,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    apsw.SQLITE_LIMIT_VDBE_OP: 100_000,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class AxonDatabase:
    """One axon's file.  A connection serves one thread at a time.

    ``publisher`` and ``sql_writer`` belong to the thread that holds the axon's
    lane; ``history`` and ``sql_reader`` lend a connection to any thread.

    Args:
        path: The file, which must exist.
        limits: Sizes and times.

    Raises:
        Refused: If the file is gone or unreadable.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self.path = path
        self._limits = limits
        self._inode = _inode(path)
        self._lock = threading.Lock()
        self._closed = False
        self._history: list[apsw.Connection] = []
        self._sql_readers: list[SqlConnection] = []
        self._sql_writer: SqlConnection | None = None
        self._publisher: apsw.Connection | None = None

    @staticmethod
    def create(path: Path) -> None:
        """Make the file with an empty history; readable by its owner alone."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.pragma("journal_mode", "wal")
            with connection:
                for _ in connection.execute(SCHEMA):
                    pass
        finally:
            connection.close()

    @staticmethod
    def remove(path: Path) -> None:
        """Remove the file and what SQLite keeps beside it."""
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def check_present(self) -> None:
        """Raise :class:`Refused` if the file was removed or replaced meanwhile.

        SQLite would go on writing into the removed file, and lose everything.
        """
        if _inode(self.path) != self._inode:
            raise _gone()

    def last(self) -> tuple[int, int]:
        """Return sequence and timestamp_ms of the newest event; for the lane's thread."""
        newest = "SELECT sequence, timestamp_ms FROM rl_axon_events ORDER BY sequence DESC LIMIT 1"
        rows: list[Any] = self.publisher.execute(newest).fetchall()
        return rows[0] if rows else (0, 0)

    @property
    def publisher(self) -> apsw.Connection:
        """The connection that publishes."""
        if self._publisher is None:
            self._publisher = self._open(writable=True)
            self._publisher.pragma("max_page_count", self._pages(self._limits.database_bytes))
        return self._publisher

    @property
    def sql_writer(self) -> SqlConnection:
        """The connection for users' writes."""
        if self._sql_writer is None:
            connection = self._open(writable=True)
            connection.pragma("max_page_count", self._pages(self._limits.sql_database_bytes))
            self._sql_writer = self._restricted(connection, writes=True)
        return self._sql_writer

    @contextmanager
    def history(self) -> Iterator[apsw.Connection]:
        """Lend a read-only connection for the service's own statements."""
        self.check_present()
        connection = self._borrow(self._history) or self._open(writable=False)
        try:
            yield connection
        finally:
            self._give_back(self._history, connection, connection)

    @contextmanager
    def sql_reader(self) -> Iterator[SqlConnection]:
        """Lend a read-only connection for statements of users."""
        self.check_present()
        reader = self._borrow(self._sql_readers)
        if reader is None:
            reader = self._restricted(self._open(writable=False), writes=False)
        try:
            yield reader
        finally:
            self._give_back(self._sql_readers, reader, reader.connection)

    def close(self) -> None:
        """Close what is not lent; what is lent closes when it comes back."""
        with self._lock:
            self._closed = True
            idle = [*self._history, *(r.connection for r in self._sql_readers)]
            self._history.clear()
            self._sql_readers.clear()
        for connection in idle:
            connection.close()
        if self._sql_writer is not None:
            self._sql_writer.connection.close()
        if self._publisher is not None:
            self._publisher.close()

    def _borrow(self, idle: list[T]) -> T | None:
        with self._lock:
            if self._closed:
                raise _gone()
            return idle.pop() if idle else None

    def _give_back(self, idle: list[T], item: T, connection: apsw.Connection) -> None:
        with self._lock:
            if not self._closed and len(idle) < self._limits.sql_readers:
                idle.append(item)
                return
        connection.close()

    def _open(self, *, writable: bool) -> apsw.Connection:
        # Never SQLITE_OPEN_CREATE: a file that vanished must not come back empty.
        flag = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        try:
            connection = apsw.Connection(str(self.path), flags=flag, statementcachesize=20)
        except apsw.CantOpenError:
            raise _gone() from None
        connection.set_busy_timeout(int(self._limits.busy_seconds * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.pragma("cell_size_check", True)
        if writable:
            connection.pragma("synchronous", "full")
            connection.pragma("journal_size_limit", 64 * 1024**2)
        else:
            connection.pragma("query_only", True)
        return connection

    def _restricted(self, connection: apsw.Connection, *, writes: bool) -> SqlConnection:
        for limit, value in _SQL_LIMITS.items():
            connection.limit(limit, value)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._limits.sql_value_bytes)
        connection.limit(apsw.SQLITE_LIMIT_SQL_LENGTH, 2 * self._limits.sql_text_bytes)
        return SqlConnection(connection, self._limits, writes=writes)

    def _pages(self, size: int) -> int:
        return min(size // 4096, 2**32 - 2)


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _gone() from None
    return found.st_dev, found.st_ino


def _gone() -> Refused:
    return Refused(500, "The axon's database is gone: it was moved or removed while in use.")
