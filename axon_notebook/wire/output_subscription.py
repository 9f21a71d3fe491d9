"""Both streams of a command's output, read by threads and merged in the order of writing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final, Self

from ..errors import AxonError
from ..models import OutputChunk
from .output import OutputStream
from .output_merge import OutputMerge
from .reader import Reader, Subscribed
from .resuming import ResumingStream

__all__ = ["OutputSubscription"]

QUEUE_CHARACTERS: Final = 8 * 1024 * 1024
HOLD_SECONDS: Final = 0.5  # a chunk waits so long for a silent stream to bring what was before it


class _OutputReader(Reader[OutputChunk, OutputChunk]):
    """One thread per stream; the sink is called with the lock held, so never in two at once."""

    def __init__(
        self,
        streams: Sequence[OutputStream],
        sink: Callable[[OutputChunk], None] | None,
        on_end: Callable[[AxonError | None], None] | None,
    ) -> None:
        super().__init__(streams, room=QUEUE_CHARACTERS, sink=sink, on_end=on_end)
        from_start = all(stream.cursor.position == 0 for stream in streams)
        names = [stream.cursor.stream for stream in streams]
        self._names = dict(zip(self.streams, names, strict=True))
        self._merge = OutputMerge(names, start=0 if from_start else None)
        self._arrived = 0  # chunks, so that a stream that brings some is told from a silent one

    def _receive(self, stream: ResumingStream[OutputChunk], received: OutputChunk) -> None:
        with self.changed:
            self._wait_for_room(stream)
            self._arrived += 1
            self._deliver(self._merge.take(received))
            self._wait_for_others(stream)

    def _ended(self, stream: ResumingStream[OutputChunk]) -> None:
        self._deliver(self._merge.ended(self._names[stream]))

    def _wait_for_others(self, stream: ResumingStream[OutputChunk]) -> None:
        """Read on when what was written before has come, or will not soon; the lock is held."""
        name = self._names[stream]

        def is_delivered() -> bool:
            lost = any(s.state.name not in ("connecting", "live") for s in self.streams)
            return not self._merge.holds(name) or stream.closed or lost

        arrived = -1
        while arrived != self._arrived and not is_delivered():
            arrived = self._arrived
            self.changed.wait_for(is_delivered, HOLD_SECONDS)
        if self._merge.holds(name):
            self._deliver(self._merge.flush())

    def _deliver(self, chunks: list[OutputChunk]) -> None:
        """Give *chunks* to the sink or the queue; the lock is held."""
        for chunk in chunks:
            if self.sink is not None:
                self.sink(chunk)
            else:
                self._put(chunk, len(chunk.text))
        self._notify()  # the other thread may be waiting for these


class OutputSubscription(Subscribed[OutputChunk]):
    """The output of one command as it comes, both streams merged; lives until :meth:`close`.

    Iterate it: :class:`~axon_notebook.models.OutputChunk` in the order of writing
    where the server knows it, else of arrival.
    The iteration ends when the command has completed and everything was read, or
    with the error that stopped a stream.  Ctrl-C leaves it within 0.3 seconds and
    leaves the command running.

    Args:
        streams: Owned: closed with the subscription.
        sink: Called with every chunk instead of the queue, in one of the reader
            threads, never in two at once.
        on_end: Called once in a reader thread when all have ended, with the error or
            ``None``.
    """

    def __init__(
        self,
        streams: Sequence[OutputStream],
        *,
        sink: Callable[[OutputChunk], None] | None = None,
        on_end: Callable[[AxonError | None], None] | None = None,
    ) -> None:
        self.streams = tuple(streams)
        super().__init__(_OutputReader(self.streams, sink, on_end))

    @property
    def missing(self) -> int:
        """Bytes that the servers did not deliver, so far."""
        return sum(stream.cursor.missing for stream in self.streams)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OutputChunk:
        chunk = self.next_chunk()
        if chunk is None:
            raise StopIteration
        return chunk

    async def __aiter__(self) -> AsyncIterator[OutputChunk]:
        while (entry := await self._first_async()) is not None:
            self._reader.done(entry)
            yield entry.item

    def next_chunk(self, timeout: float | None = None) -> OutputChunk | None:
        """Wait for the next chunk; ``None`` at the end, or after *timeout* seconds.

        Raises:
            AxonError: What stopped a stream, after the last chunk before it.
        """
        entry = self._first(timeout)
        if entry is None:
            return None
        self._reader.done(entry)
        return entry.item

    def __repr__(self) -> str:
        states = ", ".join(f"{s.cursor.stream} {s.state.name}" for s in self.streams)
        return f"<OutputSubscription {states}>"
