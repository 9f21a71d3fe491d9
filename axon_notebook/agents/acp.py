"""Agent Client Protocol on an axon: the method is the event type, params or result the payload.

Source: Agent Client Protocol, schema v1; Runloop's broker documentation.
"""

from __future__ import annotations

from typing import Any, Final

from ..models import AxonEvent
from ..version import __version__
from .timeline import (
    Answer,
    Asked,
    Diff,
    Info,
    Option,
    PermissionAnswer,
    PermissionRequest,
    Plan,
    Prompt,
    Step,
    Text,
    Tool,
    Update,
    Usage,
    payload_of,
    system_updates,
)

__all__ = ["AcpCodec"]

PERMISSION: Final = "session/request_permission"

#: Requests of clients that have an answer under the same event type.
REQUESTS: Final = frozenset(
    {
        "initialize",
        "authenticate",
        *(f"session/{name}" for name in ("new", "load", "list", "resume", "fork", "close")),
        *(f"session/{name}" for name in ("set_mode", "set_model", "set_config_option")),
    }
)

Message = tuple[str, dict[str, Any]]


class AcpCodec:
    """Reads events, and builds those that a client publishes as pairs of type and payload."""

    prompt_type: Final = "session/prompt"
    source: Final = "acp-sdk-client"

    # -- building

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""
        payload = {
            "protocolVersion": 1,
            "clientInfo": {"name": "axon-notebook", "version": __version__},
            "clientCapabilities": {
                "fs": {"readTextFile": False, "writeTextFile": False},
                "terminal": False,
            },
        }
        return "initialize", ("initialize", payload)

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Return the key of its answer, and the request for a session in *directory*."""
        return "session/new", ("session/new", {"cwd": directory, "mcpServers": []})

    def prompt(self, session: str, text: str) -> Message:
        """Ask for a turn."""
        blocks = [{"type": "text", "text": text}]
        return self.prompt_type, {"sessionId": session, "prompt": blocks}

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""
        return "session/cancel", {"sessionId": session}

    def permission(self, request: PermissionRequest, option: Option | None) -> Message:
        """Answer a request with one of its options, or ``None`` for *cancelled*."""
        outcome: dict[str, Any] = {"outcome": "cancelled"}
        if option is not None:
            outcome = {"outcome": "selected", "optionId": option.id}
        payload: dict[str, Any] = {"outcome": outcome}
        if request.tool_id:
            # The answer has no id: this says which of two questions is meant.
            payload["_meta"] = {"toolCallId": request.tool_id}
        return PERMISSION, payload

    def refusal(self, event: AxonEvent) -> Message | None:
        """Answer a request that this client cannot fulfil (files, terminals), else ``None``."""
        name = event.event_type
        if event.origin != "AGENT_EVENT" or not name.startswith(("fs/", "terminal/")):
            return None
        return name, {"code": -32601, "message": f"this client does not offer {name}"}

    # -- reading

    def read(self, event: AxonEvent) -> list[Update]:
        """Return what *event* says; nothing for events of other kinds."""
        if event.origin == "SYSTEM_EVENT":
            return system_updates(event)
        fields = payload_of(event)
        place: dict[str, Any] = {"sequence": event.sequence, "at_ms": event.timestamp_ms}
        if isinstance(fields.get("sessionId"), str):
            place["session"] = fields["sessionId"]
        if event.origin == "AGENT_EVENT":
            return self._from_agent(event.event_type, fields, place)
        return self._from_client(event.event_type, fields, place)

    def _from_client(
        self, kind: str, fields: dict[str, Any], place: dict[str, Any]
    ) -> list[Update]:
        if kind == self.prompt_type:
            return [Prompt(text=_joined(fields.get("prompt")), **place)]
        if kind == PERMISSION:
            outcome = _dict(fields.get("outcome"))
            return [PermissionAnswer(option=str(outcome.get("optionId", "")), **place)]
        return [Asked(key=kind, **place)] if kind in REQUESTS else []

    def _from_agent(self, kind: str, fields: dict[str, Any], place: dict[str, Any]) -> list[Update]:
        if kind == "session/update":
            return _session_update(_dict(fields.get("update")), place)
        if kind == PERMISSION:
            return [_permission(fields, place)]
        if kind == self.prompt_type:
            usage = fields.get("usage")
            return [Usage(values=usage, **place)] if isinstance(usage, dict) else []
        if kind not in REQUESTS:
            return []
        # A new session's id is the answer, not the session that is spoken of.
        place = {**place, "session": ""}
        error = str(fields.get("message")) if isinstance(fields.get("code"), int) else None
        return [Answer(key=kind, value=fields, error=error, **place)]


def _session_update(update: dict[str, Any], place: dict[str, Any]) -> list[Update]:
    match update.get("sessionUpdate"):
        case "agent_message_chunk":
            return [Text(text=_block(update.get("content")), **place)]
        case "agent_thought_chunk":
            return [Text(text=_block(update.get("content")), thought=True, **place)]
        case "tool_call" | "tool_call_update":
            return [_tool(update, place)]
        case "plan":
            return [Plan(steps=tuple(map(_step, _list(update.get("entries")))), **place)]
        case "usage_update":
            cost = _dict(update.get("cost"))
            dollars = cost.get("amount") if cost.get("currency") == "USD" else None
            values = {k: v for k, v in update.items() if k not in ("sessionUpdate", "cost")}
            return [Usage(values=values, cost_usd=_number(dollars), **place)]
        case "available_commands_update":
            return [Info(kind="commands", value=_list(update.get("availableCommands")), **place)]
        case "current_mode_update":
            return [Info(kind="mode", value=update.get("currentModeId"), **place)]
        case str(other) if other != "user_message_chunk":
            return [Info(kind=other.removesuffix("_update"), value=update, **place)]
    return []  # what the user said is in the prompt already


def _tool(update: dict[str, Any], place: dict[str, Any]) -> Tool:
    content = update.get("content")
    return Tool(
        id=str(update.get("toolCallId", "")),
        title=_optional(update.get("title")),
        kind=_optional(update.get("kind")),
        status=_optional(update.get("status")),
        input=update.get("rawInput"),
        output=update.get("rawOutput"),
        text=None if content is None else _texts(content),
        diffs=None if content is None else _diffs(content),
        paths=_paths(update.get("locations")),
        **place,
    )


def _permission(fields: dict[str, Any], place: dict[str, Any]) -> PermissionRequest:
    call = _dict(fields.get("toolCall"))
    options = tuple(
        Option(str(o.get("optionId", "")), str(o.get("name", "")), str(o.get("kind", "")))
        for o in map(_dict, _list(fields.get("options")))
    )
    return PermissionRequest(
        id=str(place["sequence"]),
        title=str(call.get("title") or call.get("kind") or "use a tool"),
        options=options,
        tool_id=str(call.get("toolCallId", "")),
        input=call.get("rawInput"),
        diffs=_diffs(call.get("content")),
        raw=fields,
        **place,
    )


def _step(entry: Any) -> Step:
    fields = _dict(entry)
    return Step(
        str(fields.get("content", "")),
        str(fields.get("status", "pending")),
        str(fields.get("priority", "medium")),
    )


def _block(content: Any) -> str:
    """Return the text of a content block; other kinds are named in brackets."""
    block = _dict(content)
    if block.get("type") == "text":
        return str(block.get("text", ""))
    if block.get("type") == "resource":
        resource = _dict(block.get("resource"))
        return str(resource.get("text") or f"[{resource.get('uri', 'resource')}]")
    name = block.get("uri") or block.get("name") or block.get("mimeType") or ""
    return f"[{block.get('type', 'content')} {name}]" if block else ""


def _joined(blocks: Any) -> str:
    return "\n".join(_block(block) for block in _list(blocks))


def _texts(content: Any) -> str:
    blocks = [_dict(item) for item in _list(content)]
    return "\n".join(_block(b.get("content")) for b in blocks if b.get("type") == "content")


def _diffs(content: Any) -> tuple[Diff, ...]:
    return tuple(
        Diff(str(item.get("path", "")), str(item.get("newText", "")), item.get("oldText"))
        for item in map(_dict, _list(content))
        if item.get("type") == "diff"
    )


def _paths(locations: Any) -> tuple[str, ...] | None:
    if locations is None:
        return None
    return tuple(str(_dict(item).get("path", "")) for item in _list(locations))


def _optional(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
