"""Whatever comes, in whatever order: no exception, nothing lost without a notice, nothing moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon_notebook.agents.model import Entry, fold
from axon_notebook.agents.trace import Trace
from axon_notebook.agents.trace_tables import table_columns
from axon_notebook.models import AxonEvent

Sample = tuple[str, str, Any]

#: Messages of all protocols, one a line: group, origin, type, payload.
MESSAGES = Path(__file__).with_name("messages.jsonl").read_text("utf-8").splitlines()


def samples(group: str = "") -> list[Sample]:
    found = [json.loads(line) for line in MESSAGES]
    return [(m["origin"], m["type"], m["payload"]) for m in found if group in ("", m["group"])]


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "id", "content", "message", "update"]), inner)
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, str, str]:
    """A message as it is, cut, or with a field that is something else."""
    origin, kind, payload = draw(st.sampled_from(samples()))
    text = json.dumps(payload)
    how = draw(st.sampled_from(["whole", "whole", "whole", "cut", "junk"]))
    if how == "cut":
        return origin, kind, text[: draw(st.integers(0, len(text)))]
    if how == "junk":
        changed = {name: draw(JUNK) for name in payload}
        return origin, kind, json.dumps({**payload, **changed})
    return origin, kind, text


def events(messages: list[tuple[str, str, str]]) -> list[AxonEvent]:
    return [
        AxonEvent(n, "axn_1", 1000 * n, f"{origin}_EVENT", "test", kind, payload)
        for n, (origin, kind, payload) in enumerate(messages, start=1)
    ]


def shape(entries: list[Entry]) -> list[tuple[Any, ...]]:
    return [(e.id, e.kind, e.first_sequence, e.started_ms, e.parent_id or None) for e in entries]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(damaged(), max_size=40),
    st.sampled_from([None, "acp", "claude", "codex", "pi"]),
)
def test_any_messages_are_read(messages: list[tuple[str, str, str]], protocol: str | None) -> None:
    """Folding the revisions gives the trace, at the end and as of every event before."""
    trace, revisions, shapes = Trace(protocol), [], []
    for event in events(messages):
        revisions += trace.feed(event)
        shapes.append((event.sequence, shape(trace.entries), [e.text for e in trace.entries]))
        assert trace.feed(event) == [], "an event that comes again changes nothing"

    for sequence, known, texts in shapes:
        then = fold(revisions, as_of=sequence)
        assert [(a, b, c, d) for a, b, c, d, _ in shape(then)] == [
            (a, b, c, d) for a, b, c, d, _ in known
        ]
        assert [entry.text for entry in then] == texts
    statuses = {e.status for e in trace.entries if e.kind == "turn"}
    assert statuses <= {"queued", "running", "completed", "failed", "cancelled"}
    assert {e.status for e in trace.entries if e.kind == "tool"} <= {
        "pending",
        "in_progress",
        "completed",
        "failed",
        "stopped",
    }


#: Columns that a row keeps for ever.  Of the others, the protocols grow, replace or retract some
#: even when they are finished: texts (a streamed message by its final one), outputs and states of
#: calls (a late result), tokens and costs (told after the turn), ends (late output).
FIXED = {
    "turns": ("turn_id", "started", "first_sequence"),
    "tool_calls": ("call_id", "turn_id", "started", "first_sequence"),
    "messages": ("turn_id", "parent_id", "role", "started", "first_sequence"),
    "questions": ("question_id", "turn_id", "call_id", "kind", "asked"),
    "notices": ("turn_id", "kind", "at", "sequence"),
}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(damaged(), max_size=30),
    st.sampled_from([None, "acp", "claude", "codex", "pi"]),
)
def test_rows_of_a_prefix_are_the_first_rows_of_the_run(
    messages: list[tuple[str, str, str]], protocol: str | None
) -> None:
    """Identity and order never change; an answer is final; every row has a turn."""
    trace = Trace(protocol)
    before: dict[str, list[tuple[object, ...]]] = {table: [] for table in FIXED}
    answers: dict[tuple[object, object], object] = {}
    for event in events(messages):
        trace.feed(event)
        for table, names in FIXED.items():
            columns = table_columns(trace.entries, table)
            rows = list(zip(*[columns[name] for name in names], strict=True))
            assert rows[: len(before[table])] == before[table], table
            assert all(columns["turn_id"]), table
            before[table] = rows
        asked = table_columns(trace.entries, "questions")
        for key in zip(asked["question_id"], asked["asked"], asked["state"], strict=True):
            assert key[2] == "open" or answers.setdefault(key[:2], key[2]) == key[2]


@pytest.mark.parametrize(("origin", "kind", "payload"), samples("unknown"))
def test_what_no_codec_knows_becomes_a_notice(origin: str, kind: str, payload: Any) -> None:
    """Once per turn, with a count."""
    trace = Trace({"session/update": "acp", "_vendor/thing": "acp"}.get(kind))
    if kind.startswith("item/"):
        trace = Trace("codex")
    elif kind in ("system", "stream_event"):
        trace = Trace("claude")
    for event in events([(origin, kind, json.dumps(payload))] * 2):
        assert trace.feed(event), "nothing is dropped"

    assert "notice" in {entry.kind for entry in trace.entries}


def test_a_late_event_counts_from_where_it_arrives() -> None:
    """What came before it has been shown: entries before it do not change places."""
    trace = Trace("acp")
    made = events([(o, k, json.dumps(p)) for o, k, p in samples("acp")[:5]])
    revisions = []
    for event in [made[0], made[2], made[4], made[1], made[1]]:
        revisions += trace.feed(event)

    assert [r.sequence for r in revisions] == sorted(r.sequence for r in revisions)
    assert [e.text for e in fold(revisions, as_of=3)][:1] == [""]
    assert shape(fold(revisions)) == shape(trace.entries)
