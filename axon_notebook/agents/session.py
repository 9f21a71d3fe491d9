"""A conversation with an agent behind the broker of an axon."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from ..closing import Closing
from ..errors import AgentError
from ..wire.events import EventStream
from ..wire.subscription import Subscription
from .acp_client import AcpClient
from .attachments import HOME, check_size, prompt_parts
from .claude_client import ClaudeClient
from .client_protocol import AgentAnswer, AxonLike, ProtocolClient
from .codex_client import CodexClient
from .conversation import Conversation, Listener
from .model import Entry, Question, Revision, Session
from .parts import Command, Setting
from .pi_client import PiClient
from .policies import Decision, Permissions, policy_of
from .protocols import protocol_name
from .replies import choose, reply_to
from .sent_files import send_file
from .turn import GRACE, Turn, TurnResult
from .untrusted import Fields

__all__ = ["AgentSession", "Turn", "TurnResult"]

CLIENTS: Final[dict[str, Callable[[], ProtocolClient]]] = {
    "acp": AcpClient,
    "claude": ClaudeClient,
    "codex": CodexClient,
    "pi": PiClient,
}
#: The code of ACP's error "authentication required".
AUTH_REQUIRED: Final = -32000


class AgentSession(Closing):
    """Talk to the agent that a devbox's ``broker_mount`` has joined to *axon*.

    ::

        with an.AgentSession(axon) as session:
            turn = session.prompt("count the lines of *.py")
            for update in turn:
                print(update.text, end="")
            print(turn.result().text)

    Any number of sessions, in any number of processes, may share an axon: each sees
    everything in its ``entries``, and the broker lets one turn run at a time.

    Args:
        axon: Borrowed.
        protocol: ``"acp"``, ``"claude"``, ``"codex"`` or ``"pi"``, as in the devbox's mount.
        permissions: What to answer when the agent asks for permission in a turn of this
            session.  ``"allow"`` and ``"reject"`` answer at once, for this one call; forms,
            choices and plans are left to you.  A function is called with every question in the
            thread that iterates the turn or waits for its result.  ``"ask"`` leaves all to
            :meth:`allow`, :meth:`reject` and :meth:`answer`, or to another client.
        directory: The working directory of a new session of the agent.
        resume: Read the history first and go on with the agent's newest session if it
            is alive.  Without it the session begins with the next event.
        on_change: Called with the entries that changed, in the reader thread.
        timeout: Seconds that the agent may take to answer the handshake.
        grace: Seconds of silence after a turn's end before it counts as over.

    Raises:
        AgentError: No agent answers, or it refuses.  An agent that wants a login is no error
            here: see :meth:`authenticate`.
    """

    def __init__(
        self,
        axon: AxonLike,
        protocol: str = "acp",
        *,
        permissions: Permissions = "ask",
        directory: str = HOME,
        resume: bool = True,
        on_change: Callable[[list[Entry]], None] | None = None,
        timeout: float = 60.0,
        grace: float = GRACE,
    ) -> None:
        name = protocol_name(protocol)
        if name not in CLIENTS:
            raise AgentError(f"protocol {protocol!r} is not one of {', '.join(CLIENTS)}")
        self.axon = axon
        self.protocol = name
        self.permissions = permissions
        self._directory = directory
        self._timeout = timeout
        self._grace = grace
        self._resume = resume
        self._id = ""
        self._login = ""  # why the agent wants one; empty if it does not
        self._generation = -1  # of the agent that knows the session
        self._conversation = Conversation(
            axon, CLIENTS[name](), name, policy=policy_of(permissions)
        )
        if on_change is not None:
            self._conversation.listeners.append(lambda _, e: on_change(e) if e else None)
        head = self._head()
        start = 0 if resume else head
        self._conversation.begin(start, head)
        self._subscription = Subscription(
            EventStream(
                axon.api, axon.id, after_sequence=start, on_state=self._conversation.stream_changed
            ),
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

    def prompt(self, text: str, attachments: Sequence[Any] = ()) -> Turn:
        """Ask for a turn; return at once.

        Turns run one at a time, in the order of the axon.  After a restart of the
        agent this makes a new session with it first.

        Args:
            text: What to ask; ``/name …`` runs one of :attr:`commands`.
            attachments: Pictures and files: paths, bytes, and addresses (texts with ``://``,
                which are passed on and never fetched).  What the agent does not take inside of
                a prompt, or what does not fit, is sent to its devbox.

        Raises:
            AgentError: There is no agent, it wants a login, an attachment cannot be read or
                sent, or the prompt is larger than an event can be.
        """
        self._catch_up()
        self._shake_hands()
        self._refuse_without_login()
        conversation, decide = self._conversation, self.permissions
        ask = partial(_decide, conversation, decide) if callable(decide) else None
        send = partial(send_file, self.axon.api, self.axon.id)
        parts = prompt_parts(text, attachments, self.info.accepts, send)
        message = conversation.client.prompt(self.id or self.axon.id, parts)
        check_size(message[1], attachments)
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

    def stop(self) -> None:
        """Cancel the running turn, also one of another client; queued turns go on."""
        own = [turn for turn in self.turns if turn.state == "running"]
        for turn in own:
            turn.cancel()
        if not own:
            conversation = self._conversation
            conversation.publish(conversation.client.cancel(self.id))

    def authenticate(self, method: str) -> None:
        """Log in by one of the agent's methods, then open the session.

        Args:
            method: The id of one of ``info.auth_methods``.

        Raises:
            AgentError: There is no such method, or it failed.
        """
        methods = {str(m.get("id", "")): m for m in self.info.auth_methods}
        if method not in methods:
            names = ", ".join(methods) or "none"
            raise AgentError(f"{method!r} is not a login method of the agent: it has {names}")
        if methods[method].get("type") == "terminal":
            raise AgentError(
                f"{method!r} needs a terminal in the devbox: run the agent's login there"
            )
        request = self._conversation.client.authenticate(method)
        if request is None:
            raise AgentError(f"the protocol {self.protocol} has no login: use the environment")
        self._value(request[1][0], self._conversation.ask(*request, self._timeout))
        self._login = ""
        self._shake_hands()
        self._refuse_without_login()

    # -- questions

    def allow(self, question: Question | None = None, *, always: bool = False) -> None:
        """Answer *question*, or the oldest open one, with yes.

        With *always* the agent stores a rule, if it offers to.
        """
        question = self._open(question)
        option = choose(question, "allow_always") if always else None
        self.answer(question, option or True)

    def reject(self, question: Question | None = None) -> None:
        """Answer *question*, or the oldest open one, with no."""
        self.answer(self._open(question), False)

    def answer(
        self, question: Question | str, value: object, *, confirm_secrets: bool = False
    ) -> None:
        """Answer a question.

        Args:
            question: One of :attr:`questions`, or its ``question_id``.
            value: An option, its id or its name; ``True`` and ``False``; values by field id of
                a form or a choice, or the value itself if there is one field; ``None`` cancels.
            confirm_secrets: Publish the values of secret fields, as durable events that every
                reader of the axon sees.

        Raises:
            AgentError: It is not open any more, or *value* is not a valid answer.
        """
        if isinstance(question, str):
            found = [q for q in self.questions if q.question_id == question]
            if not found:
                raise AgentError(f"no question {question!r} is open: see session.questions")
            question = found[0]
        reply = reply_to(question, value, confirm_secrets=confirm_secrets)
        self._conversation.answer(question, reply)

    # -- modes and models

    def set_mode(self, mode: str) -> None:
        """Switch to another mode of the agent, such as ``plan``."""
        self._switch_category("mode", mode)

    def set_model(self, model: str) -> None:
        """Switch to another model."""
        self._switch_category("model", model)

    def set(self, setting: str, value: object) -> None:
        """Change one of :attr:`settings` by its id, or by its name.

        Codex takes it with the next prompt, the others at once.

        Raises:
            AgentError: There is no such setting or value, or the agent refuses.
        """
        found = [s for s in self.settings if setting in (s.id, s.name)]
        if not found:
            names = ", ".join(s.id or s.category for s in self.settings) or "none"
            raise AgentError(f"{setting!r} is not a setting of the agent: it has {names}")
        self._switch(found[0], value)

    def _switch_category(self, category: str, value: str) -> None:
        found = [s for s in self.settings if s.category == category]
        if not found:
            raise AgentError(f"the agent offers no choice of {category}")
        self._switch(found[0], value)

    def _switch(self, setting: Setting, value: object) -> None:
        values = [choice.value for choice in setting.choices]
        if values and value not in values:
            name = setting.id or setting.category
            raise AgentError(f"{value!r} is not a {name}: expected one of {', '.join(values)}")
        client = self._conversation.client
        if client.keep(setting, value):
            return
        request = client.switch(self.id, setting, value)
        if request is None:
            raise AgentError(f"the setting {setting.name!r} cannot be changed here")
        self._value(request[1][0], self._conversation.ask(*request, self._timeout))

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
    def info(self) -> Session:
        """What is known of agent and session: title, model, mode, context, cost, logins."""
        with self._conversation.changed:
            return self._conversation.trace.session

    @property
    def commands(self) -> list[Command]:
        """The agent's slash commands."""
        return list(self.info.commands)

    @property
    def settings(self) -> list[Setting]:
        """What can be switched: modes, models and other options."""
        return list(self.info.settings)

    @property
    def entries(self) -> list[Entry]:
        """The whole conversation in order, other clients' turns included.

        Entries change in place while their turn runs, in the reader thread.
        """
        with self._conversation.changed:
            return list(self._conversation.trace.entries)

    @property
    def questions(self) -> list[Question]:
        """Questions that are not answered yet, oldest first."""
        with self._conversation.changed:
            return self._conversation.trace.open_questions

    @property
    def turns(self) -> list[Turn]:
        """The turns asked for with this object, in order."""
        with self._conversation.changed:
            return list(self._conversation.turns.values())

    @property
    def subscription(self) -> Subscription:
        """The stream underneath: its state and counters."""
        return self._subscription

    # -- for views

    def revisions(self, after: int = 0, limit: int | None = None) -> tuple[list[Revision], int]:
        """Return the revisions numbered *after* + 1 and on, and the number of the last.

        The first one is number 1.  Of a long conversation older ones are merged.
        """
        with self._conversation.changed:
            return self._conversation.log.since(after, limit)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* with new revisions and their entries, in the reader thread.

        It gets none when the state of the stream has changed.  Returns what ends it.
        """
        listeners = self._conversation.listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

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

    # -- inside

    def _head(self) -> int:
        page = self.axon.api.list_events(self.axon.id, limit=1)
        return page.events[0].sequence if page.events else 0

    def _catch_up(self) -> None:
        """Read what the axon already has, so that a new agent is not confused with the old one.

        The reader thread is always a moment behind: a devbox that was shut down or made
        in the line above must be known before a prompt is published.
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
            first = conversation.client.initialize()
            self._value("initialize", conversation.ask(*first, self._timeout))
            if (following := conversation.client.initialized()) is not None:
                conversation.publish(following)
        if self._generation == conversation.generation:
            return
        generation = conversation.generation
        wanted = conversation.client.new_session(self._directory)
        if wanted is not None and self._resume and conversation.session:
            self._id = conversation.session
        elif wanted is not None:
            answer = conversation.ask(*wanted, self._timeout)
            if answer.code == AUTH_REQUIRED and self.info.auth_methods:
                self._login = answer.error or "authentication required"
                return
            self._value(wanted[1][0], answer)
            self._id = answer.session
        self._login, self._generation = "", generation
        if not self.info.settings:
            for message in conversation.client.offers():
                conversation.publish(message)

    def _refuse_without_login(self) -> None:
        if not self._login:
            return
        methods = [f"{m.get('id')!r} ({m.get('name')})" for m in self.info.auth_methods]
        raise AgentError(
            f"the agent wants a login ({self._login}): call session.authenticate(method) with one"
            f" of {', '.join(methods)}"
        )

    @staticmethod
    def _value(name: str, answer: AgentAnswer) -> Fields:
        if answer.error is not None:
            raise AgentError(f"the agent refused {name}: {answer.error}")
        return dict(answer.value)

    def _open(self, question: Question | None) -> Question:
        if question is not None:
            return question
        questions = self.questions
        if not questions:
            raise AgentError("no question is open: the agent has not asked, or it was answered")
        return questions[0]


def _decide(
    conversation: Conversation, decide: Callable[[Question], Decision], question: Question
) -> None:
    """Let the user's function answer."""
    decision = decide(question)
    if decision is not None:
        conversation.answer(question, reply_to(question, decision))
