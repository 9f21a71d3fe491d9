"""A conversation that tries to become markup, script, style or a link."""

from __future__ import annotations

import json
from typing import Any

from axon_notebook.models import AxonEvent

__all__ = ["hostile_conversation"]


def hostile_conversation(text: str, after: int = 0) -> list[AxonEvent]:
    """*text* everywhere an agent or a client can put one, in a turn of 11 events."""
    block = {"type": "text", "text": text}
    fenced = {"type": "text", "text": f"\n```{text}\n{text}\n```\n# {text}"}
    diff = {"type": "diff", "path": text, "oldText": text, "newText": f"{text}!"}
    tool = {
        "toolCallId": text,
        "title": text,
        "kind": text,
        "status": text,
        "rawInput": {text: text},
    }
    option = {"optionId": text, "name": text, "kind": text}
    updates: list[dict[str, Any]] = [
        {"sessionUpdate": "agent_message_chunk", "content": block},
        {"sessionUpdate": "agent_message_chunk", "content": fenced},
        {"sessionUpdate": "agent_thought_chunk", "content": block},
        {"sessionUpdate": "tool_call", **tool, "content": [diff]},
        {"sessionUpdate": "plan", "entries": [{"content": text, "status": text}]},
    ]
    drafts: list[tuple[str, str, Any]] = [
        ("USER_EVENT", "session/prompt", {"sessionId": text, "prompt": [block]}),
        ("SYSTEM_EVENT", "turn.started", {"turn_id": text}),
        *(("AGENT_EVENT", "session/update", {"sessionId": text, "update": u}) for u in updates),
        ("AGENT_EVENT", "session/request_permission", {"toolCall": tool, "options": [option]}),
        ("USER_EVENT", "session/request_permission", {"outcome": {"optionId": text}}),
        ("SYSTEM_EVENT", "turn.failed", {"turn_id": text, "error": text}),
        ("SYSTEM_EVENT", "broker.error", {"message": text}),
    ]
    return [
        AxonEvent(n, "axn_1", 1000 * n, origin, text, kind, json.dumps(payload))
        for n, (origin, kind, payload) in enumerate(drafts, after + 1)
    ]
