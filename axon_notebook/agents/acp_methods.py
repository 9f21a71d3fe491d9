"""The methods of the Agent Client Protocol, and its JSON-RPC envelopes.

Source: Agent Client Protocol, schema v1, and extensions that agents use.
"""

from __future__ import annotations

from typing import Final

from .untrusted import Fields, obj, text

__all__ = [
    "AGENT_REQUESTS",
    "COMPLETIONS",
    "ELICITATIONS",
    "PERMISSION",
    "PROMPT",
    "REQUESTS",
    "SESSIONS",
    "unwrapped",
]

PERMISSION: Final = "session/request_permission"
ELICITATIONS: Final = ("elicitation/create", "session/elicitation")
COMPLETIONS: Final = ("elicitation/complete", "session/elicitation/complete")
PROMPT: Final = "session/prompt"

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


def unwrapped(kind: str, fields: Fields) -> tuple[str, Fields, object, bool]:
    """Return method, params or result, the envelope's id, and whether it is an error."""
    if "jsonrpc" not in fields:
        failed = isinstance(fields.get("code"), int) and isinstance(fields.get("message"), str)
        return kind, fields, None, failed
    method, number_ = text(fields.get("method")) or kind, fields.get("id")
    if "method" in fields:
        return method, obj(fields.get("params")), number_, False
    if isinstance(fields.get("error"), dict):
        return method, obj(fields["error"]), number_, True
    return method, obj(fields.get("result")), number_, False
