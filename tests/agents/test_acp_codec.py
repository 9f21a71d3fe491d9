"""What each kind of ACP message does to the trace."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.agents.model import Entry, Message, Notice, Plan, Question, Session, Tool, Turn
from axon_notebook.agents.parts import Usage
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent

from .events import Script


def trace_of(*events: AxonEvent) -> Trace:
    trace = Trace("acp")
    for event in events:
        trace.feed(event)
    return trace


def of(trace: Trace, kind: type[Entry]) -> list[Any]:
    return [entry for entry in trace.entries if isinstance(entry, kind)]


def envelope(**fields: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", **fields}


def test_whole_envelopes_are_read_as_bare_payloads() -> None:
    """Brokers and agents put both on axons."""
    s = Script()
    content = {"type": "text", "text": "hi"}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    option = {"optionId": "yes", "name": "Yes", "kind": "allow_once"}
    trace = trace_of(
        s.user("session/prompt", envelope(id=1, method="session/prompt", params={"prompt": []})),
        s.agent("session/update", envelope(method="session/update", params={"update": update})),
        s.agent(
            "session/request_permission",
            envelope(id=7, method="session/request_permission", params={"options": [option]}),
        ),
        s.agent("session/prompt", envelope(id=1, result={"stopReason": "end_turn"})),
    )

    assert [m.text for m in of(trace, Message)] == ["hi"]
    assert [(t.status, t.stop_reason) for t in of(trace, Turn)] == [("completed", "end_turn")]
    assert [q.options[0].id for q in of(trace, Question)] == ["yes"]


def test_text_around_a_call_is_two_messages_and_news_of_the_call_cut_nothing() -> None:
    """Without ids a message goes on until something else begins."""
    s = Script()
    trace = trace_of(
        s.says("before "),
        s.update("tool_call", toolCallId="c", title="t", status="in_progress"),
        s.says("after "),
        s.update("tool_call_update", toolCallId="c", status="completed"),
        s.says("it"),
    )

    assert [m.text for m in of(trace, Message)] == ["before ", "after it"]


def test_a_permission_announces_a_call_that_nobody_has_seen() -> None:
    """The time it waited is the call's."""
    s = Script()
    answer = {"outcome": {"outcome": "selected", "optionId": "yes"}}
    trace = trace_of(
        s.prompt("go"),
        s.asks("c1"),
        s.user("session/request_permission", answer),
        s.update("tool_call_update", toolCallId="c1", status="completed"),
    )
    [tool], [question] = of(trace, Tool), of(trace, Question)

    assert (tool.title, tool.status, tool.permission) == ("Do c1", "completed", "allowed")
    assert (tool.asked_ms, tool.permitted_ms, tool.waited_ms) == (1002, 1003, 1)
    assert (question.status, question.answer, question.answered_by) == ("answered", "yes", "user")


def test_usage_before_a_prompt_is_the_sessions_and_costs_are_differences() -> None:
    """A late figure belongs to the turn that has just ended."""
    s = Script()

    def usage(amount: float) -> AxonEvent:
        cost = {"amount": amount, "currency": "EUR"}
        return s.update("usage_update", used=10, size=100, cost=cost)

    trace = trace_of(
        usage(0.5),
        s.prompt("one"),
        s.system("turn.started", turn_id="a"),
        usage(0.75),
        s.system("turn.completed", turn_id="a"),
        usage(1.0),
        s.prompt("two"),
        s.system("turn.started", turn_id="b"),
        usage(1.25),
        s.agent("session/prompt", {"stopReason": "end_turn", "usage": {"inputTokens": 7}}),
        s.system("turn.completed", turn_id="b"),
    )
    [session], turns = of(trace, Session), of(trace, Turn)

    assert [(t.cost, t.currency) for t in turns] == [(0.5, "EUR"), (0.25, "EUR")]
    assert turns[1].usage == Usage(input=7)
    assert (session.cost, session.context_used, session.context_size) == (1.25, 10, 100)


def test_plans_modes_models_and_commands_are_the_newest_ones() -> None:
    """By themselves, or as the agent confirms what a client has asked."""
    s = Script()
    modes = {"currentModeId": "ask", "availableModes": [{"id": "ask"}, {"id": "code"}]}
    trace = trace_of(
        s.user("session/new", {}),
        s.agent("session/new", {"sessionId": "s", "modes": modes}),
        s.user("session/set_mode", {"modeId": "code"}),
        s.agent("session/set_mode", {}),
        s.prompt("go"),
        s.update("plan", entries=[{"content": "a", "status": "pending", "priority": "low"}]),
        s.update("plan", entries=[{"content": "a", "status": "completed"}]),
        s.update("session_info_update", title="Title"),
    )
    [session], [plan] = of(trace, Session), of(trace, Plan)

    assert (session.mode, session.settings[0].value, session.title) == ("code", "code", "Title")
    assert [step.status for step in plan.steps] == ["completed"]


