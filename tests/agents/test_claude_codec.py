"""What each kind of Claude's messages does to the trace."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.agents.model import Entry, Message, Notice, Plan, Question, Session, Tool, Turn
from axon_notebook.agents.parts import Diff, Usage
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent

from .events import Script


class Claude(Script):
    """Messages in a line each."""

    def line(self, kind: str, **fields: Any) -> AxonEvent:
        return self.agent(kind, {"type": kind, **fields})

    def query(self, text: str) -> AxonEvent:
        return self.user("query", {"type": "user", "message": {"content": text}})

    def streams(self, parent: str | None = None, **event: Any) -> AxonEvent:
        return self.line("stream_event", event=event, parent_tool_use_id=parent)

    def grows(self, index: int, text: str, parent: str | None = None) -> AxonEvent:
        delta = {"type": "text_delta", "text": text}
        return self.streams(parent, type="content_block_delta", index=index, delta=delta)

    def whole(self, *blocks: Any, message: str = "m", **fields: Any) -> AxonEvent:
        content = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
        return self.line("assistant", message={"id": message, "content": content}, **fields)

    def uses(self, name: str, call: str, **arguments: Any) -> AxonEvent:
        block = {"type": "tool_use", "id": call, "name": name, "input": arguments}
        return self.whole(block)

    def returns(self, call: str, content: Any = "ok", **fields: Any) -> AxonEvent:
        block = {"type": "tool_result", "tool_use_id": call, "content": content}
        return self.line("user", message={"content": [block]}, **fields)

    def ends(self, **fields: Any) -> AxonEvent:
        return self.line("result", **{"subtype": "success", **fields})


def trace_of(*events: AxonEvent) -> Trace:
    trace = Trace("claude")
    for event in events:
        trace.feed(event)
    return trace


def of(trace: Trace, kind: type[Entry]) -> list[Any]:
    return [entry for entry in trace.entries if isinstance(entry, kind)]


def test_two_text_blocks_of_one_message_are_each_there_once() -> None:
    """A line per finished block, as today's Claude sends them."""
    s = Claude()
    trace = trace_of(
        s.query("go"),
        s.streams(type="message_start", message={"id": "m"}),
        s.grows(0, "Al"),
        s.grows(0, "pha"),
        s.whole("Alpha"),
        s.streams(type="content_block_stop", index=0),
        s.grows(1, "Beta"),
        s.whole("Beta!"),
        s.streams(type="content_block_stop", index=1),
    )

    assert [m.text for m in of(trace, Message)] == ["Alpha", "Beta!"]


def test_streams_of_parent_and_subagent_do_not_mix() -> None:
    """Older versions interleave them."""
    s = Claude()
    trace = trace_of(
        s.uses("Task", "t1", description="help"),
        s.grows(0, "main "),
        s.grows(0, "sub ", parent="t1"),
        s.grows(0, "goes on"),
        s.whole("sub text", parent_tool_use_id="t1"),
        s.whole("main goes on"),
    )

    assert [(m.text, m.parent_id) for m in of(trace, Message)] == [
        ("main goes on", ""),
        ("sub text", "t1"),
    ]


def test_a_retry_makes_the_half_message_void() -> None:
    """What is said anew is said once."""
    s = Claude()
    trace = trace_of(
        s.query("go"),
        s.streams(type="message_start", message={"id": "m1"}),
        s.grows(0, "half"),
        s.line("system", subtype="api_retry", attempt=1, max_retries=3, error="overloaded"),
        s.streams(type="message_start", message={"id": "m2"}),
        s.grows(0, "whole"),
        s.whole("whole", message="m2"),
    )

    assert [(m.text, m.status) for m in of(trace, Message)] == [
        ("half", "retracted"),
        ("whole", ""),
    ]


