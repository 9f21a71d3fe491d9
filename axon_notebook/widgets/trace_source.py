"""Where a chat's revisions come from: a session, an axon read-only, or a list of events.

A session reads the axon anyway, so that its chat needs no stream of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from ..agents.entry_log import EntryLog
from ..agents.model import Entry, Revision
from ..agents.trace import Trace
from ..models import EVENTS_SELECT, AxonEvent
from ..wire.cursor import EventBatch
from ..wire.resuming import StreamState
from ..wire.subscription import Subscription

if TYPE_CHECKING:
    from ..axon import Axon
    from ..errors import AxonError

__all__ = ["AxonReader", "FixedTrace", "Listens", "SessionTrace", "TraceSource", "read_events"]

PAGE: Final = 5_000  # events per request


#: Revisions, oldest first, and the number of the last one.
Numbered: TypeAlias = "tuple[Sequence[Revision], int]"


class TraceSource(Protocol):
    """Revisions that grow, and the stream of events that they come from."""

    @property
    def stream_state(self) -> StreamState:
        """How the stream stands."""

    @property
    def silent_seconds(self) -> float:
        """How long an open stream has brought nothing; 0 without one."""

    def revisions(self, since: int, limit: int | None = None) -> Numbered:
        """Return the revisions after number *since*, oldest first, and the last number."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], object]:
        """Call *changed* in the reader thread after news; return what ends that."""

    def reconnect(self) -> None:
        """Connect now instead of waiting for the next attempt."""


class Listens(Protocol):
    """What is read of an :class:`~axon_notebook.agents.session.AgentSession`."""

    @property
    def subscription(self) -> Subscription:
        """The stream underneath."""

    def revisions(self, after: int = 0, limit: int | None = None) -> Numbered:
        """Return the revisions after number *after*, and the last number.  Any thread."""

    def listen(
        self, listener: Callable[[list[Revision], list[Entry]], None]
    ) -> Callable[[], object]:
        """Call *listener* in the reader thread after news; return what ends that."""


class SessionTrace:
    """The trace that a session reads anyway; borrows the session."""

    def __init__(self, session: Listens) -> None:
        self._session = session

    @property
    def stream_state(self) -> StreamState:
        """How the stream stands."""
        return self._session.subscription.state

    @property
    def silent_seconds(self) -> float:
        """How long the open stream has brought nothing; 0 without one."""
        return self._session.subscription.silent_seconds

    def revisions(self, since: int, limit: int | None = None) -> Numbered:
        """Return the revisions after number *since*, oldest first, and the last number."""
        return self._session.revisions(since, limit)

    def watch(self, changed: Callable[[], None]) -> Callable[[], object]:
        """Call *changed* after news; return what ends that."""
        return self._session.listen(lambda revisions, entries: changed())

    def reconnect(self) -> None:
        """Connect now."""
        self._session.subscription.reconnect()


class AxonReader:
    """Reads an axon's events as a trace; owns a reader thread until :meth:`close`.

    Args:
        axon: Borrowed.
        protocol: As in :class:`~axon_notebook.agents.trace.Trace`.
    """

    def __init__(self, axon: Axon, protocol: str | None = None) -> None:
        self._lock = threading.Lock()  # guards trace and log
        self._trace = Trace(protocol)
        self._log = EntryLog(entries=self._trace.entries)
        self._watching: list[Callable[[], None]] = []
        self._stream = axon.stream(on_state=lambda state: self._tell())
        self._subscription = Subscription(self._stream, sink=self._sink, on_end=self._ended)

    @property
    def stream_state(self) -> StreamState:
        """How the stream stands."""
        return self._stream.state

    @property
    def silent_seconds(self) -> float:
        """How long the open stream has brought nothing; 0 without one."""
        return self._stream.silent_seconds

    def revisions(self, since: int, limit: int | None = None) -> Numbered:
        """Return the revisions after number *since*, oldest first, and the last number."""
        with self._lock:
            return self._log.since(since, limit)

    def watch(self, changed: Callable[[], None]) -> Callable[[], object]:
        """Call *changed* after news; return what ends that."""
        self._watching.append(changed)
        return lambda: self._watching.remove(changed)

    def reconnect(self) -> None:
        """Connect now."""
        self._subscription.reconnect()

    def close(self) -> None:
        """End the reader thread."""
        self._subscription.close()

    def _sink(self, batch: EventBatch) -> None:
        with self._lock:
            for event in batch.events:
                self._log.extend(self._trace.feed(event))
        self._tell()

    def _ended(self, error: AxonError | None) -> None:
        self._tell()

    def _tell(self) -> None:
        for changed in list(self._watching):
            changed()


class FixedTrace:
    """The trace of events that are all there: a recording."""

    stream_state = StreamState("ended")
    silent_seconds = 0.0

    def __init__(self, events: Iterable[AxonEvent], protocol: str | None = None) -> None:
        trace = Trace(protocol)
        self._log = EntryLog(entries=trace.entries)
        for event in events:
            self._log.extend(trace.feed(event))

    def revisions(self, since: int, limit: int | None = None) -> Numbered:
        """Return the revisions after number *since*, oldest first, and the last number."""
        return self._log.since(since, limit)

    def watch(self, changed: Callable[[], None]) -> Callable[[], object]:
        """Return what does nothing: nothing changes."""
        return lambda: None

    def reconnect(self) -> None:
        """Do nothing: there is no connection."""


def read_events(axon: Axon, first: int, last: int) -> list[AxonEvent]:
    """Return the events from sequence *first* to *last*, oldest first."""
    query = f"{EVENTS_SELECT} WHERE sequence >= ? AND sequence <= ? ORDER BY sequence LIMIT ?"
    found: list[AxonEvent] = []
    while first <= last:
        result = axon.api.query(axon.id, query, [first, last, PAGE]).by_rows()
        found += [AxonEvent.from_row(axon.id, row) for row in result.rows]
        if not result.rows:
            break
        first = found[-1].sequence + 1
    return found
