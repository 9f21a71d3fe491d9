"""A reader thread that drives an event stream.

Without a sink it is an iterator: the thread reads ahead into a bounded queue,
and the main thread that iterates can be stopped at any moment.  With a sink
(a viewer's feed) the batches go there as they come.
"""

from __future__ import annotations

import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ..closing import Closing
from ..errors import AxonError, ClosedError
from ..models import AxonEvent
from .cursor import EventBatch
from .stream import EventStream, StreamState

__all__ = ["MissingEventsWarning", "Subscription", "SubscriptionStats"]

QUEUE_EVENTS: Final = 10_000
QUEUE_BYTES: Final = 64 * 1024 * 1024
LOOK_UP_SECONDS: Final = 0.1  # a waiting main thread looks up so often, for the stop button


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


class _Entry:
    """A batch in the queue.

    It leaves the queue after its last event was taken, so that an interrupt at any
    point loses none: the next loop finds the rest.
    """

    def __init__(self, batch: EventBatch, events_to: int, bytes_to: int) -> None:
        self.batch = batch
        self.events = iter(batch.events)
        self.events_to = events_to  # read from the server up to and with this batch
        self.bytes_to = bytes_to
        self.announced = False

    def rest(self) -> EventBatch:
        """Return what was not taken yet."""
        events = list(self.events)
        if len(events) == len(self.batch.events):
            return self.batch
        return EventBatch(events, self.batch.raws[len(self.batch.raws) - len(events) :])


