"""The output a log widget keeps in the kernel: bytes by stream and offset, bounded.

Offsets count the bytes of the text as UTF-8, from the first byte this widget
was asked to show; where the server's own bytes were no UTF-8 they may differ from
its offsets, which only matter for resuming.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from ..models import ExecutionInfo, OutputChunk
from ..wire.resuming import StreamState
from .feed import Outgoing
from .protocol import BATCH_BYTES, TICK_MS, Range

__all__ = ["OutputStore", "Piece"]

STREAMS: Final = ("stdout", "stderr")
SLACK: Final = 0.9  # of the budget is left after dropping, so that dropping is rare
PIECE_COST: Final = 200  # bytes of memory that a piece takes besides its text (CPython 3.11: 174)
SMALL: Final = 16 * 1024  # pieces grow up to here with what comes within a tick
PARTS: Final = 500  # of a message, at most
ORDER_MS: Final = 0.001  # between two pieces, so that their times tell their order


class Piece(NamedTuple):
    """Bytes that arrived together; ``missing`` ones directly before them never will."""

    stream: str
    offset: int
    raw: bytes
    at_ms: float
    missing: int

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.offset + len(self.raw)


class OutputStore:
    """The newest output up to *max_bytes*; a :class:`~.feed.Source`.

    Filled by reader threads, read by the pump and by the user's thread; one lock
    guards it all.  The times of the pieces increase strictly: over both streams,
    they are the order of arrival.
    """

    def __init__(self, *, max_bytes: int, started_ms: int | None) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self.info: ExecutionInfo | None = None
        self.started_ms = started_ms
        self.ended_ms: int | None = None
        self.note = ""
        self._lock = threading.Lock()  # guards everything here
        self._states = dict.fromkeys(STREAMS, StreamState("connecting"))
        self._failure: StreamState | None = None
        self._pieces: list[Piece] = []  # in the order of arrival
        self._sent = 0  # pieces that the pump has taken
        self._unsent_bytes = 0
        self._end = dict.fromkeys(STREAMS, 0)  # offset behind the last byte
        self._from = dict.fromkeys(STREAMS, 0)  # offset of the first kept byte
        self._sent_to = dict.fromkeys(STREAMS, 0)  # offset behind the last byte the pump took
        self._at_ms = 0.0
        self._lost = 0

    # -- the reader threads

    def append(self, chunk: OutputChunk) -> None:
        """Keep a chunk; drop the oldest beyond the budget."""
        raw = chunk.text.encode("utf-8", "replace")
        with self._lock:
            self._at_ms = max(time.time() * 1000, self._at_ms + ORDER_MS)
            self._end[chunk.stream] += chunk.missing
            self._lost += chunk.missing
            missing = chunk.missing
            for start in range(0, len(raw), BATCH_BYTES):
                self._add(chunk.stream, raw[start : start + BATCH_BYTES], missing)
                missing = 0
            if self._held() > self.max_bytes:
                self._drop()

    def change(self, stream: str, state: StreamState) -> None:
        """Take the new state of one of the two streams."""
        with self._lock:
            self._states[stream] = state

    def finish(self, info: ExecutionInfo | None, failure: str, *, ended_ms: int | None) -> None:
        """Nothing more will come: the command is done, or cannot be followed (*failure*)."""
        with self._lock:
            self.info = info or self.info
            self.ended_ms = ended_ms
            self._failure = StreamState("failed" if failure else "ended", failure)

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next output, of both streams in the order of arrival."""
        with self._lock:
            pieces, size = [], 0
            for piece in self._pieces[self._sent : self._sent + min(max_items, PARTS)]:
                if size >= max_bytes:
                    break
                # What was dropped before it was sent is as gone as what the server lost.
                gone = piece.offset - self._sent_to[piece.stream]
                pieces.append(piece._replace(missing=gone))
                self._sent_to[piece.stream] = piece.end
                size += len(piece.raw)
            self._sent += len(pieces)
            self._unsent_bytes -= size
        return _message(pieces) if pieces else None

    def backlog(self) -> int:
        """Bytes of output not sent yet."""
        with self._lock:
            return self._unsent_bytes

    def newest(self) -> Outgoing | None:
        """A page that comes late asks by offset; nothing is pushed out of turn."""
        return None

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the output of *stream* in *ranges* (inclusive offsets).

        Every byte asked for and received is answered: sent, or said to be missing.
        """
        pieces: list[Piece] = []
        size = 0
        for first, last in ranges if stream in STREAMS else ():
            for piece in self._range(stream, first, last):
                if pieces and (size + len(piece.raw) > BATCH_BYTES or len(pieces) == PARTS):
                    yield _message(pieces)
                    pieces, size = [], 0
                pieces.append(piece)
                size += len(piece.raw)
        if pieces:
            yield _message(pieces)

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
                "stdout_sent": self._sent_to["stdout"],
                "stderr_sent": self._sent_to["stderr"],
                "lost": self._lost,
                "bytes": self.bytes,
                "max_bytes": self.max_bytes,
                "note": self.note,
            }

    # -- the user's thread

    def pieces(self) -> list[Piece]:
        """Return what is kept, in the order of arrival."""
        with self._lock:
            return list(self._pieces)

    # -- inside

    def _add(self, stream: str, raw: bytes, missing: int) -> None:
        """Add bytes at the end: a new piece, or more of the last one."""
        last = self._pieces[-1] if len(self._pieces) > self._sent else None
        if last is not None and self._joins(last, stream, raw, missing):
            self._pieces[-1] = last._replace(raw=last.raw + raw)
        else:
            offset = self._end[stream]
            self._pieces.append(Piece(stream, offset, raw, self._at_ms, missing))
        self._end[stream] += len(raw)
        self.bytes += len(raw)
        self._unsent_bytes += len(raw)

    def _joins(self, last: Piece, stream: str, raw: bytes, missing: int) -> bool:
        small = len(last.raw) + len(raw) <= SMALL
        return (
            small and last.stream == stream and missing == 0 and self._at_ms - last.at_ms < TICK_MS
        )

    def _held(self) -> int:
        return self.bytes + PIECE_COST * len(self._pieces)

    def _drop(self) -> None:
        count = held = 0
        most = self._held() - int(self.max_bytes * SLACK)
        while held < most and count < len(self._pieces) - 1:
            piece = self._pieces[count]
            held += len(piece.raw) + PIECE_COST
            self.bytes -= len(piece.raw)
            self._from[piece.stream] = piece.end
            if count >= self._sent:
                self._unsent_bytes -= len(piece.raw)
            count += 1
        del self._pieces[:count]
        self._sent = max(0, self._sent - count)

    def _range(self, stream: str, first: int, last: int) -> Iterator[Piece]:
        """What is kept of the range, and what is missing before or after it."""
        with self._lock:
            own = [piece for piece in self._pieces if piece.stream == stream]
            stop = min(last + 1, self._end[stream])
            now = self._at_ms
        at = first
        begin = max(0, bisect_right(own, first, key=lambda piece: piece.offset) - 1)
        for piece in own[begin:]:
            if piece.offset >= stop:
                break
            start = max(at, piece.offset)
            if raw := piece.raw[start - piece.offset : stop - piece.offset]:
                yield piece._replace(offset=start, raw=raw, missing=start - at)
                at = start + len(raw)
        if at < stop:
            yield Piece(stream, stop, b"", now, stop - at)

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


def _message(pieces: Iterable[Piece]) -> Outgoing:
    parts = [
        {
            "stream": piece.stream,
            "offset": piece.offset,
            "length": len(piece.raw),
            "at_ms": piece.at_ms,
            "missing": piece.missing,
        }
        for piece in pieces
    ]
    return {"kind": "log", "parts": parts}, b"".join(piece.raw for piece in pieces)
