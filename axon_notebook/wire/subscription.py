"""The events of an axon, read ahead by a thread."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, NamedTuple

from ..errors import AxonError
from ..models import AxonEvent
from .cursor import EventBatch
from .events import EventStream
from .reader import Entry, Reader, Subscribed
from .resuming import ResumingStream, StreamState

__all__ = ["MissingEventsWarning", "Subscription", "SubscriptionStats"]

QUEUE_BYTES: Final = 16 * 1024 * 1024
EVENT_BYTES: Final = 1024  # what a decoded event takes besides its text


class MissingEventsWarning(UserWarning):
    """The server does not have some events (any more); they were not delivered."""


class SubscriptionStats(NamedTuple):
    """What a subscription has done so far.

    ``lagging`` says that the reader waits because the queue is full.
    """

    events: int
    bytes: int
    after_sequence: int
    head: int | None
    duplicates: int
    missing: int
    unreadable: int
    foreign: int
    connections: int
    lagging: bool
    state: str


class _Pending:
    """A batch in the queue, of which some events may have been taken."""

    def __init__(self, batch: EventBatch) -> None:
        self.batch = batch
        self.events = iter(batch.events)
        self.announced = False

    def rest(self) -> EventBatch:
        """Return what was not taken yet."""
        events = list(self.events)
        if len(events) == len(self.batch.events):
            return self.batch
        return EventBatch(events, self.batch.raws[len(self.batch.raws) - len(events) :])


class _EventReader(Reader[EventBatch, _Pending]):
    """The thread; the sink is called without the lock."""

    def __init__(
        self,
        stream: EventStream,
        sink: Callable[[EventBatch], None] | None,
        on_end: Callable[[AxonError | None], None] | None,
    ) -> None:
        super().__init__([stream], room=QUEUE_BYTES, sink=sink, on_end=on_end)
        self.stream = stream
        self.events = self.bytes = self.unreadable = 0  # read from the server

    def _receive(self, stream: ResumingStream[EventBatch], received: EventBatch) -> None:
        size = sum(map(len, received.raws))
        with self.changed:
            self.events += len(received.events)
            self.bytes += size
            self.unreadable += len(received.unreadable)
            if self.sink is None:
                if self._wait_for_room(stream):
                    self._put(_Pending(received), size + EVENT_BYTES * len(received.events))
                return
        self.sink(received)


class Subscription(Subscribed[_Pending]):
    """Events of one axon as they come; lives until :meth:`close`.

    ::

        with axon.subscribe() as events:
            for event in events:
                ...

    or, in a coroutine and so in a cell of a notebook, while widgets stay alive::

        async with axon.subscribe() as events:
            async for event in events:
                ...

    The iteration goes on for ever, over any number of reconnects; it ends when
    the subscription is closed and raises what stopped the stream (no such
    axon, a wrong key, :class:`~axon_notebook.errors.StreamTruncated`).  Each
    event comes once, in order; what the server lost is reported by a
    :class:`MissingEventsWarning` and in :attr:`missing`.  Ctrl-C leaves the
    iteration within 0.3 seconds, and the next ``for`` goes on where it was; so does
    ``async for`` after a cancellation.

    Args:
        stream: Owned: closed with the subscription.
        sink: Called in the reader thread with every batch, instead of the queue.
        on_end: Called in the reader thread when it ends, with the error or ``None``.
    """

    def __init__(
        self,
        stream: EventStream,
        *,
        sink: Callable[[EventBatch], None] | None = None,
        on_end: Callable[[AxonError | None], None] | None = None,
    ) -> None:
        self._stream = stream
        self._events = _EventReader(stream, sink, on_end)
        super().__init__(self._events)

    @property
    def state(self) -> StreamState:
        """How the stream stands: connecting, replaying, live, reconnecting, ended, failed."""
        return self._stream.state

    @property
    def silent_seconds(self) -> float:
        """Seconds since the open connection brought its last byte; 0 without one."""
        return self._stream.silent_seconds

    @property
    def after_sequence(self) -> int:
        """The highest sequence up to which everything was read from the server."""
        return self._stream.reception.cursor.after_sequence

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Ranges ``(first, last)`` of sequences that the server does not have."""
        return list(self._stream.reception.cursor.missing)

    def stats(self) -> SubscriptionStats:
        """Return the counters; from any thread."""
        reader, reception = self._events, self._stream.reception
        with reader.changed:
            return SubscriptionStats(
                events=reader.events,
                bytes=reader.bytes,
                after_sequence=reception.cursor.after_sequence,
                head=self.state.head,
                duplicates=reception.cursor.duplicates,
                missing=sum(last - first + 1 for first, last in reception.cursor.missing),
                unreadable=reader.unreadable,
                foreign=reception.foreign,
                connections=self._stream.connections,
                lagging=reader.lagging,
                state=self.state.name,
            )

    def __iter__(self) -> Iterator[AxonEvent]:
        while (entry := self._next(None)) is not None:
            yield from entry.item.events
            self._reader.done(entry)

    def __next__(self) -> AxonEvent:
        return next(iter(self))

    async def __aiter__(self) -> AsyncIterator[AxonEvent]:
        while (entry := await self._first_async()) is not None:
            self._announce(entry)
            for event in entry.item.events:
                yield event
            self._reader.done(entry)

    def batches(self) -> Iterator[list[AxonEvent]]:
        """Iterate lists of events, as many as have come: the least work per event."""
        while (batch := self.next_batch()) is not None:
            if batch.events:
                yield batch.events

    def next_batch(self, timeout: float | None = None) -> EventBatch | None:
        """Wait for the next batch; ``None`` when closed, or after *timeout* seconds.

        Raises:
            AxonError: What stopped the stream, after the last batch before it.
        """
        entry = self._next(timeout)
        if entry is None:
            return None
        batch = entry.item.rest()
        self._reader.done(entry)
        return batch

    def _next(self, timeout: float | None) -> Entry[_Pending] | None:
        entry = self._first(timeout)
        if entry is not None:
            self._announce(entry)
        return entry

    def _announce(self, entry: Entry[_Pending]) -> None:
        """Warn of what the batch misses, once."""
        if not entry.item.announced:
            entry.item.announced = True
            warn_of_missing(entry.item.batch)

    def __repr__(self) -> str:
        state = self.state
        why = f": {state.reason}" if state.reason else ""
        axon_id = self._stream.axon_id
        return f"<Subscription {axon_id} {state.name}{why} at {self.after_sequence}>"


def warn_of_missing(batch: EventBatch) -> None:
    """Warn, in the thread that iterates, of what *batch* could not bring."""
    for first, last in batch.missing:
        span = f"event {first} is" if first == last else f"events {first} to {last} are"
        warnings.warn(f"{span} not on the server (any more)", MissingEventsWarning, stacklevel=4)
    for item in batch.unreadable:
        where = f"event {item.sequence}" if item.sequence else "an event"
        warnings.warn(
            f"{where} could not be read: {item.reason}", MissingEventsWarning, stacklevel=4
        )
