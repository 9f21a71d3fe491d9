"""The state of a conversation: fed by the reader thread, looked at by everybody else.

Without ids on the axon, an answer belongs to the oldest request of its kind, and a
turn that starts to the oldest prompt (or to the one the broker names); so the
requests of other clients are followed too.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import AgentError, AxonError, ClosedError
from ..models import AxonEvent
from ..wire.cursor import EventBatch
from .timeline import (
    Answer,
    Asked,
    Entry,
    Notice,
    Option,
    PermissionRequest,
    Prompt,
    Timeline,
    TurnEnded,
    TurnStarted,
    Update,
)

if TYPE_CHECKING:
    from ..axon import Axon
    from .turn import Turn

__all__ = ["Codec", "Conversation", "choose"]

#: Seconds between looks of a thread that waits, so that the stop button works anywhere.
LOOK_UP: Final = 0.1

#: After these a prompt wakes no agent any more: the devbox or its agent has to be made anew.
DEAD: Final = frozenset({"devbox.shutdown", "devbox.failed", "broker.error"})

Message = tuple[str, dict[str, Any]]


class Codec(Protocol):
    """What a protocol offers; see :class:`.acp.AcpCodec`, :class:`.claude.ClaudeCodec`."""

    @property
    def source(self) -> str:
        """The source of what a client publishes."""

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Return key and request for a session; ``None`` if there is nothing to ask."""

    def prompt(self, session: str, text: str) -> Message:
        """Ask for a turn."""

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""

    def permission(self, request: PermissionRequest, option: Option | None) -> Message:
        """Answer a request; ``None`` says it was cancelled."""

    def refusal(self, event: AxonEvent) -> Message | None:
        """Answer a request of the agent that no client of this package can fulfil."""

    def read(self, event: AxonEvent) -> list[Update]:
        """Return what an event says."""


