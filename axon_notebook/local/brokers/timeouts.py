"""How long agents and their clients get."""

from __future__ import annotations

import msgspec

__all__ = ["Timeouts"]


class Timeouts(msgspec.Struct, frozen=True):
    """Seconds that an agent and its clients get.

    Attributes:
        answer: For the agent to answer ``initialize`` before it is sent more all the same,
            and to read its input before the axon is told that it does not.
        cancel: For the agent to end a turn that was cancelled, before the broker ends it.
        unknown: For clients to answer a request of the agent that they may not know,
            before the broker refuses it.
    """

    answer: float = 30.0
    cancel: float = 10.0
    unknown: float = 5.0
