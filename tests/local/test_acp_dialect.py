"""ACP as a broker speaks it: answers without ids, envelopes, requests nobody answers."""

from __future__ import annotations

import json
from typing import Any

from axon_notebook.local.brokers.acp_dialect import AcpDialect
from axon_notebook.local.brokers.dialect import Line, Received

from .wire_lines import all_sent, event, sent
from .wire_lines import line as message

PERMISSION = "session/request_permission"
FORM = "elicitation/create"
YES = {"outcome": {"outcome": "selected", "optionId": "yes"}}
CANCELLED = {"outcome": {"outcome": "cancelled"}}
PROMPT = event(1, "session/prompt", {"sessionId": "a", "prompt": []})


def line(**fields: Any) -> bytes:
    return message(jsonrpc="2.0", **fields)


QUESTION = line(id="q-1", method=PERMISSION, params={"toolCall": {"toolCallId": "c"}})


def asks(number: int, session: str, method: str = PERMISSION) -> bytes:
    return line(id=number, method=method, params={"sessionId": session})


def store(dialect: AcpDialect, received: Received, sequence: int) -> None:
    for each in received.events:
        if each.request is not None:
            dialect.stored(each.request, sequence)


def test_an_answer_older_than_its_question_is_dropped() -> None:
    """It was meant for the one before."""
    dialect = AcpDialect()
    store(dialect, dialect.receive(QUESTION), 10)
    early = dialect.lines(event(9, PERMISSION, YES))
    late = sent(dialect.lines(event(11, PERMISSION, YES)))

    assert early == []
    assert late == {"jsonrpc": "2.0", "id": "q-1", "result": YES}
    assert dialect.kind(PERMISSION) is None


def test_an_answer_may_be_an_error() -> None:
    """A client that has no files says so."""
    dialect = AcpDialect()
    store(dialect, dialect.receive(line(id=7, method="fs/read_text_file", params={})), 1)
    error = {"code": -32601, "message": "no files"}
    answer = sent(dialect.lines(event(2, "fs/read_text_file", error)))

    assert answer == {"jsonrpc": "2.0", "id": 7, "error": error}


def test_only_the_running_turns_own_session_can_cancel_it() -> None:
    """A cancel for somebody else's turn, which still waits, is passed on and no more."""
    dialect = AcpDialect()
    dialect.lines(PROMPT)

    assert dialect.cancels(event(2, "session/cancel", {"sessionId": "a"}))
    assert not dialect.cancels(event(3, "session/cancel", {"sessionId": "b"}))
    assert not dialect.cancels(event(4, "session/cancel", "{broken"))


def test_a_question_that_was_on_its_way_at_the_cancel_is_answered_at_once() -> None:
    """Whichever side of the cancel it arrives on; another session's stays open."""
    dialect = AcpDialect()
    dialect.lines(PROMPT)
    store(dialect, dialect.receive(asks(1, "a")), 2)
    dialect.receive(asks(2, "b"))
    _, before = dialect.lines(event(3, "session/cancel", {"sessionId": "a"}))
    after = dialect.receive(asks(3, "a"))

    assert json.loads(before) == {"jsonrpc": "2.0", "id": 1, "result": CANCELLED}
    assert sent(after.replies) == {"jsonrpc": "2.0", "id": 3, "result": CANCELLED}
    assert after.events == []
    assert [e.payload for e in dialect.due_requests()] == ['{"sessionId": "b"}']
    assert dialect.due_requests() == []


def test_a_cancel_answers_everything_its_session_asks() -> None:
    """Forms and requests of extensions as well, each in its own way."""
    dialect = AcpDialect()
    dialect.lines(PROMPT)
    for number, method in enumerate([PERMISSION, FORM, "session/elicitation", "_x/ask"]):
        store(dialect, dialect.receive(asks(number, "a", method)), number + 2)
    _, *answers = all_sent(dialect.lines(event(9, "session/cancel", {"sessionId": "a"})))

    assert [answer.get("result") for answer in answers] == [
        CANCELLED,
        {"action": "cancel"},
        {"action": {"action": "cancel"}},
        None,
    ]
    assert answers[3]["error"]["code"] == -32800
    assert [dialect.kind(method) for method in (PERMISSION, FORM)] == [None, None]


def test_what_a_turn_left_open_does_not_keep_back_the_next_question() -> None:
    """An agent may end its turn without waiting; what it asked between turns stays open."""
    dialect = AcpDialect()
    store(dialect, dialect.receive(asks(1, "a", FORM)), 1)
    number = sent(dialect.lines(PROMPT))["id"]
    store(dialect, dialect.receive(asks(2, "a")), 2)
    ended = dialect.receive(line(id=number, result={"stopReason": "end_turn"}))
    dialect.lines(PROMPT)
    following = dialect.receive(asks(3, "a"))

    assert sent(ended.replies) == {"jsonrpc": "2.0", "id": 2, "result": CANCELLED}
    assert [e.event_type for e in following.events] == [PERMISSION]
    assert dialect.kind(FORM) == "immediate"


