"""What holds for every protocol of a broker: no line and no payload stops it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.brokers.acp_dialect import AcpDialect
from axon_notebook.local.brokers.claude_dialect import ClaudeDialect
from axon_notebook.local.brokers.client_paths import map_arguments, map_paths
from axon_notebook.local.brokers.codex_dialect import CodexDialect
from axon_notebook.local.brokers.dialect import Dialect, InvalidMessage, Line, json_text
from axon_notebook.local.brokers.oversized import outer_fields
from axon_notebook.local.brokers.pi_dialect import PiDialect

from .wire_lines import VALUES, event

DIALECTS: list[Callable[[], Dialect]] = [AcpDialect, ClaudeDialect, CodexDialect, PiDialect]

#: Fields that the protocols read, with any values.
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("id", "params", "result", "error", "message", "response"), VALUES),
        "method": st.sampled_from(["turn/started", "turn/completed", "session/update", "x"])
        | VALUES,
        "type": st.sampled_from(["result", "agent_settled", "response", "control_request"])
        | VALUES,
    },
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_any_json_becomes_one_line_with_the_same_value(value: Any, indent: Any) -> None:
    """A newline inside a message would be the end of it."""
    text = json_text(json.dumps(value, indent=indent).replace("\n", "\r\n"))

    assert "\n" not in text
    assert "\r" not in text
    assert json.loads(text) == value


def test_numbers_too_large_for_a_float_stay_the_digits_they_are() -> None:
    """A broker must not round."""
    text = json_text('{"n": 123456789012345678901234567890, "x": 1.10}')

    assert text == '{"n": 123456789012345678901234567890, "x": 1.10}'


@given(
    st.lists(
        st.binary(max_size=60) | (VALUES | MESSAGES).map(lambda value: json.dumps(value).encode()),
        max_size=4,
    )
)
def test_no_line_of_an_agent_stops_its_broker(lines: list[bytes]) -> None:
    """Each is published, answered or reported, in a turn as well as between turns."""
    for make in DIALECTS:
        for in_turn in (False, True):
            dialect = make()
            if in_turn:
                start_turn(dialect)
            for data in lines:
                received = dialect.receive(data)
                dialect.receive_oversized(Line(data, 5_000_000, data))

                assert received.problem or received.events or received.replies
                if received.unknown is not None:
                    dialect.refuse(received.unknown)
            dialect.due_requests()
            dialect.abandon()


def start_turn(dialect: Dialect) -> None:
    prompts: dict[type, tuple[str, Any]] = {
        AcpDialect: ("session/prompt", {"sessionId": "s", "prompt": []}),
        ClaudeDialect: ("query", {"type": "user"}),
        CodexDialect: (
            "turn/start",
            {"id": 1, "method": "turn/start", "params": {"threadId": "t"}},
        ),
        PiDialect: ("turn/start", {"id": "p", "type": "prompt", "message": "x"}),
    }
    dialect.lines(event(1, *prompts[type(dialect)]))


@given(
    st.sampled_from(["session/prompt", "session/cancel", "initialize", "_x", "query", "response"])
    | st.sampled_from(
        ["turn/start", "turn/interrupt", "thread/start", "cancel", "control_request"]
    ),
    st.text() | (VALUES | MESSAGES).map(json.dumps),
)
def test_no_payload_of_a_client_stops_the_broker(event_type: str, payload: str) -> None:
    """It reaches the agent as lines of JSON, or is refused."""
    for make in DIALECTS:
        dialect = make()
        dialect.cancels(event(1, event_type, payload))
        dialect.accepts(event(1, event_type, payload))
        dialect.error_events(event_type, payload, "why")
        try:
            lines = dialect.lines(event(1, event_type, payload))
        except InvalidMessage:
            continue
        for each in lines:
            assert each.count(b"\n") == 1
            assert isinstance(json.loads(each), dict)


@pytest.mark.parametrize("payload", ["[]", "{", '"text"', "null"])
def test_what_is_not_an_object_is_refused(payload: str) -> None:
    """In all protocols."""
    for make, event_type in [
        (AcpDialect, "session/prompt"),
        (ClaudeDialect, "query"),
        (CodexDialect, "turn/start"),
        (PiDialect, "turn/start"),
    ]:
        with pytest.raises(InvalidMessage, match="not "):
            make().lines(event(1, event_type, payload))


@given(
    st.dictionaries(st.text(max_size=6), VALUES, min_size=1, max_size=8),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_the_outer_fields_of_a_cut_object_are_true(
    value: dict[str, Any], first: int, last: int
) -> None:
    """Whatever strings, quotes and objects stand inside: what is found is so."""
    text = json.dumps(value).encode()
    found = outer_fields(text[:first], text[-last:] if last else b"")

    for key, raw in found.items():
        assert json.loads(raw) == value[key]
    if last >= len(text):
        scalars = {k for k, v in value.items() if not isinstance(v, list | dict)}
        assert scalars <= set(found) | {next(iter(value))}


def test_fields_inside_other_fields_do_not_count() -> None:
    """An answer may hold an object with an id of its own."""
    head = b'{"jsonrpc":"2.0","result":{"id":5,"text":"\\"id\\":6,' + b"x" * 50
    tail = b'x,\\"id\\":8,"},"more":[{"id":9}],"id":7}'

    assert outer_fields(head, tail) == {"jsonrpc": b'"2.0"', "id": b"7"}


def test_paths_of_clients_become_paths_of_the_devbox() -> None:
    """Only in fields that hold paths; everything else stays the bytes it is."""

    def mapped(path: str) -> str:
        return path.replace("/home/user", "/boxes/1")

    payload = (
        '{"cwd":"/home/user","n":1.10,"additionalDirectories":["/home/user/a","/srv"],'
        '"prompt":[{"text":"see /home/user/b","uri":"file:///home/user/b"}],"x":"/home/users"}'
    )

    assert map_paths(payload, mapped) == (
        '{"cwd":"/boxes/1","n":1.10,"additionalDirectories":["/boxes/1/a","/srv"],'
        '"prompt":[{"text":"see /home/user/b","uri":"file:///boxes/1/b"}],"x":"/home/users"}'
    )
    assert map_paths('{"cwd": "/home/user"', mapped) == '{"cwd": "/home/user"'
    assert map_arguments(["--add-dir=/home/user/a", "/home/user", "x"], mapped) == [
        "--add-dir=/boxes/1/a",
        "/boxes/1",
        "x",
    ]
