"""The events a viewer keeps in the kernel: raw texts, bounded by bytes.

The browser draws; this is for pages that come late, for what got lost on the
way, and for ``viewer.frame()``.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ..agents.kinds import KINDS, kind_of
from ..models import AxonEvent
from ..wire.cursor import EventBatch, Unreadable
from ..wire.resuming import IDLE_SECONDS, StreamState
from .feed import Outgoing
from .protocol import BATCH_BYTES, HEAD_EVENTS, Range

__all__ = ["EventStore", "code_of"]

SILENT_SECONDS: Final = 20.0  # a server with signs of life every 15 s never gets there
NOTES: Final = 100  # gaps and marks that a heartbeat carries
SLACK: Final = 0.9  # of the budget is left after dropping, so that dropping is rare
_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_EVENTS: Final = msgspec.json.Decoder(list[AxonEvent])


def code_of(event: AxonEvent) -> int:
    """Return what *event* is about, as the page gets it: a place in ``KINDS``."""
    return _CODES[kind_of(event)]


class EventStore:
    """The newest events up to *max_bytes*; a :class:`~.feed.Source`.

    Filled by the reader thread, read by the pump and by the user's thread;
    one lock guards it all.

    Args:
        start: Sequence after which the viewer was asked to start.
        max_bytes: Of raw texts to keep; the oldest go first.
    """

    def __init__(self, *, start: int, max_bytes: int) -> None:
        self.start = start
        self.max_bytes = max_bytes
        self.bytes = 0
        self.received = self.dropped = 0
        #: How long the stream has brought nothing, not even a sign of life.
        self.silent_seconds: Callable[[], float] = lambda: 0.0
        self.state = StreamState("connecting")
        self._lock = threading.Lock()  # guards everything here
        self._raws: list[bytes] = []
        self._sequences: list[int] = []  # of _raws, growing
        self._kinds = bytearray()  # of _raws: a digit each
        self._sent_to = start
        self._unsent_bytes = 0
        self._gaps: list[Range] = []
        self._lost = 0
        self._marks: list[dict[str, Any]] = []

    # -- the reader thread

    def append(self, batch: EventBatch) -> None:
        """Keep a batch; drop the oldest events beyond the budget."""
        with self._lock:
            self._gaps += batch.missing
            self._lost += sum(last - first + 1 for first, last in batch.missing)
            for item in batch.unreadable:
                self._keep_unreadable(item)
            if batch.late:
                self._fill_in(batch)
                return
            for event, raw in zip(batch.events, batch.raws, strict=True):
                self._keep(event.sequence, raw, code_of(event))
            if self.bytes > self.max_bytes:
                self._drop()

    def change(self, state: StreamState) -> None:
        """Take the stream's new state; a reconnect leaves a mark between the events."""
        with self._lock:
            before, self.state = self.state, state
            if before.name == "reconnecting" and state.name in ("live", "replaying"):
                self._mark(f"reconnected: {before.reason}")

    def mark(self, label: str) -> None:
        """Leave a divider behind the newest event; from any thread."""
        with self._lock:
            self._mark(label)

    def rebase(self, start: int) -> None:
        """Set the start once the head is known (``after_sequence="head"``)."""
        with self._lock:
            if not self.received:
                self.start = self._sent_to = start

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next events as an ``ev`` message."""
        with self._lock:
            at = bisect_left(self._sequences, self._sent_to + 1)
            raws, size = self._cut(at, max_bytes, max_items)
            if not raws:
                return None
            self._sent_to = self._sequences[at + len(raws) - 1]
            self._unsent_bytes -= size
            return self._message("ev", at, len(raws)), _array(raws)

    def backlog(self) -> int:
        """Bytes of events not sent yet."""
        with self._lock:
            return self._unsent_bytes

    def newest(self) -> Outgoing | None:
        """Return the newest events, for a page that does not answer."""
        with self._lock:
            raws = self._raws[-HEAD_EVENTS:]
            if not raws:
                return None
            message = self._message("snap", len(self._raws) - len(raws), len(raws))
        return {**message, "reason": "head", "missing": []}, _array(raws)

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the events of *ranges* in chunks, and say which are not kept."""
        for first, last in ranges:
            yield from self._range(first, last)

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._lock:
            return {
                "kind": "stat",
                "state": self._connection(),
                "start": self.start + 1,
                "head": self._head(),
                "pushed": self._sent_to if self._sent_to > self.start else 0,
                "kept_from": self._sequences[0] if self._sequences else 0,
                "kept_to": self._sequences[-1] if self._sequences else 0,
                "received": self.received,
                "dropped": self.dropped,
                "lost": self._lost,
                "gaps": self._gaps[-NOTES:],
                "marks": self._marks[-NOTES:],
                "bytes": self.bytes,
                "max_bytes": self.max_bytes,
            }

    # -- the user's thread

    def events(self, limit: int | None = None) -> list[AxonEvent]:
        """Decode what is kept, oldest first; with *limit* only the newest."""
        with self._lock:
            raws = list(self._raws)
        return _EVENTS.decode(_array(raws[-limit:] if limit else raws)) if raws else []

    # -- inside (the lock is held)

    def _keep(self, sequence: int, raw: bytes, kind: int) -> None:
        self._raws.append(raw)
        self._kinds.append(ord("0") + kind)
        self._sequences.append(sequence)
        self.received += 1
        self.bytes += len(raw)
        self._unsent_bytes += len(raw)

    def _drop(self) -> None:
        """Let the oldest events go."""
        count = 0
        while self.bytes > self.max_bytes * SLACK and count < len(self._raws) - 1:
            size = len(self._raws[count])
            self.bytes -= size
            if self._sequences[count] > self._sent_to:
                self._unsent_bytes -= size
            count += 1
        self.dropped += count
        del self._raws[:count], self._sequences[:count], self._kinds[:count]

    def _keep_unreadable(self, item: Unreadable) -> None:
        """Show a stand-in at the event's place; without a place, a mark."""
        if item.sequence is None or (self._sequences and item.sequence <= self._sequences[-1]):
            self._mark(f"unreadable event: {item.reason}")
        else:
            self._keep(item.sequence, _stand_in(item), _CODES["system"])

    def _fill_in(self, batch: EventBatch) -> None:
        """An event that was declared missing came after all."""
        for event, raw in zip(batch.events, batch.raws, strict=True):
            at = bisect_left(self._sequences, event.sequence)
            self._raws.insert(at, raw)
            self._sequences.insert(at, event.sequence)
            self._kinds.insert(at, ord("0") + code_of(event))
            self.received += 1
            self.bytes += len(raw)
            if event.sequence > self._sent_to:
                self._unsent_bytes += len(raw)
            self._lost -= 1
            self._gaps = [g for gap in self._gaps for g in _without(gap, event.sequence)]

    def _cut(self, at: int, max_bytes: int, max_items: int) -> tuple[list[bytes], int]:
        """Return texts from place *at* on, at least one, up to the limits; and their bytes."""
        size, end = 0, at
        last = min(len(self._raws), at + max_items)
        while end < last and (end == at or size + len(self._raws[end]) <= max_bytes):
            size += len(self._raws[end])
            end += 1
        return self._raws[at:end], size

    def _mark(self, label: str) -> None:
        now = int(time.time() * 1000)
        at = self._sequences[-1] + 1 if self._sequences else self.start + 1
        self._marks.append({"sequence": at, "label": label, "at_ms": now})
        del self._marks[:-NOTES]

    def _range(self, first: int, last: int) -> Iterator[Outgoing]:
        """Chunks of the kept events from *first* to *last*, with the holes between them."""
        while first <= last:
            with self._lock:
                last = min(last, self._head())
                at = bisect_left(self._sequences, first)
                inside = bisect_left(self._sequences, last + 1) - at
                raws, _ = self._cut(at, BATCH_BYTES, inside)
                found = self._sequences[at : at + len(raws)]
                end = last if len(raws) == inside else found[-1]
                missing = _holes(first, end, found)
                message = self._message("snap", at, len(raws), first)
            yield {**message, "reason": "need", "missing": missing}, _array(raws)
            first = end + 1

    def _message(self, kind: str, at: int, count: int, first: int = 0) -> dict[str, Any]:
        """Of *count* events from place *at* on; without any, *first* is what was asked for."""
        return {
            "kind": kind,
            "first": self._sequences[at] if count else first,
            "count": count,
            "head": self._head(),
            "kinds": self._kinds[at : at + count].decode("ascii"),
        }

    def _head(self) -> int:
        return max(self._sequences[-1] if self._sequences else self.start, self.state.head or 0)

    def _connection(self) -> dict[str, Any]:
        state: dict[str, Any] = {"name": self.state.name}
        if self.state.reason:
            state["reason"] = self.state.reason
        silent = self.silent_seconds()
        if silent >= SILENT_SECONDS:
            state["reason"] = (
                f"Not a byte for {silent:.0f} s. After {IDLE_SECONDS:.0f} the server is asked anew."
            )
        if self.state.name == "replaying":
            state["done"] = self.received
            state["total"] = max(self.received, (self.state.head or 0) - self.start)
        if self.state.retry_in is not None:
            state["retry_in_ms"] = int(self.state.retry_in * 1000)
            state["attempt"] = self.state.failures
        return state


def _array(raws: list[bytes]) -> bytes:
    return b"[%b]" % b",".join(raws)


def _without(gap: Range, sequence: int) -> list[Range]:
    first, last = gap
    if not first <= sequence <= last:
        return [gap]
    return [(a, b) for a, b in ((first, sequence - 1), (sequence + 1, last)) if a <= b]


def _holes(first: int, last: int, found: list[int]) -> list[Range]:
    """Ranges of first … last that are not in *found*."""
    holes = []
    for sequence in [*found, last + 1]:
        if sequence > first:
            holes.append((first, sequence - 1))
        first = sequence + 1
    return holes


def _stand_in(item: Unreadable) -> bytes:
    """A row for an event that could not be read."""
    return msgspec.json.encode(
        {
            "sequence": item.sequence,
            "axon_id": "",
            "timestamp_ms": int(time.time() * 1000),
            "origin": "SYSTEM_EVENT",
            "source": "axon_notebook",
            "event_type": "unreadable",
            "payload": msgspec.json.encode({"error": item.reason, "text": item.text}).decode(),
        }
    )