class _Reader:
    """The thread and its queue.

    It does not know the subscription, so that a forgotten one can be collected.
    """

    def __init__(
        self,
        stream: EventStream,
        sink: Callable[[EventBatch], None] | None,
        on_end: Callable[[AxonError | None], None] | None,
    ) -> None:
        self.stream = stream
        self.sink = sink
        self.on_end = on_end
        self.changed = threading.Condition()  # guards everything below
        self.queue: deque[_Entry] = deque()
        self.events = self.bytes = self.unreadable = 0  # read from the server
        self.taken_events = self.taken_bytes = 0
        self.lagging = False
        self.ended = False
        self.error: BaseException | None = None

    def run(self) -> None:
        """Drive the stream to its end: what the thread runs."""
        error: AxonError | None = None
        try:
            with self.stream as stream:
                for batch in stream:
                    self._hand_on(batch)
        except AxonError as caught:
            self.error = error = caught
        except BaseException as caught:  # cannot happen; kept so that the iteration shows it
            self.error = caught
            raise
        finally:
            with self.changed:
                self.ended = True
                self.changed.notify_all()
            if self.on_end is not None:
                self.on_end(error)

    def _hand_on(self, batch: EventBatch) -> None:
        size = sum(map(len, batch.raws))
        with self.changed:
            self.events += len(batch.events)
            self.bytes += size
            self.unreadable += len(batch.unreadable)
            if self.sink is None:
                self._enqueue(batch)
        if self.sink is not None:
            self.sink(batch)

    def _enqueue(self, batch: EventBatch) -> None:
        """Wait for room (the lock is held); while it waits, TCP holds the server back."""
        while self.queue and (
            self.events - self.taken_events > QUEUE_EVENTS
            or self.bytes - self.taken_bytes > QUEUE_BYTES
        ):
            if self.stream.closed:
                return
            self.lagging = True
            self.changed.wait(1.0)
        self.lagging = False
        self.queue.append(_Entry(batch, self.events, self.bytes))
        self.changed.notify_all()

    def first(self, timeout: float | None) -> _Entry | None:
        """Wait for a batch, and leave it in the queue; ``None`` at the end or in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self.queue:
                left = LOOK_UP_SECONDS if deadline is None else deadline - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self.changed.wait(min(left, LOOK_UP_SECONDS))
            return self.queue[0]

    def done(self, entry: _Entry) -> None:
        """Let go of a batch; doing it again changes nothing."""
        with self.changed:
            self.taken_events, self.taken_bytes = entry.events_to, entry.bytes_to
            if self.queue and self.queue[0] is entry:
                self.queue.popleft()
            self.changed.notify_all()


class Subscription(Closing):
    """Events of one axon as they come; lives until :meth:`close`.

    ::

        with axon.subscribe() as events:
            for event in events:
                ...

    The iteration goes on for ever, over any number of reconnects; it ends when
    the subscription is closed and raises what stopped the stream (no such
    axon, a wrong key, :class:`~axon_notebook.errors.StreamTruncated`).  Each
    event comes once, in order; what the server lost is reported by a
    :class:`MissingEventsWarning` and in :attr:`missing`.  Ctrl-C leaves the
    iteration within 0.3 seconds, and the next ``for`` goes on where it was.

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
        self._reader = _Reader(stream, sink, on_end)
        # Daemon: a forgotten subscription must not keep the interpreter from exiting.
        self._thread = threading.Thread(
            target=self._reader.run, name=f"axon-reader {stream.axon_id}", daemon=True
        )
        self._thread.start()

    @property
    def state(self) -> StreamState:
        """How the stream stands: connecting, replaying, live, reconnecting, ended, failed."""
        return self._reader.stream.state

    @property
    def after_sequence(self) -> int:
        """The highest sequence up to which everything was read from the server."""
        return self._reader.stream.reception.cursor.after_sequence

    @property
    def missing(self) -> list[tuple[int, int]]:
        """Ranges ``(first, last)`` of sequences that the server does not have."""
        return list(self._reader.stream.reception.cursor.missing)

    def stats(self) -> SubscriptionStats:
        """Return the counters; from any thread."""
        reception = self._reader.stream.reception
        with self._reader.changed:
            return SubscriptionStats(
                events=self._reader.events,
                bytes=self._reader.bytes,
                after_sequence=reception.cursor.after_sequence,
                head=self.state.head,
                duplicates=reception.cursor.duplicates,
                missing=sum(last - first + 1 for first, last in reception.cursor.missing),
                unreadable=self._reader.unreadable,
                foreign=reception.foreign,
                connections=self._reader.stream.connections,
                lagging=self._reader.lagging,
                state=self.state.name,
            )

    def __iter__(self) -> Iterator[AxonEvent]:
        while (entry := self._first(None)) is not None:
            yield from entry.events
            self._reader.done(entry)

    def __next__(self) -> AxonEvent:
        return next(iter(self))

    def next_batch(self, timeout: float | None = None) -> EventBatch | None:
        """Wait for the next batch; ``None`` when closed, or after *timeout* seconds.

        Raises:
            AxonError: What stopped the stream, after the last batch before it.
        """
        entry = self._first(timeout)
        if entry is None:
            return None
        batch = entry.rest()
        self._reader.done(entry)
        return batch

    def _first(self, timeout: float | None) -> _Entry | None:
        if self._reader.sink is not None:
            raise ClosedError("this subscription feeds a sink: make another one to iterate")
        entry = self._reader.first(timeout)
        if entry is None and self._reader.ended and self._reader.error is not None:
            error, self._reader.error = self._reader.error, None
            raise error
        if entry is not None and not entry.announced:
            entry.announced = True
            warn_of_missing(entry.batch)
        return entry

    def reconnect(self) -> None:
        """Connect now instead of waiting for the next attempt; from any thread."""
        self._reader.stream.reconnect()

    def close(self) -> None:
        """End the reader thread and its connection, at most two seconds; idempotent."""
        self._reader.stream.close()
        with self._reader.changed:
            self._reader.changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)
            if self._thread.is_alive():
                warnings.warn(f"{self._thread.name} did not end", ResourceWarning, stacklevel=2)

    def __del__(self) -> None:
        thread = getattr(self, "_thread", None)  # missing if __init__ raised
        if thread is not None and thread.is_alive():
            message = f"unclosed {self!r}: use it as a context manager"
            warnings.warn(message, ResourceWarning, stacklevel=2)
            self._reader.stream.close()

    def __repr__(self) -> str:
        state = self.state
        why = f": {state.reason}" if state.reason else ""
        axon_id = self._reader.stream.axon_id
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
