"""Codex and Pi behind the real broker, and what their codecs make of their messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.agents.axon_trace import trace_of_events
from axon_notebook.agents.model import Question, Tool
from axon_notebook.agents.parts import Diff, Usage
from axon_notebook.agents.session import AgentSession
from axon_notebook.agents.trace import Trace
from axon_notebook.errors import AgentError, TurnFailed

from ..waiting import wait_until
from .conftest import Agents
from .events import Script

WAIT = 120
PEERS = Path(__file__).parents[1] / "local"


def peer(agent: Agents, protocol: str, script: str) -> Any:
    path = str(PEERS / script)
    return agent(protocol=protocol, agent_binary=sys.executable, launch_args=[path])


def test_codex_answers_asks_fails_and_stops(agent: Agents) -> None:
    """Text, an approval, a refused request, a failure, a subagent's end, a cancel."""
    axon = peer(agent, "codex_json", "codex_peer.py")
    with AgentSession(axon, "codex_json", permissions="allow") as session:
        texts = [
            session.prompt(p).result(WAIT).text for p in ("hello", "approve", "vendor", "child")
        ]
        with pytest.raises(TurnFailed, match="usage limit reached"):
            session.prompt("fail").result(WAIT)
        waiting = session.prompt("wait")
        wait_until(lambda: waiting.state == "running" and axon.events(5).shape[0] == 5)
        wait_until(lambda: "turn/started" in list(axon.events(3)["event_type"]))
        waiting.cancel()
        ended = waiting.result(WAIT)
        questions = [e for e in session.entries if isinstance(e, Question)]

    assert texts == ["hello", "accept", "-32601", "after the child"]
    assert (ended.stop_reason, waiting.state) == ("cancelled", "cancelled")
    assert [(q.title, q.status, q.answer) for q in questions] == [("ls", "answered", "accept")]
    assert session.id.startswith("thread-")


def test_pi_answers_asks_repeats_and_stops(agent: Agents) -> None:
    """A retry is one turn; a dialog is a question; a command that runs nothing ends at once."""
    axon = peer(agent, "pi_json", "pi_peer.py")
    with AgentSession(axon, "pi") as session:
        hello = session.prompt("hello").result(WAIT)
        asking = session.prompt("dialog")
        with pytest.raises(AgentError, match="Sure"):
            asking.result(WAIT)
        session.allow()
        retried = session.prompt("retry").result(WAIT)
        handled = session.prompt("handled").result(WAIT)
        with pytest.raises(TurnFailed, match="no model selected"):
            session.prompt("refuse").result(WAIT)
        waiting = session.prompt("wait")
        wait_until(lambda: waiting.state == "running")
        waiting.cancel()

        assert (hello.text, asking.result(WAIT).text, retried.text) == ("hello", "True", "second")
        assert handled.text == ""
        assert waiting.result(WAIT).stop_reason == "cancelled"


def codex(script: Script, method: str, **params: Any) -> Any:
    return script.agent(method, {"method": method, "params": {"threadId": "t", **params}})


