"""The timeline: which spans a run has, how changes reach the page, and what is saved."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path

import msgspec

from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent
from axon_notebook.widgets.span_store import SpanStore
from axon_notebook.widgets.timeline_snapshot import MARKS, timeline_html, timeline_text
from axon_notebook.widgets.timeline_spans import Span, SpanLog
from axon_notebook.wire.cursor import EventBatch

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


def recorded() -> list[AxonEvent]:
    with gzip.open(RUN) as lines:
        rows = [json.loads(line) for line in lines]
    names = ("timestamp_ms", "origin", "source", "event_type", "payload")
    return [AxonEvent(n, "axn_1", *(row[name] for name in names)) for n, row in enumerate(rows, 1)]


def log_of(events: list[AxonEvent]) -> SpanLog:
    trace, log = Trace(), SpanLog()
    for event in events:
        changed = {revision.entry for revision in trace.feed(event)}
        log.update(trace.entries[entry - 1] for entry in sorted(changed))
    return log


def update(sequence: int, at_ms: int, **fields: object) -> AxonEvent:
    payload = json.dumps({"sessionId": "s", "update": fields})
    return AxonEvent(sequence, "axn_1", at_ms, "AGENT_EVENT", "agent", "session/update", payload)


def span(number: int, parent: int, start: int, end: int | None, **more: object) -> Span:
    kind = "tool" if parent else "turn"
    values = {"title": f"span {number}", "status": "completed", "first": number, "last": number}
    return Span(
        id=number, parent=parent, kind=kind, start_ms=start, end_ms=end, **{**values, **more}
    )


def test_a_recorded_run_has_a_span_for_each_turn_and_tool_call() -> None:
    """What is drawn is what happened: the trace says the same in its entries."""
    events = recorded()
    trace = Trace()
    for event in events:
        trace.feed(event)
    spans = {span.id: span for span in log_of(events).spans()}
    drawn = [entry for entry in trace.entries if entry.kind in ("turn", "tool")]

    assert {entry.id for entry in drawn} == set(spans)
    for entry in drawn:
        found = spans[entry.id]
        started = getattr(entry, "running_ms", None) or entry.started_ms
        assert (found.start_ms, found.end_ms) == (started, entry.ended_ms)
        assert (found.first, found.status) == (entry.first_sequence, entry.status)
        assert found.kind == "turn" or spans[found.parent].start_ms <= found.start_ms


def test_waiting_for_permission_is_a_part_of_the_call() -> None:
    """Where the time went: to the tool, or to the person who was asked."""
    call = {"sessionUpdate": "tool_call", "toolCallId": "t", "title": "rm x", "status": "pending"}
    option = {"optionId": "yes", "name": "Allow", "kind": "allow_once"}
    ask = {"sessionId": "s", "toolCall": {"toolCallId": "t"}, "options": [option]}
    prompt = {"sessionId": "s", "prompt": [{"type": "text", "text": "Clean up"}]}
    events = [
        AxonEvent(1, "a", 1000, "USER_EVENT", "me", "session/prompt", json.dumps(prompt)),
        update(2, 2000, **call),
        AxonEvent(
            3, "a", 3000, "AGENT_EVENT", "agent", "session/request_permission", json.dumps(ask)
        ),
    ]
    turn, tool = log_of(events).spans()

    assert (turn.title, turn.end_ms, tool.parent) == ("Clean up", None, turn.id)
    assert [(first, last) for first, last in tool.waits] == [(3000, None)]


def test_a_page_that_missed_changes_gets_the_spans_as_they_are() -> None:
    """Messages are lost, pages are loaded anew: numbers say what is missing."""
    store = SpanStore(None)
    store.open("axn_1")
    events = recorded()
    store.append(EventBatch(events=events, raws=[msgspec.json.encode(e) for e in events]))
    pushed = []
    while (message := store.next(10**6, 10**6)) is not None:
        pushed.append(message)
    last = pushed[-1][0]["last"]
    answered = list(store.answers("spans", [(1, last)]))

    assert pushed[0][0]["first"] == 1
    assert store.stat()["changes"] == last
    assert answered[-1][0]["last"] == last
    found = [span for _, raw in answered for span in msgspec.json.decode(raw, type=list[Span])]
    merged: dict[int, Span] = {}
    for span in found:
        earlier = merged[span.id].was if span.id in merged else []
        merged[span.id] = msgspec.structs.replace(span, was=[*earlier, *span.was])
    kept = msgspec.json.decode(msgspec.json.encode(store.spans()), type=list[Span])
    assert sorted(merged.values(), key=lambda span: span.id) == kept
    assert list(store.answers("events", [(1, last)])) == []


def test_a_saved_timeline_is_small_and_says_that_it_is_coarser() -> None:
    """A notebook is mailed around; a hundred thousand bars would be megabytes."""
    spans = [
        span(n, 0 if n % 100 == 1 else n - (n - 1) % 100, n * 10, n * 10 + 4)
        for n in range(1, 100_001)
    ]
    html = timeline_html("nightly", "live", spans, titles=True)
    image = base64.b64decode(re.search(r"base64,([^\"]+)", html)[1]).decode()  # type: ignore[index]

    assert 0 < image.count("<rect") <= MARKS
    assert "100,000 spans, drawn as" in html
    assert len(html) < 400_000


def test_no_title_is_saved_that_was_not_allowed() -> None:
    """Prompts and commands may be secret; counts and times are not."""
    spans = [span(1, 0, 0, 5000, title="<b>the secret</b>", tokens=1200, cost=0.25, currency="USD")]

    assert "secret" not in timeline_html("a", "live", spans, titles=False)
    assert "secret" not in timeline_text("a", "live", spans, titles=False)
    assert "&lt;b&gt;the secret" in timeline_html("a", "live", spans, titles=True)
    assert "5.0  0  1,200  0.2500 USD" in timeline_text("a", "live", spans, titles=True)


def test_nothing_yet_is_a_snapshot_too() -> None:
    """A timeline may be displayed before the first prompt."""
    assert "0 turns" in timeline_html("a", "live", [], titles=True)


def test_a_recording_that_ends_within_a_turn_ends_with_its_last_event() -> None:
    """The page has the time, so that the open bar does not grow with its clock."""
    events = recorded()[:12]
    store = SpanStore()
    store.open("axn_1")
    before = store.stat()["newest_ms"]
    store.append(EventBatch(events=events, raws=[b"{}"] * len(events)))

    assert (before, store.stat()["newest_ms"]) == (0, events[-1].timestamp_ms)
    assert store.spans()[0].end_ms is None
