"""Matches the streamed pieces of Claude's messages with the final blocks that replace them.

A stream belongs to one parent (the main loop, or a subagent) and one message.  The final
``assistant`` lines have no block index: their blocks are matched by kind, in order.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

__all__ = ["Block", "Streams"]


class Block(msgspec.Struct):
    """A content block that is being streamed; ``final`` once its finished form has come."""

    index: int
    kind: str
    key: Hashable
    closed: bool = False
    final: bool = False
    text: str = ""


class Stream(msgspec.Struct):
    """The message that one parent streams."""

    message_id: str
    blocks: list[Block] = []


class Streams:
    """What is being streamed, by parent."""

    def __init__(self) -> None:
        self._streams: dict[str, Stream] = {}
        self._number = 0

    def start(self, parent: str, message_id: str) -> list[Block]:
        """Begin a message; return the blocks of the one before that were never finished."""
        before = self._streams.get(parent)
        self._streams[parent] = Stream(message_id)
        return [block for block in before.blocks if not block.final] if before else []

    def open(self, parent: str, index: int, kind: str) -> Block:
        """Begin a block."""
        self._number += 1
        block = Block(index, kind, (parent, "stream", self._number))
        self._streams.setdefault(parent, Stream("")).blocks.append(block)
        return block

    def grow(self, parent: str, index: int, kind: str, text: str) -> Block:
        """Append to a block.

        Some emitters number deltas wrongly: a delta for a block that is closed, or of another
        kind, belongs to the newest block of its kind that is open, or begins one.
        """
        blocks = self._streams.setdefault(parent, Stream("")).blocks
        live = [b for b in blocks if b.kind == kind and not b.closed and not b.final]
        named = [b for b in live if b.index == index]
        found = named or live
        block = found[-1] if found else self.open(parent, index, kind)
        block.text += text
        return block

    def close(self, parent: str, index: int) -> None:
        """End a block."""
        stream = self._streams.get(parent)
        for block in reversed(stream.blocks if stream else []):
            if block.index == index:
                block.closed = True
                return

    def take(self, parent: str, message_id: str, kind: str, final: str) -> Hashable | None:
        """Return the key of the streamed block that *final* finishes; ``None`` if none was."""
        stream = self._streams.get(parent)
        if stream is None:
            return None
        same = message_id == stream.message_id or not message_id or not stream.message_id
        for block in stream.blocks:
            if block.kind != kind or block.final:
                continue
            if same or final.startswith(block.text):
                block.final = True
                return block.key
        return None

    def clear(self) -> list[Block]:
        """Forget everything: the turn is over; return the blocks that were never finished."""
        left = [b for stream in self._streams.values() for b in stream.blocks if not b.final]
        self._streams.clear()
        return left
