"""The file of a recording: a header line, then one event per line, then the tables.

::

    {"format":"axon-recording","version":1,"axon_id":"axn_…","name":"run","saved_at_ms":…}
    {"sequence":1,"timestamp_ms":…,"origin":"USER_EVENT","source":"…","event_type":"…","payload":"…"}
    {"table":{"name":"orders","sql":"CREATE TABLE …","columns":["id","total"]}}
    {"row":[1,9.5]}
    {"sql":"CREATE INDEX …"}
    {"end":{"events":1,"rows":1}}

An INTEGER and a TEXT are a JSON number and a text, NULL is null, a finite REAL is a
number with a point or an exponent, ``{"real":"inf"}`` an infinite one, ``{"blob":"…"}``
base64.  Indexes, views and triggers come after all rows.  Without the ``end`` the file
is incomplete.

Files of one event per line without a header are read as well; what they lack is made
up, and said.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from .compressed_files import UNPACKED_LIMIT, FileDamagedError, lines_of, opened_for_writing
from .errors import RecordingError
from .models import ORIGINS, AxonEvent, Redact

__all__ = [
    "FORMAT",
    "VERSION",
    "Definition",
    "Header",
    "RecordedEvent",
    "RecordingReader",
    "Redact",
    "Row",
    "Table",
    "event_line",
    "redacted",
    "written",
]

FORMAT: Final = "axon-recording"
VERSION: Final = 1


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line."""

    format: Literal["axon-recording"]
    version: int
    axon_id: str | None = None
    name: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    saved_at_ms: int | None = None


class RecordedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event of a recording: that of an axon, without the axon's id."""

    sequence: int
    timestamp_ms: int
    origin: str
    source: str
    event_type: str
    payload: str


class Table(msgspec.Struct, frozen=True):
    """A table of the user; its rows follow."""

    name: str
    sql: str
    columns: list[str]


class Row(msgspec.Struct, frozen=True):
    """A row of the last table, as values of SQLite."""

    values: tuple[object, ...]


class Definition(msgspec.Struct, frozen=True):
    """An index, a view or a trigger."""

    sql: str


class End(msgspec.Struct, frozen=True):
    """The last line: what the file holds."""

    events: int
    rows: int = 0


class Line(msgspec.Struct, frozen=True, gc=False):
    """Any line but the header."""

    sequence: int | None = None
    timestamp_ms: int | None = None
    origin: str | int | None = None
    source: str | None = None
    event_type: str | None = None
    payload: str | None = None
    table: Table | None = None
    row: list[object] | None = None
    sql: str | None = None
    end: End | None = None


Item = RecordedEvent | Table | Row | Definition

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Line).decode


def event_line(event: AxonEvent | RecordedEvent) -> bytes:
    """Return the line of an event, with its newline."""
    kept = RecordedEvent(
        event.sequence,
        event.timestamp_ms,
        event.origin,
        event.source,
        event.event_type,
        event.payload,
    )
    return _encode(kept) + b"\n"


