"""Two streams of output put into the order in which they were written: pure.

stdout and stderr arrive over two connections, each in its own pace.  Where the
server says how many bytes of both came before a chunk, a chunk that arrives too
early is held until what belongs before it is there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..models import OutputChunk

__all__ = ["OutputMerge"]


class OutputMerge:
    """What has arrived too early; guarded by its owner.

    Args:
        streams: Names of the streams that will come.
        start: Order of the first byte; ``None`` believes the first chunk.
    """

    def __init__(self, streams: Iterable[str], *, start: int | None = 0) -> None:
        self._held: dict[str, deque[OutputChunk]] = {name: deque() for name in streams}
        self._next = start

    def holds(self, stream: str) -> bool:
        """Whether a chunk of *stream* waits for another stream's."""
        return bool(self._held.get(stream))

    def take(self, chunk: OutputChunk) -> list[OutputChunk]:
        """Return what can be given now that *chunk* is there."""
        if chunk.order is None or chunk.stream not in self._held:
            return [*self.flush(), chunk]
        self._held[chunk.stream].append(chunk)
        return self._ready()

    def ended(self, stream: str) -> list[OutputChunk]:
        """Return what can be given now that nothing more comes from *stream*."""
        rest = self._held.pop(stream, None)
        if not rest:
            return self._ready()
        return sorted([*rest, *self.flush()], key=_place)

    def flush(self) -> list[OutputChunk]:
        """Return everything held, in order, without waiting for what is missing."""
        held = sorted((c for chunks in self._held.values() for c in chunks), key=_place)
        for chunks in self._held.values():
            chunks.clear()
        for chunk in held:
            self._advance(chunk)
        return held

    def _ready(self) -> list[OutputChunk]:
        ready = []
        while heads := [chunks for chunks in self._held.values() if chunks]:
            first = min(heads, key=lambda chunks: _place(chunks[0]))
            due = self._next is None or _place(first[0]) <= self._next
            if not due and len(heads) < len(self._held):
                break  # a silent stream may still bring what belongs before it
            ready.append(first.popleft())
            self._advance(ready[-1])
        return ready

    def _advance(self, chunk: OutputChunk) -> None:
        self._next = max(self._next or 0, _place(chunk) + chunk.size)


def _place(chunk: OutputChunk) -> int:
    return chunk.order or 0
