"""The events of one axon that a viewer keeps in the kernel, and how its stream stands."""

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
from .protocol import BATCH_BYTES, Range

__all__ = ["KeptEvents", "Part", "code_of"]

#: An ``EventsPart``, and the texts of its events.
Part = tuple[dict[str, Any], list[bytes]]

SILENT_SECONDS: Final = 20.0  # a server with signs of life every 15 s never gets there
NOTES: Final = 100  # gaps and marks that a heartbeat carries
_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
_EVENTS: Final = msgspec.json.Decoder(list[AxonEvent])


def code_of(event: AxonEvent) -> int:
    """Return what *event* is about, as the page gets it: a place in ``KINDS``."""
    return _CODES[kind_of(event)]


class KeptEvents:
    """The newest events of an axon; filled by its reader thread, read by any; one lock guards it.

    Args:
        axon_id: The axon.
        name: Its name, or empty.
        place: Among the axons of the store.
        start: Sequence after which the viewer was asked to start; ``None`` for what the axon
            has when its stream begins.
    """

    def __init__(
        self, axon_id: str, name: str = "", *, place: int = 0, start: int | None = 0
    ) -> None:
        self.id = axon_id
        self.name = name or None
        self.place = place
        self.start = start or 0
        self._from_head = start is None
        self.bytes = 0
        self.received = self.dropped = 0
        #: How long the stream has brought nothing, not even a sign of life.
        self.silent_seconds: Callable[[], float] = lambda: 0.0
        self.state = StreamState("connecting")
        self._lock = threading.Lock()  # guards everything here
        self._raws: list[bytes] = []
        self._sequences: list[int] = []  # of _raws, growing
        self._kinds = bytearray()  # of _raws: a digit each
        self._sent_to = self.start
        self._unsent_bytes = 0
        self._gaps: list[Range] = []
        self._lost = 0
        self._marks: list[dict[str, Any]] = []
        self._newest_ms = 0  # when the newest event happened

    # -- the reader thread

    def append(self, batch: EventBatch) -> None:
        """Keep a batch."""
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
            if batch.events:
                self._newest_ms = batch.events[-1].timestamp_ms

    def change(self, state: StreamState) -> None:
        """Take the stream's new state; a reconnect leaves a mark between the events."""
        with self._lock:
            before, self.state = self.state, state
            if self._from_head and state.head is not None:
                self._from_head = False
                self.start = self._sent_to = state.head
            if before.name == "reconnecting" and state.name in ("live", "replaying"):
                self._mark(f"reconnected: {before.reason}")

    def mark(self, label: str) -> None:
        """Leave a divider behind the newest event; from any thread."""
        with self._lock:
            self._mark(label)

    def drop(self, size: int) -> None:
        """Let the oldest events go, at least *size* bytes of them; the newest one stays."""
        with self._lock:
            count = gone = 0
            while gone < size and count < len(self._raws) - 1:
                gone += len(self._raws[count])
                if self._sequences[count] > self._sent_to:
                    self._unsent_bytes -= len(self._raws[count])
                count += 1
            self.bytes -= gone
            self.dropped += count
            del self._raws[:count], self._sequences[:count], self._kinds[:count]

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Part | None:
        """Return the next events and move on; ``None`` if all were sent."""
        with self._lock:
            at = bisect_left(self._sequences, self._sent_to + 1)
            raws, size = self._cut(at, max_bytes, max_items)
            if not raws:
                return None
            self._sent_to = self._sequences[at + len(raws) - 1]
            self._unsent_bytes -= size
            return self._part(at, len(raws)), raws

    def backlog(self) -> int:
        """Bytes of events not sent yet."""
        with self._lock:
            return self._unsent_bytes

    def newest(self, count: int) -> Part | None:
        """Return the newest *count* events."""
        with self._lock:
            raws = self._raws[-count:]
            return (self._part(len(self._raws) - len(raws), len(raws)), raws) if raws else None

    def between(self, first: int, last: int) -> Iterator[tuple[Part, list[Range]]]:
        """Return the kept events from *first* to *last* in parts, with the holes in each."""
        while first <= last:
            with self._lock:
                last = min(last, self._head())
                at = bisect_left(self._sequences, first)
                inside = bisect_left(self._sequences, last + 1) - at
                raws, _ = self._cut(at, BATCH_BYTES, inside)
                found = self._sequences[at : at + len(raws)]
                end = last if len(raws) == inside else found[-1]
                part = self._part(at, len(raws), first)
            yield (part, raws), _holes(first, end, found)
            first = end + 1

    def stat(self) -> dict[str, Any]:
        """Return an ``AxonStat``."""
        with self._lock:
            return {
                "id": self.id,
                "name": self.name or "",
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
            }

    # -- the user's thread

    def events(self, limit: int | None = None) -> list[AxonEvent]:
        """Decode what is kept, oldest first; with *limit* only the newest."""
        with self._lock:
            raws = list(self._raws)
        kept = raws[-limit:] if limit else raws
        return _EVENTS.decode(b"[%b]" % b",".join(kept)) if kept else []

    # -- inside (the lock is held)

    def _keep(self, sequence: int, raw: bytes, kind: int) -> None:
        self._raws.append(raw)
        self._kinds.append(ord("0") + kind)
        self._sequences.append(sequence)
        self.received += 1
        self.bytes += len(raw)
        self._unsent_bytes += len(raw)

    def _keep_unreadable(self, item: Unreadable) -> None:
        """Show a stand-in at the event's place; without a place, a mark."""
        if item.sequence is None or (self._sequences and item.sequence <= self._sequences[-1]):
            self._mark(f"unreadable event: {item.reason}")
        else:
            # Dated as the event before it: a later time would displace those after it.
            at_ms = self._newest_ms or int(time.time() * 1000)
            self._keep(item.sequence, _stand_in(item, self.id, at_ms), _CODES["system"])

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

    def _part(self, at: int, count: int, first: int = 0) -> dict[str, Any]:
        """Of *count* events from place *at* on; without any, *first* is what was asked for."""
        return {
            "axon": self.place,
            "first": self._sequences[at] if count else first,
            "count": count,
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


def _stand_in(item: Unreadable, axon_id: str, at_ms: int) -> bytes:
    """A row for an event that could not be read."""
    return msgspec.json.encode(
        {
            "sequence": item.sequence,
            "axon_id": axon_id,
            "timestamp_ms": at_ms,
            "origin": "SYSTEM_EVENT",
            "source": "axon_notebook",
            "event_type": "unreadable",
            "payload": msgspec.json.encode({"error": item.reason, "text": item.text}).decode(),
        }
    )
