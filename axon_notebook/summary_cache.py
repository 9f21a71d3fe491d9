"""Rows of the summary of runs, kept on this machine: what a history says up to a sequence stays so.

One SQLite file in the platform's cache directory, readable by its owner alone.  A row is named by
the server, the axon and the sequence up to which it was read; another version of this package
does not read it.  A file that is damaged is thrown away.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from .version import __version__

__all__ = ["SummaryCache", "cache_directory"]

#: Changes when rows mean something else.
FORMAT: Final = f"1 {__version__}"
_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS summary (place TEXT, axon TEXT, sequence INTEGER, format TEXT, "
    "row TEXT, PRIMARY KEY (place, axon)) WITHOUT ROWID"
)

T = TypeVar("T")
Row = dict[str, Any]


def cache_directory() -> Path:
    """Return where this package may keep what can be made anew."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("axon-notebook", appauthor=False))


class SummaryCache:
    """Opens its file for each call; a cache that cannot be read or written is empty.

    Args:
        place: The server.
        folder: Where the file is; made if it does not exist.
    """

    def __init__(self, place: str, folder: Path) -> None:
        self._place = place
        self.path = folder / "summaries.db"

    def rows(self, sequences: Mapping[str, int]) -> dict[str, Row]:
        """Return the rows of those axons that were read up to just these *sequences*."""
        query = "SELECT axon, sequence, row FROM summary WHERE place = ? AND format = ?"

        def read(database: sqlite3.Connection) -> dict[str, Row]:
            stored = database.execute(query, (self._place, FORMAT))
            return {
                axon: msgspec.json.decode(row, type=Row)
                for axon, sequence, row in stored
                if sequences.get(axon) == sequence
            }

        return self._use(read) or {}

    def keep(self, rows: Iterable[tuple[str, int, Row]]) -> None:
        """Store rows by axon and sequence, in place of older ones."""
        values = [(self._place, a, s, FORMAT, msgspec.json.encode(r).decode()) for a, s, r in rows]
        if values:
            self._use(
                lambda database: database.executemany(
                    "INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?, ?)", values
                )
            )

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Do *work* in a transaction; ``None`` where that cannot be."""
        try:
            with contextlib.closing(self._connect()) as database, database:
                return work(database)
        except (sqlite3.OperationalError, OSError):
            return None  # another process holds it for long, or there is no place to write
        except (sqlite3.DatabaseError, msgspec.MsgspecError):
            self.path.unlink(missing_ok=True)  # damaged
            return None

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with its mode, before SQLite would make it with another.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        database = sqlite3.connect(self.path, timeout=2.0)
        try:
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
        return database
