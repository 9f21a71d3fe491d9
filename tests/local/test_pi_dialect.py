"""Pi's RPC mode as a broker speaks it: commands, dialogs, and when a turn is over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from axon_notebook.local.brokers.dialect import InvalidMessage, Line, TurnEnd
from axon_notebook.local.brokers.pi_dialect import PiDialect

from .wire_lines import all_sent, event, line, sent

PROMPT = event(1, "turn/start", {"id": "p-1", "type": "prompt", "message": "hi"})
CANCEL = event(2, "cancel", {})
ACCEPTED = line(type="response", id="p-1", command="prompt", success=True)
SETTLED = line(type="agent_settled")


def said(**fields: Any) -> bytes:
    return line(type="message_end", message={"role": "assistant", "content": [], **fields})


def started() -> PiDialect:
    pi = PiDialect()
    pi.lines(PROMPT)
    pi.receive(ACCEPTED)
    return pi


def test_commands_pass_as_they_are_and_lines_are_published_by_type() -> None:
    """Cancel and initialize become commands of the broker's own."""
    pi = PiDialect()
    steer = {"id": "p-2", "type": "steer", "message": "left"}

    assert sent(pi.lines(PROMPT)) == json.loads(PROMPT.payload)
    assert sent(pi.lines(event(2, "steer", steer))) == steer
    assert sent(pi.lines(event(3, "initialize", {})))["type"] == "get_state"
    abort = sent(pi.lines(CANCEL))
    assert (abort["type"], abort["id"][:7]) == ("abort", "broker-")
    assert [e.event_type for e in pi.receive(ACCEPTED).events] == ["response"]


def test_only_commands_are_for_pi() -> None:
    """A webhook on the same axon is not."""
    pi = PiDialect()
    for_pi = [
        event(1, "steer", {"type": "steer"}),
        event(1, "anything", {"type": "get_commands"}),
        event(1, "future", {"type": "future"}),
        CANCEL,
    ]
    others = [event(1, "github.push", {"type": "push"}), event(1, "x", "{"), event(1, "x", "[]")]

    assert all(pi.accepts(each) for each in for_pi)
    assert not any(pi.accepts(each) for each in others)


@pytest.mark.parametrize(
    ("last", "settled", "end"),
    [
        ({"stopReason": "stop"}, {}, TurnEnd("end_turn")),
        ({"stopReason": "length"}, {}, TurnEnd("max_tokens")),
        ({"stopReason": "aborted"}, {"aborted": True}, TurnEnd("cancelled")),
        ({"stopReason": "toolUse"}, {"aborted": True}, TurnEnd("cancelled")),
        ({"stopReason": "error", "errorMessage": "no key"}, {}, TurnEnd(None, "no key")),
    ],
)
def test_a_turn_ends_when_the_agent_has_settled(
    last: dict[str, Any], settled: dict[str, Any], end: TurnEnd
) -> None:
    """Not with a run: a retry begins another one."""
    pi = started()
    runs = [
        pi.receive(said(stopReason="error", errorMessage="overloaded")),
        pi.receive(line(type="agent_end", messages=[], willRetry=True)),
        pi.receive(said(**last)),
        pi.receive(line(type="agent_end", messages=[])),
    ]

    assert [each.end for each in runs] == [None] * 4
    assert pi.receive(line(type="agent_settled", **settled)).end == end


def test_a_prompt_that_begins_no_run_ends_with_its_answer() -> None:
    """Refused, or handled by an extension."""
    pi = PiDialect()
    pi.lines(PROMPT)
    refused = pi.receive(
        line(type="response", id="p-1", command="prompt", success=False, error="streaming")
    )
    pi.lines(PROMPT)
    handled = pi.receive(
        line(type="response", id="p-1", success=True, data={"disposition": "handled"})
    )

    assert refused.end == TurnEnd(None, "streaming")
    assert handled.end == TurnEnd("end_turn")


def test_a_prompt_without_id_gets_one() -> None:
    """Its answer could not be told from another's."""
    pi = PiDialect()
    number = sent(pi.lines(event(1, "turn/start", {"type": "prompt", "message": "hi"})))["id"]
    pi.receive(line(type="response", id="else", success=False, error="no"))
    pi.receive(line(type="response", id=number, success=True))

    assert number.startswith("broker-")
    assert pi.receive(SETTLED).end == TurnEnd("end_turn")


def test_what_settles_before_the_prompt_was_accepted_is_another_run() -> None:
    """So is the late end of a turn that was given up."""
    pi = PiDialect()
    pi.lines(PROMPT)
    before = pi.receive(SETTLED)
    pi.receive(ACCEPTED)
    pi.abandon()
    pi.lines(PROMPT)
    pi.receive(ACCEPTED)
    late = pi.receive(SETTLED)

    assert before.end is late.end is None
    assert pi.receive(SETTLED).end == TurnEnd("end_turn")


def test_a_cancel_closes_the_dialogs_that_are_open() -> None:
    """Not those that were answered, nor what is only shown."""
    pi = started()
    for number, method in [("d1", "select"), ("d2", "confirm"), ("d3", "notify")]:
        assert pi.receive(line(type="extension_ui_request", id=number, method=method)).events
    answer = {"type": "extension_ui_response", "id": "d1", "value": "x"}
    assert sent(pi.lines(event(2, "extension_ui_response", answer))) == answer
    closed, abort = all_sent(pi.lines(CANCEL))

    assert closed == {"type": "extension_ui_response", "id": "d2", "cancelled": True}
    assert abort["type"] == "abort"


def test_an_unknown_dialog_can_be_cancelled_once() -> None:
    """The run would wait for it."""
    pi = started()
    unknown = pi.receive(line(type="extension_ui_request", id="d1", method="hologram")).unknown

    assert unknown is not None
    assert sent(pi.refuse(unknown))["cancelled"] is True
    assert pi.refuse(unknown) == []


def test_what_is_too_long_to_carry_does_not_hang_the_turn() -> None:
    """A dialog is cancelled, the end of a turn is one."""
    pi = started()
    dialog = Line(b'{"type":"extension_ui_request","id":"d","title":"', 5_000_000)
    settled = Line(b'{"messages":["', 5_000_000, b'"],"type":"agent_settled"}')

    assert sent(pi.receive_oversized(dialog).replies)["cancelled"] is True
    assert pi.receive_oversized(settled).end == TurnEnd("end_turn")


def test_a_turn_is_a_prompt_or_is_refused() -> None:
    """And a command that cannot be sent is answered with an error."""
    with pytest.raises(InvalidMessage, match="type prompt"):
        PiDialect().lines(event(1, "turn/start", {"type": "steer"}))
    [answer] = PiDialect().error_events("steer", '{"id": "p", "type": "steer"}', "why")

    assert json.loads(answer.payload) == {
        "type": "response",
        "command": "steer",
        "success": False,
        "id": "p",
        "error": "why",
    }
    assert PiDialect().error_events("steer", "{", "why") == []
