"""The two protocols as a broker speaks them, without any process."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.brokers.acp_dialect import AcpDialect
from axon_notebook.local.brokers.claude_dialect import ClaudeDialect
from axon_notebook.local.brokers.dialect import TurnEnd, Unspeakable, json_text
from axon_notebook.models import AxonEvent

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)


def event(sequence: int, event_type: str, payload: Any) -> AxonEvent:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return AxonEvent(sequence, "axn_1", 0, "USER_EVENT", "test", event_type, text)


def line(**message: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode()


def sent(lines: list[bytes]) -> Any:
    """What the agent would read: one line, one message."""
    [only] = lines
    assert only.count(b"\n") == 1
    return json.loads(only)


QUESTION = line(
    id="q-1", method="session/request_permission", params={"toolCall": {"toolCallId": "c"}}
)
YES = {"outcome": {"outcome": "selected", "optionId": "yes"}}


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_any_json_becomes_one_line_with_the_same_value(value: Any, indent: Any) -> None:
    """A newline inside a message would be the end of it."""
    text = json_text(json.dumps(value, indent=indent).replace("\n", "\r\n"))

    assert "\n" not in text
    assert "\r" not in text
    assert json.loads(text) == value


@given(st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_no_line_of_an_agent_stops_its_broker(data: bytes) -> None:
    """It is published, or it is complained about."""
    for dialect in (AcpDialect(), ClaudeDialect()):
        heard = dialect.hear(data)

        assert heard.complaint or heard.events or heard.replies
        dialect.hear_oversized(data, 5_000_000)


@given(st.sampled_from(["session/prompt", "session/cancel", "initialize", "_x"]), st.text())
def test_no_payload_of_a_client_stops_the_broker(event_type: str, payload: str) -> None:
    """It reaches the agent as an object, or is refused."""
    try:
        lines = AcpDialect().lines(event(1, event_type, payload))
    except Unspeakable:
        return

    assert isinstance(json.loads(payload), dict)
    assert sent(lines)["params"] == json.loads(payload)


def test_numbers_too_large_for_a_float_stay_the_digits_they_are() -> None:
    """The broker is no place to round."""
    text = json_text('{"n": 123456789012345678901234567890, "x": 1.10}')

    assert text == '{"n": 123456789012345678901234567890, "x": 1.10}'


def test_an_answer_older_than_its_question_is_dropped() -> None:
    """It was meant for the one before."""
    dialect = AcpDialect()
    dialect.hear(QUESTION)
    dialect.said([("session/request_permission", 10)])
    early = dialect.lines(event(9, "session/request_permission", YES))
    late = sent(dialect.lines(event(11, "session/request_permission", YES)))

    assert early == []
    assert late == {"jsonrpc": "2.0", "id": "q-1", "result": YES}
    assert dialect.kind("session/request_permission") is None


def test_an_answer_may_be_an_error() -> None:
    """A client that has no files says so."""
    dialect = AcpDialect()
    dialect.hear(line(id=7, method="fs/read_text_file", params={"path": "/x"}))
    dialect.said([("fs/read_text_file", 1)])
    error = {"code": -32601, "message": "no files"}
    answer = sent(dialect.lines(event(2, "fs/read_text_file", error)))

    assert answer == {"jsonrpc": "2.0", "id": 7, "error": error}


def test_only_the_running_turns_own_session_can_cancel_it() -> None:
    """A cancel for somebody else's turn, which still waits, is passed on and no more."""
    dialect = AcpDialect()
    dialect.lines(event(1, "session/prompt", {"sessionId": "a", "prompt": []}))

    assert dialect.cancels(event(2, "session/cancel", {"sessionId": "a"}))
    assert not dialect.cancels(event(3, "session/cancel", {"sessionId": "b"}))
    assert not dialect.cancels(event(4, "session/cancel", "{broken"))


def test_a_question_that_was_on_its_way_at_the_cancel_is_answered_at_once() -> None:
    """Whichever side of the cancel it arrives on; another session's stays open."""
    dialect = AcpDialect()

    def asks(number: int, session: str) -> bytes:
        return line(id=number, method="session/request_permission", params={"sessionId": session})

    dialect.lines(event(1, "session/prompt", {"sessionId": "a", "prompt": []}))
    dialect.hear(asks(1, "a"))
    dialect.hear(asks(2, "b"))
    dialect.said([("session/request_permission", 2)])
    _, before = dialect.lines(event(3, "session/cancel", {"sessionId": "a"}))
    after = dialect.hear(asks(3, "a"))

    cancelled = {"outcome": {"outcome": "cancelled"}}
    assert json.loads(before) == {"jsonrpc": "2.0", "id": 1, "result": cancelled}
    assert json.loads(after.replies[0]) == {"jsonrpc": "2.0", "id": 3, "result": cancelled}
    assert after.events == []
    assert dialect.unasked() == [("session/request_permission", '{"sessionId": "b"}')]


def test_an_oversized_question_is_answered_in_the_clients_place() -> None:
    """The agent must not wait for what nobody could see."""
    dialect = AcpDialect()
    heard = dialect.hear_oversized(QUESTION[:60], 5_000_000)
    [reply] = heard.replies

    assert json.loads(reply)["id"] == "q-1"
    assert "5,000,000 bytes" in json.loads(reply)["error"]["message"]


def test_the_answer_to_a_turn_that_was_given_up_is_no_news() -> None:
    """The next turn runs by then; it would look like that one's end."""
    acp, claude = AcpDialect(), ClaudeDialect()
    prompt = event(1, "session/prompt", {"sessionId": "a", "prompt": []})
    number = sent(acp.lines(prompt))["id"]
    acp.abandon()
    acp.lines(prompt)
    query = event(1, "query", {"type": "user"})
    claude.lines(query)
    claude.abandon()
    claude.lines(query)
    result = b'{"type": "result", "subtype": "success"}'

    assert acp.hear(line(id=number, result={"stopReason": "end_turn"})).end is None
    assert claude.hear(result).end is None
    assert claude.hear(result).end == TurnEnd("end_turn")


def test_a_result_of_claude_too_long_to_carry_ends_its_turn() -> None:
    """Its type stands at the beginning."""
    claude = ClaudeDialect()
    claude.lines(event(1, "query", {"type": "user"}))
    heard = claude.hear_oversized(b'{"type":"result","subtype":"success","result":"xxx', 5_000_000)

    assert heard.end is not None
    assert "5,000,000 bytes" in heard.end.error


@pytest.mark.parametrize("payload", ["[]", "{", '"text"', "null"])
def test_what_is_no_object_is_refused_in_both_protocols(payload: str) -> None:
    """And a control request gets an error with its id, if it has one."""
    with pytest.raises(Unspeakable):
        AcpDialect().lines(event(1, "session/prompt", payload))
    with pytest.raises(Unspeakable):
        ClaudeDialect().lines(event(1, "query", payload))
    [(kind, answer)] = ClaudeDialect().refusal("control_request", payload, "why")

    assert kind == "control_response"
    assert json.loads(answer)["response"]["error"] == "why"
