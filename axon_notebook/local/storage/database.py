"""The file of one axon: its schema, and the connections to it.

Per axon one SQLite database in WAL mode.  ``synchronous=FULL`` makes a commit
wait for the disk, so an answered publish survives a power cut.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeVar

import apsw

from ..refusals import Refusal
from . import functions
from .connections import Connections, Source
from .limits import Limits
from .statements import SqlConnection

__all__ = ["AxonDatabase"]

T = TypeVar("T", apsw.Connection, SqlConnection)

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
CREATE TABLE rl_usage (pages INTEGER NOT NULL);
INSERT INTO rl_usage VALUES (0);
"""

PAGE_BYTES: Final = 4096

_SQL_LIMITS: Final = {
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_COLUMN: 500,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 100,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 200,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 100,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 20,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: 1_000,
    apsw.SQLITE_LIMIT_VDBE_OP: 100_000,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


class AxonDatabase:
    """One axon's file, and four kinds of connections to it, lent to one thread at a time.

    Each is used in a ``with``: ``publisher`` and ``sql_writer`` by the holder of
    the axon's lane; ``history`` (the service's own reading) and ``sql_reader``
    (statements of users) by any thread.

    Args:
        path: The file, which must exist.
        limits: Sizes and times.
        connections: Keeps the idle connections of all axons.

    Raises:
        Refusal: If the file is gone.
    """

    def __init__(self, path: Path, limits: Limits, connections: Connections) -> None:
        self.path = path
        self._limits = limits
        self._connections = connections
        self._inode = _inode(path)
        self._publisher = Source(self._open_publisher)
        self._sql_writer = Source(lambda: self._restricted(writes=True))
        self._history = Source(lambda: self._open(writable=False))
        self._sql_reader = Source(lambda: self._restricted(writes=False))

    def publisher(self) -> AbstractContextManager[apsw.Connection]:
        """Lend a connection that adds events."""
        return self._lend(self._publisher)

    def sql_writer(self) -> AbstractContextManager[SqlConnection]:
        """Lend a connection for statements of users that write."""
        return self._lend(self._sql_writer)

    def history(self) -> AbstractContextManager[apsw.Connection]:
        """Lend a read-only connection for the service's own statements."""
        return self._lend(self._history)

    def sql_reader(self) -> AbstractContextManager[SqlConnection]:
        """Lend a read-only connection for statements of users."""
        return self._lend(self._sql_reader)

    def close(self) -> None:
        """Close what is idle now, and what is lent when it comes back."""
        self._connections.drop(self._publisher, self._sql_writer, self._history, self._sql_reader)

    @staticmethod
    def create(path: Path) -> None:
        """Make the file with an empty history; readable by its owner alone."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        try:
            _fill(path)
        except BaseException:
            AxonDatabase.remove(path)
            raise

    @staticmethod
    def remove(path: Path) -> None:
        """Remove the file and the files that SQLite keeps next to it."""
        for suffix in ("", "-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _lend(self, source: Source[T]) -> AbstractContextManager[T]:
        # SQLite would go on writing into a removed file, and lose everything.
        if source.dropped or _inode(self.path) != self._inode:
            raise _gone()
        return self._connections.lend(source)

    def _open_publisher(self) -> apsw.Connection:
        connection = self._open(writable=True)
        connection.pragma("max_page_count", self._limits.database_bytes // PAGE_BYTES)
        # Users cannot make a trigger on the history; one in a file from elsewhere does not fire.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        return connection

    def _open(self, *, writable: bool) -> apsw.Connection:
        # Never SQLITE_OPEN_CREATE: a file that vanished must not come back empty.
        flag = apsw.SQLITE_OPEN_READWRITE if writable else apsw.SQLITE_OPEN_READONLY
        try:
            connection = apsw.Connection(str(self.path), flags=flag, statementcachesize=20)
        except apsw.CantOpenError:
            raise _gone() from None
        try:
            self._set_up(connection, writable)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_up(self, connection: apsw.Connection, writable: bool) -> None:
        connection.set_busy_timeout(int(self._limits.busy_seconds * 1000))
        connection.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        connection.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        connection.pragma("cell_size_check", True)
        if writable:
            connection.pragma("synchronous", "full")
            connection.pragma("journal_size_limit", 64 * 1024**2)
        else:
            connection.pragma("query_only", True)

    def _restricted(self, *, writes: bool) -> SqlConnection:
        connection = self._open(writable=writes)
        for limit, value in _SQL_LIMITS.items():
            connection.limit(limit, value)
        connection.limit(apsw.SQLITE_LIMIT_LENGTH, self._limits.sql_value_bytes)
        if writes:
            functions.install(connection)
        return SqlConnection(connection, self._limits, writes=writes)


def _fill(path: Path) -> None:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("page_size", PAGE_BYTES)
        connection.pragma("journal_mode", "wal")
        with connection:
            for _ in connection.execute(SCHEMA):
                pass
    finally:
        connection.close()


def _inode(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise _gone() from None
    return found.st_dev, found.st_ino


def _gone() -> Refusal:
    return Refusal(500, "The axon's database is gone: it was moved or removed while in use.")