def test_a_request_that_the_agent_takes_back_makes_room_for_the_next() -> None:
    """The event says which one, because the axon has no ids."""
    dialect = AcpDialect()
    store(dialect, dialect.receive(asks(1, "a")), 4)
    dialect.receive(asks(2, "a"))
    back = dialect.receive(line(method="$/cancel_request", params={"requestId": 1}))
    unseen = dialect.receive(line(method="$/cancel_request", params={"requestId": 9}))

    [told] = back.events
    assert told.event_type == "$/cancel_request"
    assert json.loads(told.payload) == {
        "requestId": 1,
        "_meta": {"method": PERMISSION, "sequence": 4},
    }
    assert sent(back.replies)["error"]["code"] == -32800
    assert [e.event_type for e in dialect.due_requests()] == [PERMISSION]
    assert json.loads(unseen.events[0].payload) == {"requestId": 9}


def test_an_unknown_request_is_published_and_can_be_refused() -> None:
    """A question of a known kind waits for a person; so does what the client has offered."""
    dialect = AcpDialect()
    dialect.lines(event(1, "initialize", {"clientCapabilities": {"fs": {"readTextFile": True}}}))
    known = [dialect.receive(asks(n, "a", m)) for n, m in enumerate([PERMISSION, FORM])]
    offered = dialect.receive(asks(5, "a", "fs/read_text_file"))
    other = dialect.receive(asks(6, "a", "terminal/create"))
    vendor = dialect.receive(asks(7, "a", "cursor/ask_question"))

    assert [each.unknown for each in (*known, offered)] == [None] * 3
    assert [e.event_type for e in vendor.events] == ["cursor/ask_question"]
    assert other.unknown is not None
    assert vendor.unknown is not None
    refusal = sent(dialect.refuse(vendor.unknown))
    assert (refusal["id"], refusal["error"]["code"]) == (7, -32601)
    assert dialect.refuse(vendor.unknown) == [], "once"


def test_an_unknown_request_that_was_answered_is_not_refused() -> None:
    """A client that knows the extension came first."""
    dialect = AcpDialect()
    vendor = dialect.receive(asks(7, "a", "cursor/ask_question"))
    store(dialect, vendor, 3)
    answer = sent(dialect.lines(event(4, "cursor/ask_question", {"outcome": "skipped"})))

    assert answer["result"] == {"outcome": "skipped"}
    assert vendor.unknown is not None
    assert dialect.refuse(vendor.unknown) == []


def test_whole_messages_as_payloads_lose_their_envelope() -> None:
    """Requests, notifications and answers; an answer finds its request by id."""
    dialect = AcpDialect()
    envelope = {"jsonrpc": "2.0", "id": 77, "method": "session/new", "params": {"cwd": "/w"}}
    request = sent(dialect.lines(event(1, "session/new", envelope)))
    cancel = {"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": "a"}}
    store(dialect, dialect.receive(asks(1, "a")), 2)
    store(dialect, dialect.receive(asks(2, "b", FORM)), 3)
    answer = {"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "no"}}
    by_id = sent(dialect.lines(event(4, "response", answer)))
    by_method = sent(
        dialect.lines(event(5, PERMISSION, {"jsonrpc": "2.0", "id": 900001, "result": YES}))
    )

    assert request == {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "session/new",
        "params": {"cwd": "/w"},
    }
    assert dialect.cancels(event(6, "session/cancel", cancel))
    assert by_id == {"jsonrpc": "2.0", "id": 2, "error": {"code": 1, "message": "no"}}
    assert by_method == {"jsonrpc": "2.0", "id": 1, "result": YES}


def test_an_oversized_question_is_answered_in_the_clients_place() -> None:
    """The agent must not wait for what nobody could see."""
    dialect = AcpDialect()
    received = dialect.receive_oversized(Line(QUESTION[:80], 5_000_000))
    reply = sent(received.replies)

    assert reply["id"] == "q-1"
    assert "5,000,000 bytes" in reply["error"]["message"]


def test_an_oversized_answer_is_known_by_an_id_at_its_end() -> None:
    """Not every library writes the id first."""
    dialect = AcpDialect()
    number = sent(dialect.lines(PROMPT))["id"]
    tail = b'xx"},"id":%d}' % number
    received = dialect.receive_oversized(Line(b'{"result":{"id":99,"x":"xx', 5_000_000, tail))

    assert received.end is not None
    assert "5,000,000 bytes" in received.end.error


def test_the_answer_to_a_turn_that_was_given_up_ends_no_other() -> None:
    """The next turn runs by then; it would look like that one's end."""
    dialect = AcpDialect()
    number = sent(dialect.lines(PROMPT))["id"]
    dialect.receive(line(id=5, method=FORM, params={"requestId": 1}))
    settled = sent(dialect.abandon())
    dialect.lines(PROMPT)

    assert settled == {"jsonrpc": "2.0", "id": 5, "result": {"action": "cancel"}}
    assert dialect.receive(line(id=number, result={"stopReason": "end_turn"})).end is None
