"""The methods of the Agent Client Protocol, and its JSON-RPC envelopes.

Source: Agent Client Protocol, schema v1, and extensions that agents use.
"""

from __future__ import annotations

from typing import Final

from .untrusted import Fields, integer, obj, text

__all__ = [
    "AGENT_REQUESTS",
    "COMPLETIONS",
    "ELICITATIONS",
    "ENVELOPE",
    "PERMISSION",
    "PROMPT",
    "REQUESTS",
    "SESSIONS",
    "is_envelope",
    "unwrapped",
]

PERMISSION: Final = "session/request_permission"
ELICITATIONS: Final = ("elicitation/create", "session/elicitation")
COMPLETIONS: Final = ("elicitation/complete", "session/elicitation/complete")
PROMPT: Final = "session/prompt"

#: Where a question keeps the id of a request that came as a whole JSON-RPC message.
ENVELOPE: Final = "jsonrpc id"

#: Requests of clients that have an answer under the same event type.
REQUESTS: Final = frozenset(
    {
        "initialize",
        "authenticate",
        "logout",
        "auth/status",
        *(f"session/{name}" for name in ("new", "load", "list", "resume", "fork", "close")),
        *(f"session/{name}" for name in ("delete", "archive", "unarchive", "status")),
        *(f"session/{name}" for name in ("set_mode", "set_model", "set_config_option")),
        "session/set_title",
        *(f"providers/{name}" for name in ("list", "set", "disable")),
    }
)
#: Answers that tell which session there is.
SESSIONS: Final = frozenset(f"session/{name}" for name in ("new", "load", "resume", "fork"))
#: Requests of agents that are questions to a person.
AGENT_REQUESTS: Final = frozenset({PERMISSION, *ELICITATIONS})


def is_envelope(fields: Fields) -> bool:
    """Whether *fields* are a whole JSON-RPC message, also one that leaves ``jsonrpc`` out."""
    if "jsonrpc" in fields:
        return True
    return "id" in fields and any(name in fields for name in ("result", "error", "params"))


def unwrapped(kind: str, fields: Fields) -> tuple[str, Fields, object, bool]:
    """Return method, params or result, the envelope's id, and whether it is an error."""
    if not is_envelope(fields):
        if isinstance(error := fields.get("error"), dict) and len(fields) == 1:
            return kind, obj(error), None, True
        failed = integer(fields.get("code")) is not None and "message" in fields
        return kind, fields, None, failed
    method, number_ = text(fields.get("method")) or kind, fields.get("id")
    if "method" in fields:
        return method, obj(fields.get("params")), number_, False
    if (error := fields.get("error")) is not None:
        return method, obj(error) or {"message": str(error)}, number_, True
    return method, obj(fields.get("result")), number_, False
