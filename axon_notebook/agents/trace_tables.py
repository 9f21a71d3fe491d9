"""The tables of a trace: rows of entries as typed columns.

Frames and SQL are made of these; a column's type is ``text``, ``time`` (milliseconds since the
epoch), ``real``, ``integer`` or ``json`` (a Python value).  ``None`` is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec

from .model import Annotation, Entry, Message, Notice, Question, Tool, Turn
from .parts import Text

__all__ = ["TABLES", "ColumnType", "begun_turns", "table_columns"]

ColumnType = Literal["text", "time", "real", "integer", "json"]
Row = tuple[object, ...]

#: Columns of each table, in order.
TABLES: Final[dict[str, dict[str, ColumnType]]] = {
    "turns": {
        "turn_id": "text",
        "session_id": "text",
        "prompt": "text",
        "state": "text",
        "stop_reason": "text",
        "error": "text",
        "started": "time",
        "ended": "time",
        "seconds": "real",
        "first_output_seconds": "real",
        "messages": "integer",
        "tool_calls": "integer",
        "input_tokens": "integer",
        "output_tokens": "integer",
        "cache_read_tokens": "integer",
        "cache_write_tokens": "integer",
        "thought_tokens": "integer",
        "cost": "real",
        "currency": "text",
        "first_sequence": "integer",
        "last_sequence": "integer",
    },
    "tool_calls": {
        "call_id": "text",
        "parent_id": "text",
        "turn_id": "text",
        "name": "text",
        "kind": "text",
        "title": "text",
        "status": "text",
        "exit_status": "integer",
        "input": "json",
        "output": "json",
        "error": "text",
        "started": "time",
        "permitted": "time",
        "ended": "time",
        "seconds": "real",
        "waited_seconds": "real",
        "first_sequence": "integer",
        "last_sequence": "integer",
    },
    "messages": {
        "turn_id": "text",
        "parent_id": "text",
        "role": "text",
        "text": "text",
        "started": "time",
        "ended": "time",
        "first_sequence": "integer",
        "last_sequence": "integer",
    },
    "questions": {
        "question_id": "text",
        "turn_id": "text",
        "call_id": "text",
        "kind": "text",
        "title": "text",
        "state": "text",
        "answer": "json",
        "answered_by": "text",
        "asked": "time",
        "answered": "time",
    },
    "notices": {
        "turn_id": "text",
        "kind": "text",
        "text": "text",
        "at": "time",
        "sequence": "integer",
    },
    "annotations": {
        "target_sequence": "integer",
        "call_id": "text",
        "name": "text",
        "label": "text",
        "score": "real",
        "explanation": "text",
        "annotator": "text",
        "at": "time",
        "sequence": "integer",
    },
}


def table_columns(entries: Iterable[Entry], table: str) -> dict[str, list[object]]:
    """Return the columns of *table*."""
    known: Sequence[Entry] = list(entries)
    names = list(TABLES[table])
    columns = [list(column) for column in zip(*ROWS[table](known), strict=True)]
    return dict(zip(names, columns or [[] for _ in names], strict=True))


def _seconds(start: int | None, end: int | None) -> float | None:
    if start is None or end is None:
        return None
    return max(0, end - start) / 1000


def begun_turns(entries: Iterable[Entry]) -> list[Turn]:
    """Return the turns that have begun, or will never, in that order; not those that wait.

    A turn that begins later is behind all that have begun, whenever its prompt came.
    """
    turns = [e for e in entries if isinstance(e, Turn) and e.status != "queued"]
    return sorted(turns, key=lambda turn: (turn.begun_sequence or 0, turn.id))


def _turns(entries: Sequence[Entry]) -> Iterable[Row]:
    messages = Counter(e.turn_id for e in entries if isinstance(e, Message))
    calls = Counter(e.turn_id for e in entries if isinstance(e, Tool))
    last: dict[str, int] = {}
    for e in entries:
        if e.last_sequence > last.get(e.turn_id, 0):
            last[e.turn_id] = e.last_sequence
    for e in begun_turns(entries):
        started, used = e.running_ms, e.usage
        yield (
            e.turn_id,
            e.session or None,
            e.text if e.prompt_sequence is not None or e.text else None,
            e.status,
            e.stop_reason or None,
            e.error or None,
            started,
            e.ended_ms,
            _seconds(started, e.ended_ms),
            _seconds(started, e.first_output_ms),
            messages[e.turn_id],
            calls[e.turn_id],
            used.input,
            used.output,
            used.cache_read,
            used.cache_write,
            used.thought,
            e.cost,
            e.currency or None,
            e.first_sequence,
            last[e.turn_id],
        )


def _tool_calls(entries: Sequence[Entry]) -> Iterable[Row]:
    for e in entries:
        if not isinstance(e, Tool):
            continue
        waited = None if e.waited_ms is None else e.waited_ms / 1000
        yield (
            e.call_id,
            e.parent_id or None,
            e.turn_id,
            e.name or None,
            e.tool_kind or None,
            e.title or None,
            e.status,
            e.exit_status,
            e.input,
            _output(e),
            e.error or (e.text or None if e.status == "failed" else None),
            e.started_ms,
            e.permitted_ms,
            e.ended_ms,
            _seconds(e.started_ms, e.ended_ms),
            waited,
            e.first_sequence,
            e.last_sequence,
        )


def _output(tool: Tool) -> object:
    """Return the text of the output, or else what is nearest to it."""
    if tool.text:
        return tool.text
    if tool.raw_output is not None:
        return tool.raw_output
    texts = [part.text for part in tool.parts if isinstance(part, Text)]
    if tool.parts and len(texts) == len(tool.parts):
        return "\n".join(texts)
    return msgspec.to_builtins(tool.parts) if tool.parts else None


def _messages(entries: Sequence[Entry]) -> Iterable[Row]:
    for e in entries:
        if isinstance(e, Message):
            place = (e.started_ms, e.ended_ms, e.first_sequence, e.last_sequence)
            yield (e.turn_id, e.parent_id or None, e.role, e.text, *place)


def _questions(entries: Sequence[Entry]) -> Iterable[Row]:
    for e in entries:
        if isinstance(e, Question):
            yield (
                e.question_id,
                e.turn_id,
                e.call_id or None,
                e.question_kind,
                e.title or None,
                e.status,
                e.answer,
                e.answered_by or None,
                e.started_ms,
                e.answered_ms if e.status == "answered" else None,
            )


def _notices(entries: Sequence[Entry]) -> Iterable[Row]:
    for e in entries:
        if isinstance(e, Notice):
            yield (e.turn_id, e.notice_kind, e.text, e.started_ms, e.first_sequence)


def _annotations(entries: Sequence[Entry]) -> Iterable[Row]:
    for e in entries:
        if isinstance(e, Annotation) and e.status != "retracted":
            yield (
                e.target_sequence,
                e.call_id or None,
                e.name or None,
                e.label or None,
                e.score,
                e.text or None,
                e.annotator,
                e.started_ms,
                e.first_sequence,
            )


ROWS: Final[Mapping[str, Callable[[Sequence[Entry]], Iterable[Row]]]] = {
    "turns": _turns,
    "tool_calls": _tool_calls,
    "messages": _messages,
    "questions": _questions,
    "notices": _notices,
    "annotations": _annotations,
}
