"""Claude's stream-json as a broker speaks it: which result ends which turn, and how."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axon_notebook.local.brokers.claude_dialect import ClaudeDialect
from axon_notebook.local.brokers.dialect import Line, TurnEnd

from .wire_lines import event, line, sent

QUERY = event(1, "query", {"type": "user", "message": {"role": "user", "content": "hi"}})
INTERRUPT = event(
    2,
    "control_request",
    {"type": "control_request", "request_id": "i", "request": {"subtype": "interrupt"}},
)


def result(**fields: Any) -> bytes:
    return line(**{"type": "result", "subtype": "success", "is_error": False, **fields})


def asks(subtype: str) -> bytes:
    return line(type="control_request", request_id="r1", request={"subtype": subtype})


def test_a_prompt_gets_a_uuid_unless_it_has_one() -> None:
    """Its result names it; the client's own stays as it is."""
    stamped = sent(ClaudeDialect().lines(QUERY))
    own = sent(ClaudeDialect().lines(event(1, "query", {"type": "user", "uuid": "u-1"})))

    assert len(stamped.pop("uuid")) == 36
    assert stamped == json.loads(QUERY.payload)
    assert own["uuid"] == "u-1"


def test_a_result_that_nobody_asked_for_ends_no_turn() -> None:
    """A background task ended, or a schedule began a turn; the prompt's own comes later."""
    claude = ClaudeDialect()
    claude.lines(QUERY)
    unasked = claude.receive(result(origin={"kind": "task-notification"}))
    own = claude.receive(result(stop_reason="end_turn", origin={"kind": "human"}))

    assert [e.event_type for e in unasked.events] == ["result"]
    assert unasked.end is None
    assert own.end == TurnEnd("end_turn")
    assert claude.receive(result()).end is None, "between turns"


def test_a_result_belongs_to_the_prompt_that_it_names() -> None:
    """Whatever else Claude does meanwhile; one result may cover several prompts."""
    claude = ClaudeDialect()
    prompt = sent(claude.lines(QUERY))["uuid"]
    other = claude.receive(result(user_message_uuids=["somebody-else"]))
    own = claude.receive(result(user_message_uuids=["somebody-else", prompt]))

    assert other.end is None
    assert own.end == TurnEnd("end_turn")


def test_the_late_result_of_a_turn_that_was_given_up_ends_no_other() -> None:
    """By name where it has one, else by order."""
    claude = ClaudeDialect()
    first = sent(claude.lines(QUERY))["uuid"]
    claude.abandon()
    claude.lines(QUERY)
    claude.abandon()
    third = sent(claude.lines(QUERY))["uuid"]

    assert claude.receive(result(user_message_uuid=first)).end is None
    assert claude.receive(result()).end is None, "the second one's"
    assert claude.receive(result(user_message_uuid=third)).end == TurnEnd("end_turn")


DIAGNOSTIC = "[ede_diagnostic] result_type=user last_content_type=n/a"


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"stop_reason": "max_tokens"}, TurnEnd("max_tokens")),
        (
            {"is_error": True, "terminal_reason": "api_error", "result": "API Error: 529"},
            TurnEnd("api_error", "API Error: 529"),
        ),
        (
            {"subtype": "error_max_turns", "is_error": True, "errors": ["Reached 3 turns", "x"]},
            TurnEnd("error_max_turns", "Reached 3 turns; x"),
        ),
        (
            {"subtype": "error_during_execution", "result": "", "errors": [DIAGNOSTIC, "no net"]},
            TurnEnd("error_during_execution", "no net"),
        ),
        (
            {"subtype": "error", "is_error": True, "result": "", "error": "Rate limit exceeded."},
            TurnEnd("error", "Rate limit exceeded."),
        ),
        ({"is_error": True}, TurnEnd(None, "success")),
        (
            {
                "subtype": "error_during_execution",
                "is_error": True,
                "errors": [DIAGNOSTIC],
                "terminal_reason": "aborted_tools",
            },
            TurnEnd("cancelled"),
        ),
    ],
)
def test_the_end_of_a_turn_is_told_from_its_result(fields: dict[str, Any], end: TurnEnd) -> None:
    """The reason in the agent's own words, not the name of its kind."""
    claude = ClaudeDialect()
    claude.lines(QUERY)

    assert claude.receive(result(**fields)).end == end


def test_a_turn_that_finished_just_before_its_interrupt_is_completed() -> None:
    """An interrupt hides no result; one that fails after it is the interrupt's doing."""
    claude = ClaudeDialect()
    claude.lines(QUERY)
    claude.lines(INTERRUPT)
    finished = claude.receive(result(stop_reason="end_turn"))
    claude.lines(QUERY)
    claude.lines(INTERRUPT)
    failed = claude.receive(result(subtype="error_during_execution", is_error=True))
    claude.lines(QUERY)
    later = claude.receive(result(subtype="error_during_execution", errors=["no net"]))

    assert finished.end == TurnEnd("end_turn")
    assert failed.end == TurnEnd("cancelled")
    assert later.end == TurnEnd("error_during_execution", "no net")


def test_a_result_too_long_to_carry_ends_its_turn() -> None:
    """Its type stands anywhere; the same words inside a tool's output do not count."""
    claude = ClaudeDialect()
    claude.lines(QUERY)
    tool = b'{"type":"user","tool_use_result":{"type":"result","x":"\\"type\\":\\"result\\",'
    other = claude.receive_oversized(Line(tool, 5_000_000, b'xx"}],"type":"user"}'))
    tail = b'xx"}],"type":"result","subtype":"success"}'
    own = claude.receive_oversized(Line(b'{"duration_api_ms":5,"x":"', 5_000_000, tail))

    assert other.end is None
    assert own.end is not None
    assert "5,000,000 bytes" in own.end.error


def test_an_unknown_control_request_can_be_refused_once() -> None:
    """A person may take any time to answer the known ones."""
    claude = ClaudeDialect()
    unknown = claude.receive(asks("ui_something")).unknown

    assert claude.receive(asks("can_use_tool")).unknown is None
    assert unknown is not None
    response = sent(claude.refuse(unknown))["response"]
    assert (response["request_id"], response["subtype"]) == ("r1", "error")
    assert "ui_something" in response["error"]
    assert claude.refuse(unknown) == []


@pytest.mark.parametrize("closing", ["answer", "withdrawal"])
def test_a_request_that_is_settled_is_not_refused(closing: str) -> None:
    """Answered by a client, or taken back by Claude, which is published for the clients."""
    claude = ClaudeDialect()
    unknown = claude.receive(asks("ui_something")).unknown
    if closing == "answer":
        body = {"type": "control_response", "response": {"request_id": "r1"}}
        assert sent(claude.lines(event(2, "control_response", body))) == body
    else:
        back = claude.receive(line(type="control_cancel_request", request_id="r1"))
        assert [e.event_type for e in back.events] == ["control_cancel_request"]

    assert unknown is not None
    assert claude.refuse(unknown) == []


@pytest.mark.parametrize("payload", ["[]", "{", '{"request_id": "r"}'])
def test_a_control_request_that_cannot_be_sent_gets_an_error(payload: str) -> None:
    """With its id, if it has one."""
    [answer] = ClaudeDialect().error_events("control_request", payload, "why")

    assert answer.event_type == "control_response"
    assert json.loads(answer.payload)["response"]["error"] == "why"
