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

__all__ = ["events_after", "events_before", "head_of"]

#: Characters of payload in one page: of a stream, and of an answer to who asked for a list.
STREAM_TEXT: Final = 1024 * 1024
LIST_TEXT: Final = 16 * 1024 * 1024

_SELECT: Final = f"SELECT {', '.join(EVENT_COLUMNS)} FROM main.rl_axon_events"
_AFTER: Final = f"{_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT ?"
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


def head_of(connection: apsw.Connection) -> int:
    """Return the highest sequence, 0 for none: sequences have no holes, so it is the count."""
    row: Any = connection.execute("SELECT max(sequence) FROM main.rl_axon_events").fetchone()
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
