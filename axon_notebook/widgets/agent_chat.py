"""A chat with an agent: the conversation as it runs, and a box to write in."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

import msgspec
import traitlets

from ..errors import AgentError, AxonError
from .axon_widget import AxonWidget, Redact
from .chat_snapshot import chat_html, chat_text, entries_of
from .event_store import EventStore
from .live import STATIC

if TYPE_CHECKING:
    from ..agents.client_protocol import AxonLike
    from ..agents.model import Question
    from ..axon import Axon

__all__ = ["AgentChat", "Talks"]

DEFAULT_BYTES: Final = 128 * 1024 * 1024
REFUSALS: Final = 20


class Talks(Protocol):
    """What a chat needs of an :class:`~axon_notebook.agents.session.AgentSession`."""

    @property
    def axon(self) -> AxonLike:
        """Where the conversation is."""

    @property
    def protocol(self) -> str:
        """``acp`` or ``claude``."""

    @property
    def id(self) -> str:
        """The agent's session."""

    @property
    def questions(self) -> list[Question]:
        """Requests for permission that nobody has answered."""

    def prompt(self, text: str) -> object:
        """Ask for a turn; return at once."""

    def answer(self, question: Question, value: object) -> None:
        """Answer a question."""

    def stop(self) -> None:
        """Cancel the turn that runs."""


class ChatStore(EventStore):
    """The events of a chat, and which of the page's buttons failed."""

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(start=0, max_bytes=max_bytes)
        self._refusals: list[dict[str, str]] = []
        self._refusals_lock = threading.Lock()

    def refuse(self, command: str, reason: str) -> None:
        """Remember that *command* failed, for the next heartbeat.  From any thread."""
        with self._refusals_lock:
            self._refusals = [*self._refusals, {"id": command, "reason": reason}][-REFUSALS:]

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._refusals_lock:
            refusals = list(self._refusals)
        return {**super().stat(), "refusals": refusals}


class AgentChat(AxonWidget):
    """Talk to an agent in the page, and watch it work; lives until :meth:`close`.

    ::

        session = an.AgentSession(axon)
        an.AgentChat(session)

    It shows the whole conversation on the axon, other clients' turns included, also
    while a cell runs; what you write meanwhile is sent when the kernel is free.
    What is shown is saved with the notebook as plain HTML.

    Args:
        session: Whom to talk through; borrowed, closing the chat leaves it open.
        height: In pixels.
        max_bytes: Of event texts to keep; the oldest go first.
        redact: Called with every event that would be saved with the notebook;
            returns what to save instead, or ``None`` to leave it out.
        snapshot: ``False`` saves nothing of the conversation.
        keep: Do not close the chat that the same cell made before.
    """

    saved_events = 2000  # a turn of streamed text has hundreds

    _esm = STATIC / "agent-chat.js"

    protocol = traitlets.Unicode("acp").tag(sync=True)

    def __init__(
        self,
        session: Talks,
        *,
        height: int = 560,
        max_bytes: int = DEFAULT_BYTES,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        axon = cast("Axon", session.axon)
        super().__init__(
            axon,
            redact=redact,
            snapshot=snapshot,
            keep=keep,
            protocol=session.protocol,
            height=height,
            max_bytes=max_bytes,
            **traits,
        )
        self.session = session
        self._chat_store = ChatStore(max_bytes=max_bytes)
        self.start(axon, self._chat_store)

    # -- what LiveWidget asks for

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button; what fails is told to the page that pressed it."""
        name = message.get("name")
        if message.get("kind") != "cmd":
            return
        if name == "retry":
            self.reconnect()
        elif name == "close":
            self.close()
        elif name in ("prompt", "cancel", "permit"):
            self._carry_out(str(name), str(message.get("value", "")))

    def static_html(self) -> str:
        """Return the conversation as a saved notebook shows it."""
        return chat_html(self.title, self.status(), entries_of(self.saved(), self.protocol))

    def static_text(self) -> str:
        """Return the conversation as text."""
        return chat_text(self.title, self.status(), entries_of(self.saved(), self.protocol))

    # -- the page's buttons

    def _carry_out(self, name: str, value: str) -> None:
        try:
            command = msgspec.json.decode(value, type=dict[str, str])
        except msgspec.DecodeError:
            return  # no page of ours
        try:
            if name == "prompt":
                self.session.prompt(command.get("text", ""))
            elif name == "cancel":
                self.session.stop()
            else:
                self._permit(command.get("request", ""), command.get("option", ""))
        except AxonError as error:
            self._chat_store.refuse(command.get("id", ""), str(error).partition("\n")[0])
            self._notify(stat=True)

    def _permit(self, request_id: str, option: str) -> None:
        for request in self.session.questions:
            if request.question_id == request_id:
                self.session.answer(request, option)
                return
        raise AgentError("nobody waits for this answer any more: it was given, or the turn is over")
