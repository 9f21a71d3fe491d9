"""What an :class:`.session.AgentSession` needs: of an axon, and of a protocol.

``agents`` does not know the class of axons; anything that has these will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..models import AxonEvent, PublishResult
from .model import Question
from .parts import Part, Setting
from .replies import Reply
from .untrusted import Fields

if TYPE_CHECKING:
    from ..wire.api import ApiClient

__all__ = ["AgentAnswer", "AxonLike", "Message", "ProtocolClient"]

#: Event type and payload of an event to publish.
Message = tuple[str, Fields]


class AxonLike(Protocol):
    """A source of events, and a way to publish."""

    @property
    def id(self) -> str:
        """The axon's identifier."""

    @property
    def api(self) -> ApiClient:
        """The endpoints, for streams and pages of events."""

    def publish(
        self, event_type: str, payload: object = None, *, source: str = ...
    ) -> PublishResult:
        """Publish an event as the user."""


class AgentAnswer(NamedTuple):
    """The agent's answer to a client's request.

    ``error`` is ``None`` if it is no error; ``session`` names the session that it opens.
    """

    key: str
    value: Fields
    error: str | None = None
    code: int | None = None
    session: str = ""


class ProtocolClient(Protocol):
    """Builds what a client of one protocol publishes, and pairs requests with answers."""

    @property
    def source(self) -> str:
        """The source of what a client publishes."""

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""

    def initialized(self) -> Message | None:
        """Return what follows the answer to :meth:`initialize`."""

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Return key and request for a session; ``None`` if the process is the session."""

    def authenticate(self, method: str) -> tuple[str, Message] | None:
        """Return key and request; ``None`` if the protocol has no such request."""

    def prompt(self, session: str, parts: Sequence[Part]) -> Message:
        """Ask for a turn."""

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""

    def switch(self, session: str, setting: Setting, value: object) -> tuple[str, Message] | None:
        """Return key and request to set a mode, a model or another setting."""

    def keep(self, setting: Setting, value: object) -> bool:
        """Keep *value* for the next prompts; whether the protocol sets it that way."""

    def offers(self) -> list[Message]:
        """Ask what can be switched and which commands there are; does not wait for the answers."""

    def answer(self, question: Question, reply: Reply) -> Message:
        """Answer a question of the agent."""

    def refusal(self, event: AxonEvent, fields: Fields) -> Message | None:
        """Refuse a request of the agent that no codec knows, else ``None``."""

    def asked(self, event: AxonEvent, fields: Fields) -> str | None:
        """Return the key of the answer that a client's event waits for, if it does."""

    def answered(self, event: AxonEvent, fields: Fields) -> AgentAnswer | None:
        """Return the answer that an agent's event is, if it is one."""
