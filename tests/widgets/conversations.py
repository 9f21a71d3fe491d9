"""Conversations as they stand on an axon, with everything that a chat can show."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Any

from axon_notebook.models import AxonEvent

__all__ = ["Script", "acp_conversation", "claude_conversation", "picture"]


def picture(width: int = 48, height: int = 32) -> str:
    """A PNG with a gradient, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(
        b"\0" + bytes(v for x in range(width) for v in (x * 5 % 256, y * 8 % 256, 160))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)
    return base64.b64encode(data).decode()


class Script:
    """Events in order, a second apart."""

    def __init__(self, first: int = 1) -> None:
        self.events: list[AxonEvent] = []
        self._first = first
        self._turns = 0

    def add(self, origin: str, kind: str, payload: Any, source: str = "agent") -> int:
        """Add an event; return its sequence."""
        sequence = self._first + len(self.events)
        text = json.dumps(payload)
        at_ms = 1_760_000_000_000 + 1000 * sequence
        event = AxonEvent(sequence, "axn_1", at_ms, f"{origin}_EVENT", source, kind, text)
        self.events.append(event)
        return sequence

    # -- ACP

    def acp(self, update_kind: str, **update: Any) -> int:
        """A ``session/update``."""
        body = {"sessionId": "s", "update": {"sessionUpdate": update_kind, **update}}
        return self.add("AGENT", "session/update", body)

    def acp_text(self, text: str, kind: str = "agent_message_chunk", **more: Any) -> None:
        """A message in pieces."""
        for at in range(0, len(text), 40):
            content = {"type": "text", "text": text[at : at + 40]}
            self.acp(kind, content=content, **more)

    def acp_prompt(self, *content: Any) -> str:
        """A prompt, and the start of its turn."""
        blocks = [{"type": "text", "text": c} if isinstance(c, str) else c for c in content]
        body = {"sessionId": "s", "prompt": blocks}
        return self._start(self.add("USER", "session/prompt", body, "acp-sdk-client"))

    def acp_end(self, turn: str, reason: str = "end_turn", **usage: int) -> None:
        """The answer to the prompt, and the end of its turn."""
        self.add("AGENT", "session/prompt", {"stopReason": reason, "usage": usage})
        self._end(turn, stop_reason=reason)

    # -- Claude

    def claude(self, kind: str, **fields: Any) -> int:
        """A line of Claude's stream-json."""
        body = {"type": kind, "session_id": "s", "uuid": f"u{len(self.events)}", **fields}
        return self.add("AGENT", kind, body)

    def claude_says(self, *blocks: Any, parent: str | None = None, role: str = "assistant") -> None:
        """One line per block, as Claude sends them."""
        for block in blocks:
            content = {"type": "text", "text": block} if isinstance(block, str) else block
            message = {"id": f"msg_{len(self.events)}", "role": role, "content": [content]}
            self.claude(role, message=message, parent_tool_use_id=parent)

    def claude_prompt(self, text: str) -> str:
        """A prompt, the start of its turn, and Claude's first line."""
        content = [{"type": "text", "text": text}]
        body = {"type": "user", "message": {"role": "user", "content": content}}
        turn = self._start(self.add("USER", "query", body, "claude-sdk-client"))
        self.claude("system", subtype="init", model="claude-x", permissionMode="default", cwd="/w")
        return turn

    def claude_end(self, turn: str, **fields: Any) -> None:
        """The result, and the end of the turn."""
        result = {"subtype": "success", "is_error": False, "result": "", "num_turns": 1, **fields}
        self.claude("result", **result)
        self._end(turn, failed=bool(result["is_error"]), error="; ".join(result.get("errors", [])))

    def claude_asks(self, request: str, tool: str, tool_id: str, given: Any, **more: Any) -> None:
        """A ``can_use_tool`` request."""
        body = {"subtype": "can_use_tool", "tool_name": tool, "tool_use_id": tool_id}
        self.claude("control_request", request_id=request, request={**body, "input": given, **more})

    def claude_answers(self, request: str, **response: Any) -> None:
        """A client's answer to it."""
        body = {"subtype": "success", "request_id": request, "response": response}
        payload = {"type": "control_response", "response": body}
        self.add("USER", "control_response", payload, "claude-sdk-client")

    # -- the broker

    def _start(self, prompt: int) -> str:
        self._turns += 1
        turn = f"turn_{self._first}_{self._turns}"
        body = {"turn_id": turn, "event_sequence": prompt}
        self.add("SYSTEM", "turn.started", body, "broker")
        return turn

    def _end(self, turn: str, *, failed: bool = False, **fields: Any) -> None:
        kind = "turn.failed" if failed else "turn.completed"
        self.add("SYSTEM", kind, {"turn_id": turn, **fields}, "broker")


