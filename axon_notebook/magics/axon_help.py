"""``%axon help``: all magics, or one of them."""

from __future__ import annotations

from typing import Any, Final

from .cards import Text
from .registry import Call, Magic, help_text

__all__ = ["MAGICS"]


def _help(call: Call) -> Any:
    return Text(help_text(call.words[0].lstrip("%") if call.words else None))


MAGICS: Final = (
    Magic(
        "axon help", "this, or one magic or sub-command", _help,
        arguments="[TOPIC]", completes="topic",
    ),
)  # fmt: skip
