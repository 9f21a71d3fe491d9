"""The axons of one home: names, metadata, times. Kept when an axon's events are deleted."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from ...models import AxonInfo, AxonList
from ..refusals import Refusal
from .limits import axon_not_found

__all__ = ["Registry", "new_axon_id"]

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS axons (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    metadata TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    deleted_at_ms INTEGER
);
CREATE INDEX IF NOT EXISTS axons_by_name ON axons (name);
"""
_COLUMNS: Final = "id, created_at_ms, name, metadata, deleted_at_ms"
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"


class Registry:
    """One small SQLite database.  Blocking; any thread may call, one at a time gets in.

    Args:
        path: The file; made if it is not there, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            self._set_up()
        except BaseException:
            self._connection.close()
            raise

    def add(self, info: AxonInfo) -> None:
        """Enter a new axon."""
        row = _values(info)
        with self._lock:
            self._connection.execute(
                f"INSERT INTO axons ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
                row,
            )

    def get(self, axon_id: str) -> AxonInfo:
        """Return an axon, deleted or not; 404."""
        found = self._select(f"SELECT {_COLUMNS} FROM axons WHERE id = ?", (axon_id,))
        if not found:
            raise axon_not_found()
        return found[0]

    def update(self, info: AxonInfo) -> None:
        """Store metadata and time of deletion of *info*."""
        metadata = msgspec.json.encode(info.metadata).decode()
        with self._lock:
            self._connection.execute(
                "UPDATE axons SET metadata = ?, deleted_at_ms = ? WHERE id = ?",
                (metadata, info.deleted_at_ms, info.id),
            )

    def page(
        self,
        *,
        limit: int,
        starting_after: str | None,
        name: str | None,
        id: str | None,
        search: str | None,
        metadata: Mapping[str, Sequence[str]] | None,
        include_total_count: bool,
    ) -> AxonList:
        """Return the newest axons that fit every filter, deleted ones too.

        Args:
            limit: Most axons of the page.
            starting_after: Go on after this axon; 400 if there is none.
            name: What the name starts with.
            id: The axon's id.
            search: The id, or a part of the name in any case.
            metadata: For each key the values of which one must be there.
            include_total_count: Whether to count all that fit.
        """
        where, params = _filters(name, id, search, metadata)
        total = self._count(where, params) if include_total_count else None
        if starting_after is not None:
            where = f"{where} AND number < {self._number(starting_after)}"
        found = self._select(
            f"SELECT {_COLUMNS} FROM axons WHERE {where} ORDER BY number DESC LIMIT ?",
            [*params, limit + 1],
        )
        return AxonList(found[:limit], has_more=len(found) > limit, total_count=total)

    def deleted(self) -> list[str]:
        """Return the ids of deleted axons."""
        with self._lock:
            found: Any = self._connection.execute(
                "SELECT id FROM axons WHERE deleted_at_ms NOT NULL"
            ).fetchall()
        return [axon_id for (axon_id,) in found]

    def close(self) -> None:
        """Close the file; may be called again."""
        with self._lock:
            self._connection.close()

    def _set_up(self) -> None:
        self._connection.set_busy_timeout(5_000)
        self._connection.pragma("journal_mode", "wal")
        self._connection.pragma("synchronous", "full")
        with self._connection:
            for _ in self._connection.execute(SCHEMA):
                pass

    def _number(self, axon_id: str) -> int:
        with self._lock:
            found: Any = self._connection.execute(
                "SELECT number FROM axons WHERE id = ?", (axon_id,)
            ).fetchone()
        if found is None:
            raise Refusal(400, "starting_after: no such item.")
        return int(found[0])

    def _count(self, where: str, params: Sequence[str]) -> int:
        with self._lock:
            found: Any = self._connection.execute(
                f"SELECT count(*) FROM axons WHERE {where}",
                params,
            ).fetchone()
        return int(found[0])

    def _select(self, sql: str, params: Sequence[Any]) -> list[AxonInfo]:
        with self._lock:
            rows: Any = self._connection.execute(sql, params).fetchall()
        return [
            AxonInfo(axon_id, created, name, msgspec.json.decode(metadata), deleted)
            for axon_id, created, name, metadata, deleted in rows
        ]


def new_axon_id(now_ms: int | None = None) -> str:
    """Return ``axn_`` and 26 characters: 48 bits of time in ms, then 80 random ones."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    number = (now << 80) | secrets.randbits(80)
    return "axn_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _values(info: AxonInfo) -> tuple[Any, ...]:
    metadata = msgspec.json.encode(info.metadata).decode()
    return info.id, info.created_at_ms, info.name, metadata, info.deleted_at_ms


def _filters(
    name: str | None,
    axon_id: str | None,
    search: str | None,
    metadata: Mapping[str, Sequence[str]] | None,
) -> tuple[str, list[str]]:
    terms, params = ["1"], list[str]()
    if name is not None:
        terms.append("substr(name, 1, length(?)) = ?")
        params += [name, name]
    if axon_id is not None:
        terms.append("id = ?")
        params.append(axon_id)
    if search is not None:
        terms.append("(id = ? OR instr(lower(name), lower(?)))")
        params += [search, search]
    for key, values in (metadata or {}).items():
        places = ", ".join("?" for _ in values)
        terms.append(
            "EXISTS (SELECT 1 FROM json_each(metadata) m"
            f" WHERE m.key = ? AND m.value IN ({places}))"
        )
        params += [key, *values]
    return " AND ".join(terms), params
