"""Claude's messages, read from and built for an axon."""

from __future__ import annotations

from typing import Any

from axon_notebook.agents.claude import ClaudeCodec
from axon_notebook.agents.timeline import (
    Answer,
    Asked,
    PermissionAnswer,
    PermissionRequest,
    Prompt,
    Text,
    Tool,
    Usage,
)

from .events import Script


def delta(script: Script, **delta: Any) -> Any:
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    return script.agent("stream_event", {"type": "stream_event", "event": event})


def assistant(script: Script, *blocks: dict[str, Any]) -> Any:
    return script.agent("assistant", {"type": "assistant", "message": {"content": list(blocks)}})


def test_text_that_came_in_deltas_is_not_said_twice() -> None:
    """The whole message follows the pieces."""
    script, codec = Script(), ClaudeCodec()
    events = [
        delta(script, type="text_delta", text="Hel"),
        delta(script, type="text_delta", text="lo"),
        assistant(script, {"type": "text", "text": "Hello"}),
        assistant(script, {"type": "text", "text": " again"}),
    ]
    said = [update for event in events for update in codec.read(event)]

    assert [u.text for u in said if isinstance(u, Text)] == ["Hel", "lo", " again"]


def test_thoughts_are_kept_apart() -> None:
    """Streamed or whole."""
    script, codec = Script(), ClaudeCodec()
    events = [
        delta(script, type="thinking_delta", thinking="hm"),
        assistant(script, {"type": "thinking", "thinking": "hm"}),
        assistant(script, {"type": "thinking", "thinking": "aha"}),
    ]
    said = [update for event in events for update in codec.read(event)]

    assert [(u.text, u.thought) for u in said if isinstance(u, Text)] == [
        ("hm", True),
        ("aha", True),
    ]


def test_a_tool_use_and_its_result_are_one_tool() -> None:
    """Paired by the id; the title tells what it does."""
    script, codec = Script(), ClaudeCodec()
    use = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    content = [{"type": "text", "text": "a\nb"}]
    result = {"type": "tool_result", "tool_use_id": "t1", "content": content, "is_error": True}
    [call] = codec.read(assistant(script, use))
    [end] = codec.read(script.agent("user", {"type": "user", "message": {"content": [result]}}))

    assert call == Tool(
        sequence=1,
        at_ms=1001,
        id="t1",
        title="Bash ls",
        kind="Bash",
        status="in_progress",
        input={"command": "ls"},
    )
    assert end == Tool(
        sequence=2, at_ms=1002, id="t1", status="failed", output=content, text="a\nb"
    )


def test_a_request_for_a_tool_has_two_options_and_its_answer_carries_the_id() -> None:
    """Allowed with the input it asked for, denied with a reason."""
    script, codec = Script(), ClaudeCodec()
    wanted = {"subtype": "can_use_tool", "tool_name": "Edit", "input": {"file_path": "/a"}}
    [request] = codec.read(script.agent("control_request", {"request_id": "r", "request": wanted}))
    assert isinstance(request, PermissionRequest)
    allow, reject = request.options
    yes = codec.permission(request, allow)
    no = codec.permission(request, reject)

    assert request.title == "Edit /a"
    assert yes[1]["response"]["response"] == {
        "behavior": "allow",
        "updatedInput": {"file_path": "/a"},
    }
    assert no[1]["response"]["response"]["behavior"] == "deny"
    assert codec.read(script.user(*yes)) == [
        PermissionAnswer(sequence=2, at_ms=1002, option="allow", id="r")
    ]


def test_control_requests_pair_by_their_id() -> None:
    """And an error is an answer."""
    script, codec = Script(), ClaudeCodec()
    key, message = codec.initialize()
    body = {"subtype": "error", "request_id": key, "error": "not now"}

    assert codec.read(script.user(*message)) == [Asked(sequence=1, at_ms=1001, key=key)]
    assert codec.read(script.agent("control_response", {"response": body})) == [
        Answer(sequence=2, at_ms=1002, key=key, value={}, error="not now")
    ]
    assert codec.initialize()[0] != key


def test_the_result_tells_cost_and_usage() -> None:
    """It may leave both out."""
    script, codec = Script(), ClaudeCodec()
    fields = {"total_cost_usd": 0.25, "duration_ms": 12, "usage": {"output_tokens": 5}}

    assert codec.read(script.agent("result", fields)) == [
        Usage(
            sequence=1,
            at_ms=1001,
            values={"output_tokens": 5},
            cost_usd=0.25,
            duration_ms=12.0,
        )
    ]
    assert codec.read(script.agent("result")) == [Usage(sequence=2, at_ms=1002, values={})]


def test_a_prompt_is_read_as_it_was_built() -> None:
    """As text, or as blocks of text, which other clients send."""
    script, codec = Script(), ClaudeCodec()
    kind, payload = codec.prompt("s", "hello")
    blocks = {"message": {"content": [{"type": "text", "text": "blocks"}]}}

    assert codec.read(script.user(kind, payload)) == [Prompt(sequence=1, at_ms=1001, text="hello")]
    assert codec.read(script.user("query", blocks)) == [
        Prompt(sequence=2, at_ms=1002, text="blocks")
    ]


def test_hooks_and_mcp_are_refused_politely() -> None:
    """Tools are not: a person decides about those."""
    script, codec = Script(), ClaudeCodec()
    hook = {"request_id": "h", "request": {"subtype": "hook_callback"}}
    tool = {"request_id": "t", "request": {"subtype": "can_use_tool"}}
    refusal = codec.refusal(script.agent("control_request", hook))

    assert refusal is not None
    assert refusal[1]["response"]["error"] == "this client does not offer hook_callback"
    assert codec.refusal(script.agent("control_request", tool)) is None
    assert codec.refusal(script.user("control_request", hook)) is None
