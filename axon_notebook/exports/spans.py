"""A trace as OpenTelemetry spans of the GenAI semantic conventions.  Experimental.

A turn is a trace of its own: the span ``invoke_agent``, below it ``chat`` for what the agent
thought and said, and ``execute_tool`` per tool call, nested for subagents.  Ids are hashes of
what they name, so sending a run twice creates nothing twice.  Texts and arguments are left out
unless they are asked for.

The conventions are marked "Development" and may change.  Source:
https://opentelemetry.io/docs/specs/semconv/gen-ai/ (attribute names of
``opentelemetry-semantic-conventions`` 0.66b2).  A maintained converter was preferred, but
``harbor-atif2otel`` 0.1.1 needs Python 3.12.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from ..agents.model import Entry, Message, Session, Tool, Turn

__all__ = ["EndedSpans", "Span", "spans"]

Value = str | int | float | bool | list[str]

#: Of the provider, by the protocol of the agent, where one protocol has one provider.
PROVIDERS: Final = {"claude": "anthropic", "codex": "openai"}


class Span(msgspec.Struct, frozen=True):
    """A span; ids are bytes (16 of the trace, 8 of spans), times milliseconds."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    started_ms: int
    ended_ms: int
    attributes: dict[str, Value]
    error: str | None = None


def spans(entries: Iterable[Entry], axon_id: str, *, content: bool = False) -> list[Span]:
    """Return the spans of all turns that have ended.

    Args:
        entries: Of one axon.
        axon_id: Its id; a part of every span's id.
        content: Include prompts, answers, arguments and results.
    """
    return EndedSpans(axon_id, content=content).take(entries)


class EndedSpans:
    """Makes spans of entries when they have ended, each once.

    Args:
        axon_id: A part of every span's id.
        content: Include prompts, answers, arguments and results.
        live: Do not wait for the end of the turn: calls are over when they have ended,
            messages when something else begins in the same turn or subagent.
    """

    def __init__(self, axon_id: str, *, content: bool = False, live: bool = False) -> None:
        self._axon_id = axon_id
        self._content = content
        self._live = live
        self._session = Session(id=0, kind="session")
        self._turns: dict[str, Turn] = {}
        self._calls: dict[str, Tool] = {}
        self._answers: dict[str, str] = {}
        self._latest: dict[tuple[str, str], int] = {}  # entry of a turn or subagent
        self._open: dict[int, Entry] = {}
        self._made: set[int] = set()

    def take(self, entries: Iterable[Entry]) -> list[Span]:
        """Take entries that are new or have changed; return the spans of what has ended."""
        for entry in entries:
            self._note(entry)
        ended = [entry for entry in self._open.values() if self._has_ended(entry)]
        for entry in ended:
            del self._open[entry.id]
        self._made.update(entry.id for entry in ended)
        return [self._span(entry) for entry in ended]

    def _note(self, entry: Entry) -> None:
        if isinstance(entry, Session):
            self._session = entry
            return
        if isinstance(entry, Turn):
            self._turns[entry.turn_id] = entry
        elif isinstance(entry, Message | Tool):
            where = (entry.turn_id, entry.parent_id)
            self._latest[where] = max(entry.id, self._latest.get(where, 0))
            if isinstance(entry, Tool):
                self._calls[entry.call_id] = entry
            elif entry.role == "agent" and not entry.parent_id:
                self._answers[entry.turn_id] = entry.text
            elif entry.role == "user":
                return
        else:
            return
        if entry.id not in self._made:
            self._open[entry.id] = entry

    def _has_ended(self, entry: Entry) -> bool:
        turn = self._turns.get(entry.turn_id)
        if turn is None or turn.ended_ms is not None:
            return turn is not None
        if not self._live or isinstance(entry, Turn):
            return False
        if isinstance(entry, Tool):
            return entry.ended_ms is not None
        return self._latest[entry.turn_id, entry.parent_id] > entry.id

    def _span(self, entry: Entry) -> Span:
        turn = self._turns[entry.turn_id]
        if isinstance(entry, Turn):
            answer = self._answers.get(turn.turn_id, "") if self._content else None
            return _turn(turn, self._session, self._axon_id, answer)
        if isinstance(entry, Tool):
            return _tool(entry, turn, self._calls, self._axon_id, self._content)
        assert isinstance(entry, Message)
        return _chat(entry, turn, self._calls, self._session, self._axon_id, self._content)


