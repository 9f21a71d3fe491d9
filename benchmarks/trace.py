"""How fast the history of agents becomes a trace, and the same question asked by hand-written SQL.

100,000 events in memory, a third of them Claude's streams, are read into turns, messages and
tool calls, with the frames; then 1,000 more.  The transfer from the service is measured apart,
on fewer events, beside a SQL statement over JSON paths that counts the same tool calls.

    python benchmarks/trace.py
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from report import report

import axon_notebook as an
from axon_notebook.agents.axon_trace import AxonTrace, trace_of_events
from axon_notebook.local.process.launcher import stop_service
from axon_notebook.models import AxonEvent

EVENTS = 100_000
NEW = 1_000
STORED = 10_000
ROUNDS = 3
FRAMES = ("turns", "tool_calls", "messages", "questions", "notices")
BY_HAND = """
SELECT payload ->> '$.update.toolCallId' AS call,
       max(payload ->> '$.update.title') AS title,
       max(timestamp_ms) - min(timestamp_ms) AS ms
FROM   rl_axon_events
WHERE  event_type = 'session/update' AND call IS NOT NULL
GROUP  BY call
"""


class Events:
    """Numbers events as an axon does."""

    def __init__(self) -> None:
        self.made: list[AxonEvent] = []

    def put(self, origin: str, kind: str, payload: Any, source: str = "agent") -> None:
        number = len(self.made) + 1
        at = 1_795_000_000_000 + 7 * number
        text = json.dumps(payload)
        event = AxonEvent(number, "axn_1", at, f"{origin}_EVENT", source, kind, text)
        self.made.append(event)

    def acp_turn(self, name: str) -> None:
        """A turn with six calls and 120 pieces of text."""

        def update(**fields: Any) -> None:
            self.put("AGENT", "session/update", {"sessionId": "s", "update": fields})

        block = {"type": "text", "text": "go"}
        prompt = {"sessionId": "s", "prompt": [block]}
        self.put("USER", "session/prompt", prompt, "acp-sdk-client")
        self.put("SYSTEM", "turn.started", {"turn_id": name})
        for number in range(6):
            call = f"{name}-{number}"
            update(sessionUpdate="agent_thought_chunk", content=block)
            update(sessionUpdate="tool_call", toolCallId=call, title="List", status="in_progress")
            update(sessionUpdate="tool_call_update", toolCallId=call, status="completed")
            for _ in range(20):
                piece = {"type": "text", "text": "a few words "}
                update(sessionUpdate="agent_message_chunk", content=piece)
        self.put("AGENT", "session/prompt", {"stopReason": "end_turn"})
        self.put("SYSTEM", "turn.completed", {"turn_id": name, "stop_reason": "end_turn"})

    def claude_turn(self, name: str) -> None:
        """The same, streamed, with the final messages."""

        def line(kind: str, **fields: Any) -> None:
            common = {"type": kind, "parent_tool_use_id": None, "session_id": "s"}
            self.put("AGENT", kind, {**common, **fields})

        query = {"type": "user", "message": {"role": "user", "content": "go"}}
        self.put("USER", "query", query, "claude-sdk-client")
        self.put("SYSTEM", "turn.started", {"turn_id": name})
        for number in range(6):
            message, call = f"{name}-m{number}", f"{name}-{number}"
            line("stream_event", event={"type": "message_start", "message": {"id": message}})
            delta = {"type": "text_delta", "text": "a few words "}
            for _ in range(20):
                event = {"type": "content_block_delta", "index": 0, "delta": delta}
                line("stream_event", event=event)
            text = {"type": "text", "text": "a few words " * 20}
            use = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "ls"}}
            for block in (text, use):
                line("assistant", message={"id": message, "content": [block]})
            result = {"type": "tool_result", "tool_use_id": call, "content": "a\nb\n"}
            line("user", message={"role": "user", "content": [result]})
        line("result", subtype="success", result="x", total_cost_usd=0.1)
        self.put("SYSTEM", "turn.completed", {"turn_id": name, "stop_reason": "end_turn"})


def run_of(count: int) -> list[AxonEvent]:
    """Return *count* events; the last third is Claude's."""
    events = Events()
    while len(events.made) < count:
        name = f"turn{len(events.made)}"
        if len(events.made) < 2 * count / 3:
            events.acp_turn(name)
        else:
            events.claude_turn(name)
    return events.made[:count]


def read(events: list[AxonEvent]) -> tuple[float, AxonTrace]:
    start = time.perf_counter()
    trace = trace_of_events(events)
    for name in FRAMES:
        trace.frame(name)
    return time.perf_counter() - start, trace


def measure_memory(events: list[AxonEvent]) -> None:
    """Print the time of reading, and of reading what is new."""
    read(events[:1000])  # imports
    seconds, refresh = [], []
    for _ in range(ROUNDS):
        taken, trace = read(events[:EVENTS])
        seconds.append(taken)
        start = time.perf_counter()
        for event in events[EVENTS:]:
            trace.feed(event)
        refresh.append(time.perf_counter() - start)
    print(f"{EVENTS:,} events with frames: {min(seconds):.2f} s")
    print(f"{NEW:,} more: {1000 * min(refresh):.1f} ms")
    report("100,000 events as a trace with frames", "s", min(seconds), goal=1.5)
    report("1,000 more events", "ms", 1000 * min(refresh), goal=30)


def measure_service(events: list[AxonEvent]) -> None:
    """Print the time of the transfer, and of SQL by hand."""
    with tempfile.TemporaryDirectory() as home, an.connect(home=Path(home)) as client:
        try:
            measure_stored(client, events)
        finally:
            stop_service(home)


def measure_stored(client: an.Client, events: list[AxonEvent]) -> None:
    """Store events and read them back, in both ways."""
    axon = client.create_axon("trace")
    wanted = [e for e in events if e.origin == "AGENT_EVENT"][:STORED]
    axon.publish_many(wanted, progress=False)
    axon.trace()  # warm
    start = time.perf_counter()
    stored = axon.events(STORED, after_sequence=0)
    transfer = time.perf_counter() - start
    start = time.perf_counter()
    calls = axon.trace().tool_calls
    whole = time.perf_counter() - start
    start = time.perf_counter()
    by_hand = axon.sql(BY_HAND)
    sql = time.perf_counter() - start
    print(f"{len(stored):,} stored events: transfer {transfer:.2f} s, trace {whole:.2f} s")
    print(f"tool calls by SQL over JSON paths: {sql:.2f} s ({len(by_hand)} and {len(calls)} rows)")
    remark = f"of these {transfer:.2f} s are the transfer; the trace has all tables, SQL has one"
    peers = {"the calls by SQL over JSON paths": sql}
    report(f"axon.trace() of {STORED:,} stored events", "s", whole, peers, remark=remark)


def main() -> None:
    events = run_of(EVENTS + NEW)
    measure_memory(events)
    measure_service(events)


if __name__ == "__main__":
    main()
