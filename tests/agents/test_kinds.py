"""Kinds of events without decoding them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axon_notebook.agents.kinds import KINDS, kind_of

from .events import Script


@pytest.mark.parametrize(
    ("kind", "update", "expected"),
    [
        ("agent_message_chunk", {"content": {"type": "text", "text": "x"}}, "message"),
        ("agent_thought_chunk", {"content": {"type": "text", "text": "x"}}, "thought"),
        ("tool_call", {"toolCallId": "c"}, "tool"),
        ("plan", {"entries": []}, "plan"),
        ("usage_update", {"used": 1}, "usage"),
        ("current_mode_update", {}, "system"),
        ("from_the_future", {}, "other"),
    ],
)
def test_an_acp_update_is_sorted_by_its_kind(kind: str, update: Any, expected: str) -> None:
    """Compact or with spaces, whatever the text says."""
    trap = {"content": {"type": "text", "text": '"sessionUpdate":"plan"'}}
    script = Script()
    event = script.update(kind, **{**trap, **update})
    compact = json.dumps({"update": {**trap, **update, "sessionUpdate": kind}}, separators=",:")

    assert kind_of(event) == expected
    assert kind_of(script.agent("session/update", compact)) == expected


@pytest.mark.parametrize(
    ("event_type", "payload", "expected"),
    [
        ("assistant", {"content": [{"type": "text", "text": '"tool_use"'}]}, "message"),
        ("assistant", {"content": [{"type": "tool_use", "name": "Bash"}]}, "tool"),
        ("assistant", {"content": [{"type": "tool_use", "name": "TodoWrite"}]}, "plan"),
        ("assistant", {"content": [{"type": "thinking", "thinking": "hm"}]}, "thought"),
        ("stream_event", {"event": {"delta": {"type": "text_delta", "text": "x"}}}, "message"),
        ("stream_event", {"event": {"delta": {"type": "thinking_delta"}}}, "thought"),
        ("user", {"content": [{"type": "tool_result"}]}, "tool"),
        ("result", {}, "turn"),
        ("system", {"subtype": "init"}, "notice"),
        ("control_request", {"request": {"subtype": "can_use_tool"}}, "question"),
        ("item/completed", {"params": {"item": {"type": "commandExecution"}}}, "tool"),
        ("item/commandExecution/requestApproval", {}, "question"),
        ("message_update", {"assistantMessageEvent": {"type": "text_delta"}}, "message"),
        ("build.finished", {}, "other"),
    ],
)
def test_other_protocols_are_sorted_by_type_and_keyword(
    event_type: str, payload: Any, expected: str
) -> None:
    """A word that somebody wrote is not a keyword: its quotes are escaped."""
    assert kind_of(Script().agent(event_type, payload)) == expected
    assert expected in KINDS


def test_turns_of_a_broker_count_and_those_of_others_do_not() -> None:
    """Anybody can publish an event that is called turn.completed."""
    script = Script()

    assert kind_of(script.system("turn.completed")) == "turn"
    assert kind_of(script.user("turn.completed")) == "other"
    assert kind_of(script.event("EXTERNAL", "session/update", "{}")) == "other"
