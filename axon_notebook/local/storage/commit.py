"""One transaction of publishes: sequences, times, and the memory of request ids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from hashlib import blake2b
from itertools import chain
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import apsw

from ...models import EVENT_COLUMNS, ORIGINS, PublishResult
from ..refusals import Refusal
from .limits import Limits, storage_full

__all__ = ["Commit", "Draft", "Row"]

ORIGIN_NUMBERS: Final = {name: number for number, name in ORIGINS.items()}
LAST_SEQUENCE: Final = 2**63 - 1

_HEAD: Final = "SELECT seq FROM main.sqlite_sequence WHERE name = 'rl_axon_events'"
_INSERT: Final = f"INSERT INTO main.rl_axon_events ({', '.join(EVENT_COLUMNS)}) VALUES "
_VALUES: Final = f"({', '.join('?' * len(EVENT_COLUMNS))})"
#: Rows of one statement.  Each step of a statement gives Python's lock away and has to win it
#: back from the loop; row by row that took longer than the commit itself.  Only powers of two,
#: so that all of these statements stay compiled.
MOST_ROWS: Final = 128
_REMEMBER: Final = "INSERT OR IGNORE INTO main.rl_requests (sequence, request_id) VALUES (?, ?)"
_RECALL: Final = """
SELECT sequence, timestamp_ms FROM main.rl_requests LEFT JOIN main.rl_axon_events USING (sequence)
WHERE request_id = ?"""
_RENEW: Final = "UPDATE main.rl_requests SET sequence = ? WHERE request_id = ?"
_OLDEST: Final = """
SELECT timestamp_ms FROM main.rl_axon_events
WHERE sequence = (SELECT min(sequence) FROM main.rl_requests)"""
_FORGET: Final = """
DELETE FROM main.rl_requests WHERE sequence IN (
    SELECT sequence FROM (SELECT sequence FROM main.rl_requests ORDER BY sequence LIMIT 1000)
    JOIN main.rl_axon_events USING (sequence) WHERE timestamp_ms < ?)"""
_STORED: Final = f"""
SELECT {", ".join(EVENT_COLUMNS)} FROM main.rl_axon_events
WHERE sequence >= ? ORDER BY sequence LIMIT ?"""

#: The values of ``EVENT_COLUMNS``.
Row = tuple[int, int, int, str, str, str]


class Draft(NamedTuple):
    """An event before it has a place."""

    source: str
    event_type: str
    origin: str
    payload: str


class Commit:
    """A transaction that adds events; kept if the ``with`` block ends well, else undone.

    Args:
        connection: The axon's publishing connection.
        timestamp: The newest time so far, in ms; no event gets an earlier one.
        limits: How long request ids are remembered.

    Attributes:
        rows: What was added, in sequence order.
        timestamp: The time of these rows.
    """

    def __init__(self, connection: apsw.Connection, timestamp: int, limits: Limits) -> None:
        now = time.time_ns() // 1_000_000
        self.rows: list[Row] = []
        self.timestamp = max(now, timestamp)
        self._connection = connection
        self._oldest = now - int(limits.dedup_seconds * 1000)
        self._forgetful = True

    def __enter__(self) -> Self:
        self._connection.execute("BEGIN IMMEDIATE")
        found: Any = self._connection.execute(_HEAD).fetchone()
        self._next = (found[0] if found else 0) + 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._insert()
                self._connection.execute("COMMIT")
        finally:
            # After a full disk SQLite may have rolled back on its own.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def add(self, drafts: Sequence[Draft], request_id: str | None) -> list[PublishResult]:
        """Place *drafts*, or find where the same request placed them before.

        Raises:
            Refusal: 409 if *request_id* came with other events.
        """
        if self._next + len(drafts) - 1 > LAST_SEQUENCE:
            raise storage_full()
        if request_id is not None:
            key = blake2b(request_id.encode(), digest_size=16).digest()
            if (place := self._remembered(key)) is not None:
                return self._repeated(drafts, place)
        first, now = self._next, self.timestamp
        self._next += len(drafts)
        for sequence, (source, event_type, origin, payload) in enumerate(drafts, first):
            self.rows.append((sequence, now, ORIGIN_NUMBERS[origin], source, event_type, payload))
        return [PublishResult(sequence, now) for sequence in range(first, self._next)]

    def _insert(self) -> None:
        start, left = 0, len(self.rows)
        while left:
            count = min(MOST_ROWS, 1 << (left.bit_length() - 1))
            values = tuple(chain.from_iterable(self.rows[start : start + count]))
            self._connection.execute(_insert_of(count), values)
            start, left = start + count, left - count

    def _remembered(self, key: bytes) -> int | None:
        """Return the sequence *key* stands for; if it is new, let it stand for the next."""
        if self._forgetful:
            self._forget()
        self._connection.execute(_REMEMBER, (self._next, key))
        if self._connection.changes():
            return None
        found: Any = self._connection.execute(_RECALL, (key,)).fetchone()
        place, stored_ms = found
        if stored_ms is not None and stored_ms < self._oldest:
            self._connection.execute(_RENEW, (self._next, key))
            return None
        return int(place)

    def _forget(self) -> None:
        """Remove expired ids, some at each commit, so that no commit pays for all."""
        self._forgetful = False
        oldest: Any = self._connection.execute(_OLDEST).fetchone()
        if oldest and oldest[0] < self._oldest:
            self._connection.execute(_FORGET, (self._oldest,))

    def _repeated(self, drafts: Sequence[Draft], place: int) -> list[PublishResult]:
        stored: Any = [row for row in self.rows if row[0] >= place][: len(drafts)]
        if not stored or stored[0][0] != place:
            stored = self._connection.execute(_STORED, (place, len(drafts))).fetchall()
        if [Draft(row[3], row[4], ORIGINS[row[2]], row[5]) for row in stored] != list(drafts):
            raise Refusal(409, "x-request-id was used with another body.")
        return [PublishResult(row[0], row[1]) for row in stored]


@cache
def _insert_of(count: int) -> str:
    return _INSERT + ", ".join([_VALUES] * count)
