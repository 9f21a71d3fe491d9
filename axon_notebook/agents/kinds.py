"""One word per event on what it is about, for lists of events.

Stateless and without decoding JSON: it looks at the type, and for types that carry several
kinds, for keywords in the payload.  A quote inside of a JSON text is escaped, so a keyword with its
quotes is never found in a text.  What an event means is read by the codecs; this
only sorts it.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from ..models import AxonEvent

__all__ = ["KINDS", "Kind", "kind_of"]

Kind = Literal[
    "message", "thought", "tool", "plan", "question", "turn", "usage", "notice", "system", "other"
]

#: All kinds; the position is the code that is sent to the page.
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

#: ``sessionUpdate`` of ACP.
UPDATES: Final[dict[str, Kind]] = {
    "agent_message_chunk": "message",
    "user_message_chunk": "message",
    "session_message": "message",
    "session_message_chunk": "message",
    "agent_thought_chunk": "thought",
    "tool_call": "tool",
    "tool_call_update": "tool",
    "tool_call_content_chunk": "tool",
    "plan": "plan",
    "plan_update": "plan",
    "plan_removed": "plan",
    "usage_update": "usage",
    "notice": "notice",
    "compaction_update": "notice",
    "compaction_summary_chunk": "notice",
    "subagent_update": "notice",
    "available_commands_update": "system",
    "current_mode_update": "system",
    "config_option_update": "system",
    "session_info_update": "system",
}

#: Types that say it all.
TYPES: Final[dict[str, Kind]] = {
    # ACP
    "session/prompt": "turn",
    "session/cancel": "turn",
    "session/request_permission": "question",
    "elicitation/create": "question",
    "elicitation/complete": "question",
    "session/elicitation": "question",
    "session/elicitation/complete": "question",
    "initialize": "system",
    "authenticate": "system",
    "logout": "system",
    "$/cancel_request": "system",
    # Claude
    "query": "turn",
    "result": "turn",
    "system": "notice",
    "rate_limit_event": "notice",
    "auth_status": "notice",
    "conversation_reset": "notice",
    "tool_progress": "tool",
    "tool_use_summary": "tool",
    "control_cancel_request": "question",
    "keep_alive": "system",
    "command_lifecycle": "system",
    # Codex
    "turn/start": "turn",
    "turn/started": "turn",
    "turn/completed": "turn",
    "turn/steer": "turn",
    "turn/interrupt": "turn",
    "turn/plan/updated": "plan",
    "turn/diff/updated": "tool",
    "thread/tokenUsage/updated": "usage",
    "serverRequest/resolved": "question",
    "error": "notice",
    "warning": "notice",
    "configWarning": "notice",
    "deprecationNotice": "notice",
    "item/tool/requestUserInput": "question",
    "execCommandApproval": "question",
    "applyPatchApproval": "question",
    "mcpServer/elicitation/request": "question",
    "response": "system",
    # Pi
    "cancel": "turn",
    "agent_start": "turn",
    "agent_end": "turn",
    "agent_settled": "turn",
    "turn_start": "turn",
    "turn_end": "turn",
    "tool_execution_start": "tool",
    "tool_execution_update": "tool",
    "tool_execution_end": "tool",
    "bash_execution_update": "tool",
    "compaction_start": "notice",
    "compaction_end": "notice",
    "auto_retry_start": "notice",
    "auto_retry_end": "notice",
    "extension_error": "notice",
    "extension_ui_response": "question",
    "queue_update": "system",
}

#: For types that carry several kinds: keywords in the payload, the first that is there decides.
WORDS: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "assistant": (
        ('"TodoWrite"', "plan"),
        ('"tool_use"', "tool"),
        ('_tool_use"', "tool"),
        ('_tool_result"', "tool"),
        ('"text"', "message"),
        ('thinking"', "thought"),
    ),
    "stream_event": (
        ('"text_delta"', "message"),
        ('"input_json_delta"', "tool"),
        ('"thinking_delta"', "thought"),
        ('"signature_delta"', "thought"),
        ('_use"', "tool"),
        ('"message_delta"', "usage"),
        ('"thinking"', "thought"),
        ("", "message"),
    ),
    "user": (('"tool_result"', "tool"), ("", "message")),
    "control_request": (
        ('"can_use_tool"', "question"),
        ('"elicitation"', "question"),
        ('"interrupt"', "turn"),
        ("", "system"),
    ),
    "control_response": (
        ('"behavior"', "question"),
        ('"action"', "question"),
        ("", "system"),
    ),
    "message_update": (
        ('"text_', "message"),
        ('"thinking_', "thought"),
        ('"toolcall_', "tool"),
        ("", "message"),
    ),
    "message_start": (('"toolResult"', "tool"), ("", "message")),
    "message_end": (('"toolResult"', "tool"), ("", "message")),
    "extension_ui_request": (
        ('"select"', "question"),
        ('"confirm"', "question"),
        ('"input"', "question"),
        ('"editor"', "question"),
        ("", "notice"),
    ),
    "item/started": (
        ('"agentMessage"', "message"),
        ('"userMessage"', "message"),
        ('"reasoning"', "thought"),
        ('"plan"', "plan"),
        ('"contextCompaction"', "notice"),
        ("", "tool"),
    ),
}
#: Beginnings of types, longest first.
STARTS: Final[tuple[tuple[str, Kind], ...]] = (
    ("item/agentMessage/", "message"),
    ("item/reasoning/", "thought"),
    ("item/plan/", "plan"),
    ("session/", "system"),
    ("fs/", "system"),
    ("terminal/", "system"),
    ("item/", "tool"),
    ("thread/", "system"),
    ("account/", "system"),
    ("mcpServer/", "notice"),
    ("hook/", "notice"),
    ("model/", "notice"),
)


def kind_of(event: AxonEvent) -> Kind:
    """Return the kind of *event*; ``other`` for what no agent, client or broker has said."""
    kind, origin = event.event_type, event.origin
    if origin == "SYSTEM_EVENT":
        return "turn" if kind.startswith("turn.") else "notice" if kind == "agent.log" else "system"
    if origin == "EXTERNAL_EVENT":
        return "other"
    if kind == "session/update":
        return _update_kind(event.payload)
    found = TYPES.get(kind)
    if found is not None:
        return found
    words = WORDS.get("item/started" if kind == "item/completed" else kind)
    if words is not None:
        payload = event.payload
        for word, meant in words:
            if word in payload:
                return meant
        return "other"
    return _by_start(kind)


def _update_kind(payload: str) -> Kind:
    """Read the value of ``sessionUpdate``."""
    at = payload.find('"sessionUpdate"')
    if at < 0:
        return "other"
    begin = payload.find('"', at + 15) + 1
    return UPDATES.get(payload[begin : payload.find('"', begin)], "other")


def _by_start(kind: str) -> Kind:
    if kind.endswith("/requestApproval"):
        return "question"
    for start, meant in STARTS:
        if kind.startswith(start):
            return meant
    return "other"