def test_an_edit_is_a_difference_by_its_arguments_and_then_by_its_result() -> None:
    """In Python as in the page."""
    s = Claude()
    hunk = {"oldStart": 1, "oldLines": 1, "newStart": 1, "newLines": 1, "lines": ["-a", "+b"]}
    result = {"filePath": "x.py", "oldString": "a", "newString": "b", "structuredPatch": [hunk]}
    call = {"file_path": "x.py", "old_string": "a", "new_string": "b"}
    asked = trace_of(s.uses("Edit", "c", **call))
    [before] = of(asked, Tool)[0].parts
    asked.feed(s.returns("c", tool_use_result=result))

    assert before == Diff("x.py", "a", "b")
    assert of(asked, Tool)[0].parts == [Diff("x.py", "a", "b", patch="@@ -1,1 +1,1 @@\n-a\n+b\n")]
    assert of(asked, Tool)[0].status == "completed"


def test_a_result_that_nobody_asked_for_ends_no_turn_and_costs_it_nothing() -> None:
    """A background task ends while a prompt is worked on."""
    s = Claude()
    trace = trace_of(
        s.query("one"),
        s.system("turn.started", turn_id="a"),
        s.whole("working"),
        s.ends(origin={"kind": "task-notification"}, result="12 files.", total_cost_usd=0.5),
        s.whole("done", message="m2"),
        s.ends(total_cost_usd=0.75, usage={"input_tokens": 3, "cache_read_input_tokens": 9}),
        s.system("turn.completed", turn_id="a", stop_reason="end_turn"),
    )
    [turn], [session] = of(trace, Turn), of(trace, Session)

    assert (turn.status, turn.stop_reason) == ("completed", "end_turn")
    assert turn.usage == Usage(input=3, cache_read=9)
    assert (turn.cost, session.cost) == (0.25, 0.75)


def test_a_turn_that_claude_begins_by_itself_has_a_row() -> None:
    """From the first output after its ``init`` to its result."""
    s = Claude()
    trace = trace_of(
        s.query("one"),
        s.system("turn.started", turn_id="a"),
        s.ends(),
        s.system("turn.completed", turn_id="a"),
        s.line("system", subtype="task_notification", task_id="k", status="completed", summary="x"),
        s.line("system", subtype="init", model="m"),
        s.whole("I go on."),
        s.ends(origin={"kind": "task-notification"}),
        s.query("two"),
        s.system("turn.started", turn_id="b"),
        s.whole("two it is"),
        s.system("turn.completed", turn_id="b"),
    )
    turns = of(trace, Turn)

    assert [(t.origin, t.status) for t in turns] == [
        ("prompt", "completed"),
        ("unasked", "completed"),
        ("prompt", "completed"),
    ]
    assert [m.turn_id for m in of(trace, Message)] == [turns[1].turn_id, "b"]


def test_a_question_of_a_background_agent_outlives_the_turn() -> None:
    """It can be asked after the result, even."""
    s = Claude()
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": "c", "input": {}}
    trace = trace_of(
        s.query("go"),
        s.system("turn.started", turn_id="a"),
        s.line("control_request", request_id="r1", request=request),
        s.line("control_request", request_id="r2", request={**request, "agent_id": "a6"}),
        s.ends(),
        s.system("turn.completed", turn_id="a"),
    )

    assert [q.status for q in of(trace, Question)] == ["expired", "open"]


def test_tasks_are_one_plan_with_todos() -> None:
    """The id of a task comes with its result."""
    s = Claude()
    trace = trace_of(
        s.query("go"),
        s.uses("TaskCreate", "c1", subject="look"),
        s.returns("c1", tool_use_result={"task": {"id": "1", "subject": "look"}}),
        s.uses("TaskUpdate", "c2", taskId="1", status="completed"),
    )

    assert [(step.text, step.status) for step in of(trace, Plan)[0].steps] == [
        ("look", "completed")
    ]
    assert of(trace, Tool) == []


