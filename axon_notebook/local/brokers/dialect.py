"""What a broker must know of the protocol that its agent speaks.

A dialect does no input or output of its own: events of the axon become lines for the
agent, and lines of the agent become events.  It remembers what one agent process was
asked and has asked, so every process gets a new one.
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec

from ...models import AxonEvent

__all__ = [
    "AgentEvent",
    "Dialect",
    "InvalidMessage",
    "Kind",
    "LINE_LIMIT",
    "Line",
    "Received",
    "TurnEnd",
    "json_object",
    "json_text",
    "too_long",
]

#: Bytes of one line, either way; no larger than an event's payload may be.
LINE_LIMIT: Final = 4 * 1024 * 1024

#: What an event means to the agent: it starts a turn, passes at once, or is not for it.
Kind = Literal["turn", "immediate"] | None


class InvalidMessage(Exception):
    """An event or a line that is not a message of the protocol; the text says why."""


class Line(NamedTuple):
    """A line of the agent without its newline.

    Of a line longer than :data:`LINE_LIMIT` only the first bytes are kept in ``data``
    and the last ones in ``tail``.
    """

    data: bytes
    size: int
    tail: bytes = b""

    @property
    def oversized(self) -> bool:
        """Whether most of it was dropped."""
        return self.size > len(self.data)


class TurnEnd(NamedTuple):
    """How a turn ended: ``error`` is empty if it ended well."""

    stop_reason: str | None = None
    error: str = ""


class AgentEvent(NamedTuple):
    """An event to publish as the agent's; ``request`` is told the sequence it gets."""

    event_type: str
    payload: str
    request: Hashable | None = None


class Received(msgspec.Struct):
    """What a line of the agent means.

    Attributes:
        events: What is published as the agent's.
        replies: Lines that go straight back to the agent.
        end: The end of the running turn.
        problem: What is wrong with the line, for the log.
        unknown: A request that no client may know: it is refused, by
            :meth:`Dialect.refuse`, unless it is answered in time.
    """

    events: list[AgentEvent] = msgspec.field(default_factory=list)
    replies: list[bytes] = msgspec.field(default_factory=list)
    end: TurnEnd | None = None
    problem: str = ""
    unknown: Hashable | None = None


class Dialect(Protocol):
    """One conversation with one agent process."""

    @property
    def initializing(self) -> bool:
        """Whether the agent must answer its first request before it is sent more."""

    def kind(self, event_type: str) -> Kind:
        """Tell what events of this type mean to the agent."""

    def accepts(self, event: AxonEvent) -> bool:
        """Whether an event that passes at once is a message of this protocol at all."""

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return what the agent is sent; nothing if the event answers nothing.

        Raises:
            InvalidMessage: The payload has no form in this protocol.
        """

    def error_events(self, event_type: str, payload: str, why: str) -> list[AgentEvent]:
        """Return the events that tell a client: what it asked for has failed."""

    def cancels(self, event: AxonEvent) -> bool:
        """Whether the event asks for the end of the running turn, if one runs."""

    def receive(self, line: bytes) -> Received:
        """Read a line of the agent."""

    def receive_oversized(self, line: Line) -> Received:
        """Read what is left of a line that was too long."""

    def stored(self, request: Hashable, sequence: int) -> None:
        """Note the sequence of the event that carries *request*."""

    def due_requests(self) -> list[AgentEvent]:
        """Return the agent's requests that were held back and may be published now."""

    def refuse(self, request: Hashable) -> list[bytes]:
        """Return the answer that refuses an unknown request; nothing if it was answered."""

    def abandon(self) -> list[bytes]:
        """Give the running turn up: a late answer of the agent ends no other turn.

        Returns lines for the agent.
        """


def json_text(line: bytes | str) -> str:
    """Return *line* as one line of valid JSON text, values unchanged.

    Half a surrogate pair, which some agents write when they cut a string, becomes
    a question mark; newlines between values become spaces.

    Raises:
        ValueError: It is not JSON.
    """
    text = line if isinstance(line, str) else line.decode("utf-8")
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        if "\\ud" not in text.lower():
            raise
        value: Any = json.loads(text)
        text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
        msgspec.json.decode(text, type=msgspec.Raw)
    # In valid JSON a newline can only stand between values.
    return text.replace("\r", " ").replace("\n", " ").strip()


def json_object(payload: bytes | str) -> tuple[str, dict[str, Any]]:
    """Return *payload* as one line of JSON, and the object it holds.

    Raises:
        InvalidMessage: It is not JSON, or not an object.
    """
    try:
        text = json_text(payload)
        value = msgspec.json.decode(text)
    except ValueError as error:
        raise InvalidMessage(f"the payload is not JSON ({error})") from None
    if not isinstance(value, dict):
        raise InvalidMessage(f"the payload is not a JSON object but {text[:40]!r}")
    return text, value


def too_long(size: int) -> str:
    """Return the sentence on a line of *size* bytes."""
    return f"a line of {size:,} bytes, more than the 4 MiB a line may have"
