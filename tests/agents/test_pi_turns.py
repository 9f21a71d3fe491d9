"""What Pi sends, with oddities that its types allow, and what it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent

from .events import Script
from .outline import lines, read

Case = Callable[[Script], list[AxonEvent]]
CASES: list[tuple[str, str, Case, list[str]]] = []


def case(protocol: str, name: str, *expected: str) -> Callable[[Case], Case]:
    def keep(function: Case) -> Case:
        CASES.append((protocol, name, function, list(expected)))
        return function

    return keep


def pi(s: Script, *inside: Callable[[], AxonEvent], **end: Any) -> list[AxonEvent]:
    found = [
        s.user("turn/start", {"id": "p-1", "type": "prompt", "message": "go"}),
        s.system("turn.started", turn_id="b"),
        s.agent(
            "response", {"type": "response", "id": "p-1", "command": "prompt", "success": True}
        ),
        s.agent("agent_start", {"type": "agent_start"}),
    ]
    found += [make() for make in inside]
    found.append(s.agent("agent_settled", {"type": "agent_settled", **end}))
    return [*found, s.system("turn.completed", turn_id="b")]


def delta(s: Script, kind: str, text: str, index: int = 0) -> AxonEvent:
    event = {"type": f"{kind}_delta", "contentIndex": index, "delta": text}
    return s.agent("message_update", {"type": "message_update", "assistantMessageEvent": event})


def start(s: Script) -> AxonEvent:
    return s.agent("message_start", {"type": "message_start", "message": {"role": "assistant"}})


def end(
    s: Script, *content: Any, role: str = "assistant", reason: str = "stop", **more: Any
) -> AxonEvent:
    blocks = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
    message = {"role": role, "content": blocks, "stopReason": reason, **more}
    return s.agent("message_end", {"type": "message_end", "message": message})


def paid(total: float) -> dict[str, Any]:
    return {"usage": {"input": 10, "output": 5, "cost": {"total": total}}}


@case(
    "pi",
    "messages without ids, streamed and finished, with and without their start",
    'turn completed "go" end_turn 0.03 USD',
    '  thought "hm"',
    '  agent "Hello."',
    '  tool completed bash ls = "a"',
    '  agent "Done."',
)
def _(s: Script) -> list[AxonEvent]:
    call = {"type": "toolCall", "id": "c", "name": "bash", "arguments": {"command": "ls"}}
    ran = {"content": [{"type": "text", "text": "a"}]}
    return pi(
        s,
        lambda: end(s, "go", role="user"),
        lambda: start(s),
        lambda: delta(s, "thinking", "hm"),
        lambda: delta(s, "text", "Hel", 1),
        lambda: end(
            s,
            {"type": "thinking", "thinking": "hm"},
            "Hello.",
            call,
            reason="toolUse",
            **paid(0.01),
        ),
        lambda: s.agent(
            "tool_execution_start",
            {"toolCallId": "c", "toolName": "bash", "args": {"command": "ls"}},
        ),
        lambda: s.agent(
            "tool_execution_end",
            {"toolCallId": "c", "toolName": "bash", "isError": False, "result": ran},
        ),
        lambda: s.agent(
            "message_end", {"message": {"role": "toolResult", "toolCallId": "c", **ran}}
        ),
        lambda: end(s, "Done.", **paid(0.02)),
        lambda: s.agent("turn_end", {"message": {"role": "assistant", **paid(9)}}),
        lambda: s.agent("agent_end", {"messages": [], "willRetry": False}),
    )


@case(
    "pi",
    "a request that was repeated",
    'turn completed "go" end_turn',
    '  agent "Half" cut',
    '  retry warning "the repeated request succeeded"',
    '  agent "Whole."',
)
def _(s: Script) -> list[AxonEvent]:
    again = {"attempt": 1, "maxAttempts": 3, "delayMs": 2000, "errorMessage": "overloaded"}
    return pi(
        s,
        lambda: start(s),
        lambda: delta(s, "text", "Half"),
        lambda: end(s, "Half", reason="error", errorMessage="overloaded"),
        lambda: s.agent("agent_end", {"willRetry": True}),
        lambda: s.agent("auto_retry_start", again),
        lambda: start(s),
        lambda: end(s, "Whole."),
        lambda: s.agent("auto_retry_end", {"success": True, "attempt": 1}),
    )


@case(
    "pi",
    "aborted in the middle of a text",
    'turn cancelled "go" cancelled',
    '  agent "Half" cut',
    "  tool stopped bash sleep",
)
def _(s: Script) -> list[AxonEvent]:
    call = {"toolCallId": "c", "toolName": "bash", "args": {"command": "sleep"}}
    return pi(
        s,
        lambda: start(s),
        lambda: delta(s, "text", "Half"),
        lambda: s.agent("tool_execution_start", call),
        lambda: s.user("cancel", {}),
        lambda: end(s, "Half", reason="aborted"),
        aborted=True,
    )


@case(
    "pi",
    "a prompt that is steered, and the echo of it",
    'turn completed "go" end_turn',
    '  user "faster"',
    '  agent "ok"',
)
def _(s: Script) -> list[AxonEvent]:
    return pi(
        s,
        lambda: s.user("steer", {"type": "steer", "message": "faster"}),
        lambda: end(s, "faster", role="user"),
        lambda: end(s, "ok"),
    )


@case(
    "pi",
    "dialogs outlive their turn, but not the agent",
    'turn completed "go" end_turn',
    '  permission answered "Sure?" = "yes"',
    '  choice expired "Which?"',
    'devbox.shutdown error ""',
)
def _(s: Script) -> list[AxonEvent]:
    sure = {"id": "1", "method": "confirm", "title": "Sure?"}
    which = {"id": "2", "method": "select", "title": "Which?", "options": ["a"]}
    reply = {"type": "extension_ui_response", "id": "1", "confirmed": True}
    return [
        *pi(
            s,
            lambda: s.agent("extension_ui_request", sure),
            lambda: s.user("extension_ui_response", reply),
            lambda: s.agent("extension_ui_request", which),
        ),
        s.system("devbox.shutdown"),
    ]


@pytest.mark.parametrize(
    ("protocol", "events", "expected"),
    [
        pytest.param(p, make(Script()), expected, id=f"{p} {name}")
        for p, name, make, expected in CASES
    ],
)
def test_a_transcript_means_what_it_says(
    protocol: str, events: list[AxonEvent], expected: list[str]
) -> None:
    """Live, and with every event twice: the same entries."""
    assert lines(read(protocol, events)) == expected
    assert lines(read(protocol, [event for event in events for _ in (1, 2)])) == expected


def settings(trace: Trace) -> dict[str, tuple[object, list[str]]]:
    return {s.category: (s.value, [c.value for c in s.choices]) for s in trace.session.settings}


def test_pi_offers_models_and_thinking_levels() -> None:
    """A model is named by its provider as well."""
    s = Script()
    model = {"id": "m", "provider": "p", "name": "M"}

    def answers(command: str, data: Any) -> AxonEvent:
        return s.agent("response", {"command": command, "success": True, "data": data})

    trace = read(
        "pi",
        [
            answers("get_state", {"model": model, "thinkingLevel": "low", "sessionId": "x"}),
            answers("get_available_models", {"models": [model, {"id": "n", "provider": "p"}]}),
            s.agent("thinking_level_changed", {"level": "high"}),
        ],
    )

    assert settings(trace)["model"] == ("p/m", ["p/m", "p/n"])
    assert settings(trace)["thought_level"][0] == "high"
