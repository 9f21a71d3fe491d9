"""Fills an empty axon with recorded events: their sequences, times and origins are kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import apsw
import msgspec

from ...models import EVENT_COLUMNS, ORIGINS
from ..refusals import Refusal
from .history import HOLES
from .limits import Limits, stopping

__all__ = ["ImportedEvent", "import_events", "insert_events"]

_NUMBERS: Final = {name: number for number, name in ORIGINS.items()}
_INSERT: Final = (
    f"INSERT INTO rl_axon_events ({', '.join(EVENT_COLUMNS)})"
    f" VALUES ({', '.join('?' * len(EVENT_COLUMNS))})"
)

Row = tuple[int, int, int, str, str, str]


class ImportedEvent(msgspec.Struct, gc=False):
    """A line of an import."""

    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    timestamp_ms: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    origin: Literal["EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT", "SYSTEM_EVENT"]
    source: str
    event_type: str
    payload: str


_decode: Final = msgspec.json.Decoder(ImportedEvent).decode


def import_events(
    path: Path, lines: Iterable[bytes], limits: Limits, *, stopped: Callable[[], bool]
) -> None:
    """Store the events of *lines* in the new database *path*, in one transaction; blocks.

    Args:
        path: The database of an axon without events.
        lines: One :class:`ImportedEvent` each, as JSON, in the order of their sequences.
        limits: Sizes.
        stopped: Asked now and then; true ends the import.

    Raises:
        Refusal: 400 or 413 with the number of the line that is wrong, 503 if it was stopped.
        apsw.Error: SQLite cannot store them.
    """
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.pragma("synchronous", "full")
        insert_events(connection, lines, limits, stopped=stopped)
    finally:
        connection.close()


def insert_events(
    connection: apsw.Connection,
    lines: Iterable[bytes],
    limits: Limits,
    *,
    stopped: Callable[[], bool],
) -> Row | None:
    """Do the same on an open *connection*; return the newest event, if there is one."""
    newest: Row | None = None
    count = 0

    def noted(row: Row) -> Row:
        nonlocal newest, count
        newest, count = row, count + 1
        return row

    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(_INSERT, map(noted, _rows(lines, limits, stopped)))
        if newest is not None and newest[0] != count:
            connection.pragma("user_version", HOLES)
        connection.execute("COMMIT")
    finally:
        # After a full disk SQLite may have rolled back on its own.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return newest


def _rows(lines: Iterable[bytes], limits: Limits, stopped: Callable[[], bool]) -> Iterator[Row]:
    last = 0
    for number, line in enumerate(lines, 1):
        if number % 1000 == 0 and stopped():
            raise stopping()
        try:
            event = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Refusal(400, f"Event {number} of the import is wrong: {error}.") from None
        if event.sequence <= last:
            raise Refusal(
                400, f"Event {number} of the import has sequence {event.sequence} after {last}."
            )
        if len(event.payload.encode()) > limits.payload_bytes:
            raise Refusal(
                413,
                f"Event {number} of the import: payload is larger than {limits.payload_bytes}"
                " bytes.",
            )
        last = event.sequence
        origin = _NUMBERS[event.origin]
        yield last, event.timestamp_ms, origin, event.source, event.event_type, event.payload
