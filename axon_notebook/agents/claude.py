"""Claude's stream-json on an axon: the payload is the message, its ``type`` the event type.

Source: the messages of Claude Code's SDK; Runloop's broker documentation.
"""

from __future__ import annotations

from itertools import count
from secrets import token_hex
from typing import Any, Final

from ..models import AxonEvent
from .timeline import (
    Answer,
    Asked,
    Option,
    PermissionAnswer,
    PermissionRequest,
    Prompt,
    Text,
    Tool,
    Update,
    Usage,
    payload_of,
    system_updates,
)

__all__ = ["ClaudeCodec"]

ALLOW: Final = Option("allow", "Allow", "allow_once")
REJECT: Final = Option("reject", "Reject", "reject_once")

Message = tuple[str, dict[str, Any]]


class ClaudeCodec:
    """Reads events, and builds those that a client publishes as pairs of type and payload.

    Reading has a memory: text that came in deltas comes again, whole, in the
    ``assistant`` message after them, and must not be said twice.
    """

    prompt_type: Final = "query"
    source: Final = "claude-sdk-client"

    def __init__(self) -> None:
        self._numbers = count(1)
        self._streamed: set[str] = set()

    # -- building

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""
        return self._control({"subtype": "initialize"})

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Nothing to ask: the process is the session."""
        return None

    def prompt(self, session: str, text: str) -> Message:
        """Ask for a turn."""
        return self.prompt_type, {
            "type": "user",
            "message": {"role": "user", "content": text},
            "parent_tool_use_id": None,
            "session_id": session,
        }

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""
        return self._control({"subtype": "interrupt"})[1]

    def permission(self, request: PermissionRequest, option: Option | None) -> Message:
        """Answer a request; ``None`` denies it because the turn was cancelled."""
        decision: dict[str, Any]
        if option is not None and option.kind.startswith("allow"):
            decision = {"behavior": "allow", "updatedInput": request.input}
        else:
            why = "the turn was cancelled" if option is None else "the user rejected this"
            decision = {"behavior": "deny", "message": why}
        body = {"subtype": "success", "request_id": request.id, "response": decision}
        return "control_response", {"type": "control_response", "response": body}

    def refusal(self, event: AxonEvent) -> Message | None:
        """Answer a request that this client cannot fulfil (hooks, MCP), else ``None``."""
        if event.origin != "AGENT_EVENT" or event.event_type != "control_request":
            return None
        fields = payload_of(event)
        subtype = _dict(fields.get("request")).get("subtype")
        if subtype == "can_use_tool":
            return None
        error = f"this client does not offer {subtype}"
        body = {"subtype": "error", "request_id": fields.get("request_id"), "error": error}
        return "control_response", {"type": "control_response", "response": body}

    def _control(self, request: dict[str, Any]) -> tuple[str, Message]:
        key = f"req_{next(self._numbers)}_{token_hex(4)}"
        payload = {"type": "control_request", "request_id": key, "request": request}
        return key, ("control_request", payload)

    # -- reading

    def read(self, event: AxonEvent) -> list[Update]:
        """Return what *event* says; nothing for events of other kinds."""
        if event.origin == "SYSTEM_EVENT":
            return system_updates(event)
        fields = payload_of(event)
        place: dict[str, Any] = {"sequence": event.sequence, "at_ms": event.timestamp_ms}
        if event.origin == "AGENT_EVENT":
            return self._from_agent(event.event_type, fields, place)
        return self._from_client(event.event_type, fields, place)

    def _from_client(
        self, kind: str, fields: dict[str, Any], place: dict[str, Any]
    ) -> list[Update]:
        if kind == self.prompt_type:
            content = _dict(fields.get("message")).get("content")
            return [Prompt(text=_text(content), **place)]
        if kind == "control_request":
            return [Asked(key=str(fields.get("request_id", "")), **place)]
        if kind == "control_response":
            body = _dict(fields.get("response"))
            allowed = _dict(body.get("response")).get("behavior") == "allow"
            option = ALLOW.id if allowed else REJECT.id
            return [PermissionAnswer(option=option, id=str(body.get("request_id", "")), **place)]
        return []

    def _from_agent(self, kind: str, fields: dict[str, Any], place: dict[str, Any]) -> list[Update]:
        match kind:
            case "stream_event":
                return self._delta(_dict(fields.get("event")), place)
            case "assistant":
                blocks = _list(_dict(fields.get("message")).get("content"))
                return [u for block in blocks for u in self._block(_dict(block), place)]
            case "user":
                blocks = _list(_dict(fields.get("message")).get("content"))
                results = [b for b in map(_dict, blocks) if b.get("type") == "tool_result"]
                return [_tool_result(block, place) for block in results]
            case "result":
                self._streamed.clear()
                return [_usage(fields, place)]
            case "control_response":
                return [_control_answer(_dict(fields.get("response")), place)]
            case "control_request":
                return _permission(fields, place)
        return []

    def _delta(self, event: dict[str, Any], place: dict[str, Any]) -> list[Update]:
        delta = _dict(event.get("delta"))
        if event.get("type") != "content_block_delta":
            return []
        if delta.get("type") == "text_delta":
            self._streamed.add("text")
            return [Text(text=str(delta.get("text", "")), **place)]
        if delta.get("type") == "thinking_delta":
            self._streamed.add("thinking")
            return [Text(text=str(delta.get("thinking", "")), thought=True, **place)]
        return []

    def _block(self, block: dict[str, Any], place: dict[str, Any]) -> list[Update]:
        kind = block.get("type")
        if kind in self._streamed:
            self._streamed.discard(str(kind))
            return []
        if kind == "text":
            return [Text(text=str(block.get("text", "")), **place)]
        if kind == "thinking":
            return [Text(text=str(block.get("thinking", "")), thought=True, **place)]
        if kind != "tool_use":
            return []
        name = str(block.get("name", ""))
        call = block.get("input")
        title = _title(name, call)
        return [
            Tool(
                id=str(block.get("id", "")),
                title=title,
                kind=name,
                status="in_progress",
                input=call,
                **place,
            )
        ]


def _tool_result(block: dict[str, Any], place: dict[str, Any]) -> Tool:
    return Tool(
        id=str(block.get("tool_use_id", "")),
        status="failed" if block.get("is_error") else "completed",
        output=block.get("content"),
        text=_text(block.get("content")),
        **place,
    )


def _usage(fields: dict[str, Any], place: dict[str, Any]) -> Usage:
    cost, duration = fields.get("total_cost_usd"), fields.get("duration_ms")
    return Usage(
        values=_dict(fields.get("usage")),
        cost_usd=float(cost) if isinstance(cost, int | float) else None,
        duration_ms=float(duration) if isinstance(duration, int | float) else None,
        **place,
    )


def _control_answer(body: dict[str, Any], place: dict[str, Any]) -> Answer:
    failed = body.get("subtype") == "error"
    return Answer(
        key=str(body.get("request_id", "")),
        value=_dict(body.get("response")),
        error=str(body.get("error", "no reason given")) if failed else None,
        **place,
    )


def _permission(fields: dict[str, Any], place: dict[str, Any]) -> list[Update]:
    request = _dict(fields.get("request"))
    if request.get("subtype") != "can_use_tool":
        return []
    call = request.get("input")
    return [
        PermissionRequest(
            id=str(fields.get("request_id", "")),
            title=_title(str(request.get("tool_name", "a tool")), call),
            options=(ALLOW, REJECT),
            tool_id=str(request.get("tool_use_id", "")),
            input=call,
            raw=fields,
            **place,
        )
    ]


def _title(name: str, call: Any) -> str:
    """Return the tool's name with the argument that tells most."""
    arguments = _dict(call)
    for key in ("command", "file_path", "path", "pattern", "query", "url", "description"):
        if isinstance(arguments.get(key), str):
            return f"{name} {arguments[key]}"
    return name


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = map(_dict, _list(content))
    return "\n".join(str(b.get("text", "")) for b in blocks if b.get("type") == "text")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