def written(
    path: Path, header: Header, items: Iterable[AxonEvent | Table | Row | Definition]
) -> int:
    """Write a recording; it appears at *path* as a whole, or not at all.

    Returns:
        The number of events.

    Raises:
        OSError: It cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    events = rows = 0
    try:
        with opened_for_writing(part, path.name) as file:
            file.write(_encode(header) + b"\n")
            for item in items:
                if isinstance(item, AxonEvent):
                    events += 1
                    file.write(event_line(item))
                    continue
                rows += isinstance(item, Row)
                file.write(_encode(_plain(item)) + b"\n")
            file.write(_encode({"end": End(events, rows)}) + b"\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return events


class RecordingReader:
    """Reads a recording once, item by item, in bounded memory.

    Attributes:
        header: The header; an empty one where the file has none.
        notes: What was made up and what is missing, once the file was read.
    """

    def __init__(self, path: Path, *, limit: int = UNPACKED_LIMIT) -> None:
        self.path = path
        self.header = Header(FORMAT, 0)
        self.notes: list[str] = []
        self._limit = limit
        self._number = 0
        self._events = 0
        self._rows = 0
        self._last = 0
        self._time = 0
        self._columns = -1
        self._made_up: dict[str, int] = {}
        self._ended = False

    def __iter__(self) -> Iterator[Item]:
        """Read the file.

        Raises:
            RecordingError: A line is damaged, or the file is not a recording; it names the
                line, and how many events were read before.
        """
        try:
            for line in lines_of(self.path, limit=self._limit):
                self._number += 1
                if line.strip():
                    item = self._item(line)
                    if item is not None:
                        yield item
        except FileDamagedError as error:
            self._number += 1
            raise self._error(str(error)) from None
        except OSError as error:
            raise RecordingError(
                f"cannot read {self.path}: {error.strerror or error}; paths start at {Path.cwd()}",
                path=str(self.path),
            ) from None
        self._finish()

    def _item(self, line: bytes) -> Item | None:
        if self._number == 1 and self._is_header(line):
            return None
        if self._ended:
            raise self._error("something follows the end of the recording")
        try:
            found = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._error(f"the line is not an event: {error}") from None
        if found.event_type is not None:
            return self._event(found)
        if found.row is not None:
            return self._row(found.row)
        if found.table is not None:
            self._columns = len(found.table.columns)
            return found.table
        if found.sql is not None:
            return Definition(found.sql)
        if found.end is not None:
            self._check_end(found.end)
            return None
        raise self._error('the line has no "event_type": each line is one event')

    def _is_header(self, line: bytes) -> bool:
        try:
            fields = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._error(f"not a recording: {error}") from None
        if fields.get("format") != FORMAT:
            return False
        version = fields.get("version")
        if isinstance(version, int) and version > VERSION:
            raise self._error(
                f"the recording has version {version}, this package reads {VERSION}:"
                " pip install -U axon-notebook"
            )
        try:
            self.header = msgspec.convert(fields, Header)
        except msgspec.ValidationError as error:
            raise self._error(f"the header is damaged: {error}") from None
        return True

    def _event(self, found: Line) -> RecordedEvent:
        if self._columns >= 0:
            raise self._error("an event follows the tables")
        sequence = self._or("sequence", found.sequence, self._last + 1)
        if sequence <= self._last or sequence > 2**63 - 1:
            raise self._error(f"sequence {sequence} follows {self._last}")
        if self._time == 0 and found.timestamp_ms is None:
            self._time = int(self.path.stat().st_mtime * 1000)
        time = self._or("timestamp_ms", found.timestamp_ms, self._time)
        origin = self._or("origin", found.origin, "EXTERNAL_EVENT")
        origin = ORIGINS.get(origin, origin) if isinstance(origin, int) else origin
        if origin not in ORIGINS.values():
            raise self._error(f"origin {origin!r} is not one of {', '.join(ORIGINS.values())}")
        source = self._or("source", found.source, "recording")
        payload = self._or("payload", found.payload, "{}")
        self._last, self._time = sequence, time
        self._events += 1
        return RecordedEvent(sequence, time, origin, source, found.event_type or "", payload)

    def _or(self, field: str, value: object, otherwise: object) -> Any:
        if value is not None:
            return value
        if self.header.version:
            raise self._error(f"the event has no {field}")
        self._made_up[field] = self._made_up.get(field, 0) + 1
        return otherwise

    def _row(self, values: list[object]) -> Row:
        if len(values) != self._columns:
            raise self._error(
                f"the row has {len(values)} values, its table {self._columns} columns"
            )
        self._rows += 1
        try:
            return Row(tuple(_value(value) for value in values))
        except ValueError as error:
            raise self._error(f"the row has a value that is not SQLite's: {error}") from None

    def _check_end(self, end: End) -> None:
        self._ended = True
        if (end.events, end.rows) != (self._events, self._rows):
            raise self._error(
                f"the recording ends after {self._events:,} events and {self._rows:,} rows,"
                f" but has {end.events:,} and {end.rows:,}"
            )

    def _finish(self) -> None:
        if not self._number:
            raise self._error("the file is empty")
        if self.header.version and not self._ended:
            self.notes.append("the recording has no end: later events may be missing")
        how = {
            "sequence": "numbered from 1 in the order of the lines",
            "timestamp_ms": "that of the event before, at first that of the file",
            "origin": "EXTERNAL_EVENT",
            "source": "recording",
            "payload": "{}",
        }
        for field, count in self._made_up.items():
            events = f"{count:,} event{'' if count == 1 else 's'}"
            self.notes.append(f"{field} of {events} is made up: {how[field]}")

    def _error(self, problem: str) -> RecordingError:
        before = f"{self._events:,} event{'' if self._events == 1 else 's'} before it can be read"
        return RecordingError(
            f"{self.path}, line {max(1, self._number):,}: {problem}; {before}",
            path=str(self.path),
            line=max(1, self._number),
            events=self._events,
        )


def _plain(item: Table | Row | Definition) -> dict[str, object]:
    if isinstance(item, Table):
        return {"table": item}
    if isinstance(item, Row):
        return {"row": [_json_value(value) for value in item.values]}
    return {"sql": item.sql}


def _json_value(value: object) -> object:
    if isinstance(value, bytes):
        return {"blob": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"real": repr(value)}
    return value


def _value(value: object) -> object:
    if value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63:
        return value
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(blob := value.get("blob"), str):
            return base64.b64decode(blob, validate=True)
        if value.get("real") in ("inf", "-inf"):
            return float(value["real"])
    raise ValueError(repr(value)[:80])


#: Returns what to save of an event, or ``None`` to leave it out.


def redacted(events: Iterable[AxonEvent], redact: Redact | None) -> Iterator[AxonEvent]:
    """Yield what *redact* makes of *events*.

    Raises:
        RecordingError: It failed; without its own words, which may hold what must not be seen.
    """
    for event in events:
        kept: AxonEvent | None = event
        if redact is not None:
            try:
                kept = redact(event)
            except Exception as error:
                name = type(error).__name__
                raise RecordingError(
                    f"redact failed on event {event.sequence} ({name}): nothing was saved"
                ) from error
        if kept is not None:
            yield kept
