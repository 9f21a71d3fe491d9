"""Turns and tool calls as spans of time, for the timeline: computed here, drawn by the page.

Each change of a span has a number, so that a page which missed some asks for what changed since;
it is answered with the spans as they are now, and with what they were before those changes, so
that it can show them as of any event.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any, Final

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
        start_ms: Of a turn: when the agent began with it, or else its prompt.
        end_ms: ``None`` while it is open.
        first: Sequence of its first event; ``last``: of its last.
        waits: Times from … to in which it waited for a person; the last may have no end.
        tokens: In and out; ``None`` if unknown.
        ranges: Sequences of its events, first, last, first, last, …; empty if they are all from
            ``first`` to ``last``.
        was: Number of a change, the sequence of its event, and what the fields that it changed
            were before, oldest first; ``last`` and ``ranges`` apart.
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
    ranges: list[int] = []
    was: list[tuple[int, int, dict[str, Any]]] = []


#: Fields whose earlier values are not kept: they follow from the ranges.
_DERIVED: Final = frozenset({"last", "ranges", "was"})
_KEPT: Final = tuple(name for name in Span.__struct_fields__ if name not in _DERIVED)


class SpanLog:
    """The spans of a trace, and when each has changed.  Not locked."""

    def __init__(self) -> None:
        self.last = 0  # number of the newest change
        self._spans: dict[int, Span] = {}
        self._changes = array("q")  # of change n, at n - 1, the span
        self._turns: dict[str, int] = {}
        self._calls: dict[str, int] = {}
        self._questions: dict[str, dict[int, tuple[int, int | None]]] = {}

    def update(self, entries: Iterable[Entry]) -> None:
        """Take entries that are new or have changed."""
        for entry in entries:
            if isinstance(entry, Turn):
                self._turns[entry.turn_id] = entry.id
                self._set(self._turn(entry), entry.last_sequence)
            elif isinstance(entry, Tool):
                self._calls[entry.call_id] = entry.id
                self._set(self._tool(entry), entry.last_sequence)
            elif isinstance(entry, Question) and entry.call_id:
                self._ask(entry)

    def since(self, first: int, last: int | None, limit: int) -> tuple[list[Span], int]:
        """Return the spans that the changes from number *first* to *last* made what they are.

        At most *limit*; the number of the change up to which they are all is returned, too.
        """
        end = min(self.last, self.last if last is None else last)
        found: dict[int, Span] = {}
        for number in range(first, end + 1):
            span = self._spans[self._changes[number - 1]]
            if span.id not in found:
                if len(found) == limit:
                    return list(found.values()), number - 1
                kept = [item for item in span.was if first <= item[0] <= end]
                found[span.id] = msgspec.structs.replace(span, was=kept)
        return list(found.values()), end

    def spans(self) -> list[Span]:
        """Return all spans, in the order in which they began to exist."""
        return [self._spans[entry] for entry in sorted(self._spans)]

    def _set(self, span: Span, sequence: int) -> None:
        before = self._spans.get(span.id)
        if before is not None:
            span = msgspec.structs.replace(span, was=before.was)
            if before == span:
                return
        self.last += 1
        self._changes.append(span.id)
        self._spans[span.id] = span
        if before is None:
            return
        changed = {
            name: value for name in _KEPT if (value := getattr(before, name)) != getattr(span, name)
        }
        if changed:
            span.was = [*before.was, (self.last, sequence, changed)]

    def _turn(self, turn: Turn) -> Span:
        return Span(
            id=turn.id,
            parent=0,
            kind="turn",
            title=_line(turn.text or turn.title or turn.origin),
            status=turn.status,
            start_ms=turn.started_ms if turn.running_ms is None else turn.running_ms,
            end_ms=turn.ended_ms,
            first=turn.first_sequence,
            last=turn.last_sequence,
            tokens=_tokens(turn.usage),
            cost=turn.cost,
            currency=turn.currency,
            error=_line(turn.error),
            ranges=_ranges(turn),
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
            ranges=_ranges(tool),
        )

    def _ask(self, question: Question) -> None:
        asked = self._questions.setdefault(question.call_id, {})
        asked[question.id] = (question.started_ms, question.ended_ms)
        span = self._spans.get(self._calls.get(question.call_id, 0))
        if span is not None:
            changed = msgspec.structs.replace(span, waits=list(asked.values()))
            self._set(changed, question.last_sequence)


def _ranges(entry: Entry) -> list[int]:
    return list(entry.ranges) if len(entry.ranges) > 2 else []


def _line(text: str) -> str:
    return " ".join(text[: 4 * TITLE_CHARS].split())[:TITLE_CHARS]


def _tokens(usage: Usage) -> int | None:
    known = [n for n in (usage.input, usage.output, usage.cache_read, usage.cache_write) if n]
    return sum(known) if known else None
