"""Recordings: axons in files, read without a service."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self, cast

from .axon import Axon
from .compressed_files import UNPACKED_LIMIT
from .models import EVENTS_SELECT, AxonEvent
from .recording_database import RecordedApi
from .recording_file import RecordingReader
from .visible import visible
from .wire.cursor import EventBatch
from .wire.events import EventStream
from .wire.resuming import StreamState

if TYPE_CHECKING:
    from types import TracebackType

    from .wire.api import ApiClient

__all__ = ["Recording", "open_recording"]

PAGE: Final = 5000


def open_recording(path: str | os.PathLike[str], *, limit: int = UNPACKED_LIMIT) -> Recording:
    """Read a recording into memory; no service and no connection is needed.

    Args:
        path: A file that ``axon.save`` wrote, or one event per line as JSON; plain, gzip
            or zstd.
        limit: The most bytes that it may unpack to.

    Raises:
        RecordingError: It is damaged or not a recording; the message names the line.
    """
    reader = RecordingReader(Path(path).expanduser(), limit=limit)
    return Recording(reader)


class Recording(Axon):
    """A read-only axon from a file: events, SQL, trace; for viewers as well.

    Made by :func:`open_recording`.  It lives in memory until :meth:`close` or the end of the
    last reference; safe to use from several threads.

    Attributes:
        path: The file.
        notes: What the file lacked and was made up, one sentence each.
    """

    def __init__(self, reader: RecordingReader) -> None:
        self._recorded = RecordedApi(reader)
        api = cast("ApiClient", self._recorded)
        super().__init__(api, api.get_axon(self._recorded.axon_id))
        self.path = reader.path
        self.notes = reader.notes

    def __repr__(self) -> str:
        notes = f", {len(self.notes)} notes" if self.notes else ""
        return f"<Recording {visible(self.name or '')} ({len(self):,} events{notes})>"

    def __len__(self) -> int:
        return self._recorded.count

    def __bool__(self) -> bool:
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory; idempotent."""
        self._recorded.close()

    def stream(
        self,
        after_sequence: int | Literal["head"] = 0,
        *,
        max_failures: int | None = None,
        on_state: Callable[[StreamState], None] | None = None,
    ) -> EventStream:
        """Return the events as a stream, which ends after the last."""
        return RecordedStream(self.api, self.id, after_sequence=after_sequence, on_state=on_state)


class RecordedStream(EventStream):
    """The events of a recording as a stream that ends."""

    def _connection(self) -> Generator[EventBatch, None, bool]:
        """Read the recording; there is nothing to wait for after it."""
        head = self._check_history() or 0
        cursor = self.reception.cursor
        self._change(StreamState("replaying", head=head))
        sql = f"{EVENTS_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT ?"
        while cursor.after_sequence < head and not self.closed:
            found = self._client.query(self.axon_id, sql, [cursor.after_sequence, PAGE])
            events = [AxonEvent.from_row(self.axon_id, row) for row in found.by_rows().rows]
            yield from self.reception.accept(events)
            # A sequence that is not there was left out when the recording was saved.
            yield from self.reception.settle(events[-1].sequence)
        return True
