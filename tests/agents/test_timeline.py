"""Updates folded into the lines of a conversation."""

from __future__ import annotations

from collections.abc import Iterable

from axon_notebook.agents.timeline import Timeline
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.agents.acp import AcpCodec
from axon_notebook.models import AxonEvent

from .events import Script


def folded(events: Iterable[AxonEvent]) -> Timeline:
    timeline, codec = Timeline(), AcpCodec()
    for event in events:
        for update in codec.read(event):
            timeline.apply(update)
    return timeline


def kinds(timeline: Timeline) -> list[tuple[str, str]]:
    return [(entry.kind, entry.status) for entry in timeline.entries]


def test_chunks_grow_one_message_until_something_else_happens() -> None:
    """A tool call between two pieces of text separates them."""
    script = Script()
    timeline = folded(
        [
            script.says("one "),
            script.says("two"),
            script.update("tool_call", toolCallId="c", title="look"),
            script.says("three"),
        ]
    )

    assert [entry.text for entry in timeline.entries] == ["one two", "", "three"]
    assert timeline.entries[0].last_sequence == 2


def test_news_of_a_tool_changes_its_line_where_it_stands() -> None:
    """Even while other tools run; what news leave out stays."""
    script = Script()
    timeline = folded(
        [
            script.update("tool_call", toolCallId="a", title="A", kind="read"),
            script.update("tool_call", toolCallId="b", title="B"),
            script.update("tool_call_update", toolCallId="a", status="completed", rawOutput=1),
        ]
    )

    first, second = timeline.entries
    assert (first.title, first.tool_kind, first.status, first.output) == (
        "A",
        "read",
        "completed",
        1,
    )
    assert (second.title, second.status) == ("B", "pending")
    assert (first.at_ms, first.until_ms) == (1001, 1003)


def test_two_sessions_on_one_axon_do_not_mix() -> None:
    """Neither their text nor tool calls with the same id."""
    script = Script()
    timeline = folded(
        [
            script.says("x", session="1"),
            script.says("y", session="2"),
            script.says("x", session="1"),
            script.update("tool_call", "1", toolCallId="c", title="1"),
            script.update("tool_call", "2", toolCallId="c", title="2"),
        ]
    )

    assert [entry.text or entry.title for entry in timeline.entries] == ["xx", "y", "1", "2"]


def test_prompts_wait_run_and_end() -> None:
    """By the sequence the broker names, else in their order."""
    script = Script()
    events = [script.prompt("one"), script.prompt("two")]
    before = kinds(folded(events))
    events += [script.system("turn.started", turn_id="t1"), script.says("hi")]
    during = kinds(folded(events))
    events += [script.system("turn.completed", turn_id="t1", stop_reason="end_turn")]
    events += [script.system("turn.started", turn_id="t2", event_sequence=2)]
    events += [script.system("turn.failed", turn_id="t2", error="bad")]
    after = folded(events)

    assert before == [("prompt", "queued")] * 2
    assert during[:3] == [("prompt", "running"), ("prompt", "queued"), ("turn", "running")]
    assert kinds(after)[:2] == [("prompt", "completed"), ("prompt", "failed")]
    assert [entry.error for entry in after.entries if entry.kind == "turn"] == [None, "bad"]
    assert after.entries[3].turn_id == "t1"


def test_questions_are_open_until_they_are_answered_or_their_turn_is_over() -> None:
    """The first answer counts."""
    script = Script()
    selected = {"outcome": {"outcome": "selected", "optionId": "yes"}}
    events = [script.asks("c1"), script.asks("c2")]
    opened = folded(events)
    events += [script.user("session/request_permission", selected)]
    answered = folded(events)
    ended = folded([*events, script.system("turn.completed")])

    assert [question.title for question in opened.questions] == ["Do c1", "Do c2"]
    assert [question.title for question in answered.questions] == ["Do c2"]
    assert answered.entries[0].answer == "yes"
    assert ended.questions == []
    assert ended.entries[1].status == "closed"


def test_an_agent_that_is_gone_fails_what_waits_for_it() -> None:
    """And the reason is a line of its own."""
    script = Script()
    timeline = folded([script.prompt("one"), script.system("broker.error", message="no binary")])

    assert kinds(timeline) == [("prompt", "failed"), ("notice", "")]
    assert timeline.entries[1].text == "no binary"


@given(st.lists(st.integers(0, 9), max_size=40))
def test_entries_keep_their_numbers_and_change_reports_are_complete(steps: list[int]) -> None:
    """A widget that applies the reported changes has what the timeline has."""
    script, codec, timeline = Script(), AcpCodec(), Timeline()
    outcome = {"outcome": {"outcome": "cancelled"}}
    make = [
        lambda: script.prompt("p"),
        lambda: script.system("turn.started", turn_id="t"),
        lambda: script.says("x"),
        lambda: script.update("tool_call", toolCallId="c", title="t"),
        lambda: script.update("tool_call_update", toolCallId="c", status="completed"),
        lambda: script.update("plan", entries=[{"content": "s"}]),
        script.asks,
        lambda: script.user("session/request_permission", outcome),
        lambda: script.system("turn.completed", turn_id="t"),
        lambda: script.system("broker.error", message="m"),
    ]
    mirror: dict[int, str] = {}
    for step in steps:
        for update in codec.read(make[step]()):
            for entry in timeline.apply(update):
                mirror[entry.number] = repr(entry)

    assert mirror == {number: repr(entry) for number, entry in enumerate(timeline.entries)}
