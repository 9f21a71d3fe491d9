"""What Codex sends, with oddities that its types allow, and what it means."""

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


def note(s: Script, method: str, thread: str = "t", **params: Any) -> AxonEvent:
    return s.agent(
        method, {"method": method, "params": {"threadId": thread, "turnId": "u", **params}}
    )


def item(
    s: Script, kind: str, id: str, *, done: bool = True, thread: str = "t", **f: Any
) -> AxonEvent:
    method = "item/completed" if done else "item/started"
    return note(s, method, thread, item={"type": kind, "id": id, **f})


def request(s: Script, id: Any, method: str, **params: Any) -> AxonEvent:
    return s.agent(method, {"id": id, "method": method, "params": {"threadId": "t", **params}})


def codex(
    s: Script, *inside: Callable[[], AxonEvent], status: str = "completed", **end: Any
) -> list[AxonEvent]:
    text = [{"type": "text", "text": "go", "text_elements": []}]
    frame = {"id": "c-1", "method": "turn/start", "params": {"threadId": "t", "input": text}}
    found = [
        s.user("turn/start", frame),
        s.system("turn.started", turn_id="b"),
        s.agent("response", {"id": "c-1", "result": {"turn": {"id": "u", "status": "inProgress"}}}),
        note(s, "turn/started", turn={"id": "u", "status": "inProgress"}),
    ]
    found += [make() for make in inside]
    found.append(note(s, "turn/completed", turn={"id": "u", "status": status, **end}))
    failed = status == "failed"
    kind = "turn.failed" if failed else "turn.completed"
    return [*found, s.system(kind, turn_id="b", **({"error": "x"} if failed else {}))]


@case(
    "codex",
    "streamed items are replaced by finished ones",
    'turn completed "go" end_turn',
    '  thought "a\\n\\nb"',
    '  agent "Hello."',
    '  tool completed ls = "x\\ny\\n"',
)
def _(s: Script) -> list[AxonEvent]:
    return codex(
        s,
        lambda: item(s, "userMessage", "0", content=[{"type": "text", "text": "go"}]),
        lambda: note(s, "item/reasoning/summaryTextDelta", itemId="r", delta="a", summaryIndex=0),
        lambda: item(s, "reasoning", "r", summary=["a", "b"], content=[]),
        lambda: note(s, "item/agentMessage/delta", itemId="m", delta="Hel"),
        lambda: item(s, "agentMessage", "m", text="Hello."),
        lambda: item(s, "commandExecution", "c", done=False, command="ls", status="inProgress"),
        lambda: note(s, "item/commandExecution/outputDelta", itemId="c", delta="x\n"),
        lambda: item(
            s,
            "commandExecution",
            "c",
            command="ls",
            status="completed",
            aggregatedOutput="x\ny\n",
            exitCode=0,
        ),
    )


@case(
    "codex",
    "a failed turn says why, once",
    'turn failed "go" failed ! usage limit reached',
    '  retry warning "stream lost"',
)
def _(s: Script) -> list[AxonEvent]:
    error = {"message": "usage limit reached", "codexErrorInfo": "usageLimitExceeded"}
    return codex(
        s,
        lambda: note(s, "error", error={"message": "stream lost"}, willRetry=True),
        lambda: note(s, "error", error=error, willRetry=False),
        status="failed",
        error={**error, "additionalDetails": None},
    )


@case(
    "codex",
    "an interrupt closes what is open",
    'turn cancelled "go" cancelled',
    "  tool stopped sleep 9 asked",
    '  permission withdrawn "sleep 9"',
)
def _(s: Script) -> list[AxonEvent]:
    name = "item/commandExecution/requestApproval"
    return codex(
        s,
        lambda: item(
            s, "commandExecution", "c", done=False, command="sleep 9", status="inProgress"
        ),
        lambda: request(s, 0, name, itemId="c", command="sleep 9"),
        lambda: s.user("turn/interrupt", {"id": "c-2", "method": "turn/interrupt", "params": {}}),
        lambda: note(s, "serverRequest/resolved", requestId=0),
        status="interrupted",
    )


@case(
    "codex",
    "declined, allowed for ever, and ids that are numbers and texts",
    'turn completed "go" end_turn',
    "  tool failed rm denied",
    '  permission answered "rm" = "decline"',
    "  tool completed Edit /a allowed [diff]",
    '  permission answered "Edit /a" = "acceptForSession"',
)
def _(s: Script) -> list[AxonEvent]:
    change = [{"path": "/a", "kind": {"type": "update"}, "diff": "@@ -1 +1 @@\n-x\n+y\n"}]
    command, file = "item/commandExecution/requestApproval", "item/fileChange/requestApproval"
    events = codex(
        s,
        lambda: item(s, "commandExecution", "c", done=False, command="rm", status="inProgress"),
        lambda: request(s, 0, command, itemId="c", command="rm"),
        lambda: s.user("response", {"id": "0", "result": {"decision": "accept"}}),
        lambda: s.user("response", {"id": 0, "result": {"decision": "decline"}}),
        lambda: item(s, "commandExecution", "c", command="rm", status="declined"),
        lambda: item(s, "fileChange", "f", done=False, changes=change, status="inProgress"),
        lambda: request(s, 1, file, itemId="f"),
        lambda: s.user("response", {"id": 1, "result": {"decision": "acceptForSession"}}),
        lambda: item(s, "fileChange", "f", changes=change, status="completed"),
    )
    return events