def test_errors_notices_and_compaction_are_told_once() -> None:
    """An error that answers a prompt is the turn's; one of another request is a notice."""
    s = Script()
    trace = trace_of(
        s.prompt("go"),
        s.system("turn.started", turn_id="a"),
        s.update("notice", severity="warning", title="careful", description="why"),
        s.update("compaction_update", compactionId="k", status="in_progress"),
        s.update("compaction_update", compactionId="k", status="completed"),
        s.agent("session/prompt", {"code": -32603, "message": "internal", "data": "disk full"}),
        s.system("turn.failed", turn_id="a", error="internal"),
        s.user("session/set_mode", {"modeId": "x"}),
        s.agent("session/set_mode", {"code": -32602, "message": "no such mode"}),
    )
    notices = [(n.notice_kind, n.level, n.text, n.count) for n in of(trace, Notice)]

    assert [(t.status, t.error) for t in of(trace, Turn)] == [("failed", "internal: disk full")]
    assert notices == [
        ("notification", "warning", "careful", 1),
        ("compaction", "info", "compaction completed", 1),
        ("error", "error", "session/set_mode: no such mode", 1),
    ]


def test_a_replayed_history_is_turns_of_its_own() -> None:
    """``session/load`` sends it again before its answer; an echo of a prompt is not shown twice."""
    s = Script()
    old = {"type": "text", "text": "old question"}
    now = {"type": "text", "text": "new question"}
    trace = trace_of(
        s.user("session/load", {"sessionId": "s"}),
        s.update("user_message_chunk", content=old),
        s.says("old answer"),
        s.agent("session/load", {}),
        s.prompt("new question"),
        s.system("turn.started", turn_id="t"),
        s.update("user_message_chunk", content=now),
        s.says("new answer"),
    )
    turns = of(trace, Turn)

    assert [(t.origin, t.text, t.status) for t in turns] == [
        ("history", "old question", "completed"),
        ("prompt", "new question", "running"),
    ]
    assert [(m.text, m.turn_id) for m in of(trace, Message)] == [
        ("old answer", turns[0].turn_id),
        ("new answer", "t"),
    ]


def test_a_turn_ends_its_open_calls_and_questions() -> None:
    """Stopped, expired; failed prompts of a lost agent say why."""
    s = Script()
    trace = trace_of(
        s.prompt("go"),
        s.system("turn.started", turn_id="a"),
        s.update("tool_call", toolCallId="c", status="in_progress"),
        s.asks("d"),
        s.prompt("next"),
        s.system("devbox.shutdown", reason="it was asked to"),
    )

    assert [(t.status, t.error) for t in of(trace, Turn)] == [
        ("failed", "it was asked to"),
        ("failed", "the agent was gone before it: it was asked to"),
    ]
    assert {tool.status for tool in of(trace, Tool)} == {"stopped"}
    assert [q.status for q in of(trace, Question)] == ["expired"]
    assert of(trace, Session)[0].gone == "it was asked to"


def test_turn_events_of_anybody_but_the_broker_are_not_turns() -> None:
    """They are read by their origin."""
    s = Script()
    trace = trace_of(
        s.prompt("go"),
        s.user("turn.started", {"turn_id": "fake"}),
        s.event("EXTERNAL", "turn.completed", {"turn_id": "fake"}),
    )

    assert [turn.status for turn in of(trace, Turn)] == ["queued"]


def test_secrets_of_forms_are_not_kept_in_answers() -> None:
    """The event has them; the conversation does not repeat them."""
    s = Script()
    schema = {"properties": {"api_key": {"type": "string"}, "region": {"type": "string"}}}
    answer = {"action": "accept", "content": {"api_key": "sk-1", "region": "eu"}}
    trace = trace_of(
        s.agent("elicitation/create", {"message": "Which?", "requestedSchema": schema}),
        s.user("elicitation/create", answer),
    )
    [question] = of(trace, Question)

    assert (question.secret, question.answer) == (True, {"region": "eu"})


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"exit_status": 1}, 1),
        ({"exit_code": 0}, 0),
        ({"exitCode": 2}, 2),
        ({"exit_code": None}, None),
    ],
)
def test_the_exit_status_of_a_command_is_read_from_its_raw_output(
    raw: dict[str, Any], expected: int | None
) -> None:
    """A command may end with an error though its call is completed."""
    s = Script()
    trace = trace_of(
        s.update("tool_call", toolCallId="c", title="t", status="in_progress"),
        s.update("tool_call_update", toolCallId="c", status="completed", rawOutput=raw),
    )

    assert [(tool.status, tool.exit_status) for tool in of(trace, Tool)] == [
        ("completed", expected)
    ]
