"""The output a log widget keeps in the kernel: bytes by stream and offset, bounded.

Offsets count the bytes of the text as UTF-8, from the first byte this widget
was asked to show; where the server's own bytes were no UTF-8 they may differ from
its offsets, which only matter for resuming.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ..models import ExecutionInfo, OutputChunk
from ..wire.stream import StreamState
from .feed import Outgoing
from .protocol import BATCH_BYTES, Range

__all__ = ["OutputStore", "Piece"]

STREAMS: Final = ("stdout", "stderr")
SLACK: Final = 0.9  # of the budget is left after dropping, so that dropping is rare


class Piece(NamedTuple):
    """Bytes that arrived together."""

    stream: str
    offset: int
    raw: bytes
    at_ms: int
    missing: int


class OutputStore:
    """The newest output up to *max_bytes*; a :class:`~.feed.Source`.

    Filled by reader threads, read by the pump and by the user's thread; one lock
    guards it all.
    """

    def __init__(self, *, max_bytes: int, started_ms: int | None) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.info: ExecutionInfo | None = None
        self.started_ms = started_ms
        self.ended_ms: int | None = None
        self._lock = threading.Lock()  # guards everything here
        self._states = dict.fromkeys(STREAMS, StreamState("connecting"))
        self._failure: StreamState | None = None
        self._pieces: list[Piece] = []  # in the order of arrival
        self._sent = 0  # pieces that the pump has taken
        self._unsent_bytes = 0
        self._end = dict.fromkeys(STREAMS, 0)  # offset behind the last byte
        self._from = dict.fromkeys(STREAMS, 0)  # offset of the first kept byte
        self._lost = 0

    # -- the reader threads

    def append(self, chunk: OutputChunk) -> None:
        """Keep a chunk; drop the oldest beyond the budget."""
        raw = chunk.text.encode("utf-8", "surrogatepass")
        with self._lock:
            offset = self._end[chunk.stream] + chunk.missing
            piece = Piece(chunk.stream, offset, raw, int(time.time() * 1000), chunk.missing)
            self._pieces.append(piece)
            self._end[chunk.stream] = offset + len(raw)
            self._lost += chunk.missing
            self.bytes += len(raw)
            self._unsent_bytes += len(raw)
            if self.bytes > self.max_bytes:
                self._drop()

    def change(self, stream: str, state: StreamState) -> None:
        """Take the new state of one of the two streams."""
        with self._lock:
            self._states[stream] = state

    def finish(self, info: ExecutionInfo | None, failure: str) -> None:
        """The command is done, or cannot be followed any further because of *failure*."""
        with self._lock:
            self.info = info or self.info
            self.ended_ms = int(time.time() * 1000)
            self._failure = StreamState("failed" if failure else "ended", failure)

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next output of one stream as a ``log`` message."""
        with self._lock:
            if self._sent == len(self._pieces):
                return None
            first = self._pieces[self._sent]
            raws, size = [first.raw], len(first.raw)
            end = self._sent + 1
            while end < len(self._pieces) and size < max_bytes:
                piece = self._pieces[end]
                if piece.stream != first.stream or piece.missing:
                    break
                raws.append(piece.raw)
                size += len(piece.raw)
                end += 1
            self._sent = end
            self._unsent_bytes -= size
        return _message(first, b"".join(raws))

    def backlog(self) -> int:
        """Bytes of output not sent yet."""
        with self._lock:
            return self._unsent_bytes

    def newest(self) -> Outgoing | None:
        """A page that comes late asks by offset; nothing is pushed out of turn."""
        return None

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the kept output of *stream* in *ranges* (inclusive offsets)."""
        for first, last in ranges:
            for piece in self._range(stream, first, last):
                yield _message(piece, piece.raw)

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._lock:
            info = self.info
            return {
                "kind": "logstat",
                "state": self._connection(),
                "status": info.status if info else "running",
                "exit_status": info.exit_status if info else None,
                "started_ms": self.started_ms,
                "ended_ms": self.ended_ms,
                "stdout_bytes": self._end["stdout"],
                "stderr_bytes": self._end["stderr"],
                "stdout_from": self._from["stdout"],
                "stderr_from": self._from["stderr"],
                "lost": self._lost,
                "bytes": self.bytes,
                "max_bytes": self.max_bytes,
            }

    # -- the user's thread

    def pieces(self) -> list[Piece]:
        """Return what is kept, in the order of arrival."""
        with self._lock:
            return list(self._pieces)

    # -- inside

    def _drop(self) -> None:
        count = 0
        while self.bytes > self.max_bytes * SLACK and count < len(self._pieces) - 1:
            piece = self._pieces[count]
            self.bytes -= len(piece.raw)
            self._from[piece.stream] = piece.offset + len(piece.raw)
            if count >= self._sent:
                self._unsent_bytes -= len(piece.raw)
            count += 1
        del self._pieces[:count]
        self._sent = max(0, self._sent - count)

    def _range(self, stream: str, first: int, last: int) -> Iterator[Piece]:
        with self._lock:
            own = [piece for piece in self._pieces if piece.stream == stream]
        at = max(0, bisect_right(own, first, key=lambda piece: piece.offset) - 1)
        for piece in own[at:]:
            if piece.offset > last:
                return
            start = max(0, first - piece.offset)
            raw = piece.raw[start : last + 1 - piece.offset]
            for cut in range(0, len(raw), BATCH_BYTES):
                offset = piece.offset + start + cut
                missing = piece.missing if offset == piece.offset else 0
                part = raw[cut : cut + BATCH_BYTES]
                yield piece._replace(offset=offset, raw=part, missing=missing)

    def _connection(self) -> dict[str, Any]:
        """One state for both streams: what needs attention comes first."""
        order = ("failed", "reconnecting", "connecting", "live", "ended")
        states = [self._failure] if self._failure else list(self._states.values())
        worst = min(states, key=lambda state: order.index(state.name) if state.name in order else 3)
        shown: dict[str, Any] = {"name": worst.name}
        if worst.reason:
            shown["reason"] = worst.reason
        if worst.retry_in is not None:
            shown["retry_in_ms"] = int(worst.retry_in * 1000)
            shown["attempt"] = worst.failures
        return shown


def _message(piece: Piece, raw: bytes) -> Outgoing:
    fields = {
        "kind": "log",
        "stream": piece.stream,
        "offset": piece.offset,
        "length": len(raw),
        "at_ms": piece.at_ms,
        "missing": piece.missing,
    }
    return fields, raw
