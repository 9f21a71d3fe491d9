"""What agents send by ACP in a turn: messages, calls, questions, with oddities that were seen."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.models import AxonEvent

from .acp_transcripts import ALLOW, PNG, Cases, chunk, registry, turn
from .events import Script
from .outline import lines, read

CASES: Cases = []
case = registry(CASES)


@case(
    "ids change back and forth",
    'turn completed "go" end_turn',
    '  agent "one, more"',
    '  agent "two"',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: chunk(s, "one", messageId="a"),
        lambda: chunk(s, "two", messageId="b"),
        lambda: chunk(s, ", more", messageId="a"),
    )


@case("numbers as message ids", 'turn completed "go" end_turn', '  agent "a"', '  agent "b"')
def _(s: Script) -> list[AxonEvent]:
    return turn(s, lambda: chunk(s, "a", messageId=1), lambda: chunk(s, "b", messageId=2))


@case(
    "the same id as message and thought",
    'turn completed "go" end_turn',
    '  thought "hm"',
    '  agent "so"',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: chunk(s, "hm", "agent_thought_chunk", messageId="m"),
        lambda: chunk(s, "so", messageId="m"),
    )


@case(
    "session state between pieces does not part a message",
    'turn completed "go" end_turn',
    '  agent "half whole"',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: s.says("half "),
        lambda: s.update("usage_update", used=5, size=10),
        lambda: s.update("available_commands_update", availableCommands=[]),
        lambda: s.update("session_info_update", title="T"),
        lambda: s.says("whole"),
    )


@case(
    "an update of an old call does not part a message",
    'turn completed "go" end_turn',
    "  tool completed Look",
    '  agent "all of it"',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: s.update("tool_call", toolCallId="c", title="Look"),
        lambda: s.says("all "),
        lambda: s.update("tool_call_update", toolCallId="c", status="completed"),
        lambda: s.says("of it"),
    )


@case(
    "a subagent speaks in the middle of a message",
    'turn completed "go" end_turn',
    '  agent "main goes on"',
    "  tool completed Helper",
    '    agent "inside, still inside"',
)
def _(s: Script) -> list[AxonEvent]:
    inside = {"_meta": {"claudeCode": {"parentToolUseId": "c"}}}
    return turn(
        s,
        lambda: chunk(s, "main ", messageId="m"),
        lambda: s.update("tool_call", toolCallId="c", title="Helper"),
        lambda: chunk(s, "inside", **inside),
        lambda: chunk(s, "goes on", messageId="m"),
        lambda: chunk(s, ", still inside", **inside),
        lambda: s.update("tool_call_update", toolCallId="c", status="completed"),
    )


@case(
    "content as a text, as a list, as null",
    'turn completed "go" end_turn',
    '  agent "plain, listed" [image]',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: s.update("agent_message_chunk", content="plain"),
        lambda: s.update(
            "agent_message_chunk", content=[{"type": "text", "text": ", listed"}, PNG]
        ),
        lambda: s.update("agent_message_chunk", content=None),
    )


@case(
    "blocks of every kind in a message",
    'turn completed "go" end_turn',
    '  agent "see" [image, audio, link, resource, unknown]',
)
def _(s: Script) -> list[AxonEvent]:
    blocks = [
        {"type": "text", "text": "see"},
        PNG,
        {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
        {"type": "resource", "resource": {"uri": "file:///b", "text": "x"}},
        {"type": "hologram", "data": 1},
    ]
    return turn(s, *[lambda b=b: s.update("agent_message_chunk", content=b) for b in blocks])


@case(
    "usage, commands, title, mode and options before the first prompt are no turn",
    'turn completed "go" end_turn',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.update("usage_update", used=1, size=2, cost={"amount": 0.1, "currency": "USD"}),
        s.update("available_commands_update", availableCommands=[{"name": "/init"}]),
        s.update("current_mode_update", currentModeId="plan"),
        s.update("config_option_update", configOptions=[]),
        s.update("session_info_update", title="Hello"),
        *turn(s),
    ]


@case(
    "a whole envelope with a wrong event type",
    'turn completed "go" end_turn',
    '  agent "hi"',
)
def _(s: Script) -> list[AxonEvent]:
    body = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": "hi"}}
    envelope = {"jsonrpc": "2.0", "method": "session/update"}
    envelope["params"] = {"sessionId": "s", "update": body}
    return turn(s, lambda: s.agent("notification", envelope))


@case(
    "envelopes all the way: prompt, permission, answer, error",
    'turn failed "go" ! Internal error: disk full',
    "  tool stopped Edit allowed",
    '  permission answered "Edit" = "y"',
)
def _(s: Script) -> list[AxonEvent]:
    def envelope(**fields: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", **fields}

    asked = {"sessionId": "s", "toolCall": {"toolCallId": "c", "title": "Edit"}, "options": ALLOW}
    block = {"sessionId": "s", "prompt": [{"type": "text", "text": "go"}]}
    chosen = {"outcome": {"outcome": "selected", "optionId": "y"}}
    error = {"code": -32603, "message": "Internal error", "data": {"details": "disk full"}}
    return [
        s.user("session/prompt", envelope(id=1, method="session/prompt", params=block)),
        s.system("turn.started", turn_id="t"),
        s.agent(
            "session/request_permission",
            envelope(id=9, method="session/request_permission", params=asked),
        ),
        s.user("session/request_permission", envelope(id=9, result=chosen)),
        s.agent("session/prompt", envelope(id=1, error=error)),
        s.system("turn.failed", turn_id="t", error="agent error"),
    ]


@case(
    "an envelope without its version",
    'turn failed "go" ! overloaded',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.agent("session/prompt", {"id": 4, "error": {"code": -32603, "message": "overloaded"}}),
        s.system("turn.failed", turn_id="t", error="x"),
    ]


@case(
    "a bare error inside of its field",
    'turn failed "go" ! no credit',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.agent("session/prompt", {"error": {"code": 402, "message": "no credit"}}),
        s.system("turn.failed", turn_id="t", error="x"),
    ]


@case(
    "two permissions in envelopes, answered in the other order",
    'turn completed "go" end_turn',
    "  tool stopped A denied",
    '  permission answered "A" = "n"',
    "  tool stopped B allowed",
    '  permission answered "B" = "y"',
)
def _(s: Script) -> list[AxonEvent]:
    def ask(number: int, call: str) -> AxonEvent:
        options = [*ALLOW, {"optionId": "n", "name": "No", "kind": "reject_once"}]
        params = {"sessionId": "s", "toolCall": {"toolCallId": call, "title": call}}
        params["options"] = options
        name = "session/request_permission"
        return s.agent(name, {"jsonrpc": "2.0", "id": number, "method": name, "params": params})

    def reply(number: int, option: str) -> AxonEvent:
        result = {"outcome": {"outcome": "selected", "optionId": option}}
        body = {"jsonrpc": "2.0", "id": number, "result": result}
        return s.user("session/request_permission", body)

    return turn(
        s, lambda: ask(1, "A"), lambda: ask(2, "B"), lambda: reply(2, "y"), lambda: reply(1, "n")
    )


@case(
    "permission for a call that was never told",
    'turn completed "go" end_turn',
    "  tool completed Delete x allowed",
    '  permission answered "Delete x" = "y"',
)
def _(s: Script) -> list[AxonEvent]:
    asked = {"sessionId": "s", "toolCall": {"toolCallId": "c", "title": "Delete x"}}
    return turn(
        s,
        lambda: s.agent("session/request_permission", {**asked, "options": ALLOW}),
        lambda: s.user(
            "session/request_permission", {"outcome": {"outcome": "selected", "optionId": "y"}}
        ),
        lambda: s.update("tool_call_update", toolCallId="c", status="completed"),
    )


@case(
    "permission without a call and without options",
    'turn cancelled "go" cancelled',
    '  permission withdrawn "use a tool"',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.agent("session/request_permission", {"sessionId": "s"}),
        s.user("session/cancel", {"sessionId": "s"}),
        s.agent("session/prompt", {"stopReason": "cancelled"}),
        s.system("turn.completed", turn_id="t", stop_reason="cancelled"),
    ]


@case(
    "a cancel that the agent answers with an error",
    'turn cancelled "go" cancelled',
    "  tool stopped Look",
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.update("tool_call", toolCallId="c", title="Look", status="in_progress"),
        s.user("session/cancel", {"sessionId": "s"}),
        s.agent("session/prompt", {"code": -32800, "message": "Request cancelled"}),
        s.system("turn.failed", turn_id="t", error="Request cancelled"),
    ]


@case(
    "the agent takes its question back",
    'turn completed "go" end_turn',
    "  tool stopped Edit asked",
    '  permission withdrawn "Edit"',
)
def _(s: Script) -> list[AxonEvent]:
    asked = {"sessionId": "s", "toolCall": {"toolCallId": "c", "title": "Edit"}, "options": ALLOW}
    meta = {"_meta": {"method": "session/request_permission", "sequence": 3}}
    return turn(
        s,
        lambda: s.agent("session/request_permission", asked),
        lambda: s.agent("$/cancel_request", {"requestId": 7, **meta}),
    )


@case(
    "the content of a call is replaced, not added to",
    'turn completed "go" end_turn',
    "  tool completed Edit [text, diff]",
)
def _(s: Script) -> list[AxonEvent]:
    said = {"type": "content", "content": {"type": "text", "text": "reading"}}
    diff = {"type": "diff", "path": "/a", "oldText": "x", "newText": "y"}
    return turn(
        s,
        lambda: s.update("tool_call", toolCallId="c", title="Edit", content=[said]),
        lambda: s.update("tool_call_update", toolCallId="c", content=[said, diff]),
        lambda: s.update("tool_call_update", toolCallId="c", status="completed"),
    )


@case(
    "null and missing fields change nothing, an empty list does",
    'turn running "go"',
    "  tool in_progress Look",
)
def _(s: Script) -> list[AxonEvent]:
    said = {"type": "content", "content": {"type": "text", "text": "old"}}
    return turn(
        s,
        lambda: s.update("tool_call", toolCallId="c", title="Look", content=[said]),
        lambda: s.update("tool_call_update", toolCallId="c", title=None, content=None),
        lambda: s.update("tool_call_update", toolCallId="c", content=[], status="in_progress"),
    )[:-2]


@case(
    "terminal output in the habit of adapters",
    'turn completed "go" end_turn',
    '  tool completed ls = "a\\nb\\n" [terminal]',
)
def _(s: Script) -> list[AxonEvent]:
    def out(data: str) -> AxonEvent:
        meta = {"terminal_output": {"terminal_id": "t", "data": data}}
        return s.update("tool_call_update", toolCallId="c", _meta=meta)

    ended = {"terminal_exit": {"terminal_id": "t", "exit_code": 0, "signal": None}}
    terminal = [{"type": "terminal", "terminalId": "t"}]
    return turn(
        s,
        lambda: s.update("tool_call", toolCallId="c", title="ls", content=terminal),
        lambda: out("a\n"),
        lambda: out("b\n"),
        lambda: s.update(
            "tool_call_update", toolCallId="c", status="completed", content=terminal, _meta=ended
        ),
    )


@case(
    "an update of an unknown call makes it; calls without an id stay apart",
    'turn running "go"',
    "  tool completed Late",
    "  tool pending one",
    "  tool pending two",
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: s.update("tool_call_update", toolCallId="x", title="Late", status="completed"),
        lambda: s.update("tool_call", title="one"),
        lambda: s.update("tool_call", title="two"),
    )[:-2]


@case(
    "a failed call says why",
    'turn completed "go" end_turn',
    '  tool failed Run = "no such file" ! no such file',
    "  tool failed Fetch ! timed out",
)
def _(s: Script) -> list[AxonEvent]:
    said = {"type": "content", "content": {"type": "text", "text": "no such file"}}
    raw = {"error": "timed out"}
    return turn(
        s,
        lambda: s.update("tool_call", toolCallId="a", title="Run", content=[said], status="failed"),
        lambda: s.update("tool_call", toolCallId="b", title="Fetch"),
        lambda: s.update("tool_call_update", toolCallId="b", status="failed", rawOutput=raw),
    )


@case(
    "ids of calls are used again in the next turn",
    'turn completed "one" end_turn',
    "  tool completed first",
    'turn completed "two" end_turn',
    "  tool completed second",
)
def _(s: Script) -> list[AxonEvent]:
    return [
        *turn(
            s,
            lambda: s.update("tool_call", toolCallId="1", title="first", status="completed"),
            text="one",
        ),
        *turn(
            s,
            lambda: s.update("tool_call", toolCallId="1", title="second"),
            lambda: s.update("tool_call_update", toolCallId="1", status="completed"),
            text="two",
        ),
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [pytest.param(make(Script()), expected, id=name) for name, make, expected in CASES],
)
def test_a_transcript_means_what_it_says(events: list[AxonEvent], expected: list[str]) -> None:
    """Live, in one piece, and with every event twice: the same entries."""
    assert lines(read("acp", events)) == expected
    assert lines(read(None, events)) == expected
    assert lines(read("acp", [event for event in events for _ in (1, 2)])) == expected
