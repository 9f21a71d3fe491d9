"""One axon, one agent: the bridge between them.

::

    USER, EXTERNAL ──▶ inbox ──▶ dialect ──▶ stdin ┐
                        │ turns wait, one runs     │ agent process
    AGENT, SYSTEM ◀── publish ◀── dialect ◀── stdout, stderr ┘

Everything runs on the service's loop.  Waiting turns are sequences; their events
stay on disk until they are due.  Nothing is read from the agent while its last
output is being stored, and nothing more is sent to it while it does not read:
memory stays bounded in both directions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable
from typing import Any, Final

import msgspec

from ...models import AxonEvent
from ..refusals import Refusal
from ..storage.commit import Draft
from ..wakeup import Wakeup
from .agent_process import LINGER, AgentPlan, AgentProcess, exit_text
from .client_paths import map_paths
from .dialect import AgentEvent, Dialect, InvalidMessage, Line, Received, TurnEnd
from .running_turns import Turn, TurnFile, new_turn_id
from .system_events import (
    agent_error,
    agent_log,
    broker_error,
    devbox_state,
    turn_ended,
    turn_started,
)
from .timeouts import Timeouts

__all__ = ["Bridge"]

#: Origins that a broker reads; its own output has the others, so no loop can arise.
READ: Final = ("USER_EVENT", "EXTERNAL_EVENT")

#: Attempts to store an event while the database is busy, a quarter of a second apart.
ATTEMPTS: Final = 40

#: Bytes that may wait for an agent that does not read.
BACKLOG: Final = 8 * 1024 * 1024

CLOSED_OUTPUT: Final = "the agent was ended, because it closed its output"

logger = logging.getLogger(__name__)

#: Stores events; returns their sequences.
Publish = Callable[[list[Draft]], Awaitable[list[int]]]
#: Returns the event of a sequence.
Read = Callable[[int], Awaitable[AxonEvent]]


class Bridge:
    """The bridge of one broker mount, from :meth:`open` to :meth:`close`.

    Args:
        devbox_id: Where the agent runs.
        plan: Makes the plan to start the agent, each time it is started, in a thread; may
            raise :class:`InvalidMessage` if it cannot be.
        dialect: Makes the protocol of a new agent process.
        map_path: Returns a client's path as the agent must see it.
        awake: Waits until the devbox is not suspended; may resume it.
        publish: Stores events of the axon.
        read: Reads an event of the axon.
        notes: Where the running turn is remembered.
        timeouts: How long to wait for the agent.
    """

    def __init__(
        self,
        devbox_id: str,
        *,
        plan: Callable[[], AgentPlan],
        dialect: Callable[[], Dialect],
        map_path: Callable[[str], str],
        awake: Callable[[], Awaitable[None]],
        publish: Publish,
        read: Read,
        notes: TurnFile,
        timeouts: Timeouts,
    ) -> None:
        self.devbox_id = devbox_id
        self.over = ""  # why there is no agent and will be none
        self._plan = plan
        self._new_dialect = dialect
        self._dialect = dialect()
        self._map_path = map_path
        self._awake = awake
        self._store = publish
        self._read = read
        self._notes = notes
        self._timeouts = timeouts
        self._name = "broker"
        self._inbox: deque[tuple[int, str]] = deque()
        self._waiting: deque[int] = deque()
        self._turn: Turn | None = None
        self._agent: AgentProcess | None = None
        self._wakeup = Wakeup()
        self._publishing = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stalled = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits."""
        return self._turn is not None or bool(self._waiting or self._inbox)

    # -- from outside

    def open(self) -> None:
        """Begin to read; the agent starts with the first event that is for it."""
        if not self._closed:
            self._spawn(self._process_events())

    async def start(self) -> None:
        """Start the agent now.

        Raises:
            InvalidMessage: It cannot be started; the axon was told.
        """
        await self._wake()
        if self.over:
            raise InvalidMessage(self.over)

    def offer(self, events: Iterable[AxonEvent]) -> None:
        """Take note of new events of the axon, in their order."""
        found = [(e.sequence, e.event_type) for e in events if e.origin in READ]
        if found and not self._closed:
            self._inbox += found
            self._wakeup.notify()

    async def idle(self) -> None:
        """Wait until no turn runs or waits."""
        while self.busy and not self.over:
            await self._wakeup.wait()

    def succeed(self, other: Bridge) -> None:
        """Take over what *other* has not begun; before :meth:`open`."""
        self._waiting, other._waiting = other._waiting, deque()
        self._inbox.extendleft(reversed(other._inbox))
        other._inbox.clear()

    async def settle(self, why: str, ended: Callable[[Turn], Awaitable[bool]]) -> None:
        """Close in the history what a killed service left open.

        Args:
            why: For people who read the history.
            ended: Tells whether the history has the end of a turn already.
        """
        drafts = []
        if (turn := self._notes.turn) is not None and not await ended(turn):
            drafts.append(turn_ended(turn, TurnEnd(error=why)))
        if self._notes.awake:
            drafts.append(devbox_state(self.devbox_id, "suspended", why))
        await self._publish(drafts)
        self._notes.note(awake=False, turn=None)

    async def close(self, state: str, why: str) -> None:
        """End the agent and the running turn; tell the axon; idempotent.

        Args:
            state: What becomes of the devbox: ``suspended`` or ``shutdown``.
            why: For people who read the history.
        """
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        was_awake, agent = self._agent is not None, self._agent
        if agent is not None:
            await agent.end()
        drafts = self._end_turn(TurnEnd(error=why))
        if was_awake or state == "shutdown":
            drafts.append(devbox_state(self.devbox_id, state, why))
        try:
            await self._publish(drafts)
        except Refusal as error:
            logger.info("the end of the agent in %s was not published: %s", self.devbox_id, error)
        self._note(awake=False)

    # -- to the agent

    async def _process_events(self) -> None:
        """Pass events on in their order; turns wait until the one before has ended."""
        while True:
            if self._waiting and self._turn is None:
                await self._begin(self._waiting.popleft())
            elif self._inbox:
                sequence, event_type = self._inbox.popleft()
                kind = self._dialect.kind(event_type)
                if kind == "turn":
                    self._waiting.append(sequence)
                elif kind == "immediate":
                    await self._pass(await self._read(sequence))
            else:
                await self._wakeup.wait()

    async def _begin(self, sequence: int) -> None:
        """Start the turn that the event asks for."""
        event = await self._read(sequence)
        await self._wake()
        async with self._publishing:
            self._turn = Turn(new_turn_id(), sequence)
            self._note()
            await self._publish([turn_started(self._turn)])
        await self._send(event, in_turn=True)

    async def _pass(self, event: AxonEvent) -> None:
        """Send an event that starts no turn."""
        if not self._dialect.accepts(event):
            return
        if self._agent is None and self._new_dialect().cancels(event):
            return  # nothing runs that could be cancelled
        if self._turn is not None and self._dialect.cancels(event):
            # Before it is sent: an agent that does not read is given up all the same.
            self._spawn(self._give_up_later(self._turn))
        await self._wake()
        await self._send(event, in_turn=False)

    async def _send(self, event: AxonEvent, *, in_turn: bool) -> None:
        """Write *event* to the agent, or answer in its place why that cannot be."""
        agent = self._agent
        try:
            if agent is None:
                raise InvalidMessage(self.over)
            if agent.backlog > BACKLOG:
                raise InvalidMessage(
                    f"the agent does not read: {agent.backlog:,} bytes wait for it"
                )
            payload = map_paths(event.payload, self._map_path)
            agent.send(self._dialect.lines(msgspec.structs.replace(event, payload=payload)))
        except InvalidMessage as error:
            await self._answer_with_error(event, str(error), in_turn=in_turn)
            return
        async with self._publishing:
            await self._publish_received([])  # what was held back by an open request
        await self._until_read(agent)

    async def _answer_with_error(self, event: AxonEvent, why: str, *, in_turn: bool) -> None:
        async with self._publishing:
            answers = self._dialect.error_events(event.event_type, event.payload, why)
            drafts = [self._of_agent(answer) for answer in answers]
            await self._publish(drafts + (self._end_turn(TurnEnd(error=why)) if in_turn else []))
            self._note()

    async def _until_read(self, agent: AgentProcess) -> None:
        """Wait until the agent has read its input, and answered what must come first."""
        try:
            async with asyncio.timeout(self._timeouts.answer):
                await agent.drained()
                while self._dialect.initializing and agent is self._agent and not self._stalled:
                    await self._wakeup.wait()
                self._stalled &= self._dialect.initializing
        except TimeoutError:
            if self._stalled:
                return
            self._stalled = True
            what = "answered initialize" if self._dialect.initializing else "read its input"
            why = f"the agent has not {what} for {self._timeouts.answer:g} s"
            await self._publish([agent_error(self.devbox_id, "stalled", why)])

    async def _give_up_later(self, turn: Turn) -> None:
        """End a cancelled turn in the agent's place if it does not."""
        await asyncio.sleep(self._timeouts.cancel)
        async with self._publishing:
            if self._turn is not turn:
                return
            why = f"the agent has not ended the turn {self._timeouts.cancel:g} s after its cancel"
            end = TurnEnd("cancelled", why)
            await self._publish_received([Received(replies=self._dialect.abandon(), end=end)])
        self._wakeup.notify()

    async def _refuse_later(self, agent: AgentProcess, request: Hashable, what: str) -> None:
        """Refuse an unanswered request of the agent: it would wait for ever."""
        await asyncio.sleep(self._timeouts.unknown)
        async with self._publishing:
            if agent is not self._agent or not (replies := self._dialect.refuse(request)):
                return
            why = f"no answer to {what} for {self._timeouts.unknown:g} s: it was refused"
            await self._publish_received([Received(replies=replies)])
            await self._publish([agent_error(self.devbox_id, "unanswered", why)])

    # -- from the agent

    async def _wake(self) -> None:
        """Start the agent if none runs and one may."""
        if self._agent is not None or self.over:
            return
        await self._awake()
        try:
            plan = await asyncio.to_thread(self._plan)
            self._name = plan.name
            agent = await AgentProcess.start(
                plan.program, directory=plan.directory, environment=plan.environment
            )
        except (OSError, InvalidMessage) as error:
            why = getattr(error, "strerror", None) or str(error)
            self.over = f"the agent cannot be started: {why}"
            failed = devbox_state(self.devbox_id, "failed", self.over)
            await self._publish([failed, broker_error(self.devbox_id, self.over)])
            return
        if self._closed:  # while the process was starting
            await agent.end()
            return
        self._agent, self._dialect = agent, self._new_dialect()
        self._spawn(self._attend(agent))
        self._note()
        await self._publish([devbox_state(self.devbox_id, "running")])

    async def _attend(self, agent: AgentProcess) -> None:
        """Read the agent's output until it ends; then say so."""
        read = asyncio.create_task(self._read_output(agent))
        logged = asyncio.create_task(self._keep_log(agent))
        exited = asyncio.create_task(agent.exit_status())
        tasks = [read, logged, exited]
        try:
            await asyncio.wait([read, exited], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=LINGER)
            why = exit_text(exited.result()) if exited.done() else CLOSED_OUTPUT
        finally:
            for task in tasks:
                task.cancel()
            await agent.end()
        broken = next((t.exception() for t in (read, logged) if _failed(t)), None)
        await self._agent_ended(why, broken)

    async def _agent_ended(self, why: str, broken: BaseException | None) -> None:
        if broken is not None:
            logger.error("the agent of %s was ended", self.devbox_id, exc_info=broken)
            why = f"the agent was ended, because its output cannot be stored: {broken}"
        async with self._publishing:
            self._agent = None
            self.over = self.over or f"{why}: create a new devbox to go on"
            drafts = self._end_turn(TurnEnd(error=why))
            await self._publish([*drafts, broker_error(self.devbox_id, self.over)])
            self._note(awake=False)
        self._wakeup.notify()

    async def _read_output(self, agent: AgentProcess) -> None:
        async for lines in agent.stdout():
            async with self._publishing:
                received = [self._received(line) for line in lines]
                await self._publish_received(received)
            for each in received:
                if each.unknown is not None:
                    what = each.events[0].event_type if each.events else "a request"
                    self._spawn(self._refuse_later(agent, each.unknown, what))
            self._wakeup.notify()

    def _received(self, line: Line) -> Received:
        if line.oversized:
            return self._dialect.receive_oversized(line)
        received = self._dialect.receive(line.data)
        if received.problem:
            text = line.data[:2000].decode("utf-8", "replace")
            received.problem = f"{received.problem}: {text}"
        return received

    async def _publish_received(self, received: list[Received]) -> None:
        """Store what the agent said, then what may be published now; send it the replies."""
        drafts: list[Draft] = []
        requests: list[Hashable | None] = []
        for each in received:
            drafts += [self._of_agent(event) for event in each.events]
            requests += [event.request for event in each.events]
            if each.problem:
                drafts.append(agent_log("stdout", each.problem))
            if each.end is not None:
                drafts += self._end_turn(each.end)
            requests += [None] * (len(drafts) - len(requests))
        for event in self._dialect.due_requests():
            drafts.append(self._of_agent(event))
            requests.append(event.request)
        sequences = await self._publish(drafts)
        for request, sequence in zip(requests, sequences, strict=True):
            if request is not None:
                self._dialect.stored(request, sequence)
        self._note()
        if self._agent is not None:
            self._agent.send([reply for each in received for reply in each.replies])

    async def _keep_log(self, agent: AgentProcess) -> None:
        async for lines in agent.stderr():
            texts = [line.data.decode("utf-8", "replace").rstrip() for line in lines]
            await self._publish([agent_log("stderr", text) for text in texts])

    # -- what is published

    def _end_turn(self, end: TurnEnd) -> list[Draft]:
        """Forget the running turn; return the event that says how it ended."""
        turn, self._turn = self._turn, None
        return [] if turn is None else [turn_ended(turn, end)]

    def _of_agent(self, event: AgentEvent) -> Draft:
        return Draft(self._name, event.event_type, "AGENT_EVENT", event.payload)

    async def _publish(self, drafts: list[Draft]) -> list[int]:
        """Store *drafts*; a busy database gets ten seconds."""
        if not drafts:
            return []
        for _ in range(ATTEMPTS):
            try:
                return await self._store(drafts)
            except Refusal as refused:
                if refused.status != 503:
                    raise
            await asyncio.sleep(0.25)
        return await self._store(drafts)

    def _note(self, *, awake: bool | None = None) -> None:
        self._notes.note(awake=self._agent is not None if awake is None else awake, turn=self._turn)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not _failed(task):
            return
        # The axon was deleted or the disk is full: it cannot be reported.
        logger.error("the broker of %s stopped", self.devbox_id, exc_info=task.exception())
        self.over = self.over or f"the broker failed: {task.exception()}"
        self._turn = None
        self._waiting.clear()
        self._inbox.clear()
        if self._agent is not None and not self._closed:
            self._spawn(self._agent.end())


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
