"""What Claude Code sends: turns of its own, errors, commands, questions, costs, news."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from axon_notebook.models import AxonEvent

from .claude_transcripts import Cases, Claude, registry
from .outline import lines, read

CASES: Cases = []
case = registry(CASES)


@case(
    "a task in the background ends later, in a turn that nobody asked for",
    'turn completed "go" end_turn 0.1 USD',
    '  tool completed Agent look = "launched\\nfound 3"',
    '  agent "Started."',
    'turn completed "continued by itself: found 3" end_turn 0.3 USD',
    '  agent "It found 3."',
    'turn completed "next" end_turn 0.1 USD',
    '  agent "Next."',
)
def _(s: Claude) -> list[AxonEvent]:
    ended = {"task_id": "k", "tool_use_id": "a", "status": "completed", "summary": "found 3"}
    return [
        s.asks(),
        s.starts(),
        s.news("init", model="x"),
        s.call("a", "Agent", description="look", run_in_background=True),
        s.news("task_started", task_id="k", tool_use_id="a", description="look"),
        s.returns("a", "launched"),
        s.message("Started."),
        s.result("Started.", total_cost_usd=0.1),
        s.ends(),
        s.news("task_notification", output_file="f", **ended),
        s.news("init", model="x"),
        s.message("It found 3.", id="n"),
        s.result("It found 3.", origin={"kind": "task-notification"}, total_cost_usd=0.4),
        s.asks("next", "p2"),
        s.starts("t2"),
        s.news("init", model="x"),
        s.message("Next.", id="q"),
        s.result("Next.", total_cost_usd=0.5),
        s.ends("t2"),
    ]


@case(
    "the result of a task in the background comes while the next prompt runs",
    'turn completed "one" end_turn',
    '  agent "1"',
    'turn completed "two" end_turn',
    '  agent "by itself"',
    '  agent "2"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks("one", "p1"),
        s.starts("t1"),
        s.message("1"),
        s.result("1"),
        s.ends("t1"),
        s.asks("two", "p2"),
        s.starts("t2"),
        s.message("by itself", id="x"),
        s.result("by itself", origin={"kind": "task-notification"}),
        s.message("2", id="y"),
        s.result("2"),
        s.ends("t2"),
    ]


@case(
    "what nobody asked for and no message told is a notice",
    'turn completed "one" end_turn',
    '  task info "12 files"',
    '  agent "1"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks("one"),
        s.starts(),
        s.result("12 files", origin={"kind": "peer"}),
        s.message("1"),
        s.result("1"),
        s.ends(),
    ]


@case(
    "a result that names another prompt",
    'turn completed "one" end_turn',
    '  task info "other"',
    '  agent "1"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks("one", "mine"),
        s.starts(),
        s.result("other", user_message_uuids=["theirs"]),
        s.message("1"),
        s.result("1", user_message_uuids=["theirs", "mine"]),
        s.ends(),
    ]


@case(
    "an error of the service, told twice, shown once",
    'turn failed "go" ! API Error: 529 overloaded',
)
def _(s: Claude) -> list[AxonEvent]:
    text = "API Error: 529 overloaded"
    return [
        s.asks(),
        s.starts(),
        s.message(text, error="overloaded", is_api_error_message=True),
        s.result(text, is_error=True, terminal_reason="api_error"),
        s.system("turn.failed", turn_id="t1", error=text),
    ]


@case(
    "an error on the way to success",
    'turn completed "go" end_turn',
    '  agent "Done."',
    '  error warning "output limit"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.message("output limit", error="max_output_tokens"),
        s.says_user("Please continue", isSynthetic=True),
        s.message("Done.", id="x"),
        s.result("Done."),
        s.ends(),
    ]


@case(
    "errors of all kinds of results",
    'turn failed "a" error_max_turns ! Reached maximum number of turns (3)',
    'turn failed "b" error_during_execution ! disk full',
    'turn failed "c" error_max_budget_usd ! error_max_budget_usd',
    'turn failed "d" ! Not logged in',
)
def _(s: Claude) -> list[AxonEvent]:
    def failing(name: str, **fields: Any) -> list[AxonEvent]:
        return [
            s.asks(name, name),
            s.starts(name),
            s.line("result", is_error=True, **fields),
            s.system("turn.failed", turn_id=name, error="failed"),
        ]

    return [
        *failing("a", subtype="error_max_turns", errors=["Reached maximum number of turns (3)"]),
        *failing("b", subtype="error_during_execution", errors=["[ede_diagnostic] x", "disk full"]),
        *failing("c", subtype="error_max_budget_usd"),
        *failing("d", subtype="success", result="Not logged in"),
    ]


@case(
    "commands that only have a result, or local output",
    'turn completed "/cost" end_turn',
    '  agent "Total cost: $1"',
    'turn completed "/x" end_turn',
    '  agent "bold text"',
    'turn completed "/clear" end_turn',
    '  config info "the conversation starts anew"',
)
def _(s: Claude) -> list[AxonEvent]:
    said = "<local-command-stdout>\x1b[1mbold\x1b[22m text</local-command-stdout>"
    return [
        s.asks("/cost"),
        s.starts("a"),
        s.result("Total cost: $1"),
        s.ends("a"),
        s.asks("/x"),
        s.starts("b"),
        s.says_user("<command-name>/x</command-name>"),
        s.says_user("<local-command-caveat>Caveat: x</local-command-caveat>"),
        s.says_user(said),
        s.result(""),
        s.ends("b"),
        s.asks("/clear"),
        s.starts("c"),
        s.line("conversation_reset", new_conversation_id="n"),
        s.result(""),
        s.ends("c"),
    ]


@case(
    "compaction and its summary are one line",
    'turn completed "/compact" end_turn',
    '  compaction info "conversation compacted (manual, 1,000 tokens before, 200 after)" (kept)',
)
def _(s: Claude) -> list[AxonEvent]:
    meta = {"trigger": "manual", "pre_tokens": 1000, "post_tokens": 200}
    return [
        s.asks("/compact"),
        s.starts(),
        s.news("status", status="compacting"),
        s.news("status", status=None, compact_result="success"),
        s.news("init"),
        s.news("compact_boundary", compact_metadata=meta),
        s.says_user("kept"),
        s.result(""),
        s.ends(),
    ]


@case(
    "questions: withdrawn, refused, of the background, unknown",
    'turn completed "go" end_turn',
    '  permission withdrawn "Bash a"',
    '  permission withdrawn "Bash b"',
    '  permission open "Bash c"',
    '  unknown info "control request hook_callback"',
)
def _(s: Claude) -> list[AxonEvent]:
    def wants(id: str, **more: Any) -> AxonEvent:
        return s.request(id, tool_name="Bash", input={"command": id}, **more)

    error = {"subtype": "error", "request_id": "b", "error": "no"}
    return [
        s.asks(),
        s.starts(),
        wants("a"),
        s.line("control_cancel_request", request_id="a"),
        wants("b"),
        s.user("control_response", {"type": "control_response", "response": error}),
        wants("c", agent_id="x"),
        s.request("d", "hook_callback", callback_id="h"),
        s.result(),
        s.ends(),
    ]


@case(
    "a permission of the background long after the turn begins no turn",
    'turn completed "go" end_turn',
    '  permission open "Bash late"',
)
def _(s: Claude) -> list[AxonEvent]:
    events = [s.asks(), s.starts(), s.result(), s.ends()]
    late = s.request("r", tool_name="Bash", input={"command": "late"}, agent_id="x")
    return [*events, msgspec.structs.replace(late, timestamp_ms=late.timestamp_ms + 60_000)]


@case(
    "a choice, and a plan whose text is in the call",
    'turn completed "go" end_turn',
    '  tool completed AskUserQuestion = "ok"',
    '  choice answered "Which color?" = {"Which color?": "Red"}',
    "  tool stopped ExitPlanMode allowed",
    '  plan answered "Approve the plan?" = "accept_edits"',
)
def _(s: Claude) -> list[AxonEvent]:
    asked = {"question": "Which color?", "header": "Color", "multiSelect": False}
    asked["options"] = [{"label": "Red", "description": "warm"}, {"label": "Blue"}]
    mode = [{"type": "setMode", "mode": "acceptEdits", "destination": "session"}]
    choice = {"tool_name": "AskUserQuestion", "tool_use_id": "q", "input": {"questions": [asked]}}
    return [
        s.asks(),
        s.starts(),
        s.call("q", "AskUserQuestion"),
        s.request("r1", **choice),
        s.reply("r1", behavior="allow", updatedInput={"answers": {"Which color?": "Red"}}),
        s.returns("q"),
        s.call("p", "ExitPlanMode", plan="# Plan"),
        s.request("r2", tool_name="ExitPlanMode", tool_use_id="p", input={}),
        s.reply("r2", behavior="allow", updatedInput={}, updatedPermissions=mode),
        s.result(),
        s.ends(),
    ]


@case(
    "messages that a later line replaces or a refusal takes back",
    'turn completed "go" end_turn',
    '  agent "draft" retracted',
    '  agent "refused" retracted',
    '  refusal warning "a refused; b answers instead"',
    '  agent "final"',
)
def _(s: Claude) -> list[AxonEvent]:
    news = {"original_model": "a", "fallback_model": "b", "retracted_message_uuids": ["u2"]}
    return [
        s.asks(),
        s.starts(),
        s.message("draft", id="a"),
        s.message("refused", id="b"),
        s.news("model_refusal_fallback", **news),
        s.message("final", id="c", supersedes=["u1"]),
        s.result("final"),
        s.ends(),
    ]


@case(
    "limits, hooks, servers and other news, once each",
    'turn completed "go" end_turn',
    '  mcp warning "MCP server db: failed"',
    '  rate_limit warning "five hour limit nearly reached (90% used)"',
    '  rate_limit error "seven day limit reached"',
    '  hook warning "hook PreToolUse failed (2): no"',
    '  auth info "authentication: completed" (ok)',
    '  notification info "new"',
)
def _(s: Claude) -> list[AxonEvent]:
    servers = [{"name": "db", "status": "failed"}, {"name": "fs", "status": "connected"}]
    five = {"status": "allowed_warning", "rateLimitType": "five_hour", "utilization": 0.9}
    seven = {"status": "rejected", "rateLimitType": "seven_day"}
    hook = {"hook_id": "h", "hook_name": "PreToolUse"}
    return [
        s.asks(),
        s.starts(),
        s.news("init", mcp_servers=servers),
        s.news("init", mcp_servers=servers),
        s.line("rate_limit_event", rate_limit_info=five),
        s.line("rate_limit_event", rate_limit_info={"status": "allowed"}),
        s.line("rate_limit_event", rate_limit_info=seven),
        s.news("hook_started", **hook),
        s.news("hook_response", exit_code=2, stderr="no", **hook),
        s.line("auth_status", isAuthenticating=False, output=["ok"]),
        s.news("notification", key="k", text="old"),
        s.news("notification", key="k", text="new"),
        s.line("keep_alive"),
        s.line("command_lifecycle", state="queued"),
        s.result(),
        s.ends(),
    ]


@case(
    "costs of turns, over a reset",
    'turn completed "a" end_turn 0.1 USD',
    'turn completed "b" end_turn 0.15 USD',
    'turn completed "/clear" end_turn 0 USD',
    '  config info "the conversation starts anew"',
    'turn completed "c" end_turn 0.05 USD',
)
def _(s: Claude) -> list[AxonEvent]:
    def paid(name: str, cost: float) -> list[AxonEvent]:
        return [s.asks(name), s.starts(name), s.result(total_cost_usd=cost), s.ends(name)]

    return [
        *paid("a", 0.1),
        *paid("b", 0.25),
        s.asks("/clear"),
        s.starts("x"),
        s.line("conversation_reset"),
        s.result(total_cost_usd=0.25),
        s.ends("x"),
        *paid("c", 0.05),
    ]


@case(
    "a message that no prompt is known for",
    'turn running ""',
    '  agent "only this"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [s.message("only this")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [pytest.param(make(Claude()), expected, id=name) for name, make, expected in CASES],
)
def test_a_transcript_means_what_it_says(events: list[AxonEvent], expected: list[str]) -> None:
    """Live, with the protocol found by itself, and with every event twice: the same entries."""
    assert lines(read("claude", events)) == expected
    assert lines(read(None, events)) == expected
    assert lines(read("claude", [event for event in events for _ in (1, 2)])) == expected


def test_a_switch_of_mode_or_model_is_seen_among_the_settings() -> None:
    """The header's lists show the present setting, also after a switch by another client."""
    s = Claude()
    models = [{"value": "a", "displayName": "A"}, {"value": "b", "displayName": "B"}]

    def control(id: str, subtype: str, answer: dict[str, Any], **fields: Any) -> list[AxonEvent]:
        request = {"request_id": id, "request": {"subtype": subtype, **fields}}
        body = {"subtype": "success", "request_id": id, "response": answer}
        return [s.user("control_request", request), s.line("control_response", response=body)]

    trace = read(
        "claude",
        [
            *control("1", "initialize", {"models": models, "current_permission_mode": "default"}),
            *control("2", "set_model", {"model": "b"}, model="b"),
            *control("3", "set_permission_mode", {"mode": "plan"}, mode="plan"),
        ],
    )

    assert {setting.category: setting.value for setting in trace.session.settings} == {
        "mode": "plan",
        "model": "b",
    }