class Conversation:
    """Everything known of one axon's agent; ``changed`` guards all of it.

    Attributes:
        timeline: All that was said, by and to everybody.
        agent: What the agent said of itself; ``None`` before it is initialized.
        session: The newest session of the agent, empty if there is none.
        generation: Counts the agents that are gone; a session lives as long as its agent.
        gone: Why the agent is gone; empty while it is there.
        dead: Whether it cannot come back.
        position: Everything up to this sequence has been read.
        policy: Returns the answer to a request of one's own turn that needs no person,
            ``False`` if it needs one.
        on_change: Called with changed entries, in the reader thread.
    """

    def __init__(
        self,
        axon: Axon,
        codec: Codec,
        *,
        policy: Callable[[PermissionRequest], Option | bool | None],
        on_change: Callable[[list[Entry]], None] | None,
    ) -> None:
        self.axon = axon
        self.codec = codec
        self.timeline = Timeline()
        self.changed = threading.Condition()
        self.agent: dict[str, Any] | None = None
        self.session = ""
        self.generation = 0
        self.gone = ""
        self.dead = False
        self.position = 0
        self.policy = policy
        self.on_change = on_change
        self.turns: dict[int, Turn] = {}  # by the sequence of the prompt
        self._running: Turn | None = None
        self._ended: Turn | None = None  # the turn before, which may get late updates
        self._prompts: deque[int] = deque()
        self._asked: defaultdict[str, deque[int]] = defaultdict(deque)
        self._answers: dict[int, Answer] = {}
        self._outbox: list[Message] = []
        self._closed = False
        self._failure: AxonError | None = None

    # -- for everybody

    def publish(self, message: Message) -> int:
        """Publish as the user; return the sequence."""
        event_type, payload = message
        return self.axon.publish(event_type, payload, source=self.codec.source).sequence

    def ask(self, key: str, message: Message, timeout: float) -> dict[str, Any]:
        """Ask the agent something that is no turn; wait for the answer.

        Raises:
            AgentError: The answer is an error, the agent is gone, or there is none in time.
        """
        with self.changed:
            self.gone = "" if not self.dead else self.gone
            sequence = self.publish(message)
        self.wait(lambda: sequence in self._answers or bool(self.gone), timeout)
        with self.changed:
            answer = self._answers.get(sequence)
            if answer is None and self.gone:
                raise AgentError(f"no answer to {message[0]}: {self.gone}")
            if answer is None:
                raise AgentError(
                    f"no agent answered {message[0]} within {timeout:g} s: is there a devbox with"
                    f" a broker_mount on {self.axon.id}?"
                )
            if answer.error is not None:
                raise AgentError(f"the agent refused {message[0]}: {answer.error}")
            return dict(answer.value)

    def answer(self, request: PermissionRequest, option: Option | str | None) -> None:
        """Answer *request* with one of its options; ``None`` says it was cancelled.

        Raises:
            AgentError: It has no such option.
        """
        if isinstance(option, str):
            found = next((o for o in request.options if o.id == option), None)
            if found is None:
                names = ", ".join(o.id for o in request.options)
                raise AgentError(f"option {option!r} is none of {names}")
            option = found
        self.publish(self.codec.permission(request, option))
        with self.changed:
            for turn in self.turns.values():
                turn.settled(request)

    def wait(self, enough: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *enough* is true, *timeout* seconds at most; return whether it is.

        Raises:
            ClosedError: The session was closed.
            AxonError: What stopped the stream.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not enough():
                if self._failure is not None:
                    raise self._failure
                if self._closed:
                    raise ClosedError("the session was closed: make a new AgentSession")
                left = LOOK_UP if deadline is None else deadline - time.monotonic()
                if left <= 0:
                    return False
                self.changed.wait(min(left, LOOK_UP))
            return True

    def close(self) -> None:
        """Let nobody wait any longer; idempotent."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()

    # -- in the reader thread

    def receive(self, batch: EventBatch) -> None:
        """Take a batch of the stream: what a subscription calls."""
        changed: dict[int, Entry] = {}
        with self.changed:
            for event in batch.events:
                for entry in self._take(event):
                    changed[entry.number] = entry
            last = [event.sequence for event in batch.events[-1:]]
            last += [end for _, end in batch.missing]
            last += [unreadable.sequence or 0 for unreadable in batch.unreadable]
            self.position = max([self.position, *last])
            outbox, self._outbox = self._outbox, []
            self.changed.notify_all()
        try:
            for message in outbox:
                self.publish(message)
            if changed and self.on_change is not None:
                self.on_change([changed[number] for number in sorted(changed)])
        except Exception as error:  # noqa: BLE001 - shown to whoever waits next
            self.fail(error)

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
                self.on_change = None
            self.changed.notify_all()

    def _take(self, event: AxonEvent) -> list[Entry]:
        if event.sequence <= self.position:
            return []
        entries: list[Entry] = []
        for update in self.codec.read(event):
            entries += self.timeline.apply(update)
            self._follow(update)
        if self._running is not None and (refusal := self.codec.refusal(event)):
            self._outbox.append(refusal)
        return entries

    def _follow(self, update: Update) -> None:
        """Keep track of who waits for what."""
        match update:
            case Asked():
                self._asked[update.key].append(update.sequence)
            case Answer():
                self._answered(update)
            case Prompt():
                self._prompts.append(update.sequence)
            case TurnStarted():
                self._start(update)
            case Notice():
                self._noticed(update)
        self._tell_turn(update)
        if isinstance(update, TurnEnded) and self._running is not None:
            self._ended, self._running = self._running, None

    def _answered(self, answer: Answer) -> None:
        waiting = self._asked[answer.key]
        if waiting:
            self._answers[waiting.popleft()] = answer
        if not waiting:
            del self._asked[answer.key]
        if answer.error is not None:
            return
        if answer.key == "session/new":
            self.session = str(answer.value.get("sessionId", ""))
        elif answer.key == "initialize" or self.agent is None:
            self.agent = answer.value

    def _start(self, update: TurnStarted) -> None:
        wanted = update.prompt_sequence
        if wanted is None and self._prompts:
            wanted = self._prompts[0]
        while self._prompts and self._prompts[0] <= (wanted or 0):
            self._prompts.popleft()
        self._running, self._ended = self.turns.get(wanted or 0), None
        if self._running is not None and self._running.cancelled:
            self._outbox.append(self.codec.cancel(self._running.session))

    def _noticed(self, notice: Notice) -> None:
        if notice.kind == "devbox.running":
            self.gone, self.dead = "", False
        if not notice.fatal:
            return
        self.gone = notice.text or notice.kind
        self.dead = notice.kind in DEAD
        self.agent, self.session = None, ""
        self.generation += 1
        self._asked.clear()
        self._prompts.clear()
        for turn in self.turns.values():
            turn.lost(notice)

    def _tell_turn(self, update: Update) -> None:
        turn = self._running or self._ended
        if isinstance(update, Prompt | Asked | Answer):
            return  # of any client, not of this turn
        if turn is None or (update.session and update.session != turn.session):
            return
        turn.take(update)
        if isinstance(update, PermissionRequest) and self._running is not None:
            answer = None if turn.cancelled else self.policy(update)
            if isinstance(answer, bool):
                turn.wants(update)
            else:
                self._outbox.append(self.codec.permission(update, answer))


def choose(request: PermissionRequest, kind: str) -> Option | None:
    """Return the request's option of this kind (``allow``, ``reject``), once before always."""
    fitting = [option for option in request.options if option.kind.startswith(kind)]
    return min(fitting, key=lambda option: option.kind.endswith("always"), default=None)
