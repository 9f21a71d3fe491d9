"""The trace of an axon as frames, annotations, and waiting for an event."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook import trace_of_events
from axon_notebook.agents.trace_tables import TABLES
from axon_notebook.axon import Axon
from axon_notebook.errors import ParameterError, WaitTimedOut
from axon_notebook.models import AxonEvent

from .events import Script

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
DTYPES = {"time": "datetime64[ms, UTC]", "real": "float64", "integer": "Int64"}


@pytest.fixture(scope="module")
def run() -> list[AxonEvent]:
    with gzip.open(RUN, "rt") as lines:
        return [AxonEvent(axon_id="axn_1", **json.loads(line)) for line in lines]


@pytest.fixture
def axon(client: an.Client) -> Axon:
    return client.create_axon("trace")


def test_the_trace_of_a_recorded_run_equals_what_its_events_say(run: list[AxonEvent]) -> None:
    """Counted by hand from the events, without any of the reader's rules."""
    trace = trace_of_events(run)
    payloads = [(event, json.loads(event.payload)) for event in run]
    updates = [p["update"] for e, p in payloads if e.event_type == "session/update"]
    starts = {p["turn_id"]: e for e, p in payloads if e.event_type == "turn.started"}
    ends = {
        p["turn_id"]: e for e, p in payloads if e.event_type in ("turn.completed", "turn.failed")
    }
    calls = {u["toolCallId"] for u in updates if u["sessionUpdate"].startswith("tool_call")}
    asked = [e for e, _ in payloads if e.event_type == "session/request_permission"]
    waits = {
        p["toolCall"]["toolCallId"]: later.timestamp_ms - e.timestamp_ms
        for (e, p), later in zip(
            [(e, p) for e, p in payloads if "toolCall" in p],
            [e for e in asked if e.origin == "USER_EVENT"],
            strict=True,
        )
    }

    assert list(trace.turns["turn_id"]) == list(starts)
    seconds = [(ends[t].timestamp_ms - e.timestamp_ms) / 1000 for t, e in starts.items()]
    assert list(trace.turns["seconds"]) == pytest.approx(seconds)
    assert Counter(trace.turns["state"]) == {"completed": 14, "failed": 1}
    assert set(trace.tool_calls["call_id"]) == calls
    found = trace.tool_calls.set_index("call_id")["waited_seconds"].dropna()
    assert found.to_dict() == pytest.approx({call: ms / 1000 for call, ms in waits.items()})
    assert len(trace.questions) == len(waits)
    assert set(trace.questions["state"]) == {"answered"}
    said = "".join(
        u["content"]["text"] for u in updates if u["sessionUpdate"] == "agent_message_chunk"
    )
    assert "".join(trace.messages.query("role == 'agent'")["text"]) == said
    assert "15: 14 completed, 1 failed" in repr(trace)


def test_frames_have_exact_types_with_rows_and_without(run: list[AxonEvent]) -> None:
    """UTC datetimes, float seconds, Int64 tokens; unknown is a missing value."""
    for trace in (trace_of_events(run), trace_of_events([])):
        for table, types in TABLES.items():
            frame = trace.frame(table)
            wanted = {n: DTYPES[t] for n, t in types.items() if t in DTYPES}
            assert list(frame.columns) == list(types)
            assert {n: str(frame[n].dtype) for n in wanted} == wanted
    trace = trace_of_events(run)
    assert trace.turns["turn_id"].notna().all()
    assert trace.turns["cost"].isna().all()
    assert trace.usage.cost == {}
    assert trace.usage.unknown_cost == 15
    assert "no agent has worked" in repr(trace_of_events([]))
    assert "<script" not in trace_of_events([], title="<script>")._repr_html_()


def test_a_refresh_reads_only_what_is_new(axon: Axon) -> None:
    """And a trace as of an event is the trace of the events before it."""
    script = Script()
    events = [script.prompt("hello"), script.says("hi"), script.says(" there")]
    for event in events:
        origin = event.origin if event.origin == "AGENT_EVENT" else "USER_EVENT"
        axon.publish(event.event_type, event.payload, origin=origin)
    trace = axon.trace()
    before = trace.messages
    axon.publish("session/update", script.says("!").payload, origin="AGENT_EVENT")

    assert trace.refresh() == 1
    assert list(before["text"]) == ["hi there"]
    assert list(trace.messages["text"]) == ["hi there!"]
    assert list(axon.trace(as_of=2).messages["text"]) == ["hi"]
    assert trace.refresh() == 0


