"""Codex's app-server as a broker speaks it: whole frames, and what the broker adds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axon_notebook.local.brokers.codex_dialect import CodexDialect
from axon_notebook.local.brokers.dialect import InvalidMessage, Line, TurnEnd

from .wire_lines import all_sent, event, line, sent


def frame(sequence: int, method: str, number: Any = None, **params: Any) -> Any:
    return event(sequence, method, {"id": number, "method": method, "params": params})


def ready(thread: str = "t") -> CodexDialect:
    """A process that was initialized, with a thread, and the turn ``c-3`` running."""
    codex = CodexDialect()
    codex.lines(frame(1, "initialize", "c-1"))
    codex.receive(line(id="c-1", result={}))
    codex.lines(event(2, "initialized", {"method": "initialized"}))
    codex.lines(frame(3, "thread/start", "c-2", cwd="/w"))
    codex.receive(line(id="c-2", result={"thread": {"id": thread}}))
    codex.lines(frame(4, "turn/start", "c-3", threadId=thread, input=[]))
    return codex


def completed(turn: str, thread: str = "t", **fields: Any) -> bytes:
    turn_fields = {"id": turn, "status": "completed", "items": [], **fields}
    return line(method="turn/completed", params={"threadId": thread, "turn": turn_fields})


def test_frames_pass_as_they_are_and_answers_are_responses() -> None:
    """Ids are the clients' own."""
    codex = CodexDialect()
    first = frame(1, "initialize", "c-1", capabilities=None)
    passed = sent(codex.lines(first))
    waiting = codex.initializing
    answer = codex.receive(line(id="c-1", result={"userAgent": "codex"}))

    assert passed == json.loads(first.payload)
    assert waiting
    assert not codex.initializing
    assert [(e.event_type, json.loads(e.payload)["id"]) for e in answer.events] == [
        ("response", "c-1")
    ]


def test_only_methods_of_codex_pass() -> None:
    """An axon carries more than one conversation."""
    codex = CodexDialect()
    kinds = [codex.kind(t) for t in ("turn/start", "model/list", "response", "github.push", "x")]

    assert kinds == ["turn", "immediate", "immediate", None, None]


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({}, TurnEnd("end_turn")),
        ({"status": "interrupted"}, TurnEnd("cancelled")),
        ({"status": "failed", "error": {"message": "no quota"}}, TurnEnd(None, "no quota")),
    ],
)
def test_the_completion_of_the_main_threads_turn_ends_it(
    fields: dict[str, Any], end: TurnEnd
) -> None:
    """That of a sub-agent's thread, or of another turn, does not."""
    codex = ready()
    codex.receive(line(id="c-3", result={"turn": {"id": "u1"}}))
    child = codex.receive(completed("u1", thread="child"))
    other = codex.receive(completed("u0"))
    own = codex.receive(completed("u1", **fields))

    assert [child.end, other.end, own.end] == [None, None, end]


def test_a_turn_that_codex_refuses_fails() -> None:
    """With its own message."""
    codex = ready()
    received = codex.receive(line(id="c-3", error={"code": -32600, "message": "no thread"}))

    assert received.end == TurnEnd(None, "no thread")


def test_an_interrupt_gets_the_ids_of_the_running_turn() -> None:
    """Also when it comes before the turn has one."""
    codex = ready()
    early = codex.lines(frame(5, "turn/interrupt", "c-4"))
    known = codex.receive(line(id="c-3", result={"turn": {"id": "u1"}}))
    late = sent(codex.lines(frame(6, "turn/interrupt", "c-5", threadId="t")))
    full = sent(codex.lines(frame(7, "turn/interrupt", "c-6", threadId="t", turnId="mine")))

    assert early == []
    assert sent(known.replies)["params"] == {"threadId": "t", "turnId": "u1"}
    assert late["params"] == {"threadId": "t", "turnId": "u1"}
    assert full["params"]["turnId"] == "mine"
    with pytest.raises(InvalidMessage, match="no turn is running"):
        CodexDialect().lines(frame(1, "turn/interrupt", "c-1"))


def test_only_the_running_thread_can_be_interrupted() -> None:
    """Another one's interrupt is passed on and no more."""
    codex = ready()

    assert codex.cancels(frame(5, "turn/interrupt", 1))
    assert codex.cancels(frame(5, "turn/interrupt", 1, threadId="t"))
    assert not codex.cancels(frame(5, "turn/interrupt", 1, threadId="child"))


