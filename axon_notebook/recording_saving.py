"""Reads an axon's events and tables for a recording, in bounded memory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .errors import RecordingError, SqlError
from .models import EVENTS_SELECT, AxonEvent
from .progress import ProgressLine
from .recording_file import (
    FORMAT,
    VERSION,
    Definition,
    Header,
    Redact,
    Row,
    Table,
    redacted,
    written,
)

if TYPE_CHECKING:
    from .wire.api import ApiClient

__all__ = ["save_recording"]

PAGE: Final = 5000

_OWN: Final = r"name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE 'rl\_%' ESCAPE '\'"
_OBJECTS: Final = f"SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND {_OWN}"
_VIRTUAL: Final = "SELECT name FROM pragma_table_list WHERE type IN ('virtual', 'shadow')"
_COLUMNS: Final = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0"

Query = Callable[[str, list[Any]], list[Any]]


def save_recording(
    api: ApiClient,
    axon_id: str,
    path: Path,
    *,
    redact: Redact | None = None,
    tables: bool = False,
    progress: bool = True,
) -> int:
    """Write the events up to now, and *tables* if wanted; return how many events.

    Raises:
        RecordingError: *redact* failed, or the file cannot be written; nothing is left of it.
    """
    info = api.get_axon(axon_id)
    found = api.query(axon_id, "SELECT max(sequence) FROM rl_axon_events").by_rows()
    head = int(found.rows[0][0] or 0)
    header = Header(
        FORMAT,
        VERSION,
        axon_id=axon_id,
        name=info.name,
        metadata=info.metadata,
        saved_at_ms=time.time_ns() // 1_000_000,
    )
    line = ProgressLine("saved", head, "events", shown=progress)

    def items() -> Iterator[AxonEvent | Table | Row | Definition]:
        for event in redacted(_events(api, axon_id, head), redact):
            yield event
            line.show(event.sequence)
        if tables:
            yield from _tables(lambda sql, params: api.query(axon_id, sql, params).by_rows().rows)

    try:
        count = written(path, header, items())
    except OSError as error:
        raise RecordingError(f"cannot write {path}: {error.strerror or error}") from error
    line.end()
    return count


def _events(api: ApiClient, axon_id: str, head: int) -> Iterator[AxonEvent]:
    sql = f"{EVENTS_SELECT} WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
    edge = 0
    while edge < head:
        rows = api.query(axon_id, sql, [edge, head, PAGE]).by_rows().rows
        if not rows:
            return
        for row in rows:
            yield AxonEvent.from_row(axon_id, row)
        edge = rows[-1][0]


def _tables(query: Query) -> Iterator[Table | Row | Definition]:
    virtual = {name for (name,) in query(_VIRTUAL, [])}
    objects = query(f"{_OBJECTS} ORDER BY type <> 'table', rowid", [])
    for kind, name, sql in objects:
        if name in virtual:
            if sql.lstrip()[:14].upper() == "CREATE VIRTUAL":
                warnings.warn(f"the virtual table {name} is not saved", stacklevel=3)
        elif kind == "table":
            columns = [column for (column,) in query(_COLUMNS, [name])]
            yield Table(name, sql, columns)
            yield from _rows(query, name, columns)
        else:
            yield Definition(sql)


def _rows(query: Query, table: str, columns: list[str]) -> Iterator[Row]:
    """Yield the rows of a table, by rowid where there is one, else by offset."""
    values = ", ".join(_exact(column) for column in columns)
    hidden = (n for n in ("rowid", "_rowid_", "oid") if n not in map(str.lower, columns))
    rowid = next(hidden, None)
    source = f"FROM {_quoted(table)}"
    if rowid is not None and _has(query, f"SELECT {rowid} {source} LIMIT 1"):
        edge = -(2**63) - 1
        select = f"SELECT {rowid}, {values} {source} WHERE {rowid} >= ? ORDER BY {rowid} LIMIT ?"
        while rows := query(select, [edge + 1, PAGE]):
            yield from (Row(tuple(map(_value, row[1:]))) for row in rows)
            edge = rows[-1][0]
            if edge == 2**63 - 1:
                return
        return
    offset = 0
    while rows := query(f"SELECT {values} {source} LIMIT ? OFFSET ?", [PAGE, offset]):
        yield from (Row(tuple(map(_value, row))) for row in rows)
        offset += len(rows)


def _has(query: Query, sql: str) -> bool:

    try:
        query(sql, [])
    except SqlError:
        return False  # a table WITHOUT ROWID
    return True


def _exact(column: str) -> str:
    """Return SQL for a value that JSON carries exactly: its type, then its text."""
    name = _quoted(column)
    return (
        f"CASE typeof({name}) WHEN 'text' THEN 't' || {name} WHEN 'blob' THEN 'b' || hex({name})"
        f" WHEN 'real' THEN 'r' || printf('%!.17g', {name}) ELSE {name} END"
    )


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    kind, text = value[:1], value[1:]
    if kind == "b":
        return bytes.fromhex(text)
    return float(text) if kind == "r" else text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
