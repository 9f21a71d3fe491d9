"""Turns and tool calls as spans of time, for the timeline: computed here, drawn by the page.

Each change of a span has a number, so that a page which missed some asks for what changed since;
it is answered with the spans as they are now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ..agents.model import Entry, Question, Tool, Turn
from ..agents.parts import Usage

__all__ = ["Span", "SpanLog"]

TITLE_CHARS: Final = 120


class Span(msgspec.Struct, omit_defaults=True, gc=False):
    """One bar.  Times are milliseconds since the epoch.

    Attributes:
        id: The trace's entry; spans begin in the order of their ids.
        parent: The turn, or the tool call (of a subagent), that it happened in; 0 for none.
        kind: ``turn`` or ``tool``.
        status: Of a turn ``queued``, ``running``, ``completed``, ``failed``, ``cancelled``; of a
            tool call ``pending``, ``in_progress``, ``completed``, ``failed``, ``stopped``.
        end_ms: ``None`` while it is open.
        first: Sequence of its first event; ``last``: of its last.
        waits: Times from … to in which it waited for a person; the last may have no end.
        tokens: In and out; ``None`` if unknown.
    """

    id: int
    parent: int
    kind: str
    title: str
    status: str
    start_ms: int
    end_ms: int | None
    first: int
    last: int
    waits: list[tuple[int, int | None]] = []
    tokens: int | None = None
    cost: float | None = None
    currency: str = ""
    error: str = ""


class SpanLog:
    """The spans of a trace, and when each has changed.  Not locked."""

    def __init__(self) -> None:
        self.last = 0  # number of the newest change
        self._spans: dict[int, Span] = {}
        self._changed: dict[int, int] = {}  # in the order of the changes
        self._turns: dict[str, int] = {}
        self._calls: dict[str, int] = {}
        self._questions: dict[str, dict[int, tuple[int, int | None]]] = {}

    def update(self, entries: Iterable[Entry]) -> None:
        """Take entries that are new or have changed."""
        for entry in entries:
            if isinstance(entry, Turn):
                self._turns[entry.turn_id] = entry.id
                self._set(self._turn(entry))
            elif isinstance(entry, Tool):
                self._calls[entry.call_id] = entry.id
                self._set(self._tool(entry))
            elif isinstance(entry, Question) and entry.call_id:
                self._ask(entry)

    def since(self, first: int, last: int | None = None, limit: int = 10**9) -> list[Span]:
        """Return the spans whose newest change has a number from *first* to *last*, by number."""
        found: list[Span] = []
        end = self.last if last is None else last
        for entry in reversed(self._changed):
            number = self._changed[entry]
            if number < first:
                break
            if number <= end:
                found.append(self._spans[entry])
        found.reverse()
        return found[:limit]

    def number(self, span: Span) -> int:
        """Return the number of the newest change of *span*."""
        return self._changed[span.id]

    def spans(self) -> list[Span]:
        """Return all spans, in the order in which they began to exist."""
        return [self._spans[entry] for entry in sorted(self._spans)]

    def _set(self, span: Span) -> None:
        if self._spans.get(span.id) == span:
            return
        self.last += 1
        self._spans[span.id] = span
        self._changed.pop(span.id, None)
        self._changed[span.id] = self.last

    def _turn(self, turn: Turn) -> Span:
        return Span(
            id=turn.id,
            parent=0,
            kind="turn",
            title=_line(turn.text or turn.title or turn.origin),
            status=turn.status,
            start_ms=turn.started_ms,
            end_ms=turn.ended_ms,
            first=turn.first_sequence,
            last=turn.last_sequence,
            tokens=_tokens(turn.usage),
            cost=turn.cost,
            currency=turn.currency,
            error=_line(turn.error),
        )

    def _tool(self, tool: Tool) -> Span:
        parent = self._calls.get(tool.parent_id, 0) if tool.parent_id != tool.call_id else 0
        waits = list(self._questions.get(tool.call_id, {}).values())
        if not waits and tool.asked_ms is not None:
            waits = [(tool.asked_ms, tool.permitted_ms)]
        return Span(
            id=tool.id,
            parent=parent or self._turns.get(tool.turn_id, 0),
            kind="tool",
            title=_line(tool.title or tool.name or tool.tool_kind or "tool"),
            status=tool.status,
            start_ms=tool.started_ms,
            end_ms=tool.ended_ms,
            first=tool.first_sequence,
            last=tool.last_sequence,
            waits=waits,
            error=_line(tool.error),
        )

    def _ask(self, question: Question) -> None:
        asked = self._questions.setdefault(question.call_id, {})
        asked[question.id] = (question.started_ms, question.ended_ms)
        span = self._spans.get(self._calls.get(question.call_id, 0))
        if span is not None:
            self._set(msgspec.structs.replace(span, waits=list(asked.values())))


def _line(text: str) -> str:
    return " ".join(text[: 4 * TITLE_CHARS].split())[:TITLE_CHARS]


def _tokens(usage: Usage) -> int | None:
    known = [n for n in (usage.input, usage.output, usage.cache_read, usage.cache_write) if n]
    return sum(known) if known else None
