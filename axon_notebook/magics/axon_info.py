"""``%axon info``: what there is to know of an axon, as a card."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from .cards import Card
from .command_requests import request
from .registry import AXON, OUT, Call, Magic

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["MAGICS"]

_TOTALS: Final = """
SELECT count(*), coalesce(sum(length(CAST(payload AS BLOB))), 0), max(sequence)
FROM rl_axon_events"""
_LAST: Final = "SELECT event_type, timestamp_ms FROM rl_axon_events WHERE sequence = ?"


def _info(call: Call) -> Any:
    name = call.words[0] if call.words else None
    return request(call, lambda: _card(call.axon(name)))


def _card(axon: Axon) -> Card:
    from ..agent_state import agent_state  # here, because it loads httpx

    info = axon.info()
    totals, *_ = axon.execute(_TOTALS).rows
    count, size, last = totals
    agent = agent_state(axon)
    rows = [
        ("id", info.id),
        ("name", info.name or "none"),
        ("created", _time(info.created_at_ms)),
        ("events", f"{count:,}"),
        ("size", f"{_size(size)} of payloads"),
    ]
    if last is not None:
        kind, at = axon.execute(_LAST, [last]).rows[0]
        rows.append(("last event", f"#{last} {kind}, {_time(at)}"))
    rows.append(("agent", agent.status))
    if info.metadata:
        rows.append(("metadata", ", ".join(f"{k}={v}" for k, v in info.metadata.items())))
    return Card(rows)


def _time(milliseconds: int) -> str:
    return f"{dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


def _size(size: int) -> str:
    for unit, step in (("MB", 1_000_000), ("KB", 1_000)):
        if size >= step:
            return f"{size / step:,.1f} {unit}"
    return f"{size} bytes"


MAGICS: Final = (
    Magic(
        "axon info",
        "id, name, events, size, last event and agent of an axon",
        _info,
        (AXON, OUT),
        arguments="[AXON]",
        completes="axon",
    ),
)
