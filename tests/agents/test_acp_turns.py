"""What agents send by ACP: plans, subagents, histories, costs, forms, ends of turns."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from axon_notebook.agents.model import Tool
from axon_notebook.models import AxonEvent

from .acp_transcripts import ALLOW, PNG, Cases, chunk, registry, turn
from .events import Script
from .outline import lines, read

CASES: Cases = []
case = registry(CASES)


@case(
    "several plans, one removed",
    'turn completed "go" end_turn',
    "  plan x a; > b",
    "  plan removed - c",
    "  plan # Steps",
)
def _(s: Script) -> list[AxonEvent]:
    steps = [{"content": "a", "status": "completed"}, {"content": "b", "status": "in_progress"}]
    items = {"type": "items", "planId": "p", "entries": [{"content": "c", "status": "pending"}]}
    return turn(
        s,
        lambda: s.update("plan", entries=[{"content": "a", "status": "pending"}]),
        lambda: s.update("plan_update", plan=items),
        lambda: s.update("plan", entries=steps),
        lambda: s.update("plan_removed", planId="p"),
        lambda: s.update(
            "plan_update", plan={"type": "markdown", "planId": "m", "content": "# Steps"}
        ),
    )


@case(
    "a compaction whose summary comes in pieces",
    'turn completed "go" end_turn',
    '  compaction info "compaction completed" (kept: names)',
)
def _(s: Script) -> list[AxonEvent]:
    def piece(text: str) -> AxonEvent:
        block = {"type": "text", "text": text}
        return s.update("compaction_summary_chunk", compactionId="k", content=block)

    return turn(
        s,
        lambda: s.update("compaction_update", compactionId="k", status="in_progress"),
        lambda: piece("kept: "),
        lambda: s.update("compaction_update", compactionId="k", status="completed"),
        lambda: piece("names"),
    )


@case(
    "a subagent with a session of its own",
    'turn completed "go" end_turn',
    '  agent "I ask a helper."',
    "  tool completed Helper",
    '    agent "from the child"',
    "    tool completed Read",
    '  agent "Done."',
)
def _(s: Script) -> list[AxonEvent]:
    state = {"state": "idle", "stopReason": "end_turn"}
    return turn(
        s,
        lambda: s.says("I ask a helper."),
        lambda: s.update("subagent_update", sessionId="child", title="Helper"),
        lambda: s.says("from the child", "child"),
        lambda: s.update("tool_call", "child", toolCallId="c", title="Read", status="completed"),
        lambda: s.update("usage_update", "child", used=1, size=2),
        lambda: s.update("subagent_update", sessionId="child", state=state),
        lambda: s.says("Done."),
    )


@case(
    "a subagent that fails",
    'turn completed "go" end_turn',
    "  tool failed Helper ! out of memory",
)
def _(s: Script) -> list[AxonEvent]:
    state = {"state": "idle", "error": {"message": "out of memory"}}
    return turn(
        s,
        lambda: s.update("subagent_update", sessionId="child", title="Helper"),
        lambda: s.update("subagent_update", sessionId="child", state=state),
    )


@case(
    "an agent echoes the prompt, block by block",
    'turn completed "one\\ntwo" end_turn',
    '  agent "ok"',
)
def _(s: Script) -> list[AxonEvent]:
    blocks = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    return [
        s.user("session/prompt", {"sessionId": "s", "prompt": blocks}),
        s.system("turn.started", turn_id="t"),
        chunk(s, "one", "user_message_chunk"),
        chunk(s, "two", "user_message_chunk"),
        s.says("ok"),
        s.agent("session/prompt", {"stopReason": "end_turn"}),
        s.system("turn.completed", turn_id="t"),
    ]


@case(
    "a loaded session: prompts in pieces, with a picture, without ids",
    'turn completed "Hello there" [image]',
    '  agent "Hi."',
    'turn completed "Again"',
    '  agent "Yes."',
    'turn completed "now" end_turn',
    '  agent "new"',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.user("session/load", {"sessionId": "s", "cwd": "/", "mcpServers": []}),
        chunk(s, "Hello ", "user_message_chunk"),
        chunk(s, "there", "user_message_chunk"),
        s.update("user_message_chunk", content=PNG),
        s.says("Hi."),
        chunk(s, "Again", "user_message_chunk"),
        s.says("Yes."),
        s.agent("session/load", {}),
        *turn(s, lambda: s.says("new"), text="now"),
    ]


@case(
    "the answer comes first, late updates after it",
    'turn completed "go" end_turn 0.25 USD',
    '  agent "late"',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.agent("session/new", {"sessionId": "s"}),
        *turn(s),
        s.says("late"),
        s.update("usage_update", used=1, size=2, cost={"amount": 0.25, "currency": "USD"}),
    ]


@case(
    "costs are differences, also in credits and after a fall",
    'turn completed "one" end_turn 2 credits',
    'turn completed "two" end_turn 3 credits',
    'turn completed "three" end_turn 1 credits',
)
def _(s: Script) -> list[AxonEvent]:
    def cost(amount: float) -> Callable[[], AxonEvent]:
        given = {"amount": amount, "currency": "credits"}
        return lambda: s.update("usage_update", used=1, size=2, cost=given)

    return [
        s.agent("session/new", {"sessionId": "s"}),
        *turn(s, cost(1), cost(2), text="one"),
        *turn(s, cost(5), text="two"),
        *turn(s, cost(1), text="three"),
    ]


@case(
    "refusals and limits are stop reasons",
    'turn completed "go" refusal',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.agent("session/prompt", {"stopReason": "refusal"}),
        s.system("turn.completed", turn_id="t", stop_reason="refusal"),
    ]


@case(
    "turns without a broker's word",
    'turn completed "one" end_turn',
    '  agent "1"',
    'turn completed "two" max_tokens',
    '  agent "2"',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("one"),
        s.prompt("two"),
        s.says("1"),
        s.agent("session/prompt", {"stopReason": "end_turn"}),
        s.says("2"),
        s.agent("session/prompt", {"stopReason": "max_tokens"}),
    ]


@case(
    "anybody may publish what looks like the end of a turn",
    'turn running "go"',
    '  unknown info "turn.failed"',
    '  agent "still here"',
)
def _(s: Script) -> list[AxonEvent]:
    return [
        s.prompt("go"),
        s.system("turn.started", turn_id="t"),
        s.user("turn.completed", {"turn_id": "t"}),
        s.agent("turn.failed", {"turn_id": "t", "error": "x"}),
        s.event("EXTERNAL", "turn.completed", {"turn_id": "t"}),
        s.says("still here"),
    ]


@case(
    "a form is answered, its secret stays out",
    'turn completed "go" end_turn',
    '  form answered "Which port?" = {"port": 8080}',
    '  form answered "Sure?" = "decline"',
    '  url answered "Open it" = "completed"',
)
def _(s: Script) -> list[AxonEvent]:
    properties = {"port": {"type": "integer"}, "api_key": {"type": "string"}}
    schema = {"type": "object", "properties": properties}
    form = {"sessionId": "s", "message": "Which port?", "mode": "form", "requestedSchema": schema}
    url = {"sessionId": "s", "mode": "url", "url": "https://x.example", "elicitationId": "e"}
    return turn(
        s,
        lambda: s.agent("elicitation/create", form),
        lambda: s.user(
            "elicitation/create",
            {"action": "accept", "content": {"port": 8080, "api_key": "hunter2"}},
        ),
        lambda: s.agent("session/elicitation", {"message": "Sure?", "mode": "form"}),
        lambda: s.user("session/elicitation", {"action": {"action": "decline"}}),
        lambda: s.agent("elicitation/create", {**url, "message": "Open it"}),
        lambda: s.agent("elicitation/complete", {"elicitationId": "e"}),
    )


@case(
    "approval of a plan in the habit of adapters",
    'turn completed "go" end_turn',
    '  tool stopped Ready to code? asked = "# Plan"',
    '  plan expired "Ready to code?"',
)
def _(s: Script) -> list[AxonEvent]:
    said = {"type": "content", "content": {"type": "text", "text": "# Plan"}}
    call = {"toolCallId": "c", "title": "Ready to code?", "kind": "switch_mode", "content": [said]}
    asked = {"sessionId": "s", "toolCall": call, "options": ALLOW}
    return turn(s, lambda: s.agent("session/request_permission", asked))


@case(
    "unknown updates, requests and notifications are counted notices",
    'turn completed "go" end_turn',
    '  unknown info "cursor/ask_question"',
    '  notification error "Broken" (why)',
)
def _(s: Script) -> list[AxonEvent]:
    return turn(
        s,
        lambda: s.update("from_the_future", x=1),
        lambda: s.update("from_the_future", x=2),
        lambda: s.agent("cursor/ask_question", {"q": 1}),
        lambda: s.agent("_x.ai/session/prompt_complete", {}),
        lambda: s.update("notice", severity="error", title="Broken", description="why"),
    )


@pytest.mark.parametrize(
    ("events", "expected"),
    [pytest.param(make(Script()), expected, id=name) for name, make, expected in CASES],
)
def test_a_transcript_means_what_it_says(events: list[AxonEvent], expected: list[str]) -> None:
    """Live, in one piece, and with every event twice: the same entries."""
    assert lines(read("acp", events)) == expected
    assert lines(read(None, events)) == expected
    assert lines(read("acp", [event for event in events for _ in (1, 2)])) == expected


def test_commands_lose_their_slash_and_context_is_the_sessions_own() -> None:
    """Some agents send names with the slash; a subagent's context is not the session's."""
    s = Script()
    trace = read(
        "acp",
        [
            s.update("available_commands_update", availableCommands=[{"name": "/init"}, {}]),
            s.update("usage_update", used=500, size=1000),
            s.update("subagent_update", sessionId="child", title="Helper"),
            s.update("usage_update", "child", used=1, size=2),
        ],
    )

    assert [command.name for command in trace.session.commands] == ["init"]
    assert (trace.session.context_used, trace.session.context_size) == (500, 1000)


def test_secret_values_are_in_no_revision() -> None:
    """What the page and a saved notebook get is made of revisions."""
    form = next(make for name, make, _ in CASES if name.startswith("a form"))
    trace = read("acp", form(Script()))

    assert "hunter2" not in json.dumps([repr(vars_of(entry)) for entry in trace.entries])


def vars_of(entry: Any) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def test_an_exit_status_is_read_from_either_place() -> None:
    """From ``rawOutput``, or from the adapters' ``terminal_exit``."""
    s = Script()
    meta = {"terminal_exit": {"exit_code": 3}}
    trace = read(
        "acp",
        turn(
            s,
            lambda: s.update("tool_call", toolCallId="a", rawOutput={"exitCode": 2}),
            lambda: s.update("tool_call", toolCallId="b", _meta=meta),
        ),
    )

    assert [e.exit_status for e in trace.entries if isinstance(e, Tool)] == [2, 3]