MARKDOWN = """\
## What I found

The parser drops **every second** row, see `read_rows` in *reader.py*:

```python
def read_rows(lines: list[str]) -> Iterator[Row]:
    for line in lines[::2]:  # <- here
        yield Row.parse(line)
```

1. Fix the slice
   - keep `lines` as it is
   - add a test
2. Run the suite

| file | rows | read |
| --- | ---: | ---: |
| a.csv | 10 | 5 |
| b.csv | 7 | 4 |

> Both files end without a line break.

More in [the issue](https://example.com/issues/12) and https://example.com/doc; the local
[copy](file:///etc/passwd) stays text, so does ![a chart](javascript:alert(1)).
"""


def acp_conversation(*, open_questions: bool = False) -> list[AxonEvent]:
    """Markdown, thoughts, a plan, tools with pictures, terminal and differences, questions."""
    script = Script()
    _acp_session(script)
    turn = script.acp_prompt("Why are rows missing?")
    script.acp_text("**Looking** at the reader first, then at its tests.", "agent_thought_chunk")
    steps = [("Read the parser", "completed"), ("Fix it", "in_progress"), ("Test it", "pending")]
    plan = [{"content": c, "status": s, "priority": "high"} for c, s in steps]
    script.acp("plan", entries=plan)
    _acp_tools(script)
    script.acp_text(MARKDOWN)
    script.acp("usage_update", used=21_500, size=200_000, cost={"amount": 0.31, "currency": "USD"})
    script.acp_end(turn, inputTokens=1204, outputTokens=388)

    turn = script.acp_prompt("Start the server", PICTURE)
    script.add("AGENT", "elicitation/create", _form())
    if open_questions:
        return script.events
    answer = {"action": "accept", "content": {"port": 9000, "env": "dev"}}
    script.add("USER", "elicitation/create", answer, "acp-sdk-client")
    call = {"toolCallId": "t4", "title": "rm -rf build", "kind": "execute"}
    options = [
        {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
        {"optionId": "always", "name": "Always allow rm", "kind": "allow_always"},
        {"optionId": "no", "name": "Reject", "kind": "reject_once"},
    ]
    script.add("AGENT", "session/request_permission", {"toolCall": call, "options": options})
    chosen = {"outcome": {"outcome": "selected", "optionId": "no"}}
    script.add("USER", "session/request_permission", chosen, "acp-sdk-client")
    script.acp("compaction_update", compactionId="c1", status="completed")
    script.acp("notice", severity="warning", title="The disk is almost full")
    script.acp_end(turn, "cancelled")
    return script.events


PICTURE = {"type": "image", "mimeType": "image/png", "data": picture()}


def _acp_session(script: Script) -> None:
    hello = {"agentInfo": {"name": "demo", "title": "Demo Agent", "version": "1"}}
    script.add("AGENT", "initialize", {"protocolVersion": 1, **hello})
    names = [{"id": "ask", "name": "Ask"}, {"id": "code", "name": "Code"}]
    modes = {"currentModeId": "ask", "availableModes": names}
    script.add("AGENT", "session/new", {"sessionId": "s", "modes": modes})
    commands = [
        {"name": "init", "description": "write a first AGENTS.md"},
        {"name": "review", "description": "look at the changes", "input": {"hint": "branch"}},
    ]
    script.acp("available_commands_update", availableCommands=commands)
    script.acp("usage_update", used=1200, size=200_000)


def _acp_tools(script: Script) -> None:
    tool = {"toolCallId": "t1", "title": "Run pytest", "kind": "execute"}
    script.acp("tool_call", **tool, status="in_progress", rawInput={"command": "pytest -q"})
    output = "collecting \x1b[33m.\x1b[0m\rcollected 3 items\n\x1b[31mFAILED\x1b[0m test_rows\n"
    shown = [{"type": "content", "content": {"type": "text", "text": output}}]
    script.acp("tool_call_update", toolCallId="t1", status="failed", content=shown)
    edit = {"type": "diff", "path": "reader.py", "oldText": "a\nb\nc\n", "newText": "a\nB\nc\nd\n"}
    script.acp("tool_call", toolCallId="t2", title="Edit reader.py", kind="edit", content=[edit])
    script.acp("tool_call_update", toolCallId="t2", status="completed")
    svg = {"type": "image", "mimeType": "image/svg+xml", "data": "PHN2Zz48L3N2Zz4="}
    link = {"type": "resource_link", "uri": "file:///w/b.csv", "name": "b.csv", "size": 7300}
    pictures = [{"type": "content", "content": c} for c in (PICTURE, svg, link)]
    script.acp("tool_call", toolCallId="t3", title="Plot the rows", kind="other", content=pictures)
    script.acp("tool_call_update", toolCallId="t3", status="completed")


def _form() -> dict[str, Any]:
    port = {"type": "integer", "title": "Port", "minimum": 1024, "default": 8080}
    names = [{"const": "dev", "title": "Development"}, {"const": "prod", "title": "Live"}]
    env = {"type": "string", "title": "Environment", "oneOf": names}
    secret = {"type": "string", "title": "API key", "format": "password"}
    properties = {"port": port, "env": env, "api_key": secret}
    schema = {"type": "object", "required": ["port"], "properties": properties}
    form = {"sessionId": "s", "mode": "form", "message": "How shall it run?"}
    return {**form, "requestedSchema": schema}


def claude_conversation(*, open_questions: bool = False) -> list[AxonEvent]:
    """Subagents, todos, rate limits, compaction, a choice, a plan, a failed turn."""
    script = Script()
    turn = script.claude_prompt("Count the files with two helpers")
    _claude_subagents(script)
    limit = {"status": "allowed_warning", "resetsAt": 1_760_010_000, "rateLimitType": "five_hour"}
    script.claude("rate_limit_event", rate_limit_info={**limit, "utilization": 0.9})
    script.claude_says("There are **4** files.")
    usage = {"input_tokens": 900, "output_tokens": 60, "cache_read_input_tokens": 5000}
    script.claude_end(turn, result="There are **4** files.", total_cost_usd=0.1, usage=usage)

    turn = script.claude_prompt("/compact")
    meta = {"trigger": "manual", "pre_tokens": 90_000, "post_tokens": 4000}
    script.claude("system", subtype="compact_boundary", compact_metadata=meta)
    script.claude_end(turn, total_cost_usd=0.1)

    turn = script.claude_prompt("Paint the shed")
    questions = _choice()
    script.claude_asks("r1", "AskUserQuestion", "q1", {"questions": questions})
    if open_questions:
        _claude_open(script)
        return script.events
    answers = {"Which colour?": "Red", "Which sides?": "North, South"}
    updated = {"questions": questions, "answers": answers}
    script.claude_answers("r1", behavior="allow", updatedInput=updated)
    script.claude_end(
        turn,
        subtype="error_during_execution",
        is_error=True,
        errors=["The model is overloaded (529)"],
        total_cost_usd=0.15,
    )
    return script.events


def _claude_subagents(script: Script) -> None:
    todos = [
        {"content": "Ask the helpers", "activeForm": "Asking", "status": "in_progress"},
        {"content": "Add the counts", "activeForm": "Adding", "status": "pending"},
    ]
    use = {"type": "tool_use", "name": "TodoWrite", "id": "td", "input": {"todos": todos}}
    script.claude_says(use)
    for name in ("a", "b"):
        given = {"description": f"Count in {name}", "prompt": "count", "subagent_type": "general"}
        agent = {"type": "tool_use", "id": f"task_{name}", "name": "Agent", "input": given}
        script.claude_says(agent)
        command = {"command": f"ls {name}"}
        ls = {"type": "tool_use", "id": f"ls_{name}", "name": "Bash", "input": command}
        script.claude_says("I look into the folder.", ls, parent=f"task_{name}")
        result = {"type": "tool_result", "tool_use_id": f"ls_{name}", "content": "x.txt\ny.txt"}
        script.claude_says(result, parent=f"task_{name}", role="user")
        done = {"type": "tool_result", "tool_use_id": f"task_{name}", "content": "2 files"}
        script.claude_says(done, role="user")


def _choice() -> list[dict[str, Any]]:
    colours = [{"label": "Red", "description": "warm"}, {"label": "Blue", "description": "cool"}]
    sides = [{"label": "North", "description": ""}, {"label": "South", "description": ""}]
    return [
        {
            "question": "Which colour?",
            "header": "Colour",
            "multiSelect": False,
            "options": colours,
        },
        {"question": "Which sides?", "header": "Sides", "multiSelect": True, "options": sides},
    ]


def _claude_open(script: Script) -> None:
    """A plan to approve, and a permission with a rule that can be stored."""
    plan = {"plan": "# Plan\n\n1. Sand the **wood**\n2. Paint it"}
    script.claude_asks("r2", "ExitPlanMode", "p1", plan, requires_user_interaction=True)
    rule = {"toolName": "Bash", "ruleContent": "npm test:*"}
    rules = {"type": "addRules", "rules": [rule], "behavior": "allow"}
    suggestions = [{**rules, "destination": "localSettings"}]
    given = {"command": "npm test"}
    script.claude_asks("r3", "Bash", "b1", given, permission_suggestions=suggestions)
