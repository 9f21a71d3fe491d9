"""Reads the events of an axon, from wherever they come, as the trace of its agent's runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from ..errors import AgentError
from ..models import AxonEvent
from .acp import AcpCodec
from .annotations import EVENT_TYPE, annotate, read_annotation
from .broker_news import read_system_event
from .builder import Builder
from .claude import ClaudeCodec
from .codex import CodexCodec
from .model import Entry, Question, Revision, Session, Turn, fold
from .pi import PiCodec
from .protocols import NAMES, protocol_name, protocol_of
from .untrusted import Fields, fields_of

__all__ = ["Codec", "Trace", "fold"]

#: Frequent types that only one protocol has.
CERTAIN: Final = frozenset({"session/update", "stream_event", "assistant", "message_update"})
#: Ranges of missing sequences that are remembered, so that late events are told from repeated ones.
HOLES_KEPT: Final = 1000


class Codec(Protocol):
    """Reads the events of one protocol into a :class:`.builder.Builder`."""

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent; *fields* is the payload's object."""

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""


CODECS: Final[dict[str, Callable[[Builder], Codec]]] = {
    "acp": AcpCodec,
    "claude": ClaudeCodec,
    "codex": CodexCodec,
    "pi": PiCodec,
}


class Trace:
    """The entries that the events of one axon make, and the revisions that make the entries.

    Pure and incremental: :meth:`feed` it the events in their order, each once; it does no
    input or output and holds nothing but the entries.  Not locked.

    Args:
        protocol: ``acp``, ``claude``, ``codex`` or ``pi``, or the name of a mount; found by the
            events if it is not given.

    Raises:
        AgentError: No codec reads *protocol*.

    Attributes:
        position: The newest sequence that was read; 0 at the beginning.
    """

    def __init__(self, protocol: str | None = None) -> None:
        name = protocol_name(protocol) if protocol is not None else None
        if protocol is not None and name is None:
            raise AgentError(f"protocol {protocol!r} is not one of {', '.join(NAMES)}")
        self._fixed = name
        self._builder = Builder()
        self._codecs: dict[str, Codec] = {}
        self._protocol = name
        self._by_type: dict[str, str] = {}
        self._holes: list[tuple[int, int]] = []
        self.position = 0

    @property
    def protocol(self) -> str | None:
        """The protocol, if it is known."""
        return self._protocol

    @property
    def entries(self) -> list[Entry]:
        """All entries; live: feeding changes them."""
        return self._builder.entries

    @property
    def session(self) -> Session:
        """The entry on agent and session; one without an id if there is none yet."""
        return self._builder.known_session or Session(id=0, kind="session")

    @property
    def running(self) -> Turn | None:
        """The turn that runs."""
        return self._builder.running

    @property
    def open_questions(self) -> list[Question]:
        """Questions that are not answered yet, oldest first."""
        return self._builder.open_questions

    def feed(self, event: AxonEvent) -> list[Revision]:
        """Read *event*; return what it changes, in order.

        An event that was read before changes nothing.  One that was missing and comes late
        counts from the newest position on, because what came before it has been shown.
        """
        sequence, builder = event.sequence, self._builder
        if sequence <= self.position:
            if not self._was_missing(sequence):
                return []
        else:
            if sequence > self.position + 1 and self.position:
                self._holes.append((self.position + 1, sequence - 1))
                del self._holes[:-HOLES_KEPT]
            elif not self.position:
                builder.from_start = sequence == 1
            self.position = sequence
        builder.revisions = []
        builder.sequence, builder.at_ms = self.position, event.timestamp_ms
        self._read(event)
        return builder.revisions

    def _read(self, event: AxonEvent) -> None:
        if event.origin == "SYSTEM_EVENT":
            read_system_event(event, fields_of(event.payload), self._builder)
            return
        if event.event_type == EVENT_TYPE and (found := read_annotation(event)) is not None:
            annotate(self._builder, event, found, self._builder.place())
            return
        if event.origin == "EXTERNAL_EVENT":
            return
        name = self._fixed or self._speaks(event) or self._protocol
        if name is None:
            return
        codec = self._codecs.get(name)
        if codec is None:
            codec = self._codecs[name] = CODECS[name](self._builder)
        self._protocol = name
        if event.origin == "AGENT_EVENT":
            codec.from_agent(event, fields_of(event.payload))
        else:
            codec.from_client(event, fields_of(event.payload))

    def _speaks(self, event: AxonEvent) -> str | None:
        """Return the protocol of the event, from memory where its type says it."""
        kind = event.event_type
        if (known := self._by_type.get(kind)) is not None:
            return known
        found = protocol_of(event)
        if found is not None and kind in CERTAIN:
            self._by_type[kind] = found
        return found

    def _was_missing(self, sequence: int) -> bool:
        for place, (first, last) in enumerate(self._holes):
            if first <= sequence <= last:
                parts = [(first, sequence - 1), (sequence + 1, last)]
                self._holes[place : place + 1] = [(a, b) for a, b in parts if a <= b]
                return True
        return False
