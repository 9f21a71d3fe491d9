"""Judgements among the entries of a trace."""

from __future__ import annotations

from typing import Any

from axon_notebook.agents.model import Annotation, Entry, fold
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent

from .events import Script


def judged(script: Script, source: str = "judge", **payload: Any) -> AxonEvent:
    event = script.user("annotation", payload)
    return AxonEvent(
        event.sequence,
        event.axon_id,
        event.timestamp_ms,
        event.origin,
        source,
        event.event_type,
        event.payload,
    )


def conversation() -> tuple[Script, Trace, list[Any]]:
    """1 prompt, 2 start, 3 and 4 a message, 5 a tool call, 6 a system event, 7 the end."""
    script, trace = Script(), Trace("acp")
    events = [
        script.prompt("go on"),
        script.system("turn.started", turn_id="t1", event_sequence=1),
        script.says("one "),
        script.says("two"),
        script.update("tool_call", toolCallId="c1", title="Look", status="completed"),
        script.system("turn.completed", turn_id="t1", event_sequence=1),
    ]
    revisions = [revision for event in events for revision in trace.feed(event)]
    return script, trace, revisions


def annotations(trace: Trace) -> list[Annotation]:
    return [entry for entry in trace.entries if isinstance(entry, Annotation)]


def about(trace: Trace, annotation: Annotation) -> Entry | None:
    return trace.entries[annotation.target - 1] if annotation.target else None


def test_a_judgement_belongs_to_the_entry_that_its_event_changed() -> None:
    """A person judges what is shown, not the event that carried it."""
    script, trace, _ = conversation()

    for target in ({"target_sequence": 4}, {"call_id": "c1"}, {"target_sequence": 1}):
        trace.feed(judged(script, label="good", **target))

    found = [entry for one in annotations(trace) if (entry := about(trace, one)) is not None]
    assert [entry.kind for entry in found] == ["message", "tool", "turn"]
    assert found[0].text == "one two"
    assert {one.turn_id for one in annotations(trace)} == {"t1"}
    assert [one.annotator for one in annotations(trace)] == ["judge"] * 3


def test_a_judgement_of_something_unknown_stays_visible() -> None:
    """Nothing that was published is dropped silently."""
    script, trace, _ = conversation()

    trace.feed(judged(script, label="bad", call_id="never heard of", explanation="why", score=0.5))

    (found,) = annotations(trace)
    assert (found.target, found.label, found.score, found.text) == (0, "bad", 0.5, "why")
    assert found.turn_id.startswith("outside-")


def test_a_judgement_that_was_taken_back_is_marked() -> None:
    """As of an event before that it still stands."""
    script, trace, revisions = conversation()
    wrong = judged(script, label="bad", call_id="c1")
    revisions += trace.feed(wrong)

    revisions += trace.feed(judged(script, retracts=wrong.sequence))

    assert [one.status for one in annotations(trace)] == ["retracted"]
    then = fold(revisions, as_of=wrong.sequence)
    assert [one.status for one in then if one.kind == "annotation"] == [""]


def test_judgements_neither_open_turns_nor_split_messages() -> None:
    """Somebody may judge while the agent speaks."""
    script, trace = Script(), Trace("acp")
    trace.feed(judged(script, label="early", target_sequence=1))
    for event in (
        script.prompt("go on"),
        script.system("turn.started", turn_id="t1", event_sequence=2),
        script.says("one "),
        judged(script, label="fine", target_sequence=4),
        script.says("two"),
    ):
        trace.feed(event)

    assert [e.text for e in trace.entries if e.kind == "message"] == ["one two"]
    assert len([e for e in trace.entries if e.kind == "turn"]) == 1


def test_what_is_called_an_annotation_and_is_none_changes_nothing() -> None:
    """Anybody can publish an event of this type."""
    script, trace, _ = conversation()
    before = len(trace.entries)

    for payload in ("{}", "[]", "no JSON", {"call_id": 5}, {"target_sequence": "x"}):
        trace.feed(script.user("annotation", payload))
    trace.feed(script.system("annotation", target_sequence=1, label="x"))

    assert [e.kind for e in trace.entries[before:]] in ([], ["notice"])


def test_every_notice_names_a_turn_of_its_own_or_of_the_agent() -> None:
    """What happens between turns can be told apart by its stretch."""
    script, trace = Script(), Trace("acp")
    for event in (
        script.system("devbox.running"),
        script.system("agent.log", message="ready"),
        script.prompt("go on"),
        script.system("turn.started", turn_id="t1", event_sequence=3),
        script.system("agent.log", message="working"),
        script.system("turn.completed", turn_id="t1", event_sequence=3),
        script.system("devbox.shutdown"),
    ):
        trace.feed(event)

    notices = [entry.turn_id for entry in trace.entries if entry.kind == "notice"]
    assert notices == ["outside-1", "outside-1", "t1", "outside-7"]