def test_a_new_process_is_initialized_and_resumes_the_thread_before_the_turn() -> None:
    """One step after the answer to the other, with ids of the broker's own."""
    codex = CodexDialect()
    first = sent(codex.lines(frame(1, "turn/start", "c-9", threadId="old")))
    after_initialize = codex.receive(line(id=first["id"], result={}))
    initialized, resume = all_sent(after_initialize.replies)
    after_resume = codex.receive(line(id=resume["id"], result={"thread": {"id": "old"}}))

    assert first["method"] == "initialize"
    assert initialized == {"method": "initialized"}
    assert (resume["method"], resume["params"]) == ("thread/resume", {"threadId": "old"})
    assert sent(after_resume.replies)["id"] == "c-9"
    assert all(i.startswith("runloop-broker-") for i in (first["id"], resume["id"]))
    assert after_initialize.events == after_resume.events == []


def test_a_thread_that_cannot_be_resumed_fails_its_turn_and_no_other() -> None:
    """What waits behind it goes on."""
    codex = CodexDialect()
    first = sent(codex.lines(frame(1, "turn/start", "c-9", threadId="lost")))
    codex.lines(frame(2, "model/list", "c-10"))
    _, resume = all_sent(codex.receive(line(id=first["id"], result={})).replies)
    error = {"code": -32600, "message": "no rollout found"}
    refused = codex.receive(line(id=resume["id"], error=error))

    assert refused.end == TurnEnd(None, "no rollout found")
    assert json.loads(refused.events[0].payload)["id"] == "c-9"
    assert sent(refused.replies)["method"] == "model/list"


def test_a_process_that_was_initialized_before_counts_as_initialized() -> None:
    """Two clients may both begin with it."""
    codex = CodexDialect()
    first = sent(codex.lines(frame(1, "model/list", "c-1")))
    error = {"code": -32600, "message": "Already initialized"}
    replies = all_sent(codex.receive(line(id=first["id"], error=error)).replies)

    assert [reply["method"] for reply in replies] == ["initialized", "model/list"]


def test_an_approval_waits_and_an_unknown_request_can_be_refused_once() -> None:
    """Ids keep their JSON type: Codex counts from 0."""
    codex = ready()
    approval = codex.receive(
        line(id=0, method="item/commandExecution/requestApproval", params={"itemId": "c"})
    )
    unknown = codex.receive(line(id=1, method="attestation/generate", params={}))
    resolved = codex.receive(line(id=2, method="vendor/x", params={}))
    codex.receive(line(method="serverRequest/resolved", params={"requestId": 2}))
    answer = {"id": 0, "result": {"decision": "accept"}}

    assert approval.unknown is None
    assert sent(codex.lines(event(5, "response", answer))) == answer
    assert unknown.unknown is not None
    assert resolved.unknown is not None
    refusal = sent(codex.refuse(unknown.unknown))
    assert (refusal["id"], refusal["error"]["code"]) == (1, -32601)
    assert codex.refuse(unknown.unknown) == codex.refuse(resolved.unknown) == []


def test_the_late_end_of_a_turn_that_was_given_up_ends_no_other() -> None:
    """It names its turn."""
    codex = ready()
    codex.receive(line(id="c-3", result={"turn": {"id": "u1"}}))
    codex.abandon()
    codex.lines(frame(5, "turn/start", "c-4", threadId="t"))
    late = codex.receive(completed("u1"))
    own = codex.receive(completed("u2"))

    assert late.end is None
    assert own.end == TurnEnd("end_turn")


def test_what_is_too_long_to_carry_is_answered_in_its_place() -> None:
    """A request of Codex, an answer of Codex, the end of a turn."""
    codex = ready()
    asked = codex.receive_oversized(Line(b'{"id":7,"method":"x/y","params":{"a":"', 5_000_000))
    ended = codex.receive_oversized(
        Line(b'{"method":"turn/completed","params":{"threadId":"t","turn":{"items":[', 5_000_000)
    )
    refused = codex.receive_oversized(Line(b'{"id":"c-3","result":{"x":"', 5_000_000))

    assert sent(asked.replies)["id"] == 7
    assert ended.end is not None
    assert "5,000,000 bytes" in ended.end.error
    assert json.loads(refused.events[0].payload)["error"]["code"] == -32603


def test_a_frame_is_whole_or_refused() -> None:
    """Its method is its event's type; a turn has an id and a thread."""
    codex = ready()
    for broken in (
        event(1, "turn/start", {"threadId": "t"}),
        frame(1, "turn/start", None, threadId="t"),
        frame(1, "turn/start", "c-8"),
        frame(1, "turn/start", [], threadId="t"),
        event(1, "response", {"result": {}}),
    ):
        with pytest.raises(InvalidMessage):
            codex.lines(broken)
    [answer] = codex.error_events("turn/start", '{"id": 5}', "why")

    assert json.loads(answer.payload) == {"id": 5, "error": {"code": -32603, "message": "why"}}
    assert codex.error_events("initialized", "{}", "why") == []
