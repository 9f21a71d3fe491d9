"""What the storage allows, and its refusals."""

from __future__ import annotations

import msgspec

from ..refusals import RETRY_SOON, Refusal

__all__ = [
    "Limits",
    "axon_not_found",
    "stopping",
    "storage_busy",
    "storage_damaged",
    "storage_full",
]


class Limits(msgspec.Struct, frozen=True):
    """Bounds of the storage and of SQL; sizes in bytes, times in seconds.

    Attributes:
        payload_bytes: Largest payload of an event, as UTF-8.
        group_events: Most events that share one commit.
        group_bytes: About how much text shares one commit.
        dedup_seconds: How long a request id is remembered.
        busy_seconds: How long a lock held by another process is waited for.
        sql_seconds: Time for one query, or for one batch as a whole.
        sql_wait_seconds: Time a query waits for its turn.
        sql_readers: Queries that read at the same time.
        sql_rows: Most rows of one result.
        sql_result_bytes: About how much text one result holds.
        sql_text_bytes: Longest statement, as UTF-8.
        sql_value_bytes: Longest string or blob that SQL may build.
        sql_statements: Most statements of a batch.
        sql_database_bytes: SQL may not grow an axon's file beyond this; publishing may.
        database_bytes: Nothing may grow an axon's file beyond this.
        idle_connections: Most open connections that wait to be used again.
        heap_bytes: Memory SQLite may use, all axons together.
    """

    payload_bytes: int = 4 * 1024**2
    group_events: int = 1_000
    group_bytes: int = 16 * 1024**2
    dedup_seconds: float = 600.0
    busy_seconds: float = 5.0
    sql_seconds: float = 5.0
    sql_wait_seconds: float = 5.0
    sql_readers: int = 4
    sql_rows: int = 10_000
    sql_result_bytes: int = 8 * 1024**2
    sql_text_bytes: int = 100 * 1024
    sql_value_bytes: int = 8 * 1024**2
    sql_statements: int = 100
    sql_database_bytes: int = 1024**3
    database_bytes: int = 1024**4
    idle_connections: int = 64
    heap_bytes: int = 1024**3


def axon_not_found() -> Refusal:
    """Return the refusal where there is no such axon, or its events were deleted."""
    return Refusal(404, "Axon not found.")


def storage_full() -> Refusal:
    """Return the refusal for a disk, or a file, that cannot grow."""
    return Refusal(507, "Storage is full.")


def storage_damaged() -> Refusal:
    """Return the refusal of a file whose content is not what was written."""
    return Refusal(500, "The axon's database is damaged or cannot be read.")


def storage_busy() -> Refusal:
    """Return the refusal for a database that another process holds locked."""
    return Refusal(503, "Database is busy.", headers=RETRY_SOON)


def stopping() -> Refusal:
    """Return the refusal of requests that come while the store closes."""
    return Refusal(503, "Server is stopping.")
