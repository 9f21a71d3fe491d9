"""What the service remembers of devboxes and executions: one SQLite file.

Each record is a row with its JSON; the other columns are what is searched.
Used on the event loop only.  Commits survive a kill of the service; after a
power cut the last moments may be missing, as they are from the logs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import msgspec

__all__ = ["DevboxRecord", "DevboxRecords", "ExecutionRecord", "Transition"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS devboxes(
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS executions(
    number INTEGER PRIMARY KEY, devbox_id TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL,
    body TEXT NOT NULL, UNIQUE(devbox_id, id));
CREATE INDEX IF NOT EXISTS executions_by_status ON executions(status);
"""


class Transition(msgspec.Struct, omit_defaults=True):
    """A change of a devbox's status; times in milliseconds since the epoch."""

    status: str
    transition_time_ms: int
    failure_reason: str | None = None


class DevboxRecord(msgspec.Struct):
    """A devbox: how it was asked for and what became of it."""

    id: str
    create_time_ms: int
    status: str
    name: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    environment_variables: dict[str, str] = msgspec.field(default_factory=dict)
    launch_parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    mounts: list[dict[str, Any]] = msgspec.field(default_factory=list)
    project_folders: list[str] = msgspec.field(default_factory=list)
    secrets: dict[str, str] = msgspec.field(default_factory=dict)
    notes: list[str] = msgspec.field(default_factory=list)
    state_transitions: list[Transition] = msgspec.field(default_factory=list)
    end_time_ms: int | None = None
    failure_reason: str | None = None
    shutdown_reason: str | None = None


class ExecutionRecord(msgspec.Struct):
    """A command run in a devbox; ``purpose`` is the log source it appears under."""

    devbox_id: str
    id: str
    command: str
    status: str
    start_time_ms: int
    attach_stdin: bool = False
    purpose: str = "exec"
    shell_name: str | None = None
    end_time_ms: int | None = None
    exit_status: int | None = None
    stdout_dropped: bool = False
    stderr_dropped: bool = False


class DevboxRecords:
    """The registry; lives as long as the service and is closed by it."""

    def __init__(self, path: Path) -> None:
        self._db = apsw.Connection(str(path))
        self._db.set_busy_timeout(5000)
        self._db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
        self._db.execute(SCHEMA)

    def close(self) -> None:
        """Close the file; idempotent."""
        self._db.close()

    def save_devbox(self, record: DevboxRecord) -> None:
        """Insert or replace *record*."""
        self._db.execute(
            "INSERT INTO devboxes(id, status, body) VALUES(?, ?, ?)"
            " ON CONFLICT(id) DO UPDATE SET status=excluded.status, body=excluded.body",
            (record.id, record.status, _text(record)),
        )

    def devbox(self, devbox_id: str) -> DevboxRecord | None:
        """Return the devbox, or ``None``."""
        body = self._db.execute("SELECT body FROM devboxes WHERE id=?", (devbox_id,)).get
        return None if body is None else msgspec.json.decode(str(body), type=DevboxRecord)

    def page_of_devboxes(
        self, *, limit: int, after: str | None, status: str | None
    ) -> list[DevboxRecord] | None:
        """Return up to *limit* devboxes, newest first; ``None`` if there is no devbox *after*."""
        start = 2**62
        if after is not None:
            start = self._db.execute("SELECT number FROM devboxes WHERE id=?", (after,)).get
            if start is None:
                return None
        rows = self._db.execute(
            "SELECT body FROM devboxes WHERE number < ? AND status = coalesce(?, status)"
            " ORDER BY number DESC LIMIT ?",
            (start, status, limit),
        )
        return [msgspec.json.decode(str(body), type=DevboxRecord) for (body,) in rows]

    def count_devboxes(self, *, status: str | None = None) -> int:
        """Return how many devboxes there are with this status."""
        counted = self._db.execute(
            "SELECT count(*) FROM devboxes WHERE status = coalesce(?, status)", (status,)
        ).get
        return int(counted)

    def forget(self, devbox_id: str) -> None:
        """Drop a devbox and its executions."""
        with self._db:
            self._db.execute("DELETE FROM executions WHERE devbox_id=?", (devbox_id,))
            self._db.execute("DELETE FROM devboxes WHERE id=?", (devbox_id,))

    def save_execution(self, record: ExecutionRecord) -> None:
        """Insert or replace *record*."""
        self._db.execute(
            "INSERT INTO executions(devbox_id, id, status, body) VALUES(?, ?, ?, ?)"
            " ON CONFLICT(devbox_id, id) DO UPDATE SET status=excluded.status, body=excluded.body",
            (record.devbox_id, record.id, record.status, _text(record)),
        )

    def execution(self, devbox_id: str, execution_id: str) -> ExecutionRecord | None:
        """Return the execution, or ``None``."""
        body = self._db.execute(
            "SELECT body FROM executions WHERE devbox_id=? AND id=?", (devbox_id, execution_id)
        ).get
        return None if body is None else msgspec.json.decode(str(body), type=ExecutionRecord)

    def executions(
        self, *, devbox_id: str | None = None, unfinished: bool = False
    ) -> Iterator[ExecutionRecord]:
        """Iterate over executions, oldest first."""
        rows = self._db.execute(
            "SELECT body FROM executions WHERE devbox_id = coalesce(?, devbox_id)"
            " AND (NOT ? OR status <> 'completed') ORDER BY number",
            (devbox_id, unfinished),
        )
        return (msgspec.json.decode(str(body), type=ExecutionRecord) for (body,) in rows.fetchall())


def _text(record: msgspec.Struct) -> str:
    return msgspec.json.encode(record).decode()
