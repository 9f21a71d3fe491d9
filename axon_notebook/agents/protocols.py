"""Which protocol an event speaks."""

from __future__ import annotations

from typing import Final

from ..models import AxonEvent

__all__ = ["NAMES", "protocol_name", "protocol_of"]

#: Protocols by the names that mounts and users give them.
NAMES: Final = {
    "acp": "acp",
    "claude": "claude",
    "claude_json": "claude",
    "codex": "codex",
    "codex_json": "codex",
    "pi": "pi",
    "pi_json": "pi",
}
SOURCES: Final = {
    "acp-sdk-client": "acp",
    "claude-sdk-client": "claude",
    "codex-sdk-client": "codex",
    "pi-sdk-client": "pi",
}
ACP: Final = ("session/", "fs/", "terminal/", "elicitation/")
CODEX: Final = ("item/", "thread/", "account/", "mcpServer/", "serverRequest/")
CLAUDE: Final = frozenset(
    {
        "query",
        "assistant",
        "stream_event",
        "control_request",
        "control_response",
        "control_cancel_request",
        "rate_limit_event",
        "tool_progress",
    }
)
PI: Final = frozenset(
    {
        "agent_start",
        "agent_end",
        "agent_settled",
        "message_start",
        "message_update",
        "message_end",
        "tool_execution_start",
        "tool_execution_update",
        "tool_execution_end",
        "turn_start",
        "turn_end",
        "extension_ui_request",
    }
)


def protocol_name(name: str) -> str | None:
    """Return the short name of a protocol, ``None`` for one that no codec reads."""
    return NAMES.get(name)


def protocol_of(event: AxonEvent) -> str | None:
    """Return the protocol that the event speaks; ``None`` if it may be any, or none."""
    if event.origin == "USER_EVENT" and (known := SOURCES.get(event.source)):
        return known
    if event.origin not in ("AGENT_EVENT", "USER_EVENT"):
        return None
    kind = event.event_type
    if kind.startswith(ACP):
        return "acp"
    if kind in CLAUDE:
        return "claude"
    if kind.startswith(CODEX):
        return "codex"
    if kind in PI:
        return "pi"
    return _by_payload(kind, event)


def _by_payload(kind: str, event: AxonEvent) -> str | None:
    """Look into the payload, for types that several protocols have."""
    payload = event.payload
    if kind == "initialize":
        if '"protocolVersion"' in payload:
            return "acp"
        return "codex" if '"clientInfo"' in payload or '"userAgent"' in payload else None
    if kind in ("turn/start", "turn/started", "turn/completed"):
        return "pi" if '"message"' in payload and '"method"' not in payload else "codex"
    if kind in ("system", "result", "user") and event.origin == "AGENT_EVENT":
        return "claude" if f'"{kind}"' in payload and '"type"' in payload else None
    return None
