"""Reader threads: they read ahead into one bounded queue, or hand everything to a sink.

A :class:`Reader` owns one thread per stream.  :class:`Subscribed` is what a user holds: it
iterates the queue in the main thread, which can be stopped at any moment, and closes the
reader.  The reader does not know it, so that a forgotten one can be collected.
"""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, Self, TypeVar

from ..closing import Closing
from ..errors import AxonError, ClosedError
from .awaiting import LoopSignal
from .resuming import ResumingStream

__all__ = ["Entry", "Reader", "Subscribed"]

POLL_SECONDS: Final = 0.1  # a waiting main thread wakes up so often, for the stop button
#: While items come faster than this, the consumer lets some gather before it takes the next, which
#: saves wake-ups.  Longer costs more than it saves: what waits leaves the processor's cache.
GATHER_SECONDS: Final = 0.0005
JOIN_SECONDS: Final = 30.0

Received = TypeVar("Received")
Item = TypeVar("Item")


class Entry(Generic[Item]):
    """An item in the queue; it leaves the queue only when it is done with.

    So an interrupt at any point loses none: the next loop finds the rest.
    """

    def __init__(self, item: Item, size: int) -> None:
        self.item = item
        self.size = size


class Reader(Generic[Received, Item]):
    """The threads, and the queue between them and the iterating thread.

    Args:
        streams: Owned: closed with the reader.
        room: Most that may wait in the queue, in the unit of :meth:`_put`'s sizes.  While it
            is full the threads do not read, and TCP holds the server back.
        sink: Called instead of using the queue.
        on_end: Called once when all threads have ended, in the last of them, with the error
            that stopped a stream or ``None``.

    Attributes:
        changed: Guards everything below and all that subclasses add.
        running: Threads that have not ended.
        error: What stopped a stream first.
        lagging: A thread waits because the queue is full.
        on_ready: Called with the lock held when there is something new to take, or the end;
            it must not block.  For consumers that cannot wait, such as an event loop.
    """

    def __init__(
        self,
        streams: Sequence[ResumingStream[Received]],
        *,
        room: int,
        sink: Callable[[Received], None] | None,
        on_end: Callable[[AxonError | None], None] | None,
    ) -> None:
        self.streams = tuple(streams)
        self.sink = sink
        self._room = room
        self._on_end = on_end
        self.changed = threading.Condition()
        self.queue: deque[Entry[Item]] = deque()
        self.waiting = 0  # sum of the sizes in the queue
        self.running = len(self.streams)
        self.error: BaseException | None = None
        self.lagging = False
        self.on_ready: Callable[[], None] | None = None
        self._taken_at = 0.0
        # Daemons: a forgotten subscription must not keep the interpreter from exiting.
        self.threads = [
            threading.Thread(target=self._run, args=(s,), name=s.name, daemon=True)
            for s in self.streams
        ]

    def start(self) -> None:
        """Start the threads; not in ``__init__``, where subclasses are not complete yet."""
        for thread in self.threads:
            thread.start()

    def first(self, timeout: float | None) -> Entry[Item] | None:
        """Wait for an item, and leave it in the queue; ``None`` at the end or in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if timeout is None and not self.queue:
            self._let_some_gather()
        with self.changed:
            while not self.queue:
                left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
                if self.running == 0 or left <= 0:
                    return None
                self.changed.wait(min(left, POLL_SECONDS))
            return self.queue[0]

    def done(self, entry: Entry[Item]) -> None:
        """Remove an item that was taken; doing it again changes nothing."""
        with self.changed:
            if self.queue and self.queue[0] is entry:
                self.queue.popleft()
                self.waiting -= entry.size
                self._taken_at = time.monotonic()
                if self.lagging:
                    self.changed.notify_all()

    def close(self) -> None:
        """Make every thread end; does not wait for them."""
        for stream in self.streams:
            stream.close()
        with self.changed:
            self.changed.notify_all()

    def join(self) -> None:
        """Wait for the threads to end, which :meth:`close` makes them do at once."""
        for thread in self.threads:
            if thread is threading.current_thread():
                continue
            thread.join(JOIN_SECONDS)
            if thread.is_alive():
                warnings.warn(f"{thread.name} did not end", ResourceWarning, stacklevel=3)

    @abstractmethod
    def _receive(self, stream: ResumingStream[Received], received: Received) -> None:
        """Take what *stream* brought; called in its thread, without the lock."""

    def _ended(self, stream: ResumingStream[Received]) -> None:
        """Nothing more comes from *stream*; called in its thread, with the lock held."""

    def _put(self, item: Item, size: int) -> None:
        """Append to the queue; the lock is held."""
        self.queue.append(Entry(item, size))
        self.waiting += size
        self._notify()

    def _wait_for_room(self, stream: ResumingStream[Received]) -> bool:
        """Wait while the queue is full; return whether *stream* is still wanted; lock held."""
        while self.waiting > self._room and not stream.closed:
            self.lagging = True
            self.changed.wait(1.0)
        self.lagging = False
        return not stream.closed

    def _notify(self) -> None:
        self.changed.notify_all()
        if self.on_ready is not None:
            self.on_ready()

    def _let_some_gather(self) -> None:
        if time.monotonic() - self._taken_at < GATHER_SECONDS:
            time.sleep(GATHER_SECONDS)

    def _run(self, stream: ResumingStream[Received]) -> None:
        """Drive one stream to its end: what a thread runs."""
        try:
            with stream:
                for received in stream:
                    self._receive(stream, received)
        except AxonError as caught:
            self._fail(caught)
        except BaseException as caught:  # cannot happen; kept so that the iteration shows it
            self._fail(caught)
            raise
        finally:
            with self.changed:
                self._ended(stream)
                self.running -= 1
                last = self.running == 0
                self._notify()
            if last and self._on_end is not None:
                self._on_end(self.error if isinstance(self.error, AxonError) else None)

    def _fail(self, error: BaseException) -> None:
        """Keep the first error, and end the other streams."""
        self.error = self.error or error
        for stream in self.streams:
            stream.close()


class Subscribed(Closing, Generic[Item]):
    """What comes from a :class:`Reader`, one item at a time; lives until :meth:`close`.

    Args:
        reader: Owned: started here, closed with this.
    """

    def __init__(self, reader: Reader[Any, Item]) -> None:
        self._signal: LoopSignal | None = None  # of the loop that iterates, if one does
        self._reader = reader
        reader.start()

    @property
    def ended(self) -> bool:
        """Whether every stream has ended; items may still be waiting to be taken."""
        return self._reader.running == 0

    def reconnect(self) -> None:
        """Connect now instead of waiting for the next attempt; from any thread."""
        for stream in self._reader.streams:
            stream.reconnect()

    def end(self) -> None:
        """End the reader threads and their connections, without waiting for that; idempotent."""
        self._reader.close()

    def close(self) -> None:
        """End the reader threads and their connections, and wait for that; idempotent."""
        self.end()
        self._reader.join()

    def _first(self, timeout: float | None) -> Entry[Item] | None:
        """Wait for an item, and leave it in the queue.

        Raises:
            AxonError: What stopped a stream, after the last item before it; once.
        """
        reader = self._reader
        if reader.sink is not None:
            raise ClosedError("this subscription feeds a sink: make another one to iterate")
        entry = reader.first(timeout)
        # Between the two something may have come, and the end after it: that first.
        if entry is None and self.ended and not reader.queue and reader.error is not None:
            error, reader.error = reader.error, None
            raise error
        return entry

    async def _first_async(self) -> Entry[Item] | None:
        """Do the same in a coroutine, without blocking its loop; ``None`` at the end.

        Being cancelled takes nothing from the queue.
        """
        reader = self._reader
        if self._signal is None or self._signal.loop is not asyncio.get_running_loop():
            self._signal = LoopSignal()
            with reader.changed:
                reader.on_ready = self._signal.notify
        while True:
            self._signal.reset()  # before looking: what comes afterwards wakes the wait
            ended = self.ended
            entry = self._first(0)
            if entry is not None or ended:
                return entry
            await self._signal.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await asyncio.to_thread(self.close)

    def __del__(self) -> None:
        reader = getattr(self, "_reader", None)  # missing if __init__ raised
        if reader is not None and any(thread.is_alive() for thread in reader.threads):
            # `async for event in axon.subscribe()` leaves it to the end of the loop to close.
            if self._signal is None:
                message = f"unclosed {self!r}: use it as a context manager"
                warnings.warn(message, ResourceWarning, stacklevel=2)
            reader.close()
