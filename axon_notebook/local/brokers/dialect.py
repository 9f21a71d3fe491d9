"""What a broker must know of the protocol its agent speaks.

A dialect is pure: events of the axon in, lines for the agent out, and the other
way round.  It remembers what one agent process was asked and has asked, so every
process gets a new one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec

from ...models import AxonEvent

__all__ = ["Dialect", "Heard", "Kind", "LINE_LIMIT", "TurnEnd", "Unspeakable", "json_text"]

#: Bytes of one line, either way; no larger than an event's payload may be.
LINE_LIMIT: Final = 4 * 1024 * 1024

#: What an event means to the agent: it starts a turn, passes at once, or is not for it.
Kind = Literal["turn", "aside"] | None


class Unspeakable(Exception):
    """An event that cannot be told to the agent; the text says why."""


class TurnEnd(NamedTuple):
    """How a turn ended: ``error`` is empty if it ended well."""

    stop_reason: str | None = None
    error: str = ""


class Heard(msgspec.Struct):
    """What a line of the agent means.

    Attributes:
        events: Pairs of event type and payload, to be published as the agent's.
        replies: Lines that go straight back to the agent.
        end: The end of the running turn.
        complaint: What is wrong with the line, for the log.
    """

    events: list[tuple[str, str]] = msgspec.field(default_factory=list)
    replies: list[bytes] = msgspec.field(default_factory=list)
    end: TurnEnd | None = None
    complaint: str = ""


class Dialect(Protocol):
    """One conversation with one agent process."""

    @property
    def holding(self) -> bool:
        """Whether the agent must answer before it is told more."""

    def kind(self, event_type: str) -> Kind:
        """Tell what events of this type mean to the agent."""

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return what the agent is told; nothing if the event answers nothing.

        Raises:
            Unspeakable: The payload has no form in this protocol.
        """

    def refusal(self, event_type: str, payload: str, why: str) -> list[tuple[str, str]]:
        """Return the events that tell a client: what it asked for has failed."""

    def cancels(self, event: AxonEvent) -> bool:
        """Whether the event asks for the end of the running turn."""

    def hear(self, line: bytes) -> Heard:
        """Take a line of the agent."""

    def hear_oversized(self, head: bytes, size: int) -> Heard:
        """Take a line that was too long: its first bytes, and its length."""

    def said(self, published: Sequence[tuple[str, int]]) -> None:
        """Learn at which sequences the agent's events stand now, in order."""

    def unasked(self) -> list[tuple[str, str]]:
        """Return the agent's questions that were held back and may be published now."""

    def abandon(self) -> None:
        """Give the running turn up: what the agent still answers to it is no news."""


def json_text(line: bytes | str) -> str:
    """Return *line* as one line of valid JSON text, values unchanged.

    Half a surrogate pair, which some agents write when they cut a string, becomes
    a question mark; newlines between values become spaces.

    Raises:
        ValueError: It is no JSON.
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