def test_items_of_codex_are_messages_thoughts_and_calls() -> None:
    """The finished item replaces what was streamed; usage is a difference of sums."""
    script, trace = Script(), Trace("codex")
    command = {"type": "commandExecution", "id": "i1", "command": "ls", "status": "inProgress"}
    done = {**command, "status": "completed", "aggregatedOutput": "a\nb\n", "exitCode": 0}
    change = {"path": "a.py", "kind": {"type": "update"}, "diff": "@@ -1 +1 @@\n-x\n+y\n"}
    edit = {"type": "fileChange", "id": "i2", "changes": [change], "status": "completed"}

    def tokens(total: int, last: int) -> dict[str, Any]:
        def side(n: int) -> dict[str, int]:
            return {"totalTokens": n, "inputTokens": n, "cachedInputTokens": 1, "outputTokens": 2}

        return {"total": side(total), "last": side(last), "modelContextWindow": 1000}

    events = [
        script.user("turn/start", {"id": "c", "method": "turn/start", "params": {"input": []}}),
        codex(script, "turn/started", turn={"id": "u"}),
        codex(script, "item/reasoning/summaryTextDelta", itemId="r", delta="hm"),
        codex(script, "item/started", item=command),
        codex(script, "item/commandExecution/outputDelta", itemId="i1", delta="a\n"),
        codex(script, "item/completed", item=done),
        codex(script, "item/completed", item=edit),
        codex(script, "item/agentMessage/delta", itemId="m", delta="hal"),
        codex(script, "item/completed", item={"type": "agentMessage", "id": "m", "text": "half"}),
        codex(script, "thread/tokenUsage/updated", tokenUsage=tokens(10, 10)),
        codex(script, "turn/plan/updated", plan=[{"step": "look", "status": "inProgress"}]),
        codex(script, "turn/completed", turn={"id": "u", "status": "completed"}),
    ]
    for event in events:
        trace.feed(event)
    calls = [e for e in trace.entries if isinstance(e, Tool)]
    frame = trace_of_events(events)

    assert [(c.text, c.status, c.exit_status) for c in calls] == [
        ("a\nb\n", "completed", 0),
        ("", "completed", None),
    ]
    assert calls[1].parts == [Diff("a.py", patch=change["diff"])]  # type: ignore[arg-type]
    assert list(frame.messages["text"]) == ["hm", "half"]
    assert [turn.usage for turn in trace.entries if turn.kind == "turn"] == [  # type: ignore[attr-defined]
        Usage(input=9, output=2, cache_read=1)
    ]
    assert list(frame.turns["state"]) == ["completed"]
    assert frame.protocol == "codex"


def test_a_message_of_pi_is_settled_by_its_end_and_costs_are_summed() -> None:
    """Two requests to the model in one turn; a result that comes twice counts once."""
    script, trace = Script(), Trace("pi")

    def delta(kind: str, **fields: Any) -> Any:
        event = {"type": kind, "contentIndex": 0, **fields}
        return script.agent("message_update", {"assistantMessageEvent": event})

    def end(text: str, cost: float) -> Any:
        used = {"input": 10, "output": 3, "cacheRead": 5, "cost": {"total": cost}}
        content = [{"type": "text", "text": text}]
        message = {"role": "assistant", "content": content, "usage": used, "stopReason": "stop"}
        return script.agent("message_end", {"message": message})

    result = {"content": [{"type": "text", "text": "ok"}], "details": {"patch": "@@\n-x\n+y\n"}}
    call = {"toolCallId": "c", "toolName": "edit"}
    for event in [
        script.user("turn/start", {"type": "prompt", "message": "go"}),
        script.agent("message_start", {"message": {"role": "assistant"}}),
        delta("text_delta", delta="Hel"),
        end("Hello", 0.25),
        script.agent("tool_execution_start", {**call, "args": {"path": "a.py"}}),
        script.agent("tool_execution_end", {**call, "result": result, "isError": False}),
        script.agent("message_end", {"message": {"role": "toolResult", "toolCallId": "c"}}),
        script.agent("message_start", {"message": {"role": "assistant"}}),
        end("Bye", 0.5),
        script.agent("agent_settled", {"type": "agent_settled"}),
    ]:
        trace.feed(event)
    [turn] = [e for e in trace.entries if e.kind == "turn"]
    [tool] = [e for e in trace.entries if isinstance(e, Tool)]

    assert [e.text for e in trace.entries if e.kind == "message"] == ["Hello", "Bye"]
    assert (turn.status, turn.cost) == ("completed", 0.75)  # type: ignore[attr-defined]
    assert turn.usage == Usage(input=20, output=6, cache_read=10)  # type: ignore[attr-defined]
    assert [type(part).__name__ for part in tool.parts] == ["Diff", "Text"]
