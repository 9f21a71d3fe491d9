"""What a page makes of a log's messages, in a few lines: bytes by their offset, and holes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from axon_notebook.widgets.feed import Outgoing

__all__ = ["LogPage"]


class LogPage:
    """Takes messages in any order, also twice, and knows what it has."""

    def __init__(self) -> None:
        self.stat: dict[str, Any] = {}
        self.parts: dict[tuple[str, int], tuple[float, bytes]] = {}
        self.gone: dict[str, set[int]] = {"stdout": set(), "stderr": set()}

    def take(self, message: Outgoing) -> None:
        fields, raw = message
        if fields["kind"] == "logstat":
            self.stat = fields
        if fields["kind"] != "log":
            return
        raw = zlib.decompress(raw) if fields.get("deflated") else raw
        at = 0
        for part in fields["parts"]:
            stream, offset, length = part["stream"], part["offset"], part["length"]
            self.gone[stream].update(range(offset - part["missing"], offset))
            if length:
                self.parts[stream, offset] = part["at_ms"], raw[at : at + length]
            at += length
        assert at == len(raw), "the parts do not add up to the buffer"

    def take_all(self, messages: Iterable[Outgoing]) -> None:
        for message in messages:
            self.take(message)

    def bytes(self, stream: str) -> dict[int, int]:
        """Byte by offset; where two parts say different things, the test ends."""
        found: dict[int, int] = {}
        for (name, offset), (_, raw) in self.parts.items():
            for place, byte in enumerate(raw, offset) if name == stream else ():
                assert found.setdefault(place, byte) == byte, f"two bytes at {place}"
        return found

    def text(self, stream: str) -> str:
        found = self.bytes(stream)
        return bytes(found[place] for place in sorted(found)).decode("utf-8", "replace")

    def holes(self, stream: str) -> list[tuple[int, int]]:
        """Inclusive ranges that were sent, are not here, and are not said to be missing."""
        known = self.bytes(stream).keys() | self.gone[stream]
        holes: list[tuple[int, int]] = []
        for place in range(self.stat[f"{stream}_sent"]):
            if place in known:
                continue
            if holes and holes[-1][1] == place - 1:
                holes[-1] = (holes[-1][0], place)
            else:
                holes.append((place, place))
        return holes

    def in_order(self) -> str:
        """Both streams as a reader sees them, by the times of the parts."""
        return b"".join(raw for _, raw in sorted(self.parts.values())).decode("utf-8", "replace")
