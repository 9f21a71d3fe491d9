"""How several streams stand together: one word for the header, and who stands apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

__all__ = ["combined"]

NAMED: Final = 3  # axons whose trouble is told
#: The first of these that one of the axons has is the state of all.
_ORDER: Final = ("replaying", "live", "connecting", "reconnecting", "paused", "ended", "failed")


def combined(axons: Sequence[dict[str, Any]], note: str = "") -> dict[str, Any]:
    """Return the ``ConnectionState`` of all *axons* (``AxonStat``) together.

    One axon has its own.  Of several the state is that of those that still run: axons that
    reconnect or failed are named in its reason, before *note*.
    """
    if not axons:
        return {"name": "live", "reason": note or "No axon matches yet."}
    state = axons[0]["state"] if len(axons) == 1 else _together(axons)
    reason = "; ".join(filter(None, (state.get("reason"), note)))
    return {**state, "reason": reason} if reason else state


def _together(axons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    names = {axon["state"]["name"] for axon in axons}
    state = {"name": next(name for name in _ORDER if name in names)}
    if names == {"reconnecting"}:
        state = min((a["state"] for a in axons), key=lambda s: s.get("retry_in_ms", 0))
    elif "replaying" in names:
        state = _replaying(axons)
    troubles = _troubles(axons)
    return {**state, "reason": troubles} if troubles else state


def _replaying(axons: Sequence[dict[str, Any]]) -> dict[str, Any]:
    done = sum(axon["received"] for axon in axons)
    total = sum(max(axon["received"], axon["head"] - axon["start"] + 1) for axon in axons)
    return {"name": "replaying", "done": done, "total": total}


def _troubles(axons: Sequence[dict[str, Any]]) -> str:
    apart = [a for a in axons if a["state"]["name"] in ("reconnecting", "failed")]
    if not apart:
        return ""
    told = [_trouble(axon) for axon in apart[:NAMED]]
    more = f"; {len(apart) - NAMED} more" if len(apart) > NAMED else ""
    return f"{len(apart)} of {len(axons)} axons: {'; '.join(told)}{more}"


def _trouble(axon: dict[str, Any]) -> str:
    state = axon["state"]
    reason = f" ({state['reason']})" if state.get("reason") else ""
    return f"{axon['name'] or axon['id']} {state['name']}{reason}"
