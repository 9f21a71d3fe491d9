"""Pages of an axon's history, read from its database.

A page is bounded in characters too: one of large events is short, so that
memory stays bounded.  Raises apsw's errors, and :class:`~axon_notebook.local.refusals.Refusal`
where a row is not what was published.
"""

from __future__ import annotations

from typing import Any, Final

import apsw

from ...models import EVENT_COLUMNS, ORIGINS, AxonEvent
from .limits import storage_damaged

__all__ = ["HOLES", "count_of", "events_after", "events_before", "is_before"]

#: Characters of payload in one page: of a stream, and of an answer to who asked for a list.
STREAM_TEXT: Final = 1024 * 1024
LIST_TEXT: Final = 16 * 1024 * 1024

#: ``user_version`` of a database whose sequences have holes.
HOLES: Final = 1

_SELECT: Final = f"SELECT {', '.join(EVENT_COLUMNS)} FROM main.rl_axon_events"
_AFTER: Final = f"{_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT ?"
_EXISTS: Final = "SELECT 1 FROM main.rl_axon_events WHERE sequence < ? LIMIT 1"
_BEFORE: Final = f"{_SELECT} WHERE sequence <= ? ORDER BY sequence DESC LIMIT ?"


def events_after(
    connection: apsw.Connection, axon_id: str, sequence: int, limit: int
) -> list[AxonEvent]:
    """Return the events after *sequence*, oldest first; at least one if there is one."""
    return _page(connection, axon_id, _AFTER, (sequence, limit), STREAM_TEXT)


def events_before(
    connection: apsw.Connection, axon_id: str, sequence: int, limit: int
) -> list[AxonEvent]:
    """Return the events up to and with *sequence*, newest first; at least one if there is one."""
    return _page(connection, axon_id, _BEFORE, (sequence, limit), LIST_TEXT)


def is_before(connection: apsw.Connection, sequence: int) -> bool:
    """Whether there is an event before *sequence*."""
    return bool(connection.execute(_EXISTS, (sequence,)).fetchall())


def count_of(connection: apsw.Connection) -> int:
    """Return how many events there are.

    It is the highest sequence, which is found at once, unless recorded events with holes in
    their sequences were imported: then they are counted.
    """
    version: Any = connection.execute("PRAGMA main.user_version").fetchone()
    what = "count(*)" if version[0] == HOLES else "max(sequence)"
    row: Any = connection.execute(f"SELECT {what} FROM main.rl_axon_events").fetchone()
    return row[0] or 0


def _page(
    connection: apsw.Connection, axon_id: str, sql: str, params: tuple[int, int], text: int
) -> list[AxonEvent]:
    rows: Any = connection.execute(sql, params)
    found: list[AxonEvent] = []
    try:
        for row in rows:
            event = AxonEvent.from_row(axon_id, row)
            if row[2] not in ORIGINS:
                raise storage_damaged()
            found.append(event)
            text -= len(event.payload)
            if text <= 0:
                break
    except (UnicodeDecodeError, TypeError):  # not what was published
        raise storage_damaged() from None
    return found
