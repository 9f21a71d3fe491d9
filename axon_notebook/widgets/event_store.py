"""The events a viewer keeps in the kernel: raw texts of some axons, bounded by bytes.

The browser draws; this is for pages that come late, for what got lost on the
way, and for ``viewer.frame()``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from operator import attrgetter
from typing import Any, Final

from ..models import AxonEvent
from ..wire.cursor import EventBatch
from .feed import Outgoing
from .kept_events import KeptEvents, Part
from .protocol import HEAD_EVENTS, Range
from .streams_state import combined

__all__ = ["EventStore"]

SLACK: Final = 0.1  # of the budget is freed when it is exceeded, so that dropping is rare
_TIME: Final = attrgetter("timestamp_ms")


class EventStore:
    """The newest events of some axons, up to *max_bytes* together; a :class:`~.feed.Source`.

    One reader thread per axon fills it; the pump and the user's thread read it.  Each axon's
    events are guarded by a lock of their own; :attr:`axons` only grows.

    Args:
        max_bytes: Of raw texts to keep; the axon that has most loses its oldest first.
    """

    def __init__(self, *, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.axons: list[KeptEvents] = []
        self._growing = threading.Lock()  # guards the growth of the list
        self._note = ""
        self._turn = 0  # the place that the next message begins with; of the pump

    def open(self, axon_id: str, name: str = "", *, start: int | None = 0) -> KeptEvents:
        """Add an axon.

        Args:
            axon_id: The axon.
            name: Its name, or empty.
            start: Sequence after which the viewer was asked to start; ``None`` for what the axon
                has when its stream begins.
        """
        with self._growing:
            axon = KeptEvents(axon_id, name, place=len(self.axons), start=start)
            self.axons = [*self.axons, axon]
        return axon

    # -- the reader threads

    def append(self, batch: EventBatch, place: int = 0) -> None:
        """Keep a batch of the axon at *place*; drop the oldest events beyond the budget."""
        self.axons[place].append(batch)
        while (excess := self.bytes - self.max_bytes) > 0:
            fullest = max(self.axons, key=lambda axon: axon.bytes)
            before = fullest.bytes
            fullest.drop(excess + int(self.max_bytes * SLACK))
            if fullest.bytes == before:
                return  # one event that is larger than the budget stays

    def tell(self, note: str) -> None:
        """Show *note* in the state of all streams, until another one; empty for none."""
        self._note = note

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next events as an ``ev`` message, of every axon an equal share."""
        waiting = [axon for axon in self._in_turn() if axon.backlog()]
        parts: list[Part] = []
        size = count = 0
        for n, axon in enumerate(waiting):
            left = len(waiting) - n
            share = max(1, (max_bytes - size) // left), max(1, (max_items - count) // left)
            if (part := axon.next(*share)) is not None:
                parts.append(part)
                size += sum(map(len, part[1]))
                count += len(part[1])
            self._turn = axon.place + 1
            if size >= max_bytes or count >= max_items:
                break
        return _message("ev", parts) if parts else None

    def backlog(self) -> int:
        """Bytes of events not sent yet."""
        return sum(axon.backlog() for axon in self.axons)

    def newest(self) -> Outgoing | None:
        """Return the newest events, for a page that does not answer."""
        share = max(1, HEAD_EVENTS // max(1, len(self.axons)))
        parts = [part for axon in self.axons if (part := axon.newest(share)) is not None]
        return _message("snap", parts, reason="head", missing=[]) if parts else None

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the events of *ranges* in chunks, and say which are not kept.

        *stream* is the place of the axon, as a number.
        """
        if not stream.isdecimal() or int(stream) >= len(self.axons):
            return
        axon = self.axons[int(stream)]
        for first, last in ranges:
            for part, holes in axon.between(first, last):
                missing = [(axon.place, *hole) for hole in holes]
                yield _message("snap", [part], reason="need", missing=missing)

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        axons = [axon.stat() for axon in self.axons]
        return {
            "kind": "stat",
            "state": combined(axons, self._note),
            "axons": axons,
            "bytes": self.bytes,
            "max_bytes": self.max_bytes,
        }

    # -- the user's thread

    @property
    def bytes(self) -> int:
        """Bytes that are kept."""
        return sum(axon.bytes for axon in self.axons)

    @property
    def received(self) -> int:
        """Events that were read from the server."""
        return sum(axon.received for axon in self.axons)

    @property
    def state(self) -> dict[str, Any]:
        """Return the ``ConnectionState`` of all streams together."""
        return combined([axon.stat() for axon in self.axons], self._note)

    def events(self, limit: int | None = None) -> list[AxonEvent]:
        """Decode what is kept, in the order of (time, axon, sequence).

        Args:
            limit: Only the newest.
        """
        parts = [axon.events(limit) for axon in self.axons]
        if len(parts) == 1:
            return parts[0]
        found = sorted((event for part in parts for event in part), key=_TIME)
        return found[-limit:] if limit else found

    def _in_turn(self) -> list[KeptEvents]:
        axons = self.axons
        at = self._turn % max(1, len(axons))
        return axons[at:] + axons[:at]


def _message(kind: str, parts: list[Part], **fields: Any) -> Outgoing:
    raws = b",".join(raw for _, part in parts for raw in part)
    return {"kind": kind, "parts": [fields for fields, _ in parts], **fields}, b"[%b]" % raws
