"""The Agent Client Protocol's messages, read from and built for an axon."""

from __future__ import annotations

import json

from axon_notebook.agents.timeline import (
    Answer,
    Asked,
    Diff,
    Info,
    Notice,
    Option,
    PermissionAnswer,
    PermissionRequest,
    Plan,
    Prompt,
    Step,
    Text,
    Timeline,
    Tool,
    TurnEnded,
    TurnStarted,
    Usage,
)
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.agents.acp import AcpCodec
from axon_notebook.agents.claude import ClaudeCodec
from axon_notebook.models import AxonEvent

from .events import Script

KINDS = [
    "session/update",
    "session/prompt",
    "session/request_permission",
    "initialize",
    "turn.started",
    "turn.failed",
    "broker.error",
    "query",
    "assistant",
    "user",
    "result",
    "stream_event",
    "control_request",
    "control_response",
]
NAMES = st.sampled_from(
    [
        *("update", "sessionUpdate", "content", "type", "text", "toolCall", "options", "entries"),
        *("message", "event", "delta", "request", "response", "sessionId", "prompt", "outcome"),
        *("cost", "code", "rawInput", "locations", "subtype", "usage", "turn_id", "event_sequence"),
    ]
)
WORDS = st.sampled_from(
    [
        *("tool_call", "plan", "text", "tool_use", "tool_result", "text_delta", "usage_update"),
        *("agent_message_chunk", "content_block_delta", "can_use_tool", "diff", "error"),
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=15,
)


def test_what_an_agent_says_and_thinks_is_text() -> None:
    """Chunks keep their blanks: they are joined later."""
    script = Script()
    thought = script.update("agent_thought_chunk", content={"type": "text", "text": " hm "})

    assert AcpCodec().read(script.says("a ")) == [
        Text(sequence=2, at_ms=1002, session="s", text="a ")
    ]
    assert AcpCodec().read(thought) == [
        Text(sequence=1, at_ms=1001, session="s", text=" hm ", thought=True)
    ]


def test_a_tool_call_carries_input_output_text_and_diffs() -> None:
    """What is not in an update is None: unchanged."""
    script = Script()
    content = [
        {"type": "content", "content": {"type": "text", "text": "out"}},
        {"type": "diff", "path": "/a", "oldText": "x", "newText": "y"},
        {"type": "diff", "path": "/b", "newText": "z"},
        {"type": "terminal", "terminalId": "t"},
    ]
    [tool] = AcpCodec().read(
        script.update(
            "tool_call",
            toolCallId="c",
            title="Edit",
            kind="edit",
            status="pending",
            rawInput={"a": 1},
            content=content,
            locations=[{"path": "/a", "line": 3}],
        )
    )
    [news] = AcpCodec().read(script.update("tool_call_update", toolCallId="c", status="completed"))

    assert tool == Tool(
        sequence=1,
        at_ms=1001,
        session="s",
        id="c",
        title="Edit",
        kind="edit",
        status="pending",
        input={"a": 1},
        text="out",
        diffs=(Diff("/a", "y", "x"), Diff("/b", "z")),
        paths=("/a",),
    )
    assert news == Tool(sequence=2, at_ms=1002, session="s", id="c", status="completed")


def test_plan_usage_modes_and_commands_are_read() -> None:
    """An update of a kind nobody knows yet is kept as it is."""
    script, codec = Script(), AcpCodec()
    entry = {"content": "look", "status": "in_progress", "priority": "high"}
    cost = {"amount": 0.5, "currency": "USD"}
    read = [
        *codec.read(script.update("plan", entries=[entry])),
        *codec.read(script.update("usage_update", used=5, size=9, cost=cost)),
        *codec.read(script.update("current_mode_update", currentModeId="ask")),
        *codec.read(script.update("available_commands_update", availableCommands=[{"name": "x"}])),
        *codec.read(script.update("from_the_future", x=1)),
    ]

    assert isinstance(read[0], Plan)
    assert read[0].steps == (Step("look", "in_progress", "high"),)
    assert isinstance(read[1], Usage)
    assert (read[1].values, read[1].cost_usd) == ({"used": 5, "size": 9}, 0.5)
    assert [(i.kind, i.value) for i in read[2:] if isinstance(i, Info)] == [
        ("mode", "ask"),
        ("commands", [{"name": "x"}]),
        ("from_the_future", {"sessionUpdate": "from_the_future", "x": 1}),
    ]


def test_a_permission_request_and_both_its_answers_are_read() -> None:
    """The answer stands on the same event type, from the user."""
    script, codec = Script(), AcpCodec()
    [request] = codec.read(script.asks())
    assert isinstance(request, PermissionRequest)
    yes_type, yes = codec.permission(request, request.options[0])
    no_type, no = codec.permission(request, None)
    answers = [*codec.read(script.user(yes_type, yes)), *codec.read(script.user(no_type, no))]

    assert request.title == "Do c1"
    assert request.options == (
        Option("yes", "Yes", "allow_once"),
        Option("no", "No", "reject_once"),
    )
    assert yes["outcome"] == {"outcome": "selected", "optionId": "yes"}
    assert [a.option for a in answers if isinstance(a, PermissionAnswer)] == ["yes", ""]


def test_requests_pair_with_answers_under_their_method() -> None:
    """An error object is an answer too; a new session's id does not name the speaker."""
    script, codec = Script(), AcpCodec()
    key, (kind, payload) = codec.initialize()
    read = [
        *codec.read(script.user(kind, payload)),
        *codec.read(script.agent("session/new", {"sessionId": "s9"})),
        *codec.read(script.agent("initialize", {"code": -32603, "message": "no"})),
    ]

    assert read == [
        Asked(sequence=1, at_ms=1001, key=key),
        Answer(sequence=2, at_ms=1002, key="session/new", value={"sessionId": "s9"}),
        Answer(
            sequence=3,
            at_ms=1003,
            key="initialize",
            value={"code": -32603, "message": "no"},
            error="no",
        ),
    ]


def test_system_events_are_read_whatever_they_leave_out() -> None:
    """All their fields are optional; broker.error may be plain text."""
    script, codec = Script(), AcpCodec()
    read = [
        *codec.read(script.system("turn.started", turn_id="t", event_sequence=4)),
        *codec.read(script.system("turn.started")),
        *codec.read(script.system("turn.completed", turn_id="t", stop_reason="end_turn")),
        *codec.read(script.system("turn.failed")),
        *codec.read(script.event("SYSTEM", "broker.error", "plain text")),
        *codec.read(script.system("agent.log", log_type="stderr", message="hm")),
    ]

    assert read == [
        TurnStarted(sequence=1, at_ms=1001, turn_id="t", prompt_sequence=4),
        TurnStarted(sequence=2, at_ms=1002, turn_id=""),
        TurnEnded(sequence=3, at_ms=1003, turn_id="t", stop_reason="end_turn"),
        TurnEnded(sequence=4, at_ms=1004, turn_id="", error="no reason given"),
        Notice(sequence=5, at_ms=1005, kind="broker.error", text="plain text", fatal=True),
        Notice(sequence=6, at_ms=1006, kind="agent.log", text="hm"),
    ]


def test_a_prompt_is_read_as_it_was_built() -> None:
    """Blocks that are no text are named."""
    script, codec = Script(), AcpCodec()
    kind, payload = codec.prompt("s", "line 1\nline 2")
    payload["prompt"].append({"type": "image", "mimeType": "image/png", "data": ""})

    assert codec.read(script.user(kind, payload)) == [
        Prompt(sequence=1, at_ms=1001, session="s", text="line 1\nline 2\n[image image/png]")
    ]


def test_files_and_terminals_are_refused_politely() -> None:
    """An agent that asks all the same must not wait for ever."""
    refusal = AcpCodec().refusal(Script().agent("fs/read_text_file", {"path": "/etc/passwd"}))

    assert refusal == (
        "fs/read_text_file",
        {"code": -32601, "message": "this client does not offer fs/read_text_file"},
    )


@given(
    kind=st.sampled_from(KINDS),
    origin=st.sampled_from(["USER_EVENT", "AGENT_EVENT", "SYSTEM_EVENT", "EXTERNAL_EVENT"]),
    payload=JSON.map(json.dumps) | st.text(max_size=20),
)
def test_no_payload_stops_the_reader(kind: str, origin: str, payload: str) -> None:
    """Anybody may publish anything under any type."""
    event = AxonEvent(7, "axn_1", 0, origin, "x", kind, payload)
    for codec in (AcpCodec(), ClaudeCodec()):
        timeline = Timeline()
        for update in codec.read(event):
            timeline.apply(update)

            assert update.sequence == 7
        codec.refusal(event)
