"""The events by which a broker tells an axon what happens to its agent and its turns."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..storage.commit import Draft
from .dialect import TurnEnd
from .running_turns import Turn

__all__ = ["agent_error", "agent_log", "broker_error", "devbox_state", "turn_ended", "turn_started"]


def turn_started(turn: Turn) -> Draft:
    """Return ``turn.started``."""
    return _system("turn.started", turn.payload())


def turn_ended(turn: Turn, end: TurnEnd) -> Draft:
    """Return ``turn.completed`` or ``turn.failed``."""
    if end.error:
        return _system("turn.failed", turn.payload(error=end.error, stop_reason=end.stop_reason))
    return _system("turn.completed", turn.payload(stop_reason=end.stop_reason))


def devbox_state(devbox_id: str, state: str, reason: str = "") -> Draft:
    """Return ``devbox.running``, ``.suspended``, ``.shutdown`` or ``.failed``."""
    values = {"devbox_id": devbox_id, "reason": reason}
    return _system(f"devbox.{state}", _json({k: v for k, v in values.items() if v}))


def agent_error(devbox_id: str, kind: str, message: str) -> Draft:
    """Return ``agent.error``: the agent misbehaves, and stays usable."""
    values = {"devbox_id": devbox_id, "type": kind, "message": message}
    return _system("agent.error", _json(values))


def broker_error(devbox_id: str, message: str) -> Draft:
    """Return ``broker.error``: there is no agent any more."""
    return _system("broker.error", _json({"message": message, "devbox_id": devbox_id}))


def agent_log(stream: str, message: str) -> Draft:
    """Return ``agent.log``: a line that is not a message."""
    return _system("agent.log", _json({"log_type": stream, "message": message}))


def _system(event_type: str, payload: str) -> Draft:
    return Draft("broker", event_type, "SYSTEM_EVENT", payload)


def _json(values: Mapping[str, str]) -> str:
    return msgspec.json.encode(values).decode()