#: Subtype, other fields, kind and level of the notice, words in its text.
SUBTYPES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("compact_boundary", {"compact_metadata": {"pre_tokens": 9}}, "compaction", "info", "9 tok"),
    ("init", {"mcp_servers": [{"name": "f", "status": "failed"}]}, "mcp", "warning", "f: failed"),
    ("hook_response", {"hook_name": "h", "exit_code": 2}, "hook", "warning", "failed (2)"),
    ("hook_response", {"hook_name": "h", "exit_code": 0}, "hook", "quiet", "hook h"),
    ("informational", {"content": "x", "level": "warning"}, "notification", "warning", "x"),
    ("notification", {"key": "k", "text": "x"}, "notification", "info", "x"),
    ("permission_denied", {"message": "by rule"}, "denial", "warning", "by rule"),
    ("model_refusal_fallback", {"fallback_model": "b"}, "refusal", "warning", "b answers"),
    ("worker_shutting_down", {}, "error", "warning", "worker"),
    ("plugin_install", {"name": "p", "error": "x"}, "config", "warning", "plugin p"),
    ("status", {"compact_result": "failed"}, "compaction", "error", "failed"),
    ("task_started", {"description": "d"}, "task", "quiet", "d"),
    ("task_notification", {"status": "failed", "summary": "s"}, "task", "warning", "s"),
    ("files_persisted", {}, "system", "quiet", "files"),
]


@pytest.mark.parametrize(("subtype", "fields", "kind", "level", "words"), SUBTYPES)
def test_subtypes_of_system_are_notices(
    subtype: str, fields: Any, kind: str, level: str, words: str
) -> None:
    """Quiet ones are there, too; they are folded away."""
    [notice] = of(trace_of(Claude().line("system", subtype=subtype, **fields)), Notice)

    assert (notice.notice_kind, notice.level) == (kind, level)
    assert words in notice.text


def test_facts_of_the_session_are_the_sessions() -> None:
    """Models, modes, commands, titles, context."""
    s = Claude()
    answer = {"commands": [{"name": "init", "description": "d"}], "models": [{"value": "big"}]}
    trace = trace_of(
        s.user("control_request", {"request_id": "1", "request": {"subtype": "initialize"}}),
        s.line(
            "control_response",
            response={"subtype": "success", "request_id": "1", "response": answer},
        ),
        s.line("system", subtype="init", model="big", permissionMode="plan"),
        s.line("system", subtype="session_title_changed", title="T"),
        s.line("system", subtype="status", permissionMode="acceptEdits"),
    )
    [session] = of(trace, Session)

    assert (session.agent, session.model, session.mode) == ("Claude Code", "big", "acceptEdits")
    assert (session.title, session.commands[0].name) == ("T", "init")
    assert {setting.category for setting in session.settings} == {"mode", "model"}


def test_echoes_reminders_and_interrupts_are_not_prompts() -> None:
    """A replayed prompt, a harness text, the mark of a cancel."""
    s = Claude()

    def text(words: str, **fields: Any) -> AxonEvent:
        return s.line("user", message={"content": words}, **fields)

    trace = trace_of(
        s.query("go"),
        s.system("turn.started", turn_id="a"),
        text("go", isReplay=True),
        text("continue", isSynthetic=True),
        text("[Request interrupted by user]"),
        s.ends(subtype="error_during_execution", is_error=True, errors=["[ede_diagnostic] x"]),
        s.system("turn.failed", turn_id="a", error="error_during_execution"),
    )
    [turn] = of(trace, Turn)

    assert of(trace, Message) == []
    assert (turn.status, turn.error, turn.stop_reason) == ("cancelled", "", "cancelled")
    assert [n.level for n in of(trace, Notice)] == ["quiet", "quiet"]


def test_cumulative_costs_start_anew_after_a_reset() -> None:
    """``/clear`` begins another count."""
    s = Claude()
    turns = []
    for number, cost in enumerate((0.5, 0.25)):
        turns += [
            s.query(str(number)),
            s.system("turn.started", turn_id=f"t{number}"),
            s.ends(total_cost_usd=cost),
            s.system("turn.completed", turn_id=f"t{number}"),
        ]
    reset = s.line("conversation_reset", new_conversation_id="n")
    trace = trace_of(*turns[:4], reset, *turns[4:])
    found = [e for e in trace.entries if isinstance(e, Turn)]

    assert [turn.cost for turn in found] == [0.5, 0.25]
