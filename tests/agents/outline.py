"""The entries of a trace as lines, to be compared with what a transcript means."""

from __future__ import annotations

import json

from axon_notebook.agents.model import (
    Entry,
    Message,
    Notice,
    Plan,
    Question,
    Tool,
    Turn,
)
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent

__all__ = ["lines", "read"]


def read(protocol: str | None, events: list[AxonEvent]) -> Trace:
    trace = Trace(protocol)
    for event in events:
        trace.feed(event)
    return trace


def lines(trace: Trace, *, quiet: bool = False) -> list[str]:
    """One line per entry: turns at the left, their entries below, a subagent's below its call."""
    turns = {entry.turn_id for entry in trace.entries if isinstance(entry, Turn)}
    calls = {entry.call_id: entry for entry in trace.entries if isinstance(entry, Tool)}
    found: list[str] = []

    def put(entry: Entry, depth: int) -> None:
        if isinstance(entry, Notice) and entry.level == "quiet" and not quiet:
            return
        found.append("  " * depth + line(entry))
        if isinstance(entry, Tool):
            for child in trace.entries:
                if child.parent_id == entry.call_id and child is not entry:
                    put(child, depth + 1)

    for entry in trace.entries:
        if isinstance(entry, Turn):
            put(entry, 0)
            for inside in trace.entries:
                mine = inside.turn_id == entry.turn_id and inside is not entry
                if mine and inside.parent_id not in calls:
                    put(inside, 1)
        elif entry.kind != "session" and entry.turn_id not in turns and not entry.parent_id:
            put(entry, 0)
    return found


def line(entry: Entry) -> str:
    """``turn completed "go" end_turn``, ``agent "Hello"``, ``tool completed Look = "out"``."""
    match entry:
        case Turn():
            words = [f"turn {entry.status}", json.dumps(entry.text or entry.title)]
            words += [entry.stop_reason, f"! {entry.error}" if entry.error else ""]
            words += ["" if entry.cost is None else f"{entry.cost:g} {entry.currency}"]
        case Message():
            words = [entry.role, json.dumps(entry.text), entry.status]
        case Tool():
            words = [f"tool {entry.status}", entry.title or entry.name, entry.permission]
            words += [f"= {json.dumps(entry.text)}" if entry.text else ""]
            words += [f"! {entry.error}" if entry.error else "", entry.progress]
        case Plan():
            marks = {"completed": "x", "in_progress": ">", "pending": "-"}
            steps = [f"{marks.get(step.status, step.status)} {step.text}" for step in entry.steps]
            words = ["plan", entry.status, "; ".join(steps), entry.text]
        case Question():
            words = [entry.question_kind, entry.status, json.dumps(entry.title)]
            words += ["" if entry.answer is None else f"= {json.dumps(entry.answer)}"]
        case Notice():
            words = [f"{entry.notice_kind} {entry.level}", json.dumps(entry.text)]
            words += [f"x{entry.count}" if entry.count > 1 else ""]
            words += [
                f"({entry.detail})" if entry.detail and entry.notice_kind != "unknown" else ""
            ]
        case _:
            words = [entry.kind]
    shown = [type(part).__name__.lower() for part in entry.parts]
    return " ".join(filter(None, [*words, f"[{', '.join(shown)}]" if shown else ""]))
