"""A stream that resumes by itself: connect, pause, close.

:class:`ResumingStream` makes one connection after the other, for ever, until it is closed,
has finished, or meets an error that trying again cannot help.  What comes over a connection,
and how long to wait for the next, is the subclass's own.
"""

from __future__ import annotations

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import Final, Generic, TypeVar

import msgspec

from ..closing import Closing
from ..errors import AxonError
from .backoff import Backoff
from .http import Interrupt
from .wake import watching

__all__ = ["IDLE_SECONDS", "ResumingStream", "StreamState"]

IDLE_SECONDS: Final = 45.0  # three keep-alives of the embedded service

Item = TypeVar("Item")


class StreamState(msgspec.Struct, frozen=True):
    """The state of a stream.

    Attributes:
        name: ``connecting``, ``replaying``, ``live``, ``reconnecting``,
            ``ended`` (closed by its owner, or complete) or ``failed``.
        reason: Why it reconnects or failed, one line.
        retry_in: Seconds until the next attempt, while reconnecting.
        head: Highest sequence of the server when the connection was made; events only.
        failures: Failed attempts in a row.
    """

    name: str
    reason: str = ""
    retry_in: float | None = None
    head: int | None = None
    failures: int = 0


class ResumingStream(Closing, Generic[Item]):
    """Iterate what a server sends over any number of connections; blocks; no thread of its own.

    One thread iterates; :meth:`close` and :meth:`reconnect` may be called from any thread.
    The iteration ends after :meth:`close`, and raises the typed error that stopped the stream.

    Args:
        backoff: The waits between connections.
        idle: Seconds of silence after which a connection is given up.
        on_state: Called in the iterating thread at every change of state.

    Attributes:
        state: Where the stream stands.
        connections: How many were made.
    """

    def __init__(
        self, *, backoff: Backoff, idle: float, on_state: Callable[[StreamState], None] | None
    ) -> None:
        self.state = StreamState("connecting")
        self.connections = 0
        self._backoff = backoff
        self._idle = idle
        self._on_state = on_state
        self._closed = threading.Event()
        self._wake = threading.Event()  # ends a wait between connections
        self._interrupt = Interrupt()  # ends the request that is running
        self._last_byte_at: float | None = None  # of the open connection

    def __iter__(self) -> Iterator[Item]:
        with watching(self.reconnect):
            while not self._closed.is_set():
                error: AxonError | None = None
                try:
                    if (yield from self._connection()):
                        break
                except AxonError as caught:
                    error = caught
                # After close() an error says no more than that the socket was shut down.
                if not self._closed.is_set():
                    self._pause(error)
        self._change(StreamState("ended", head=self.state.head))

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed.is_set()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the open connection brought its last byte; 0 without one.  Any thread."""
        last = self._last_byte_at
        return 0.0 if last is None else time.monotonic() - last

    def close(self) -> None:
        """End the iteration, from any thread; a blocked reader wakes at once."""
        self._closed.set()
        self.reconnect()

    def reconnect(self) -> None:
        """Drop the connection, or the wait for the next one, and connect now; any thread."""
        self._wake.set()
        self._interrupt.fire()

    @property
    @abstractmethod
    def name(self) -> str:
        """What is read, for the name of the thread that reads it."""

    @abstractmethod
    def _connection(self) -> Generator[Item, None, bool]:
        """Make one connection and read it to its end; return whether nothing more can come."""

    @abstractmethod
    def _after(self, error: AxonError | None) -> float | None:
        """Return the seconds until the next attempt; ``None`` connects again without a pause.

        *error* is ``None`` after a clean end.

        Raises:
            AxonError: If trying again cannot help.
        """

    def _reason(self, error: AxonError | None) -> str:
        """Why the connection ended, one line."""
        return "the server closed the stream" if error is None else str(error)

    def _fresh_interrupt(self) -> bool:
        """Arm the interrupt for a new request; return whether one may still be made."""
        self._interrupt = Interrupt()
        # In this order: a close() before the first line was not able to fire this interrupt.
        return not self._closed.is_set()

    def _pause(self, error: AxonError | None) -> None:
        reason, head = self._reason(error), self.state.head
        try:
            seconds = self._after(error)
        except AxonError:
            self._change(StreamState("failed", reason, None, head, self._backoff.failures))
            raise
        if seconds is None:
            return
        self._change(StreamState("reconnecting", reason, seconds, head, self._backoff.failures))
        self._wake.wait(seconds)
        # A close() between these lines keeps its wake-up; reconnect() has had its effect.
        if not self._closed.is_set():
            self._wake.clear()

    def _change(self, state: StreamState) -> None:
        self.state = state
        if self._on_state is not None:
            self._on_state(state)
