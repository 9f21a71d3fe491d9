"""``%axon wait``: wait for an event that a filter lets through."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ParameterError
from .options import Option
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]


def _wait(call: Call) -> Any:
    """Wait in the main thread, where the stop button ends the waiting at once."""
    if not call.text.strip():
        raise ParameterError("what for? %axon wait type:turn.completed")
    return call.axon().wait_for(
        call.text.strip(),
        after_sequence=call.options.get("after"),
        timeout=call.options.get("timeout"),
    )


MAGICS: Final = (
    Magic(
        "axon wait",
        "wait for an event, in the language of the viewer's filter",
        _wait,
        (
            Option("--timeout", "", "number", "SECONDS", "give up after so long"),
            Option("--after", "", "integer", "SEQUENCE", "the first one after this event"),
            AXON,
            OUT,
        ),
        arguments="FILTER",
        raw=True,
    ),
)
