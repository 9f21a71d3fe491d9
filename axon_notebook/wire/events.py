"""A stream of an axon's events that resumes by itself.

It reconnects for ever after a clean end, a cut, 408, 429 and 5xx, after 45 seconds
of silence, and at once when the machine wakes up.  What a proxy holds back comes from
the history instead, every ten seconds.  It stops with a typed error where trying again
cannot help.
Every event of the server is delivered once, in order, or declared missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, Literal

from ..errors import (
    ApiError,
    AxonError,
    BadRequest,
    ConnectionFailed,
    NotFound,
    ReadTimedOut,
    ServerError,
    SqlError,
    StreamFailed,
)
from ..models import EVENTS_SELECT, AxonEvent, AxonEventList
from .api import ApiClient
from .backoff import Backoff
from .cursor import EventBatch
from .http import ByteStream, Endpoint
from .reception import Reception
from .resuming import IDLE_SECONDS, ResumingStream, StreamState

__all__ = ["EventStream"]

POLL_SECONDS: Final = 10.0  # the same, behind a proxy that holds streams back
STALE_SECONDS: Final = 60.0  # away for longer: compare the last event on return
HELD_BACK: Final = "; a proxy seems to hold the stream back, events come every few seconds"
FILL_PAGE: Final = 5000  # events per request that fills a gap


class EventStream(ResumingStream[EventBatch]):
    """Iterate :class:`~axon_notebook.wire.cursor.EventBatch`: an axon's events, each once.

    Args:
        client: Borrowed; not closed.
        axon_id: The axon.
        after_sequence: Deliver events after this one; ``"head"`` starts with
            the next event that is published.
        backoff: The waits between connections.
        max_failures: Raise :class:`~axon_notebook.errors.StreamFailed` after so
            many failed attempts in a row; ``None`` goes on for ever.
        idle: Seconds of silence after which a connection is given up.
        on_state: Called in the iterating thread at every change of state.
    """

    def __init__(
        self,
        client: ApiClient,
        axon_id: str,
        *,
        after_sequence: int | Literal["head"] = 0,
        backoff: Backoff | None = None,
        max_failures: int | None = None,
        idle: float = IDLE_SECONDS,
        on_state: Callable[[StreamState], None] | None = None,
    ) -> None:
        backoff = backoff or Backoff()
        super().__init__(backoff=backoff, idle=idle, on_state=on_state)
        self._client = client
        self.axon_id = axon_id
        self._from_head = after_sequence == "head"
        start = after_sequence if isinstance(after_sequence, int) else 0
        self.reception = Reception(axon_id, after_sequence=start, backoff=backoff)
        self._max_failures = max_failures
        self._last_contact = time.monotonic()
        self._mute = False  # not one byte came over the last connection
        self._held_back = 0  # connections in a row that brought nothing of what there was
        self._suspect = False  # the server may be another one than before
        self._endpoint: Endpoint | None = None

    @property
    def name(self) -> str:
        """What is read, for the name of the thread that reads it."""
        return f"axon-reader {self.axon_id}"

    def _connection(self) -> Generator[EventBatch, None, bool]:
        if self.connections == 0:
            self._change(StreamState("connecting"))
        if not self._fresh_interrupt():
            return True
        head = self._check_history()
        before, self._endpoint = self._endpoint, self._client.endpoint
        self._suspect = self._suspect or before not in (None, self._endpoint)
        if self._mute and head is not None:
            yield from self._poll(head)
        after = self.reception.cursor.after_sequence
        # One event of overlap shows whether the server still has the history that was read.
        if after > 0 and (self._suspect or time.monotonic() - self._last_contact > STALE_SECONDS):
            after -= 1
        self._mute, self._last_byte_at = True, time.monotonic()
        idle = min(self._idle, POLL_SECONDS) if self._held_back > 1 else self._idle
        try:
            with self._client.subscribe(
                self.axon_id, after, idle=idle, interrupt=self._interrupt
            ) as stream:
                try:
                    yield from self._read(stream, head)
                finally:
                    self._last_contact = time.monotonic()
        finally:
            self._last_byte_at = None
        return False

    def _read(self, stream: ByteStream, head: int | None) -> Iterator[EventBatch]:
        self.connections += 1
        self._suspect = False
        self.reception.opened(time.monotonic())
        self._caught_up(head)
        for chunk in stream:
            self._last_byte_at = time.monotonic()
            self._mute, self._held_back = False, 0
            yield from self.reception.received(chunk)
            while (gap := self.reception.cursor.gap) is not None:
                yield from self._fill(*gap)
            if (failure := self.reception.failure) is not None:
                raise failure
            if self.state.name != "live":
                self._caught_up(head)

    def _caught_up(self, head: int | None) -> None:
        behind = head is not None and self.reception.cursor.after_sequence < head
        name = "replaying" if behind else "live"
        if self.state.name != name:
            self._change(StreamState(name, head=head))

    def _poll(self, head: int) -> Iterator[EventBatch]:
        """Fetch what a connection without one byte should have brought."""
        cursor = self.reception.cursor
        if cursor.after_sequence < head:
            self._held_back += 1
        while cursor.after_sequence < head and not self._closed.is_set():
            yield from self._fill(cursor.after_sequence + 1, head)

    def _check_history(self) -> int | None:
        """Ask for the head; notice a server whose history went back or was replaced."""
        try:
            page = self._list(limit=1)
        except ServerError:
            if self._from_head:
                raise
            return None  # the stream itself may work; it says so if not
        newest = page.events[0] if page.events else None
        head = max(newest.sequence if newest else 0, page.total_count or 0)
        if self._from_head:
            self._from_head = False
            self.reception.cursor.after_sequence = head
        self.reception.check_head(head, newest)
        return head

    def _fill(self, first: int, last: int) -> Iterator[EventBatch]:
        """Fetch the start of a gap from the history; declare missing what is not there."""
        events, reached = self._fetch(first, last)
        yield from self.reception.accept(events)
        if self.reception.cursor.after_sequence < reached:
            yield from self.reception.settle(reached)

    def _fetch(self, first: int, last: int) -> tuple[list[AxonEvent], int]:
        """Return events of the gap, and up to where these are all that exist.

        If neither way works the connection is given up; the next one starts at the gap.
        """
        try:
            return self._history(first, last)
        except (SqlError, NotFound, ServerError):
            return self._listed(first, last)

    def _history(self, first: int, last: int) -> tuple[list[AxonEvent], int]:
        sql = f"{EVENTS_SELECT} WHERE sequence BETWEEN ? AND ? ORDER BY sequence LIMIT ?"
        found: list[AxonEvent] = []
        # A server may return fewer rows than asked for; only none means that there are no more.
        while first <= last and len(found) < FILL_PAGE:
            answer = self._client.query(
                self.axon_id, sql, [first, last, FILL_PAGE], interrupt=self._interrupt
            )
            rows = answer.by_rows().rows
            if not rows:
                return found, last
            found += [AxonEvent.from_row(self.axon_id, row) for row in rows]
            first = found[-1].sequence + 1
        return found, first - 1

    def _listed(self, first: int, last: int) -> tuple[list[AxonEvent], int]:
        """The same from the list of events, for a server without SQL history."""
        try:
            page = self._list(limit=FILL_PAGE, starting_after=str(last + 1), count=False)
        except BadRequest:  # what this cursor means is the server's own affair
            page = self._list(limit=FILL_PAGE, count=False)
        inside = [e for e in reversed(page.events) if first <= e.sequence <= last]
        if last - first >= FILL_PAGE and page.has_more and len(inside) == len(page.events):
            # The page, newest first, did not get back to the start of the gap.
            return self._listed(first, first + FILL_PAGE - 1)
        return inside, last

    def _list(self, **query: Any) -> AxonEventList:
        return self._client.list_events(self.axon_id, interrupt=self._interrupt, **query)

    def _after(self, error: AxonError | None) -> float:
        self._mute = self._mute and isinstance(error, ReadTimedOut)
        self._suspect = isinstance(error, ConnectionFailed) and not error.sent
        reason = self._reason(error)
        seconds = self.reception.ended(error, time.monotonic())
        failures = self._backoff.failures
        if self._max_failures is not None and failures > self._max_failures:
            raise StreamFailed(
                f"{failures} attempts in a row failed, the last one: {reason}; "
                "raise max_failures, or subscribe again later"
            ) from error
        return seconds

    def _reason(self, error: AxonError | None) -> str:
        idle = isinstance(error, ApiError) and error.status == 408
        reason = "the server ended an idle stream" if idle else super()._reason(error)
        return reason + (HELD_BACK if self._held_back else "")
