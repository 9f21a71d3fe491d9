"""From one publisher to many subscribers, without a queue per subscriber.

Each axon that is watched has one :class:`Tail`: its newest events, encoded once,
bounded in bytes.  A subscriber is a cursor.  It reads pages from disk until the
tail covers the cursor, then takes from the tail; one that falls behind the tail
goes back to disk, so a slow reader costs no memory.  Everything here lives on
the event loop; only the page reads happen on threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, Protocol

from ...models import AxonEvent
from ..http.sse_frames import frame
from ..http.streams import Stream, error_frame

__all__ = ["Broadcast", "FrameReader", "Tail"]

#: Bytes of encoded frames that a tail keeps for subscribers that are nearly live.
TAIL_BYTES: Final = 1024 * 1024

#: Events of one page read from disk.
PAGE: Final = 500


class FrameReader(Protocol):
    """What the broadcast needs of the store; called on a thread."""

    def read_frames(self, axon_id: str, after_sequence: int, limit: int) -> tuple[bytes, int, int]:
        """Return joined frames, the last sequence among them, and their number."""


class Broadcast:
    """Delivers published events to subscribers; ``close`` ends its threads."""

    def __init__(self, reader: FrameReader, *, threads: int = 2) -> None:
        self._reader = reader
        self._tails: dict[str, Tail] = {}
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="axon-replay")

    def published(self, axon_id: str, events: Sequence[AxonEvent]) -> None:
        """Take over *events* that are on disk now, in sequence order."""
        if tail := self._tails.get(axon_id):
            tail.append(events)

    def deleted(self, axon_id: str) -> None:
        """End all streams of an axon whose events are gone."""
        if tail := self._tails.get(axon_id):
            for stream in tuple(tail.streams):
                stream.end(error_frame(404, "Axon not found."))

    async def pump(self, stream: Stream, axon_id: str, after_sequence: int) -> None:
        """Write every event after *after_sequence* to *stream*, once and in order, for ever."""
        cursor = after_sequence
        with self._watch(axon_id, stream) as tail:
            while True:
                seen = tail.version
                if not tail.covers(cursor):
                    cursor, seen = await self._replay(stream, tail, axon_id, cursor)
                elif cursor < tail.head:
                    frames, cursor = tail.after(cursor)
                    await stream.write(frames)
                    continue
                await tail.changed_since(seen)

    def close(self) -> None:
        """Let the reading threads end; pages under way are finished."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    @contextmanager
    def _watch(self, axon_id: str, stream: Stream) -> Iterator[Tail]:
        tail = self._tails.setdefault(axon_id, Tail())
        tail.streams.add(stream)
        try:
            yield tail
        finally:
            tail.streams.discard(stream)
            if not tail.streams and self._tails.get(axon_id) is tail:
                del self._tails[axon_id]

    async def _replay(
        self, stream: Stream, tail: Tail, axon_id: str, cursor: int
    ) -> tuple[int, int]:
        """Write pages from disk until memory covers the cursor or the disk has no more.

        The next page is read while this one is sent.  Returns the new cursor and
        the version of the tail before the last read began: what is published
        after that moment changes the version, so nothing falls into the seam.
        """
        seen, page = tail.version, self._read(axon_id, cursor)
        try:
            while True:
                frames, last, count = await page
                if not count:
                    return cursor, seen
                cursor = last
                seen, page = tail.version, self._read(axon_id, cursor)
                await stream.write(frames)
                if tail.covers(cursor):
                    return cursor, -1
        finally:
            page.cancel()

    def _read(self, axon_id: str, after: int) -> asyncio.Future[tuple[bytes, int, int]]:
        loop = asyncio.get_running_loop()
        return loop.run_in_executor(self._threads, self._reader.read_frames, axon_id, after, PAGE)


class Tail:
    """The newest events of one axon as frames, without a gap among them."""

    def __init__(self) -> None:
        self.version = 0
        self.head = 0
        self.streams: set[Stream] = set()
        self._floor: int | None = None  # the sequence before the first frame
        self._frames: list[bytes] = []
        self._bytes = 0
        self._changed = asyncio.Event()
        self._joined: tuple[int, int, bytes] = (0, 0, b"")

    def append(self, events: Sequence[AxonEvent]) -> None:
        """Add *events*, forget the oldest beyond the bound, wake all who wait."""
        if self._floor is None or events[0].sequence != self.head + 1:
            self._floor, self._frames, self._bytes = events[0].sequence - 1, [], 0
        new = [frame(event) for event in events]
        self._frames += new
        self._bytes += sum(map(len, new))
        self.head = events[-1].sequence
        self._trim()
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def covers(self, cursor: int) -> bool:
        """Whether everything after *cursor* is in memory."""
        return self._floor is not None and cursor >= self._floor

    def after(self, cursor: int) -> tuple[bytes, int]:
        """Return the frames after *cursor*, joined, and the new cursor."""
        floor, head, frames = self._joined
        if (floor, head) != (cursor, self.head):
            assert self._floor is not None
            frames = b"".join(self._frames[cursor - self._floor :])
            # Subscribers that are level ask for the same bytes one after the other.
            self._joined = (cursor, self.head, frames)
        return frames, self.head

    async def changed_since(self, version: int) -> None:
        """Wait until something was published after *version* was read."""
        if self.version == version:
            await self._changed.wait()

    def _trim(self) -> None:
        if self._bytes <= 2 * TAIL_BYTES:
            return
        drop = 0
        while self._bytes > TAIL_BYTES and drop < len(self._frames) - 1:
            self._bytes -= len(self._frames[drop])
            drop += 1
        assert self._floor is not None
        self._floor += drop
        del self._frames[:drop]
