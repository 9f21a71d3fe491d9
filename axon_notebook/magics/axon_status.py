"""``%axon status``: the current axon, the connection, the settings."""

from __future__ import annotations

from typing import Any, Final

from .cards import status_card
from .registry import Call, Magic

__all__ = ["MAGICS"]


def _status(call: Call) -> Any:
    return status_card(call.magics)


MAGICS: Final = (Magic("axon status", "current axon, connection, settings", _status, most=0),)
