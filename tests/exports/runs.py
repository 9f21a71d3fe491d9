"""A run with three turns, a subagent, a failed call and a picture, as entries."""

from __future__ import annotations

from axon_notebook.agents.model import Entry, Message, Notice, Session, Tool, Turn
from axon_notebook.agents.parts import Image, Text, Usage

PIXEL = "iVBORw0KGgo="


def a_run() -> list[Entry]:
    return [
        Session(
            id=1,
            kind="session",
            protocol="claude",
            agent="claude-code",
            version="2.1",
            model="opus",
        ),
        *_completed_turn(),
        Turn(
            id=9,
            kind="turn",
            turn_id="t2",
            status="failed",
            error="rate limited",
            prompt_sequence=20,
            first_sequence=20,
            started_ms=10_000,
            ended_ms=11_000,
            pieces=["again"],
        ),
        Notice(id=10, kind="notice", turn_id="t2", level="error", pieces=["rate limited"]),
        Turn(
            id=11, kind="turn", turn_id="t3", status="running", started_ms=12_000, pieces=["more"]
        ),
    ]


def _completed_turn() -> list[Entry]:
    return [
        Turn(
            id=2,
            kind="turn",
            turn_id="t1",
            status="completed",
            stop_reason="end_turn",
            prompt_sequence=1,
            first_sequence=1,
            started_ms=1_000,
            ended_ms=9_000,
            pieces=["count the files"],
            usage=Usage(input=100, output=20, cache_read=50),
            cost=0.25,
            currency="USD",
        ),
        Message(id=3, kind="message", turn_id="t1", role="thought", pieces=["Hm."]),
        Message(
            id=4, kind="message", turn_id="t1", pieces=["I look."], started_ms=1_500, ended_ms=1_900
        ),
        Tool(
            id=5,
            kind="tool",
            turn_id="t1",
            call_id="task",
            name="Task",
            tool_kind="agent",
            status="completed",
            input={"prompt": "look"},
            parts=[Text("found"), Image(mime="image/png", data=PIXEL)],
            started_ms=2_000,
            ended_ms=5_000,
        ),
        Message(id=6, kind="message", turn_id="t1", parent_id="task", pieces=["inner words"]),
        Tool(
            id=7,
            kind="tool",
            turn_id="t1",
            parent_id="task",
            call_id="inner",
            name="Bash",
            input="ls",
            status="failed",
            error="exit 1",
            started_ms=3_000,
            ended_ms=4_000,
        ),
        Message(id=8, kind="message", turn_id="t1", pieces=["There are three."]),
    ]