def test_annotations_stay_with_the_run_until_they_are_retracted(axon: Axon) -> None:
    """By sequence or by tool call; the payload has no type that a broker would act on."""
    axon.publish("note", "x")
    axon.annotate(1, "correct", note="as expected", score=0.5)
    wrong = axon.annotate("call-7", "incorrect", source="judge")
    trace = axon.trace()
    both = trace.annotations
    axon.retract_annotation(wrong.sequence)
    trace.refresh()

    assert list(both["label"]) == ["correct", "incorrect"]
    assert list(both["annotator"]) == ["notebook", "judge"]
    assert list(trace.annotations["target_sequence"]) == [1]
    assert trace.annotations["call_id"].isna().all()
    assert "type" not in json.loads(axon.events(2)["payload"].iloc[0])
    with pytest.raises(ParameterError, match="needs a label, a note or a score"):
        axon.annotate(1)
    with pytest.raises(ParameterError, match="not a finite number"):
        axon.annotate(1, score=float("nan"))


def test_a_frame_of_annotations_is_published_in_one_call(axon: Axon) -> None:
    """As an evaluation makes it; what is published reads back as the same frame."""
    axon.publish("note", "x")
    columns = ["target_sequence", "call_id", "name", "label", "score", "explanation"]
    frame = pd.DataFrame(
        [(1, None, "quality", "good", 0.5, None), (pd.NA, "call-7", "quality", None, 1, "why")],
        columns=columns,
    )
    axon.annotate_many(frame, source="judge")
    found = axon.trace().annotations

    assert found["annotator"].tolist() == ["judge", "judge"]
    assert found["label"].fillna("").tolist() == ["good", ""]
    assert found["score"].tolist() == [0.5, 1.0]
    assert found["target_sequence"].fillna(0).tolist() == [1, 0]
    axon.annotate_many(found)
    assert len(axon.trace().annotations) == 4
    with pytest.raises(ParameterError, match="row 1: an annotation needs a label"):
        axon.annotate_many(frame.drop(columns=["score", "explanation"]))


def test_an_event_is_waited_for_by_the_filter_language(axon: Axon) -> None:
    """From a sequence on it may have come already; without one it is the next."""
    axon.publish("turn.completed", {"n": 1})
    found = axon.wait_for("type:turn.*", after_sequence=0, timeout=60)
    later = threading.Timer(0.3, lambda: axon.publish("turn.completed", {"n": 2}))
    later.start()
    following = axon.wait_for("type:turn.completed", timeout=60)
    later.join()

    assert (found.sequence, following.sequence) == (1, 2)
    for after in (0, None):
        with pytest.raises(WaitTimedOut, match=r"'type:never' within 0.2 s .* 2 turn.completed"):
            axon.wait_for("type:never", after_sequence=after, timeout=0.2)


def test_waiting_does_not_block_the_event_loop(axon: Axon) -> None:
    """Cancelling the task ends the wait."""

    async def main() -> int:
        waiting = asyncio.create_task(axon.wait_for_async("type:go", timeout=60))
        never = asyncio.create_task(axon.wait_for_async("type:never"))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(axon.publish, "go", {})
        event = await waiting
        never.cancel()
        await asyncio.gather(never, return_exceptions=True)
        return event.sequence

    assert asyncio.run(main()) == 1


def test_values_of_json_columns_are_python_values(run: list[AxonEvent]) -> None:
    """Arguments of calls are objects, not texts."""
    calls = trace_of_events(run).tool_calls

    assert {type(value) for value in calls["input"].dropna()} == {dict}
    assert isinstance(calls, pd.DataFrame)


def test_a_call_waits_for_persons_however_the_question_ends() -> None:
    """Answered, withdrawn or expired; two questions at once wait once."""
    script = Script()
    events = [script.prompt("go"), script.system("turn.started", turn_id="t")]
    events += [script.asks("c1"), script.asks("c1")]
    events += [script.system("turn.failed", turn_id="t", error="lost")]
    trace = trace_of_events(events)
    call = trace.tool_calls.iloc[0]

    assert trace.questions["state"].tolist() == ["expired", "expired"]
    assert call["waited_seconds"] == (events[4].timestamp_ms - events[2].timestamp_ms) / 1000
    assert pd.isna(call["permitted"])


def test_turns_are_in_the_order_in_which_they_begin() -> None:
    """A prompt that waits is behind what begins before it; one that never ran took no time."""
    script = Script()
    events = [script.prompt("a"), script.system("turn.started", turn_id="t1")]
    events += [script.prompt("b"), script.system("turn.completed", turn_id="t1")]
    events += [script.system("turn.started", turn_id="t2", event_sequence=99)]
    shown = trace_of_events(events).turns["turn_id"].tolist()
    events += [script.system("turn.completed", turn_id="t2")]
    events += [script.system("devbox.shutdown", devbox_id="d")]
    trace = trace_of_events(events)
    turns = trace.turns

    assert turns["turn_id"].tolist() == [*shown, "prompt-3"]
    assert turns["state"].tolist() == ["completed", "completed", "failed"]
    assert turns["seconds"].isna().tolist() == [False, False, True]
    assert turns["started"].isna().tolist() == [False, False, True]
    assert trace.notices["turn_id"].tolist() == ["outside-7"]
    assert isinstance(trace.usage.seconds, float)
