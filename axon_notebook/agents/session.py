"""A conversation with an agent behind the broker of an axon."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from ..closing import Closing
from ..errors import AgentError
from ..wire.stream import EventStream
from ..wire.subscription import Subscription
from .acp import AcpCodec
from .claude import ClaudeCodec
from .conversation import Codec, Conversation, choose
from .timeline import Entry, Option, PermissionRequest
from .turn import GRACE, Turn, TurnResult

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["AgentSession", "Turn", "TurnResult"]

CODECS: Final[dict[str, Callable[[], Codec]]] = {"acp": AcpCodec, "claude": ClaudeCodec}

#: Where a Runloop devbox has its home; the embedded service takes it for the devbox's own.
HOME: Final = "/home/user"

#: What a callback may answer: yes, no, an option or its id; ``None`` leaves it open.
Decision = bool | str | Option | None
Permissions = Literal["ask", "allow", "reject"] | Callable[[PermissionRequest], Decision]


class AgentSession(Closing):
    """Talk to the agent that a devbox's ``broker_mount`` has joined to *axon*.

    ::

        with an.AgentSession(axon) as session:
            turn = session.prompt("count the lines of *.py")
            for update in turn:
                print(update)
            print(turn.result().text)

    Any number of sessions, in any number of processes, may share an axon: each sees
    everything in its ``entries``, and the broker lets one turn run at a time.

    Args:
        axon: Borrowed.
        protocol: ``"acp"`` or ``"claude"``, as in the devbox's mount.
        permissions: What to answer when the agent asks in a turn of this session.
            ``"allow"`` and ``"reject"`` answer at once.  A function is called in the
            thread that iterates the turn or waits for its result.  ``"ask"`` leaves it to
            :meth:`allow` and :meth:`reject`, or to another client.
        directory: The working directory of a new session of the agent.
        resume: Read the history first and go on with the agent's newest session if it
            is alive.  Without it the session begins with the next event.
        on_change: Called with the entries that changed, in the reader thread.
        timeout: Seconds that the agent may take to answer the handshake.
        grace: Seconds of silence after a turn's end before it counts as over.

    Raises:
        AgentError: No agent answers, or it refuses.
    """

    def __init__(
        self,
        axon: Axon,
        protocol: str = "acp",
        *,
        permissions: Permissions = "ask",
        directory: str = HOME,
        resume: bool = True,
        on_change: Callable[[list[Entry]], None] | None = None,
        timeout: float = 60.0,
        grace: float = GRACE,
    ) -> None:
        if protocol not in CODECS:
            raise AgentError(f"protocol {protocol!r} is none of {', '.join(CODECS)}")
        self.axon = axon
        self.protocol = protocol
        self.permissions = permissions
        self._directory = directory
        self._timeout = timeout
        self._grace = grace
        self._resume = resume
        self._id = ""
        self._generation = -1  # of the agent that knows the session
        self._conversation = Conversation(
            axon, CODECS[protocol](), policy=_policy(permissions), on_change=on_change
        )
        head = self._head()
        self._conversation.position = 0 if resume else head
        self._subscription = Subscription(
            EventStream(axon.api, axon.id, after_sequence=0 if resume else head),
            sink=self._conversation.receive,
            on_end=self._conversation.fail,
        )
        try:
            self._conversation.wait(lambda: self._conversation.position >= head, None)
            self._shake_hands()
        except BaseException:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<AgentSession {self.protocol} {self.id or '(none)'} on {self.axon!r}>"

    # -- talking

    def prompt(self, text: str) -> Turn:
        """Ask for a turn; return at once.

        Turns run one at a time, in the order of the axon.  After a restart of the
        agent this makes a new session with it first.

        Raises:
            AgentError: There is no agent, or the stream is too far behind to know.
        """
        self._catch_up()
        self._shake_hands()
        conversation, decide = self._conversation, self.permissions
        ask = partial(_decide, conversation, decide) if callable(decide) else None
        message = conversation.codec.prompt(self.id or self.axon.id, text)
        # The reader must not see the prompt's events before the turn is known.
        with conversation.changed:
            sequence = conversation.publish(message)
            turn = Turn(conversation, text, sequence, self.id, ask=ask, grace=self._grace)
            conversation.turns[sequence] = turn
        return turn

    def cancel(self) -> None:
        """Cancel every turn of this session that is not over; the agent goes on running."""
        for turn in self.turns:
            if turn.state in ("queued", "running"):
                turn.cancel()

    def allow(self, request: PermissionRequest | None = None, *, always: bool = False) -> None:
        """Answer *request*, or the oldest open one, with yes."""
        request = self._open(request)
        option = choose(request, "allow_always") if always else None
        self.answer(request, option or choose(request, "allow"))

    def reject(self, request: PermissionRequest | None = None) -> None:
        """Answer *request*, or the oldest open one, with no."""
        request = self._open(request)
        self.answer(request, choose(request, "reject"))

    def answer(self, request: PermissionRequest, option: Option | str | None) -> None:
        """Answer *request* with one of its options; ``None`` says it was cancelled.

        Raises:
            AgentError: It has no such option.
        """
        self._conversation.answer(request, option)

    # -- looking

    @property
    def id(self) -> str:
        """The agent's session; empty with Claude, whose process is the session."""
        return self._id

    @property
    def agent(self) -> dict[str, object]:
        """What the agent said of itself when it was initialized."""
        with self._conversation.changed:
            return dict(self._conversation.agent or {})

    @property
    def entries(self) -> list[Entry]:
        """The whole conversation in order, other clients' turns included.

        Entries change in place while their turn runs, in the reader thread.
        """
        with self._conversation.changed:
            return list(self._conversation.timeline.entries)

    @property
    def questions(self) -> list[PermissionRequest]:
        """Requests for permission that nobody has answered, oldest first."""
        with self._conversation.changed:
            open_ones = self._conversation.timeline.questions
            return [entry.request for entry in open_ones if entry.request is not None]

    @property
    def turns(self) -> list[Turn]:
        """The turns asked for with this object, in order."""
        with self._conversation.changed:
            return list(self._conversation.turns.values())

    @property
    def subscription(self) -> Subscription:
        """The stream underneath: its state and counters."""
        return self._subscription

    def close(self) -> None:
        """End the reader thread; idempotent.  Agent, turns and devbox go on."""
        self._conversation.close()
        self._subscription.close()

    def __del__(self) -> None:
        subscription = getattr(self, "_subscription", None)  # missing if __init__ raised
        if subscription is not None and subscription.state.name not in ("ended", "failed"):
            message = f"unclosed {self!r}: close() it, or use it as a context manager"
            warnings.warn(message, ResourceWarning, stacklevel=2)
            self.close()

    def _head(self) -> int:
        page = self.axon.api.list_events(self.axon.id, limit=1)
        return page.events[0].sequence if page.events else 0

    def _catch_up(self) -> None:
        """Read what the axon already has, so that a new agent is not taken for the old one.

        The reader thread is always a moment behind: a devbox that was shut down or made
        in the line above must be known before anybody is spoken to.
        """
        head, conversation = self._head(), self._conversation
        if not conversation.wait(lambda: conversation.position >= head, self._timeout):
            raise AgentError(
                f"the stream of {self.axon.id} is at event {conversation.position} of {head} after"
                f" {self._timeout:g} s: look at session.subscription, or reconnect() it"
            )

    def _shake_hands(self) -> None:
        """Initialize the agent and get a session, unless that was done, by whomever."""
        conversation = self._conversation
        if conversation.dead:
            raise AgentError(
                f"there is no agent on {self.axon.id} ({conversation.gone}): create a devbox with"
                " a broker_mount"
            )
        if conversation.agent is None:
            conversation.ask(*conversation.codec.initialize(), self._timeout)
        if self._generation == conversation.generation:
            return
        wanted = conversation.codec.new_session(self._directory)
        if wanted is not None and self._resume and conversation.session:
            self._id = conversation.session
        elif wanted is not None:
            self._id = str(conversation.ask(*wanted, self._timeout).get("sessionId", ""))
        self._generation = conversation.generation

    def _open(self, request: PermissionRequest | None) -> PermissionRequest:
        if request is not None:
            return request
        questions = self.questions
        if not questions:
            raise AgentError("nothing is open: the agent has not asked, or somebody has answered")
        return questions[0]


def _decide(
    conversation: Conversation,
    decide: Callable[[PermissionRequest], Decision],
    request: PermissionRequest,
) -> None:
    """Let the user's function answer."""
    decision = decide(request)
    if decision is None:
        return
    if isinstance(decision, bool):
        decision = choose(request, "allow" if decision else "reject")
    conversation.answer(request, decision)


def _policy(permissions: Permissions) -> Callable[[PermissionRequest], Option | bool | None]:
    """Return what needs no person to decide; ``False`` for what does."""
    if permissions in ("allow", "reject"):
        kind = str(permissions)
        return lambda request: choose(request, kind)
    if permissions != "ask" and not callable(permissions):
        raise AgentError(
            f"permissions {permissions!r} is none of 'ask', 'allow', 'reject', or a function"
        )
    return lambda request: False
