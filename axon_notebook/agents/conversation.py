"""The state of a conversation: fed by the reader thread, read by everybody else.

Without ids on the axon, an answer belongs to the oldest request of its kind; so the requests of
other clients are followed too.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

from ..errors import AgentError, AxonError, ClosedError
from ..models import AxonEvent
from ..wire.awaiting import LoopSignal
from ..wire.cursor import EventBatch
from .client_protocol import AgentAnswer, AxonLike, Message, ProtocolClient
from .entry_log import EntryLog
from .model import Entry, Notice, Question, Revision
from .model import Turn as TurnEntry
from .replies import Reply
from .trace import Trace
from .turn import Turn
from .untrusted import Fields, fields_of

__all__ = ["Conversation", "Listener"]

#: Seconds between looks of a thread that waits, so that the stop button works anywhere.
LOOK_UP: Final = 0.1

#: After these a prompt wakes no agent any more: the devbox or its agent has to be made anew.
DEAD: Final = frozenset({"devbox.shutdown", "devbox.failed", "broker.error"})

#: Called in the reader thread with revisions and the entries that they belong to.
Listener = Callable[[list[Revision], list[Entry]], None]


class Conversation:
    """Everything known of one axon's agent; ``changed`` guards all of it.

    Attributes:
        trace: What was said and done, by and to everybody; ``log``: its revisions.
        agent: What the agent said of itself; ``None`` before it is initialized.
        session: The newest session of the agent, empty if there is none.
        generation: Counts the agents that are gone; a session lives as long as its agent.
        gone: Why the agent is gone; empty while it is there.
        dead: Whether it cannot come back.
        position: Everything up to this sequence has been read.
        policy: Returns the reply to a question in a turn of one's own that needs no person, or
            ``None``.
        listeners: See :data:`Listener`.
    """

    def __init__(
        self,
        axon: AxonLike,
        client: ProtocolClient,
        protocol: str,
        *,
        policy: Callable[[Question], Reply | None],
    ) -> None:
        self.axon = axon
        self.client = client
        self.trace = Trace(protocol)
        self.log = EntryLog(entries=self.trace.entries)
        self.changed = threading.Condition()
        self.agent: Fields | None = None
        self.session = ""
        self.generation = 0
        self.gone = ""
        self.dead = False
        self.position = 0
        self.policy = policy
        self.listeners: list[Listener] = []
        self.turns: dict[int, Turn] = {}  # by the sequence of the prompt
        self._turns_by_id: dict[str, Turn] = {}
        self._asked: defaultdict[str, deque[int]] = defaultdict(deque)
        self._answers: dict[int, AgentAnswer] = {}
        self._outbox: list[Message] = []
        self._unrefused: dict[str, deque[Message]] = {}  # of the history, by event type
        self._live_from = 0
        self._closed = False
        self._failure: AxonError | None = None

    # -- for everybody

    def publish(self, message: Message) -> int:
        """Publish as the user; return the sequence."""
        event_type, payload = message
        return self.axon.publish(event_type, payload, source=self.client.source).sequence

    def ask(self, key: str, message: Message, timeout: float) -> AgentAnswer:
        """Ask the agent something that is no turn; wait for the answer, which may be an error.

        Raises:
            AgentError: The agent is gone, or there is no answer in time.
        """
        with self.changed:
            self.gone = "" if not self.dead else self.gone
            sequence = self.publish(message)
        self.wait(lambda: sequence in self._answers or bool(self.gone), timeout)
        with self.changed:
            answer = self._answers.pop(sequence, None)
        if answer is not None:
            return answer
        if self.gone:
            raise AgentError(f"no answer to {message[0]}: {self.gone}")
        raise AgentError(
            f"no agent answered {message[0]} within {timeout:g} s: is there a devbox with"
            f" a broker_mount on {self.axon.id}?"
        )

    def answer(self, question: Question, reply: Reply) -> None:
        """Answer *question*.

        Raises:
            AgentError: It is not open any more.
        """
        with self.changed:
            if question.status != "open":
                raise AgentError(
                    f"the question {question.title!r} is {question.status}: it takes no answer"
                )
        self.publish(self.client.answer(question, reply))
        with self.changed:
            for turn in self.turns.values():
                turn.settled(question)

    def wait(self, enough: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *enough* is true, *timeout* seconds at most; return whether it is.

        Raises:
            ClosedError: The session was closed.
            AxonError: What stopped the stream.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self._is_enough(enough):
                left = LOOK_UP if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, LOOK_UP))
            return True

    async def wait_async(self, enough: Callable[[], bool]) -> None:
        """Wait until *enough* is true, without blocking the loop; raises as :meth:`wait` does."""
        signal = LoopSignal()

        def changed(revisions: list[Revision], entries: list[Entry]) -> None:
            signal.notify()

        self.listeners.append(changed)
        try:
            while True:
                signal.reset()
                with self.changed:
                    if self._is_enough(enough):
                        return
                # Time passes without a message: a turn is over after a moment of silence.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(signal.wait(), LOOK_UP)
        finally:
            if changed in self.listeners:
                self.listeners.remove(changed)

    def _is_enough(self, enough: Callable[[], bool]) -> bool:
        if enough():
            return True
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise ClosedError("the session was closed: make a new AgentSession")
        return False

    def close(self) -> None:
        """End every wait; idempotent."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    # -- in the reader thread

    def begin(self, position: int, head: int) -> None:
        """Set where reading begins, and the newest event there is now."""
        with self.changed:
            self.position, self._live_from = position, head

    def receive(self, batch: EventBatch) -> None:
        """Take a batch of the stream: what a subscription calls."""
        revisions: list[Revision] = []
        with self.changed:
            for event in batch.events:
                revisions += self._take(event)
            last = [event.sequence for event in batch.events[-1:]]
            last += [end for _, end in batch.missing]
            last += [unreadable.sequence or 0 for unreadable in batch.unreadable]
            self.position = max([self.position, *last])
            if self._unrefused and self.position >= self._live_from:
                self._outbox += [m for waiting in self._unrefused.values() for m in waiting]
                self._unrefused.clear()
            outbox, self._outbox = self._outbox, []
            entries = self.trace.entries
            changed = [entries[number - 1] for number in sorted({r.entry for r in revisions})]
            self.changed.notify_all()
        try:
            for message in outbox:
                self.publish(message)
            if revisions:
                self.tell(revisions, changed)
        except Exception as error:  # noqa: BLE001 - shown to the next caller that waits
            self.fail(error)

    def stream_changed(self, state: object) -> None:
        """Call the listeners without revisions: the stream has another state."""
        self.tell([], [])

    def tell(self, revisions: list[Revision], entries: list[Entry]) -> None:
        """Call the listeners."""
        for listener in list(self.listeners):
            listener(revisions, entries)

    def fail(self, error: Exception | None) -> None:
        """Note what stopped the stream, or broke in this thread."""
        if error is None:
            return
        with self.changed:
            if isinstance(error, AxonError):
                self._failure = error
            else:
                self._failure = AgentError(f"on_change failed: {error!r}")
                self._failure.__cause__ = error
                self.listeners.clear()
            self.changed.notify_all()

    def _take(self, event: AxonEvent) -> list[Revision]:
        if event.sequence <= self.position:
            return []
        revisions = self.trace.feed(event)
        self.log.extend(revisions)
        self._pair(event)
        for revision in revisions:
            self._follow(revision)
        return revisions

    def _pair(self, event: AxonEvent) -> None:
        """Keep track of which request an answer belongs to, and refuse what is not answered."""
        if event.origin == "USER_EVENT":
            if waiting := self._unrefused.get(event.event_type):
                waiting.popleft()  # it was refused
            key = self.client.asked(event, fields_of(event.payload))
            if key is not None:
                self._asked[key].append(event.sequence)
        elif event.origin == "AGENT_EVENT" and event.event_type not in FREQUENT:
            fields = fields_of(event.payload)
            if (answer := self.client.answered(event, fields)) is not None:
                self._answered(answer)
            elif (refusal := self.client.refusal(event, fields)) is not None:
                if event.sequence <= self._live_from:
                    self._unrefused.setdefault(refusal[0], deque()).append(refusal)
                else:
                    self._outbox.append(refusal)

    def _answered(self, answer: AgentAnswer) -> None:
        waiting = self._asked[answer.key]
        if waiting:
            self._answers[waiting.popleft()] = answer
        if not waiting:
            del self._asked[answer.key]
        if answer.error is not None:
            return
        if answer.session:
            self.session = answer.session
        elif answer.key == "initialize" or self.agent is None:
            self.agent = answer.value

    def _follow(self, revision: Revision) -> None:
        """Tell the turns of this client what concerns them."""
        entry = self.trace.entries[revision.entry - 1]
        if isinstance(entry, TurnEntry):
            self._follow_turn(entry, revision)
            return
        if isinstance(entry, Notice) and revision.revision == 1:
            self._noticed(entry)
        turn = self._turns_by_id.get(entry.turn_id)
        if turn is None:
            return
        turn.take(entry, revision)
        if isinstance(entry, Question) and revision.revision == 1 and entry.status == "open":
            self._asked_in(turn, entry)

    def _follow_turn(self, entry: TurnEntry, revision: Revision) -> None:
        turn = self.turns.get(entry.prompt_sequence or 0)
        if turn is None:
            return
        self._turns_by_id[entry.turn_id] = turn
        turn.take(entry, revision)
        begins = (revision.state or {}).get("status") == "running"
        if begins and turn.cancelled:
            self._outbox.append(self.client.cancel(turn.session))

    def _asked_in(self, turn: Turn, question: Question) -> None:
        if turn.cancelled:
            self._outbox.append(self.client.answer(question, Reply("cancel")))
        elif (reply := self.policy(question)) is not None:
            self._outbox.append(self.client.answer(question, reply))
        else:
            turn.wants(question)

    def _noticed(self, notice: Notice) -> None:
        if notice.notice_kind in ("devbox.running", "devbox.resumed"):
            self.gone, self.dead = "", False
        if not notice.fatal:
            return
        self.gone = notice.text or notice.notice_kind
        self.dead = notice.notice_kind in DEAD
        self.agent, self.session = None, ""
        self.generation += 1
        self._asked.clear()
        self._unrefused.clear()


#: Events of agents that are never answers or requests, and come most often.
FREQUENT: Final = frozenset({"session/update", "stream_event", "assistant", "user", "system"})
