"""What a broker must remember beyond its own end: the turn that runs.

One small file next to each devbox's directory.  It survives a kill of the service, so
that the next one can close the turn in the history.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["Turn", "TurnFile", "new_turn_id"]

logger = logging.getLogger(__name__)


class Turn(msgspec.Struct, frozen=True):
    """A turn that runs; ``event_sequence`` is the event that started it."""

    turn_id: str
    event_sequence: int

    def payload(self, **more: Any) -> str:
        """Return the payload of one of its system events, without what is empty."""
        values = {**msgspec.to_builtins(self), **{k: v for k, v in more.items() if v}}
        return msgspec.json.encode(values).decode()


class Memory(msgspec.Struct, frozen=True):
    """The content of the file."""

    awake: bool = False
    turn: Turn | None = None


class TurnFile:
    """The state of one broker, on disk.

    Attributes:
        awake: Whether an agent was running when the file was written last.
        turn: The turn that was running.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._memory = msgspec.json.decode(path.read_bytes(), type=Memory)
        except FileNotFoundError:
            self._memory = Memory()
        except msgspec.DecodeError as error:
            # A power cut can do this; what it said is in the history, more or less.
            logger.warning("the note %s cannot be read: %s", path.name, error)
            self._memory = Memory()

    @property
    def awake(self) -> bool:
        """Whether an agent was running at the last note."""
        return self._memory.awake

    @property
    def turn(self) -> Turn | None:
        """The turn that was running at the last note."""
        return self._memory.turn

    def note(self, *, awake: bool, turn: Turn | None) -> None:
        """Write the state of the broker; replaces the file atomically."""
        memory = Memory(awake, turn)
        if memory == self._memory:
            return
        self._memory = memory
        fresh = self._path.with_suffix(".new")
        fresh.write_bytes(msgspec.json.encode(memory))
        fresh.replace(self._path)


def new_turn_id() -> str:
    """Return an id for a turn, such as ``turn_9f86d081884c``."""
    return f"turn_{secrets.token_hex(6)}"
