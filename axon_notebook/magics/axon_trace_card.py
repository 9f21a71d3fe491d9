"""``%axon trace``: what the agent did, as a card."""

from __future__ import annotations

from typing import Any, Final

from .command_requests import request
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]


def _trace(call: Call) -> Any:
    axon = call.axon(call.words[0] if call.words else None)
    return request(call, axon.trace)


MAGICS: Final = (
    Magic(
        "axon trace",
        "turns, slowest calls, failures, tokens and cost of the agent",
        _trace,
        (AXON, OUT),
        arguments="[AXON]",
        completes="axon",
    ),
)
