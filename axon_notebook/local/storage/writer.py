"""One writer per axon: a lane in which publishes share commits.

A :class:`Lane` lives on the service's loop, and so does all of its state but
the database, which belongs to the one thread that works for the lane at the
moment.  Threads come from two bounded sets: statements of users cannot use up
those that publish.  What waits when a thread becomes free is committed as one
transaction, and one call back into the loop answers it all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import apsw

from ...models import AxonEvent, PublishResult
from ..refusals import Refusal
from .commit import Commit, Draft, Row
from .database import AxonDatabase
from .limits import Limits, storage_busy, storage_damaged
from .statement_run import Run
from .statements import refusal_for
from .workers import Workers

__all__ = ["Lane"]

_NEWEST: Final = """
SELECT sequence, timestamp_ms FROM main.rl_axon_events ORDER BY sequence DESC LIMIT 1"""

Outcome = list[PublishResult] | Exception


class Publish(NamedTuple):
    """Events that are published together, and who waits for the answer."""

    drafts: Sequence[Draft]
    request_id: str | None
    answer: asyncio.Future[list[PublishResult]]


class Fill(NamedTuple):
    """What stores recorded events in an axon without any, and who waits for the answer."""

    insert: Callable[[apsw.Connection], Row | None]
    answer: asyncio.Future[list[PublishResult]]


class Lane:
    """The writing side of one axon.

    Args:
        axon_id: The axon.
        open_database: Returns its file; called by the threads that work here.
        limits: Sizes of groups, times.
        publishers: Threads for publishing.
        sql_writers: Threads for users' statements.
        published: Called on the loop with the events of each commit.
    """

    def __init__(
        self,
        axon_id: str,
        open_database: Callable[[], AxonDatabase],
        limits: Limits,
        *,
        publishers: Workers,
        sql_writers: Workers,
        published: Callable[[str, list[AxonEvent]], None],
    ) -> None:
        self.axon_id = axon_id
        self._head = 0
        self._ready = False
        self._open_database = open_database
        self._limits = limits
        self._publishers = publishers
        self._sql_writers = sql_writers
        self._published = published
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Publish | Fill | Run[Any]] = deque()
        self._busy = False
        self._stuck = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._timestamp = 0

    async def publish(
        self, drafts: Sequence[Draft], request_id: str | None = None
    ) -> list[PublishResult]:
        """Store *drafts* in one transaction; return when they are on disk."""
        if self._stuck:
            raise storage_busy()
        answer: asyncio.Future[list[PublishResult]] = self._loop.create_future()
        self._waiting.append(Publish(drafts, request_id, answer))
        self._start()
        return await answer

    async def fill(self, insert: Callable[[apsw.Connection], Row | None]) -> PublishResult:
        """Let *insert* store recorded events and return the newest; 409 if there are events."""
        if self._stuck:
            raise storage_busy()
        answer: asyncio.Future[list[PublishResult]] = self._loop.create_future()
        self._waiting.append(Fill(insert, answer))
        self._start()
        return (await answer)[0]

    async def current_head(self) -> int:
        """Return the highest sequence, 0 for an empty history."""
        if not self._ready:
            await self.publish(())
        return self._head

    async def run(self, run: Run[Any]) -> Any:
        """Run a statement of a user in its turn; return its result."""
        self._waiting.append(run)
        self._start()
        return await run.result()

    async def idle(self) -> None:
        """Wait until nothing is waiting or working."""
        await self._idle.wait()

    # On the loop ---------------------------------------------------------------

    def _start(self) -> None:
        if not self._busy:
            self._busy = True
            self._idle.clear()
            self._work()

    def _work(self) -> None:
        """Give what waits to a thread; one at a time works for this lane."""
        if not self._waiting:
            self._busy = False
            self._idle.set()
            return
        head = self._waiting[0]
        if isinstance(head, Run):
            self._waiting.popleft()
            self._sql_writers.submit(lambda: self._run_one(head))
        elif isinstance(head, Fill):
            self._waiting.popleft()
            self._publishers.submit(lambda: self._fill(head))
        else:
            group = self._group()
            self._publishers.submit(lambda: self._commit(group))

    def _group(self) -> list[Publish]:
        group: list[Publish] = []
        events, room = self._limits.group_events, self._limits.group_bytes
        while self._waiting and events > 0 and room > 0:
            head = self._waiting[0]
            if not isinstance(head, Publish):
                break
            self._waiting.popleft()
            group.append(head)
            events -= len(head.drafts)
            room -= sum(len(draft.payload) for draft in head.drafts)
        return group

    def _committed(
        self, outcome: Sequence[tuple[Publish | Fill, Outcome]], events: list[AxonEvent]
    ) -> None:
        for publish, result in outcome:
            if publish.answer.done():
                continue  # who published has left; the events are stored all the same
            if isinstance(result, Exception):
                publish.answer.set_exception(result)
            else:
                publish.answer.set_result(result)
        try:
            if events:
                self._head = events[-1].sequence
                self._published(self.axon_id, events)
        finally:
            self._work()

    def stuck(self, stuck: bool) -> None:
        """Hear that a statement cannot be stopped, or ended after all."""
        self._stuck = stuck
        refused = [w for w in self._waiting if not isinstance(w, Run)] if stuck else []
        for publish in refused:
            self._waiting.remove(publish)
            if not publish.answer.done():
                publish.answer.set_exception(storage_busy())

    # On the thread that works for the lane --------------------------------------

    def _resume(self, connection: apsw.Connection) -> None:
        """Learn where the history stands, before the first commit."""
        rows: Any = connection.execute(_NEWEST).fetchall()
        head, timestamp = rows[0] if rows else (0, 0)
        if not isinstance(timestamp, int):  # flipped bits can make it anything
            raise storage_damaged()
        self._head, self._timestamp = head, timestamp
        self._ready = True

    def _run_one(self, run: Run[Any]) -> None:
        run.work()
        self._loop.call_soon_threadsafe(self._work)

    def _fill(self, fill: Fill) -> None:
        events: list[AxonEvent] = []
        outcome: Outcome
        try:
            with self._open_database().publisher() as connection:
                if not self._ready:
                    self._resume(connection)
                if self._head:
                    raise Refusal(409, "The axon has events already.")
                if (newest := fill.insert(connection)) is None:
                    raise Refusal(400, "There is no event to import.")
        except Exception as error:  # noqa: BLE001 - handed to the waiting thread
            outcome = _refused(error)
        else:
            sequence, self._timestamp = newest[:2]
            outcome = [PublishResult(sequence, self._timestamp)]
            # The newest is enough: subscribers read those before it from disk.
            events.append(AxonEvent.from_row(self.axon_id, newest))
        self._loop.call_soon_threadsafe(self._committed, [(fill, outcome)], events)

    def _commit(self, group: list[Publish]) -> None:
        events: list[AxonEvent] = []
        outcome = self._attempt(group, events)
        if len(group) > 1 and all(isinstance(result, Exception) for _, result in outcome):
            # One event too large for the disk must not refuse those that fit.
            outcome = [pair for publish in group for pair in self._attempt([publish], events)]
        self._loop.call_soon_threadsafe(self._committed, outcome, events)

    def _attempt(
        self, group: list[Publish], events: list[AxonEvent]
    ) -> list[tuple[Publish, Outcome]]:
        """Commit *group* whole, or leave nothing of it behind."""
        try:
            with self._open_database().publisher() as connection:
                if not self._ready:
                    self._resume(connection)
                with Commit(connection, self._timestamp, self._limits) as commit:
                    outcome = [(publish, _added(commit, publish)) for publish in group]
        except Exception as error:  # noqa: BLE001 - handed to the waiting request
            refused = _refused(error)
            return [(publish, refused) for publish in group]
        self._timestamp = commit.timestamp
        events.extend(AxonEvent.from_row(self.axon_id, row) for row in commit.rows)
        return outcome


def _added(commit: Commit, publish: Publish) -> Outcome:
    try:
        return commit.add(publish.drafts, publish.request_id)
    except Refusal as refused:
        return refused


def _refused(error: Exception) -> Exception:
    if isinstance(error, (MemoryError, apsw.NoMemError)):
        return storage_busy()  # a query has taken all there is, and is about to fail
    return refusal_for(error) if isinstance(error, (apsw.Error, Refusal)) else error
