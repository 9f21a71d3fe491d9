"""What a timeline keeps in the kernel: the trace of an axon, as spans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from ..agents.trace import Trace
from ..models import AxonEvent
from ..wire.cursor import EventBatch
from .event_store import EventStore
from .feed import Outgoing
from .protocol import Range
from .timeline_spans import Span, SpanLog

__all__ = ["SpanStore"]

STREAM: Final = "spans"
AT_ONCE: Final = 2000  # spans in a message


class SpanStore(EventStore):
    """Reads a trace from the events of one axon, and sends its spans; a :class:`~.feed.Source`.

    The reader thread fills it, the pump and the user's thread read it; a lock of its own guards
    the trace, because reading a batch takes longer than the other lock should be held.

    Args:
        redact: What to read of an event; ``None`` leaves it out.
        max_bytes: Of events to keep and send, too; 0 for the spans alone.
    """

    def __init__(
        self,
        redact: Callable[[AxonEvent], AxonEvent | None] | None = None,
        *,
        max_bytes: int = 0,
    ) -> None:
        super().__init__(max_bytes=max(1, max_bytes))
        self._sends_events = max_bytes > 0
        self._redact = redact
        self._spans_lock = threading.Lock()  # guards the trace and the spans
        self._trace = Trace()
        self._spans = SpanLog()
        self._sent = 0  # number of the newest change that went out
        #: The time of the newest event; 0 before the first.
        self.newest_ms = 0

    def append(self, batch: EventBatch, place: int = 0) -> None:
        """Read a batch.  In the reader thread."""
        super().append(batch, place)
        with self._spans_lock:
            for original in batch.events:
                self.newest_ms = max(self.newest_ms, original.timestamp_ms)
                event = original if self._redact is None else self._redact(original)
                if event is None:
                    continue
                changed = {revision.entry for revision in self._trace.feed(event)}
                self._spans.update(self._trace.entries[entry - 1] for entry in sorted(changed))

    def spans(self) -> list[Span]:
        """Return the spans as they are now; those that change later are other objects."""
        with self._spans_lock:
            return self._spans.spans()

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next events, or the next changes as a ``spans`` message."""
        if self._sends_events and (events := super().next(max_bytes, max_items)) is not None:
            return events
        with self._spans_lock:
            if self._sent == self._spans.last:
                return None
            message = self._message_from(self._sent + 1, None)
            self._sent = message[0]["last"]
            return message

    def backlog(self) -> int:
        """Bytes of events and changes not sent yet."""
        events = super().backlog() if self._sends_events else 0
        with self._spans_lock:
            return events + self._spans.last - self._sent

    def newest(self) -> Outgoing | None:
        """Return the newest events; spans wait until the page answers."""
        return super().newest() if self._sends_events else None

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the spans that changed in *ranges* (numbers of changes), or events."""
        if stream != STREAM:
            if self._sends_events:
                yield from super().answers(stream, ranges)
            return
        for first, last in ranges:
            at, end = max(1, first), last
            while at <= end:
                with self._spans_lock:
                    end = min(end, self._spans.last)
                    if at > end:
                        break
                    message = self._message_from(at, end)
                at = message[0]["last"] + 1
                yield message

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._spans_lock:
            changes = self._sent
        stat = super().stat()
        if not self._sends_events:
            nothing = {"pushed": 0, "kept_from": 0, "kept_to": 0, "dropped": 0}
            stat["axons"] = [{**axon, **nothing} for axon in stat["axons"]]
        return {**stat, "changes": changes, "newest_ms": self.newest_ms}

    def _message_from(self, first: int, last: int | None) -> Outgoing:
        """The lock is held."""
        spans, end = self._spans.since(first, last, AT_ONCE)
        return {"kind": "spans", "first": first, "last": end}, msgspec.json.encode(spans)
