"""Where a subscriber stands in an axon's event log.

A dropped connection resumes with ``after_sequence``, and what was in flight
may come twice, late, or not at all.  A cursor turns that into every event
once, in order, or declared missing.

Sequences are per axon, start at 1 and have no holes.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import msgspec

from ..models import AxonEvent

__all__ = ["Cursor", "EventBatch"]

_SEQUENCE: Final = attrgetter("sequence")


class EventBatch(msgspec.Struct):
    """Events that arrived together, in the order of their sequence.

    Attributes:
        events: The decoded events.
        raws: The JSON text of each event as it arrived, UTF-8, same order.
        missing: Ranges ``(first, last)`` that the server does not have (any more),
            declared with this batch.
        late: The events fill a range that was declared missing before.
        unreadable: Events that arrived but could not be decoded.
    """

    events: list[AxonEvent]
    raws: list[bytes]
    missing: tuple[tuple[int, int], ...] = ()
    late: bool = False
    unreadable: tuple[Unreadable, ...] = ()


class Unreadable(msgspec.Struct, frozen=True):
    """An event that is not valid JSON, or is larger than the limit.

    ``sequence`` is given where it could be made out; ``text`` are the first
    200 characters of what arrived, ``size`` its bytes.
    """

    sequence: int | None
    size: int
    text: str
    reason: str


class Cursor:
    """The highest contiguous sequence, and what lies beyond the first hole.

    It belongs to one reader thread and holds no lock.

    Attributes:
        after_sequence: Every event up to here was delivered or declared missing.
        missing: Ranges ``(first, last)`` declared missing so far.
        duplicates: Events that came again and were dropped.
    """

    def __init__(self, after_sequence: int = 0) -> None:
        self.after_sequence = after_sequence
        self.missing: list[tuple[int, int]] = []
        self.duplicates = 0
        self._held: dict[int, tuple[AxonEvent, bytes]] = {}

    @property
    def gap(self) -> tuple[int, int] | None:
        """The first hole ``(first, last)`` in front of events that did arrive."""
        if not self._held:
            return None
        return self.after_sequence + 1, min(self._held) - 1

    def take(self, events: list[AxonEvent], raws: list[bytes]) -> list[EventBatch]:
        """Return what can be delivered now, in order.

        Events behind a hole are held back until :meth:`take` brings what is
        missing or :meth:`settle` gives it up.
        """
        after = self.after_sequence
        if not self._held and [*map(_SEQUENCE, events)] == [
            *range(after + 1, after + 1 + len(events))
        ]:
            self.after_sequence = after + len(events)
            return [EventBatch(events, raws)] if events else []
        late = self._sort_in(events, raws)
        return [*late, *self._release()]

    def settle(self, up_to: int) -> list[EventBatch]:
        """Declare all that has not come up to *up_to* missing; deliver what was held.

        The declared ranges are the first batch's ``missing``.
        """
        declared = []
        for sequence in [*sorted(s for s in self._held if s <= up_to), up_to + 1]:
            if sequence > self.after_sequence + 1:
                declared.append((self.after_sequence + 1, sequence - 1))
            self.after_sequence = max(self.after_sequence, min(sequence, up_to))
        self.missing += declared
        ready = self._release()
        if not declared:
            return ready
        first = ready.pop(0) if ready else EventBatch([], [])
        first.missing = tuple(declared)
        return [first, *ready]

    def forget_held(self) -> None:
        """Drop what is held back; a resume from ``after_sequence`` brings it again."""
        self._held.clear()

    def _sort_in(self, events: list[AxonEvent], raws: list[bytes]) -> list[EventBatch]:
        late = []
        for event, raw in zip(events, raws, strict=True):
            if event.sequence > self.after_sequence and event.sequence not in self._held:
                self._held[event.sequence] = (event, raw)
            elif self._was_missing(event.sequence):
                late.append(EventBatch([event], [raw], late=True))
            else:
                self.duplicates += 1
        return late

    def _release(self) -> list[EventBatch]:
        """Take every held event that is not behind a hole, in order."""
        while self.after_sequence + 1 in self._held:
            self.after_sequence += 1
        ready = sorted(s for s in self._held if s <= self.after_sequence)
        pairs = [self._held.pop(s) for s in ready]
        return [EventBatch([e for e, _ in pairs], [r for _, r in pairs])] if pairs else []

    def _was_missing(self, sequence: int) -> bool:
        for i, (first, last) in enumerate(self.missing):
            if first <= sequence <= last:
                rest = [(first, sequence - 1), (sequence + 1, last)]
                self.missing[i : i + 1] = [(a, b) for a, b in rest if a <= b]
                return True
        return False
