"""Makes an axon of a recording, with its sequences, times and origins where the server can."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .errors import ApiError, RecordingError
from .models import PUBLISH_ORIGINS, AxonEvent, AxonInfo, EventDraft
from .publishing import event_draft, publish_in_batches
from .recording_database import insert_statement
from .recording_file import RecordedEvent, RecordingReader, Row, Table, event_line

if TYPE_CHECKING:
    from .wire.api import ApiClient

__all__ = ["import_events", "import_recording", "publish_recorded"]

#: How a server that cannot import may refuse it.
NO_SUCH_ENDPOINT: Final = frozenset({400, 403, 404, 405, 415, 501})

#: Limits of a batch of SQL: statements, values of a statement, characters.
STATEMENTS: Final = 100
VALUES: Final = 500
CHARACTERS: Final = 1024 * 1024

Statement = tuple[str, Sequence[Any]]


def import_recording(api: ApiClient, path: Path, name: str | None = None) -> AxonInfo:
    """Make a new axon of the recording *path*.

    Raises:
        RecordingError: The file is damaged; there is no axon.
    """
    recording = _Source(path)
    header = recording.header()
    about = {
        "name": name or header.name or path.name.partition(".")[0],
        "metadata": {
            **header.metadata,
            "imported_from": path.name,
            "imported_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **({"recorded_axon": header.axon_id} if header.axon_id else {}),
        },
    }
    try:
        info = api.import_axon(lambda: recording.lines(about))
    except ApiError as error:
        if error.status not in NO_SUCH_ENDPOINT or _is_about_an_event(error):
            raise
        info = _published(api, recording, about)
    if recording.has_tables:
        _add_tables(api, info, recording)
    for note in recording.notes:
        warnings.warn(f"{path.name}: {note}", stacklevel=3)
    return info


def import_events(api: ApiClient, axon_id: str, events: Sequence[RecordedEvent]) -> str:
    """Store *events* in an axon without any, with their sequences, times and origins.

    Returns:
        Why that cannot be; nothing was done then.  Empty if they are stored.
    """
    if api.list_events(axon_id, limit=1, count=False).events:
        return "the axon has events"
    try:
        api.import_events(axon_id, lambda: _pieces(map(event_line, events)))
    except ApiError as error:
        refused = error.status in NO_SUCH_ENDPOINT and not _is_about_an_event(error)
        if not refused or api.get_axon(axon_id).deleted_at_ms:
            raise
        return "this server cannot import"
    return ""


class _Source:
    """Reads the file as often as it is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.has_tables = False
        self.notes: list[str] = []

    def header(self) -> Any:
        """Return the header; reads no more than the first event."""
        reader = RecordingReader(self.path)
        next(iter(reader), None)
        return reader.header

    def events(self) -> Iterator[RecordedEvent]:
        """Yield the events."""
        reader = RecordingReader(self.path)
        for item in reader:
            if isinstance(item, RecordedEvent):
                yield item
            else:
                self.has_tables = True
        self.notes = reader.notes

    def lines(self, about: object) -> Iterator[bytes]:
        """Yield the body of an import."""
        yield msgspec.json.encode(about) + b"\n"
        yield from _pieces(map(event_line, self.events()))

    def statements(self) -> Iterator[Statement]:
        """Yield what makes the tables."""
        insert, width = "", 0
        rows: list[Row] = []
        for item in RecordingReader(self.path):
            if isinstance(item, RecordedEvent):
                continue
            if isinstance(item, Row):
                rows.append(item)
                if (len(rows) + 1) * width <= VALUES:
                    continue
            if rows:
                yield _insert(insert, rows)
                rows = []
            if not isinstance(item, Row):
                yield item.sql, ()
            if isinstance(item, Table):
                insert, width = insert_statement(item), len(item.columns)
        if rows:
            yield _insert(insert, rows)


def drafts_of(events: Iterable[RecordedEvent | AxonEvent]) -> Iterator[EventDraft]:
    """Yield *events* as they can be published; the server's own origin is not one of those."""
    for event in events:
        origin = event.origin if event.origin in PUBLISH_ORIGINS else "EXTERNAL_EVENT"
        yield event_draft(event.event_type, event.payload, event.source, origin)


def publish_recorded(api: ApiClient, axon_id: str, events: Sequence[AxonEvent]) -> None:
    """Publish *events* with their origins where the server takes them from a recording."""
    if api.accepts_replays:
        try:
            api.replay_events(axon_id, events)
        except ApiError as error:
            if error.status not in NO_SUCH_ENDPOINT or api.get_axon(axon_id).deleted_at_ms:
                raise
            api.accepts_replays = False
        else:
            return
    for _ in publish_in_batches(api, axon_id, drafts_of(events)):
        pass


def _published(api: ApiClient, recording: _Source, about: dict[str, Any]) -> AxonInfo:
    """Publish the events, because the server cannot import."""
    info = api.create_axon(about["name"], about["metadata"])
    for _ in publish_in_batches(api, info.id, drafts_of(recording.events())):
        pass
    warnings.warn(
        "this server cannot import: sequences and times are new, and SYSTEM_EVENT became"
        " EXTERNAL_EVENT",
        stacklevel=4,
    )
    return info


def _add_tables(api: ApiClient, info: AxonInfo, recording: _Source) -> None:
    batch: list[Statement] = []
    size = 0
    last: Statement = ("", ())
    for sql, params in chain(recording.statements(), [last]):
        if batch and (not sql or len(batch) == STATEMENTS or size > CHARACTERS):
            for step in api.batch(info.id, batch).results:
                if step.error is not None:
                    api.delete_axon(info.id)
                    raise RecordingError(
                        f"{recording.path}: the tables cannot be made: {step.error.message};"
                        " nothing was imported",
                        path=str(recording.path),
                    )
            batch, size = [], 0
        batch.append((sql, params))
        size += len(sql) + sum(len(value) for value in params if isinstance(value, str))


def _insert(insert: str, rows: Sequence[Row]) -> Statement:
    """Return one statement for *rows*; JSON has no bytes and no infinity."""
    head = insert.rpartition(" VALUES ")[0]
    places = ", ".join(f"({', '.join(map(_place, row.values))})" for row in rows)
    values = (value for row in rows for value in row.values if not _is_infinite(value))
    params = [value.hex() if isinstance(value, bytes) else value for value in values]
    return f"{head} VALUES {places}", params


def _place(value: Any) -> str:
    if isinstance(value, bytes):
        return "unhex(?)"
    if _is_infinite(value):
        return "9e999" if value > 0 else "-9e999"
    return "?"


def _is_infinite(value: Any) -> bool:
    return isinstance(value, float) and math.isinf(value)


def _pieces(lines: Iterable[bytes], size: int = 256 * 1024) -> Iterator[bytes]:
    """Join lines, so that each write carries many."""
    gathered: list[bytes] = []
    length = 0
    for line in lines:
        gathered.append(line)
        length += len(line)
        if length >= size:
            yield b"".join(gathered)
            gathered, length = [], 0
    yield b"".join(gathered)


def _is_about_an_event(error: ApiError) -> bool:
    return "of the import" in str(error)
