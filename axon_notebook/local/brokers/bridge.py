"""One axon, one agent: the bridge between them.

::

    USER, EXTERNAL ──▶ inbox ──▶ dialect ──▶ stdin ┐
                        │ turns wait, one runs     │ agent process
    AGENT, SYSTEM ◀── publish ◀── dialect ◀── stdout, stderr ┘

Everything runs on the service's loop.  Waiting turns are sequences; their events
stay on disk until their turn has come.  Nothing is read from the agent while its
last output is being stored, and nothing more is said to it while it does not read:
memory stays bounded on both ways.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Final

import msgspec

from ...models import AxonEvent
from ..storage.commit import Draft
from ..storage.limits import Refused
from ..wakeup import Bell
from .agent_process import LINGER, AgentPlan, AgentProcess, Line
from .dialect import Dialect, Heard, TurnEnd, Unspeakable
from .running_turns import Turn, TurnFile, new_turn_id

__all__ = ["Bridge", "Patience"]

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


class Patience(msgspec.Struct, frozen=True):
    """Seconds that an agent gets.

    Attributes:
        answer: To answer ``initialize`` before others may speak all the same, and to
            read what is sent to it before the axon is told that it does not.
        cancel: To end a turn that was cancelled, before the broker ends it.
    """

    answer: float = 30.0
    cancel: float = 10.0


class Bridge:
    """The bridge of one broker mount, from :meth:`open` to :meth:`close`.

    Args:
        devbox_id: Where the agent runs.
        plan: Makes the plan to start the agent, each time it is started; may raise
            :class:`Unspeakable` if it cannot be.
        dialect: Makes the protocol of a new agent process.
        publish: Stores events of the axon.
        read: Reads an event of the axon.
        notes: Where the running turn is remembered.
        patience: How long to wait for the agent.
    """

    def __init__(
        self,
        devbox_id: str,
        *,
        plan: Callable[[], AgentPlan],
        dialect: Callable[[], Dialect],
        publish: Publish,
        read: Read,
        notes: TurnFile,
        patience: Patience,
    ) -> None:
        self.devbox_id = devbox_id
        self.over = ""  # why there is no agent and will be none
        self._plan = plan
        self._new_dialect = dialect
        self._dialect = dialect()
        self._store = publish
        self._read = read
        self._notes = notes
        self._patience = patience
        self._name = "broker"
        self._inbox: deque[tuple[int, str]] = deque()
        self._waiting: deque[int] = deque()
        self._turn: Turn | None = None
        self._agent: AgentProcess | None = None
        self._bell = Bell()
        self._saying = asyncio.Lock()
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
            self._spawn(self._listen())

    async def start(self) -> None:
        """Start the agent now.

        Raises:
            Unspeakable: It cannot be started; the axon was told.
        """
        await self._wake()
        if self.over:
            raise Unspeakable(self.over)

    def offer(self, events: Iterable[AxonEvent]) -> None:
        """Take note of new events of the axon, in their order."""
        found = [(e.sequence, e.event_type) for e in events if e.origin in READ]
        if found and not self._closed:
            self._inbox += found
            self._bell.ring()

    async def settle(self, why: str, ended: Callable[[Turn], Awaitable[bool]]) -> None:
        """Close in the history what a killed service left open.

        Args:
            why: For people who read the history.
            ended: Tells whether the history has the end of a turn already.
        """
        drafts = []
        if (turn := self._notes.turn) is not None and not await ended(turn):
            drafts.append(_system("turn.failed", turn.payload(error=why)))
        if self._notes.awake:
            drafts.append(self._about_devbox("suspended", why))
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
        drafts = self._turn_ended(TurnEnd(error=why))
        if was_awake or state == "shutdown":
            drafts.append(self._about_devbox(state, why))
        try:
            await self._publish(drafts)
        except Refused as error:
            logger.info("the end of the agent in %s was not published: %s", self.devbox_id, error)
        self._note(awake=False)

    # -- towards the agent

    async def _listen(self) -> None:
        """Take events in their order; turns wait for their turn."""
        while True:
            if self._waiting and self._turn is None:
                await self._begin(self._waiting.popleft())
            elif self._inbox:
                sequence, event_type = self._inbox.popleft()
                kind = self._dialect.kind(event_type)
                if kind == "turn":
                    self._waiting.append(sequence)
                elif kind == "aside":
                    await self._pass(await self._read(sequence))
            else:
                await self._bell.wait()

    async def _begin(self, sequence: int) -> None:
        """Start the turn that the event asks for."""
        event = await self._read(sequence)
        await self._wake()
        async with self._saying:
            self._turn = Turn(new_turn_id(), sequence)
            self._note()
            await self._publish([_system("turn.started", self._turn.payload())])
        await self._tell(event, in_turn=True)

    async def _pass(self, event: AxonEvent) -> None:
        """Hand over an event that is no turn."""
        if self._dialect.cancels(event) and self._agent is None:
            return  # nothing runs that could be cancelled
        if self._turn is not None and self._dialect.cancels(event):
            # Before it is told: an agent that does not read is given up all the same.
            self._spawn(self._give_up_later(self._turn))
        await self._wake()
        await self._tell(event, in_turn=False)

    async def _tell(self, event: AxonEvent, *, in_turn: bool) -> None:
        """Write *event* to the agent, or say in its place why that cannot be."""
        agent = self._agent
        try:
            if agent is None:
                raise Unspeakable(self.over)
            if agent.backlog > BACKLOG:
                raise Unspeakable(f"the agent does not read: {agent.backlog:,} bytes wait for it")
            agent.send(self._dialect.lines(event))
        except Unspeakable as error:
            await self._refuse(event, str(error), in_turn=in_turn)
            return
        await self._publish_unasked()
        await self._until_taken(agent)

    async def _refuse(self, event: AxonEvent, why: str, *, in_turn: bool) -> None:
        async with self._saying:
            answers = self._dialect.refusal(event.event_type, event.payload, why)
            drafts = [self._of_agent(event_type, payload) for event_type, payload in answers]
            await self._publish(drafts + (self._turn_ended(TurnEnd(error=why)) if in_turn else []))
            self._note()

    async def _until_taken(self, agent: AgentProcess) -> None:
        """Wait until the agent has read its input, and answered what must come first."""
        try:
            async with asyncio.timeout(self._patience.answer):
                await agent.drained()
                while self._dialect.holding and agent is self._agent and not self._stalled:
                    await self._bell.wait()
                self._stalled &= self._dialect.holding
        except TimeoutError:
            if self._stalled:
                return
            self._stalled = True
            what = "answered initialize" if self._dialect.holding else "read its input"
            why = f"the agent has not {what} for {self._patience.answer:g} s"
            await self._publish([self._complaint("stalled", why)])

    async def _give_up_later(self, turn: Turn) -> None:
        """End a cancelled turn in the agent's place if it does not."""
        await asyncio.sleep(self._patience.cancel)
        async with self._saying:
            if self._turn is not turn:
                return
            self._dialect.abandon()
            why = f"the agent has not ended the turn {self._patience.cancel:g} s after its cancel"
            await self._publish(self._turn_ended(TurnEnd("cancelled", why)))
            self._note()
            self._bell.ring()

    # -- from the agent

    async def _wake(self) -> None:
        """Start the agent if none runs and one may."""
        if self._agent is not None or self.over:
            return
        try:
            plan = self._plan()
            self._name = plan.name
            agent = await AgentProcess.start(
                plan.program, directory=plan.directory, environment=plan.environment
            )
        except (OSError, Unspeakable) as error:
            why = getattr(error, "strerror", None) or str(error)
            self.over = f"the agent cannot be started: {why}"
            await self._publish(
                [self._about_devbox("failed", self.over), self._fatal(self.over)],
            )
            return
        if self._closed:  # while the process was starting
            await agent.end()
            return
        self._agent, self._dialect = agent, self._new_dialect()
        self._spawn(self._attend(agent))
        self._note()
        await self._publish([self._about_devbox("running")])

    async def _attend(self, agent: AgentProcess) -> None:
        """Hear the agent until it ends; then say so."""
        heard = asyncio.create_task(self._hear(agent))
        logged = asyncio.create_task(self._keep_log(agent))
        exited = asyncio.create_task(agent.exit_status())
        tasks = [heard, logged, exited]
        try:
            await asyncio.wait([heard, exited], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(tasks, timeout=LINGER)
            why = f"the agent ended {_how(exited.result())}" if exited.done() else CLOSED_OUTPUT
        finally:
            for task in tasks:
                task.cancel()
            await agent.end()
        broken = next((t.exception() for t in (heard, logged) if _failed(t)), None)
        await self._agent_ended(why, broken)

    async def _agent_ended(self, why: str, broken: BaseException | None) -> None:
        if broken is not None:
            logger.error("the agent of %s was ended", self.devbox_id, exc_info=broken)
            why = f"the agent was ended, because its output cannot be stored: {broken}"
        async with self._saying:
            self._agent = None
            self.over = self.over or f"{why}: create a new devbox to go on"
            drafts = self._turn_ended(TurnEnd(error=why))
            await self._publish([*drafts, self._fatal(self.over)])
            self._note(awake=False)
        self._bell.ring()

    async def _hear(self, agent: AgentProcess) -> None:
        async for lines in agent.stdout():
            async with self._saying:
                heard = [self._understood(line) for line in lines]
                await self._publish_heard(heard)
                agent.send([reply for each in heard for reply in each.replies])
            self._bell.ring()

    def _understood(self, line: Line) -> Heard:
        if line.oversized:
            return self._dialect.hear_oversized(line.data, line.size)
        heard = self._dialect.hear(line.data)
        if heard.complaint:
            text = line.data[:2000].decode("utf-8", "replace")
            heard.complaint = f"{heard.complaint}: {text}"
        return heard

    async def _publish_heard(self, heard: list[Heard]) -> None:
        drafts: list[Draft] = []
        for each in heard:
            drafts += [self._of_agent(event_type, payload) for event_type, payload in each.events]
            if each.complaint:
                drafts.append(_log("stdout", each.complaint))
            if each.end is not None:
                drafts += self._turn_ended(each.end)
        sequences = await self._publish(drafts)
        stored = zip(drafts, sequences, strict=True)
        self._dialect.said([(d.event_type, s) for d, s in stored if d.origin == "AGENT_EVENT"])
        self._note()

    async def _publish_unasked(self) -> None:
        """Publish the agent's next question, once the one before it is answered."""
        async with self._saying:
            if questions := self._dialect.unasked():
                await self._publish_heard([Heard(events=questions)])

    async def _keep_log(self, agent: AgentProcess) -> None:
        async for lines in agent.stderr():
            texts = [line.data.decode("utf-8", "replace").rstrip() for line in lines]
            await self._publish([_log("stderr", text) for text in texts])

    # -- what is said

    def _turn_ended(self, end: TurnEnd) -> list[Draft]:
        """Take the running turn off; return the event that says how it ended."""
        turn, self._turn = self._turn, None
        if turn is None:
            return []
        if end.error:
            payload = turn.payload(error=end.error, stop_reason=end.stop_reason)
            return [_system("turn.failed", payload)]
        return [_system("turn.completed", turn.payload(stop_reason=end.stop_reason))]

    def _of_agent(self, event_type: str, payload: str) -> Draft:
        return Draft(self._name, event_type, "AGENT_EVENT", payload)

    def _about_devbox(self, state: str, reason: str = "") -> Draft:
        values = {"devbox_id": self.devbox_id, "reason": reason}
        return _system(f"devbox.{state}", _json({k: v for k, v in values.items() if v}))

    def _complaint(self, kind: str, message: str) -> Draft:
        values = {"devbox_id": self.devbox_id, "type": kind, "message": message}
        return _system("agent.error", _json(values))

    def _fatal(self, message: str) -> Draft:
        values = {"message": message, "devbox_id": self.devbox_id}
        return _system("broker.error", _json(values))

    async def _publish(self, drafts: list[Draft]) -> list[int]:
        """Store *drafts*; a busy database gets ten seconds."""
        if not drafts:
            return []
        for _ in range(ATTEMPTS):
            try:
                return await self._store(drafts)
            except Refused as refused:
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
        # The axon was deleted or the disk is full: nobody can be told.
        logger.error("the broker of %s stopped", self.devbox_id, exc_info=task.exception())
        self.over = self.over or f"the broker failed: {task.exception()}"
        self._turn = None
        self._waiting.clear()
        self._inbox.clear()
        if self._agent is not None and not self._closed:
            self._spawn(self._agent.end())


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None


def _how(status: int) -> str:
    return f"by signal {-status}" if status < 0 else f"with exit status {status}"


def _log(kind: str, message: str) -> Draft:
    return _system("agent.log", _json({"log_type": kind, "message": message}))


def _system(event_type: str, payload: str) -> Draft:
    return Draft("broker", event_type, "SYSTEM_EVENT", payload)


def _json(values: Mapping[str, str]) -> str:
    return msgspec.json.encode(values).decode()
