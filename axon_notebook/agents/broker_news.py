"""Reads what brokers and devboxes say, whatever the agent's protocol.

Every field may be missing.  Only events of origin ``SYSTEM_EVENT`` come here: anybody can publish
an event that is called ``turn.completed``.
"""

from __future__ import annotations

from typing import Final

from ..models import AxonEvent
from .builder import Builder
from .untrusted import Fields, integer, string, text

__all__ = ["read_system_event"]

#: After these the agent is another process, or none.
GONE: Final = frozenset({"devbox.suspended", "devbox.shutdown", "devbox.failed", "broker.error"})
#: After these there may be an agent again.
BACK: Final = frozenset({"devbox.running", "devbox.resumed"})
ENDS: Final = frozenset({"turn.completed", "turn.failed", "turn.cancelled"})


def read_system_event(event: AxonEvent, fields: Fields, builder: Builder) -> None:
    """Read one event."""
    kind = event.event_type
    turn_id = text(fields.get("turn_id"))
    if kind == "turn.started":
        builder.start(turn_id, integer(fields.get("event_sequence")))
    elif kind in ENDS:
        failed = kind == "turn.failed"
        reason = "cancelled" if kind == "turn.cancelled" else text(fields.get("stop_reason"))
        why = text(fields.get("error")) or "no reason given"
        prompt = integer(fields.get("event_sequence"))
        builder.end_by_broker(turn_id, prompt, reason, why if failed else "", failed=failed)
    else:
        _notice(event, fields, builder)


def _notice(event: AxonEvent, fields: Fields, builder: Builder) -> None:
    kind = event.event_type
    words = string(fields.get("message")) or string(fields.get("reason")) or ""
    if not fields:
        words = event.payload if event.payload != "{}" else ""
    if kind == "agent.log":
        builder.log(words)
        return
    fatal = kind in GONE
    bad = (fatal and kind != "devbox.suspended") or kind.endswith((".error", ".failed"))
    builder.notice(kind, words, "error" if bad else "info", fatal=fatal)
    if kind in BACK:
        builder.session(gone="")
        builder.from_start = True
    if fatal:
        builder.lose(words or kind)
        if kind != "devbox.suspended":
            builder.forget_costs()