@case(
    "codex",
    "another thread is a subagent, before a call names it and after",
    'turn completed "go" end_turn',
    "  tool completed Subagent subagent completed",
    '    agent "early"',
    "  tool completed spawnAgent look subagent completed",
    '    agent "inside"',
    '  agent "main"',
)
def _(s: Script) -> list[AxonEvent]:
    done = {"turn": {"id": "v", "status": "completed"}}
    spawn = {"tool": "spawnAgent", "prompt": "look", "receiverThreadIds": ["k2"]}
    return codex(
        s,
        lambda: note(s, "thread/started", thread={"id": "k1", "parentThreadId": "t"}),
        lambda: item(s, "agentMessage", "1", thread="k1", text="early"),
        lambda: note(s, "turn/completed", "k1", **done),
        lambda: item(s, "collabAgentToolCall", "c", done=False, status="inProgress", **spawn),
        lambda: item(s, "agentMessage", "1", thread="k2", text="inside"),
        lambda: note(s, "turn/completed", "k2", **done),
        lambda: item(s, "collabAgentToolCall", "c", status="completed", **spawn),
        lambda: item(s, "agentMessage", "1", text="main"),
    )


@case(
    "codex",
    "questions of the user, a form, what nobody knows",
    'turn completed "go" end_turn',
    '  choice answered "Color?" = {"q": "Red"}',
    '  form answered "Which port?" = "decline"',
    '  unknown info "attestation/generate"',
)
def _(s: Script) -> list[AxonEvent]:
    asked = [
        {"id": "q", "question": "Color?", "options": [{"label": "Red"}]},
        {"id": "k", "question": "Key?", "isSecret": True, "options": None},
    ]
    answers = {"q": {"answers": ["Red"]}, "k": {"answers": ["hunter2"]}}
    return codex(
        s,
        lambda: request(s, 0, "item/tool/requestUserInput", itemId="c", questions=asked),
        lambda: s.user("response", {"id": 0, "result": {"answers": answers}}),
        lambda: request(s, 1, "mcpServer/elicitation/request", message="Which port?"),
        lambda: s.user("response", {"id": 1, "result": {"action": "decline", "content": None}}),
        lambda: request(s, 2, "attestation/generate"),
    )


@case(
    "codex",
    "tools of servers, pictures, plans, compaction",
    'turn completed "go" end_turn',
    '  tool completed db.query = "3 rows"',
    '  tool failed db.drop = "no" ! no',
    "  tool completed imageGeneration [image]",
    "  plan x a; > b",
    '  compaction info "conversation compacted"',
)
def _(s: Script) -> list[AxonEvent]:
    rows = {"content": [{"type": "text", "text": "3 rows"}]}
    plan = [{"step": "a", "status": "completed"}, {"step": "b", "status": "inProgress"}]
    return codex(
        s,
        lambda: item(
            s, "mcpToolCall", "1", server="db", tool="query", status="completed", result=rows
        ),
        lambda: item(
            s,
            "mcpToolCall",
            "2",
            server="db",
            tool="drop",
            status="failed",
            error={"message": "no"},
        ),
        lambda: item(s, "imageGeneration", "3", status="generated", result="iVBORw0KGgo="),
        lambda: note(s, "turn/plan/updated", plan=plan),
        lambda: item(s, "contextCompaction", "4", done=False),
        lambda: item(s, "contextCompaction", "4"),
        lambda: note(s, "item/fromTheFuture", itemId="5"),
        lambda: item(s, "hologram", "6"),
    )


@case("codex", "an error without a turn is not lost", 'error error "no network"')
def _(s: Script) -> list[AxonEvent]:
    return [note(s, "error", error={"message": "no network"}, willRetry=False)]


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


def test_codex_offers_models_efforts_and_approvals() -> None:
    """They go with the next prompt, and hold from then on."""
    s = Script()
    efforts = [{"reasoningEffort": "low"}, {"reasoningEffort": "high"}]
    model = {"model": "m1", "displayName": "M1", "isDefault": True}
    model |= {"supportedReasoningEfforts": efforts, "defaultReasoningEffort": "low"}
    ask = {"id": "1", "method": "model/list", "params": {}}
    start = {"id": "2", "method": "thread/start", "params": {}}
    known = {"thread": {"id": "t"}, "model": "m1", "approvalPolicy": "on-request"}
    chosen = {"threadId": "t", "input": [], "effort": "high", "approvalPolicy": "never"}
    trace = read(
        "codex",
        [
            s.user("thread/start", start),
            s.agent("response", {"id": "2", "result": known}),
            s.user("model/list", ask),
            s.agent("response", {"id": "1", "result": {"data": [model]}}),
            s.user("turn/start", {"id": "3", "method": "turn/start", "params": chosen}),
        ],
    )

    assert settings(trace) == {
        "mode": ("never", ["untrusted", "on-request", "never"]),
        "model": ("m1", ["m1"]),
        "thought_level": ("high", ["low", "high"]),
    }
