"""What Claude Code sends in a turn: messages, helpers, calls and results, with their oddities."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.agents.model import Tool
from axon_notebook.models import AxonEvent

from .claude_transcripts import Cases, Claude, registry
from .outline import lines, read

CASES: Cases = []
case = registry(CASES)


@case(
    "two streamed texts around a call, each finished by a line of its own",
    'turn completed "go" end_turn',
    '  agent "First."',
    '  tool completed Bash ls = "ok"',
    '  agent "Second."',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.begins(),
        s.opens(0),
        s.piece(0, "Fir"),
        s.piece(0, "st."),
        s.message("First."),
        s.closes(0),
        s.call("c", command="ls"),
        s.returns("c"),
        s.begins("m2"),
        s.opens(0),
        s.piece(0, "Second"),
        s.message("Second.", id="m2"),
        s.closes(0),
        s.result("Second."),
        s.ends(),
    ]


@case(
    "two texts in one message, final lines at the end",
    'turn completed "go" end_turn',
    '  agent "one"',
    '  agent "two"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.begins(),
        s.opens(0),
        s.piece(0, "one"),
        s.closes(0),
        s.opens(1),
        s.piece(1, "two"),
        s.closes(1),
        s.message("one", "two"),
        s.result("two"),
        s.ends(),
    ]


@case(
    "thinking, streamed and empty",
    'turn completed "go" end_turn',
    '  thought "let me see"',
    '  agent "yes"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.begins(),
        s.opens(0, "thinking"),
        s.piece(0, "let me", "thinking"),
        s.message({"type": "thinking", "thinking": "let me see", "signature": "x"}),
        s.closes(0),
        s.opens(1, "thinking"),
        s.message({"type": "thinking", "thinking": "", "signature": "y"}),
        s.closes(1),
        s.message({"type": "redacted_thinking", "data": "zz"}),
        s.opens(2),
        s.piece(2, "yes"),
        s.message("yes"),
        s.closes(2),
        s.result("yes"),
        s.ends(),
    ]


@case(
    "a stream that broke off and was repeated",
    'turn completed "go" end_turn',
    '  agent "Half a" retracted',
    '  retry warning "request failed: overloaded (529); attempt 1 of 10 in 0.5 s"',
    '  agent "Whole."',
)
def _(s: Claude) -> list[AxonEvent]:
    retry = {"attempt": 1, "max_retries": 10, "retry_delay_ms": 500, "error_status": 529}
    return [
        s.asks(),
        s.starts(),
        s.begins("a"),
        s.opens(0),
        s.piece(0, "Half a"),
        s.news("api_retry", error="overloaded", **retry),
        s.begins("b"),
        s.opens(0),
        s.piece(0, "Whole."),
        s.message("Whole.", id="b"),
        s.closes(0),
        s.result("Whole."),
        s.ends(),
    ]


@case(
    "an interrupt in the middle of a text",
    'turn cancelled "go" cancelled',
    '  agent "Half a" cut',
    "  tool stopped Bash sleep 9",
)
def _(s: Claude) -> list[AxonEvent]:
    ended = {"subtype": "error_during_execution", "is_error": True, "result": None}
    return [
        s.asks(),
        s.starts(),
        s.begins(),
        s.opens(0),
        s.piece(0, "Half a"),
        s.call("c", command="sleep 9"),
        s.user("control_request", {"request_id": "r", "request": {"subtype": "interrupt"}}),
        s.says_user("[Request interrupted by user for tool use]"),
        s.result(errors=["[ede_diagnostic] x"], terminal_reason="aborted_streaming", **ended),
        s.ends(),
    ]


@case(
    "the interrupt's mark comes with the result of the call",
    'turn cancelled "go" cancelled',
    '  tool failed Bash x = "stopped" ! stopped',
)
def _(s: Claude) -> list[AxonEvent]:
    blocks = [
        {"type": "tool_result", "tool_use_id": "c", "content": "stopped", "is_error": True},
        {"type": "text", "text": "[Request interrupted by user for tool use]"},
    ]
    return [
        s.asks(),
        s.starts(),
        s.call("c", command="x"),
        s.line("user", message={"role": "user", "content": blocks}),
        s.system("turn.failed", turn_id="t1", error="interrupted"),
    ]


@case(
    "two helpers at once, their words and calls",
    'turn completed "go" end_turn',
    '  tool completed Agent Count a = "2"',
    '    user "count a"',
    '    agent "I count a."',
    '    tool completed Bash ls a = "ok"',
    '  tool completed Agent Count b = "3"',
    '    agent "I count b."',
    '  agent "5 in all."',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.call("a", "Agent", description="Count a", prompt="count a"),
        s.call("b", "Agent", description="Count b", prompt="count b"),
        s.says_user("count a", parent_tool_use_id="a"),
        s.begins("x", "a"),
        s.opens(0, parent="a"),
        s.piece(0, "I count", parent="a"),
        s.begins("y", "b"),
        s.opens(0, parent="b"),
        s.piece(0, "I count", parent="b"),
        s.message("I count b.", id="y", parent="b"),
        s.message("I count a.", id="x", parent="a"),
        s.call("a1", parent="a", command="ls a"),
        s.returns("a1", parent_tool_use_id="a"),
        s.returns("b", "3"),
        s.returns("a", "2"),
        s.message("5 in all.", id="z"),
        s.result("5 in all."),
        s.ends(),
    ]


@case(
    "a helper in a helper",
    'turn completed "go" end_turn',
    '  tool completed Agent outer = "ok"',
    '    tool completed Agent inner = "ok"',
    '      agent "deep"',
)
def _(s: Claude) -> list[AxonEvent]:
    return [
        s.asks(),
        s.starts(),
        s.call("o", "Agent", description="outer"),
        s.call("i", "Agent", parent="o", description="inner"),
        s.message("deep", id="d", parent="i"),
        s.returns("i", parent_tool_use_id="o"),
        s.returns("o"),
        s.result(""),
        s.ends(),
    ]


@case(
    "todo lists, a helper's apart from the main one",
    'turn completed "go" end_turn',
    "  plan x main",
    '  tool completed Agent help = "ok"',
    "    plan - helper's",
)
def _(s: Claude) -> list[AxonEvent]:
    def todo(call: str, text: str, status: str, parent: str | None = None) -> AxonEvent:
        return s.call(call, "TodoWrite", parent, todos=[{"content": text, "status": status}])

    return [
        s.asks(),
        s.starts(),
        todo("a", "main", "pending"),
        s.returns("a"),
        s.call("h", "Agent", description="help"),
        todo("b", "helper's", "pending", "h"),
        s.returns("b"),
        todo("c", "main", "completed"),
        s.returns("h"),
        s.result(),
        s.ends(),
    ]


@case(
    "tasks get their ids with their results, and keep their order",
    'turn completed "go" end_turn',
    "  plan > one; x three",
    '  error warning "TaskCreate: no room"',
)
def _(s: Claude) -> list[AxonEvent]:
    made = {"tool_use_result": {"task": {"id": "1", "subject": "one"}}}
    return [
        s.asks(),
        s.starts(),
        s.call("a", "TaskCreate", subject="one"),
        s.call("b", "TaskCreate", subject="two"),
        s.call("c", "TaskCreate", subject="three"),
        s.returns("a", "x", **made),
        s.returns("b", "no room", is_error=True),
        s.returns("c", "Task #3 created successfully: three"),
        s.call("d", "TaskUpdate", taskId="1", status="in_progress"),
        s.returns("d"),
        s.call("e", "TaskUpdate", taskId="3", status="completed"),
        s.returns("e"),
        s.result(),
        s.ends(),
    ]


@case(
    "server tools, their results and their errors",
    'turn completed "go" end_turn',
    "  tool completed web_search axons [link]",
    '  tool failed web_fetch x = "error: too_many_requests"',
    '  tool completed code_execution = "42"',
)
def _(s: Claude) -> list[AxonEvent]:
    def use(call: str, name: str, **given: Any) -> Any:
        return {"type": "server_tool_use", "id": call, "name": name, "input": given}

    found = [{"type": "web_search_result", "url": "https://x.example", "title": "X"}]
    failed = {"type": "web_fetch_tool_result_error", "error_code": "too_many_requests"}
    ran = {"type": "code_execution_result", "stdout": "42", "stderr": "", "return_code": 0}
    return [
        s.asks(),
        s.starts(),
        s.message(use("a", "web_search", query="axons")),
        s.message({"type": "web_search_tool_result", "tool_use_id": "a", "content": found}),
        s.message(use("b", "web_fetch", url="x")),
        s.message({"type": "web_fetch_tool_result", "tool_use_id": "b", "content": failed}),
        s.message(use("c", "code_execution")),
        s.message({"type": "code_execution_tool_result", "tool_use_id": "c", "content": ran}),
        s.result(),
        s.ends(),
    ]


@case(
    "pictures and documents in results",
    'turn completed "go" end_turn',
    "  tool completed Read a.png [image]",
    "  tool completed Read a.pdf [text, resource]",
)
def _(s: Claude) -> list[AxonEvent]:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    picture = {"tool_use_result": {"type": "image", "file": {"base64": "iVBORw0KGgo="}}}
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="}
    parts = [{"type": "text", "text": "PDF"}, {"type": "document", "source": pdf}]
    return [
        s.asks(),
        s.starts(),
        s.call("a", "Read", file_path="a.png"),
        s.returns("a", [{"type": "image", "source": source}], **picture),
        s.call("b", "Read", file_path="a.pdf"),
        s.returns("b", parts),
        s.result(),
        s.ends(),
    ]


@case(
    "permission, always, denied by a rule, and the list at the end",
    'turn completed "go" end_turn',
    '  tool completed Bash npm test allowed = "ok"',
    '  permission answered "Bash npm test" = "always"',
    '  tool failed Bash rm denied = "denied" ! denied',
    '  denial warning "not permitted: Bash rm"',
)
def _(s: Claude) -> list[AxonEvent]:
    rules = [{"type": "addRules", "rules": [{"toolName": "Bash"}], "destination": "session"}]
    given = {"command": "npm test"}
    asked = {"tool_name": "Bash", "tool_use_id": "a", "input": given}
    denied = [{"tool_name": "Bash", "tool_use_id": "b", "tool_input": {"command": "rm"}}]
    return [
        s.asks(),
        s.starts(),
        s.call("a", **given),
        s.request("r1", permission_suggestions=rules, **asked),
        s.reply("r1", behavior="allow", updatedInput=given, updatedPermissions=rules),
        s.returns("a"),
        s.call("b", command="rm"),
        s.news("permission_denied", tool_name="Bash", tool_use_id="b", message="by a rule"),
        s.returns("b", "denied", is_error=True),
        s.result(permission_denials=denied),
        s.ends(),
    ]


@case(
    "an edit is a difference, by its arguments and then by its result",
    'turn completed "go" end_turn',
    "  tool completed Edit /a [diff]",
    "  tool completed Write /b [diff]",
    "  tool failed Edit /c ! not found [diff, text]",
)
def _(s: Claude) -> list[AxonEvent]:
    hunk = {"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-x", "+y"]}
    done = {"filePath": "/a", "oldString": "x", "newString": "y", "structuredPatch": [hunk]}
    edit = {"old_string": "x", "new_string": "y"}
    return [
        s.asks(),
        s.starts(),
        s.call("a", "Edit", file_path="/a", **edit),
        s.returns("a", "updated", tool_use_result=done),
        s.call("b", "Write", file_path="/b", content="new"),
        s.returns("b", "created"),
        s.call("c", "Edit", file_path="/c", **edit),
        s.returns("c", "not found", is_error=True),
        s.result(),
        s.ends(),
    ]


@pytest.mark.parametrize(
    ("events", "expected"),
    [pytest.param(make(Claude()), expected, id=name) for name, make, expected in CASES],
)
def test_a_transcript_means_what_it_says(events: list[AxonEvent], expected: list[str]) -> None:
    """Live, with the protocol found by itself, and with every event twice: the same entries."""
    assert lines(read("claude", events)) == expected
    assert lines(read(None, events)) == expected
    assert lines(read("claude", [event for event in events for _ in (1, 2)])) == expected


def test_a_picture_is_kept_once() -> None:
    """A call's picture may be megabytes: it is not in its raw output as well."""
    pictures = next(make for name, make, _ in CASES if name.startswith("pictures"))
    picture = next(e for e in read("claude", pictures(Claude())).entries if isinstance(e, Tool))

    assert picture.raw_output is None
    assert len(picture.parts) == 1