def _turn(turn: Turn, session: Session, axon_id: str, answer: str | None) -> Span:
    usage = turn.usage
    attributes = {
        **_session(session, axon_id),
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.usage.input_tokens": usage.input,
        "gen_ai.usage.output_tokens": usage.output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.thought,
        "gen_ai.response.finish_reasons": [turn.stop_reason] if turn.stop_reason else None,
        "axon.turn_id": turn.turn_id,
        "axon.first_sequence": turn.first_sequence,
        "axon.turn.cost": turn.cost,
        "axon.turn.currency": turn.currency or None,
        "gen_ai.input.messages": None if answer is None else _messages("user", turn.text),
        "gen_ai.output.messages": None if answer is None else _messages("assistant", answer),
    }
    return Span(
        trace_id=_id(16, axon_id, turn.turn_id),
        span_id=_id(8, axon_id, turn.turn_id),
        parent_id=b"",
        name=f"invoke_agent {session.agent}".strip(),
        started_ms=turn.started_ms if turn.running_ms is None else turn.running_ms,
        ended_ms=turn.ended_ms or turn.started_ms,
        attributes=_present(attributes),
        error=(turn.error or turn.status) if turn.status == "failed" else None,
    )


def _tool(tool: Tool, turn: Turn, calls: Mapping[str, Tool], axon_id: str, content: bool) -> Span:
    name = tool.name or tool.tool_kind or "tool"
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.id": tool.call_id,
        "axon.tool.kind": tool.tool_kind or None,
        "axon.tool.title": (tool.title or None) if content else None,
        "axon.tool.status": tool.status,
        "axon.first_sequence": tool.first_sequence,
        "gen_ai.tool.call.arguments": _json(tool.input) if content else None,
        "gen_ai.tool.call.result": _json(tool.parts) if content else None,
    }
    failed = tool.status in ("failed", "stopped")
    return Span(
        trace_id=_id(16, axon_id, turn.turn_id),
        span_id=_call_id(tool, axon_id),
        parent_id=_parent(tool, turn, calls, axon_id),
        name=f"execute_tool {name}",
        started_ms=tool.started_ms,
        ended_ms=tool.ended_ms if tool.ended_ms is not None else turn.ended_ms or tool.started_ms,
        attributes=_present(attributes),
        error=(tool.error or tool.status) if failed else None,
    )


def _chat(
    message: Message,
    turn: Turn,
    calls: Mapping[str, Tool],
    session: Session,
    axon_id: str,
    content: bool,
) -> Span:
    attributes = {
        **_session(session, axon_id),
        "gen_ai.operation.name": "chat",
        "axon.message.role": message.role,
        "axon.first_sequence": message.first_sequence,
        "gen_ai.output.messages": _messages("assistant", message.text) if content else None,
    }
    return Span(
        trace_id=_id(16, axon_id, turn.turn_id),
        span_id=_id(8, axon_id, "message", str(message.id)),
        parent_id=_parent(message, turn, calls, axon_id),
        name=f"chat {session.model}".strip(),
        started_ms=message.started_ms,
        ended_ms=message.ended_ms or message.started_ms,
        attributes=_present(attributes),
    )


def _session(session: Session, axon_id: str) -> dict[str, Any]:
    return {
        "gen_ai.agent.name": session.agent or None,
        "gen_ai.agent.version": session.version or None,
        "gen_ai.request.model": session.model or None,
        "gen_ai.provider.name": PROVIDERS.get(session.protocol),
        "gen_ai.conversation.id": axon_id,
    }


def _parent(entry: Entry, turn: Turn, calls: Mapping[str, Tool], axon_id: str) -> bytes:
    """Return the span of the subagent's call, or of the turn."""
    caller = calls.get(entry.parent_id)
    if caller is not None and caller.turn_id == turn.turn_id:
        return _call_id(caller, axon_id)
    return _id(8, axon_id, turn.turn_id)


def _call_id(tool: Tool, axon_id: str) -> bytes:
    return _id(8, axon_id, "call", str(tool.id))


def _id(length: int, *names: str) -> bytes:
    return hashlib.sha256("\0".join(names).encode()).digest()[:length]


def _messages(role: str, text: str) -> str:
    """Return one message in the conventions' JSON schema."""
    return _json([{"role": role, "parts": [{"type": "text", "content": text}]}])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _present(values: Mapping[str, Any]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if value is not None}
