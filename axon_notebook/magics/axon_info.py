"""``%axon info``: what the server knows of an axon."""

from __future__ import annotations

from typing import Any, Final

from .command_requests import request
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]


def _info(call: Call) -> Any:
    name = call.words[0] if call.words else None
    return request(call, lambda: call.axon(name).info())


MAGICS: Final = (
    Magic(
        "axon info",
        "what the server knows of an axon",
        _info,
        (AXON, OUT),
        arguments="[AXON]",
        completes="axon",
    ),
)
