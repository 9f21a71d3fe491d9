"""One home directory: the registry of axons, and one database for each.

::

    home/                      0700
    ├── registry.db            0600   names, metadata, times
    └── axons/                 0700
        └── axn_….db           0600   events, and the tables of users

Which thread runs what: every ``async`` method is called on the service's one
loop, which never touches a disk.  Publishes go through the axon's lane to one
of ``publishers`` threads; statements of users that write, and batches, through
the same lane to ``sql-writers``; statements that only read to ``sql-readers``,
on connections of their own; lists and the registry to ``history``.  Threads of
SQL give way to the others in CPU time.
"""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from ...errors import ServiceError
from ...models import (
    AxonEvent,
    AxonEventList,
    AxonInfo,
    AxonList,
    PublishResult,
    SqlBatchResult,
    SqlResult,
    SqlStep,
    SqlStepError,
)
from ..http.sse_frames import join_frames
from ..refusals import Refusal
from .axon_registry import Registry, new_axon_id
from .commit import LAST_SEQUENCE, Draft
from .connections import Connections
from .database import AxonDatabase
from .history import count_of, events_after, events_before, is_before
from .importing import import_events, insert_events
from .limits import Limits, axon_not_found, stopping
from .statement_run import Run
from .statements import NeedsWriter, SqlConnection, Statement, checked, refusal_for
from .workers import Workers
from .writer import Lane

__all__ = ["Draft", "Limits", "Store"]

T = TypeVar("T")

_SKIPPED: Final = "not executed: transaction rolled back"


class Store:
    """One home directory: the registry and one database per axon; lives as long as the service.

    Args:
        directory: Where everything is kept; made if it is not there.
        limits: Sizes and times.

    Raises:
        ServiceError: If nothing can be kept there.

    Attributes:
        folder: The directory.
        on_published: Called on the loop after each commit, with the axon's id
            and the new events in sequence order.
    """

    def __init__(self, directory: Path, *, limits: Limits = Limits()) -> None:  # noqa: B008
        self.limits = limits
        self.on_published: Callable[[str, list[AxonEvent]], None] = _ignored
        self.folder = directory
        self._axons = directory / "axons"
        apsw.hard_heap_limit(limits.heap_bytes)
        self._registry = _open_registry(directory)
        self._known: dict[str, AxonInfo] = {}
        self._lanes: dict[str, Lane] = {}
        self._databases: dict[str, AxonDatabase] = {}
        self._opening = threading.Lock()
        self._connections = Connections(limits.idle_connections)
        self._runs: weakref.WeakSet[Run[Any]] = weakref.WeakSet()
        self._closed = False
        self._publishers = Workers("axon-publish", 8)
        self._sql_writers = Workers("axon-sql-write", 4, spare=4, nice=10)
        self._sql_readers = Workers(
            "axon-sql-read", limits.sql_readers, spare=limits.sql_readers, nice=10
        )
        self._history = Workers("axon-history", 4)
        for axon_id in self._registry.deleted():
            AxonDatabase.remove(self._path(axon_id))

    # The registry ------------------------------------------------------------------

    async def create_axon(self, name: str | None, metadata: Mapping[str, str]) -> AxonInfo:
        """Make an axon with an empty history."""
        now = time.time_ns() // 1_000_000
        info = AxonInfo(new_axon_id(now), now, name, dict(metadata))

        def create() -> None:
            AxonDatabase.create(self._path(info.id))
            self._registry.add(info)

        await self._on_disk(create)
        self._known[info.id] = info
        return info

    async def import_axon(
        self, name: str | None, metadata: Mapping[str, str], lines: Iterable[bytes]
    ) -> AxonInfo:
        """Make an axon with recorded events; see :func:`~.importing.import_events`."""
        now = time.time_ns() // 1_000_000
        info = AxonInfo(new_axon_id(now), now, name, dict(metadata))
        path = self._path(info.id)

        def create() -> None:
            AxonDatabase.create(path)
            try:
                import_events(path, lines, self.limits, stopped=lambda: self._closed)
                self._registry.add(info)
            except BaseException:
                AxonDatabase.remove(path)
                raise

        await self._on_disk(create)
        self._known[info.id] = info
        return info

    async def import_events(self, axon_id: str, lines: Iterable[bytes]) -> PublishResult:
        """Give an axon without events recorded ones; 409 if it has any.  Returns the newest."""
        limits, lane = self.limits, await self._lane(axon_id)
        stopped = lambda: self._closed  # noqa: E731
        return await lane.fill(lambda file: insert_events(file, lines, limits, stopped=stopped))

    async def get_axon(self, axon_id: str) -> AxonInfo:
        """Return an axon, deleted or not; 404."""
        known = self._known.get(axon_id)
        if known is None:
            known = await self._on_disk(lambda: self._registry.get(axon_id))
            self._known[axon_id] = known
        return known

    async def list_axons(
        self,
        *,
        limit: int,
        starting_after: str | None = None,
        name: str | None = None,
        id: str | None = None,
        search: str | None = None,
        metadata: Mapping[str, Sequence[str]] | None = None,
        include_total_count: bool = True,
    ) -> AxonList:
        """Return a page of axons, newest first, deleted ones too; see :meth:`Registry.page`."""
        return await self._on_disk(
            lambda: self._registry.page(
                limit=limit,
                starting_after=starting_after,
                name=name,
                id=id,
                search=search,
                metadata=metadata,
                include_total_count=include_total_count,
            )
        )

    async def update_axon(self, axon_id: str, metadata: Mapping[str, str] | None) -> AxonInfo:
        """Replace the metadata, or leave it if ``None``; 409 for a deleted axon."""
        info = await self.get_axon(axon_id)
        if info.deleted_at_ms is not None:
            raise Refusal(409, "Axon is deleted: it can be read, but not updated.")
        if metadata is None:
            return info
        return await self._record(msgspec.structs.replace(info, metadata=dict(metadata)))

    async def delete_axon(self, axon_id: str) -> None:
        """Remove the events and tables for good; the registry's record stays.

        Deleting a deleted axon changes nothing.
        """
        info = await self.get_axon(axon_id)
        if info.deleted_at_ms is not None:
            return
        now = time.time_ns() // 1_000_000
        await self._record(msgspec.structs.replace(info, deleted_at_ms=now))
        lane = self._lanes.pop(axon_id, None)
        if lane is not None:
            await lane.idle()
        await self._on_disk(lambda: self._discard(axon_id))

    # Events ------------------------------------------------------------------------

    async def publish(
        self,
        axon_id: str,
        *,
        source: str,
        event_type: str,
        origin: str,
        payload: str,
        request_id: str | None = None,
    ) -> PublishResult:
        """Store one event; it is on disk when this returns.

        A *request_id* seen in the last minutes returns the first answer again;
        409 if it came with another event.
        """
        self._check_size(payload)
        lane = self._lanes.get(axon_id) or await self._lane(axon_id)
        draft = Draft(source, event_type, origin, payload)
        return (await lane.publish((draft,), request_id))[0]

    async def publish_many(
        self, axon_id: str, events: Sequence[Draft], *, request_id: str | None = None
    ) -> list[PublishResult]:
        """Store *events* in one transaction, one after the other; see :meth:`publish`."""
        for event in events:
            self._check_size(event.payload)
        lane = await self._lane(axon_id)
        return await lane.publish(events, request_id)

    async def head(self, axon_id: str) -> int:
        """Return the highest sequence, 0 for an empty history."""
        lane = await self._lane(axon_id)
        return await lane.current_head()

    async def list_events(
        self, axon_id: str, *, limit: int, before: int | None, include_total_count: bool
    ) -> AxonEventList:
        """Return a page of events, newest first.

        Args:
            axon_id: The axon.
            limit: Most events of the page; a page of large events is shorter.
            before: Only sequences below this one.
            include_total_count: Whether to say how many there are in all.
        """
        await self._live(axon_id)
        start = LAST_SEQUENCE if before is None else before - 1

        def read() -> AxonEventList:
            with self._database(axon_id).history() as connection:
                found = events_before(connection, axon_id, start, limit)
                total = count_of(connection) if include_total_count else None
                has_more = bool(found) and is_before(connection, found[-1].sequence)
            return AxonEventList(found, has_more=has_more, total_count=total)

        return await self._on_disk(read)

    def read_frames(self, axon_id: str, after_sequence: int, limit: int) -> tuple[bytes, int, int]:
        """Return up to *limit* events after *after_sequence* as frames of the stream.

        Blocking: call it in a thread, any one.

        Returns:
            The frames in one piece, the sequence of the last (*after_sequence* if
            there is none), and their number.
        """
        try:
            with self._database(axon_id).history() as connection:
                found = events_after(connection, axon_id, after_sequence, limit)
        except apsw.Error as error:
            raise refusal_for(error) from None
        last = found[-1].sequence if found else after_sequence
        return join_frames(found), last, len(found)

    # SQL -----------------------------------------------------------------------------

    async def query(self, axon_id: str, sql: str, params: Sequence[Any] | None = None) -> SqlResult:
        """Run one statement; being cancelled interrupts it.

        Raises:
            Refusal: 400 with SQLite's message, 503 while others take all turns.
        """
        await self._live(axon_id)
        statement = checked(sql, params, self.limits)
        try:
            return await self._read(axon_id, statement)
        except NeedsWriter:
            return await self._write(axon_id, statement)

    async def batch(
        self, axon_id: str, statements: Sequence[tuple[str, Sequence[Any] | None]]
    ) -> SqlBatchResult:
        """Run statements in one transaction: all of them are kept, or nothing."""
        if len(statements) > self.limits.sql_statements:
            raise Refusal(400, f"a batch takes at most {self.limits.sql_statements} statements.")
        lane = await self._lane(axon_id)

        def work(run: Run[SqlBatchResult]) -> SqlBatchResult:
            with self._database(axon_id).sql_writer() as sql:
                return _batch(run, sql, statements, self.limits)

        run = Run(work, self.limits, self._sql_writers, lane.stuck)
        self._runs.add(run)
        result: SqlBatchResult = await lane.run(run)
        return result

    async def _read(self, axon_id: str, statement: Statement) -> SqlResult:
        def work(run: Run[SqlResult]) -> SqlResult:
            with self._database(axon_id).sql_reader() as sql, run.using(sql):
                return sql.run(statement)

        run = Run(work, self.limits, self._sql_readers)
        self._runs.add(run)
        self._sql_readers.submit(run.work)
        return await run.result()

    async def _write(self, axon_id: str, statement: Statement) -> SqlResult:
        lane = await self._lane(axon_id)

        def work(run: Run[SqlResult]) -> SqlResult:
            with self._database(axon_id).sql_writer() as sql, run.using(sql), sql.transaction():
                return sql.run(statement)

        run = Run(work, self.limits, self._sql_writers, lane.stuck)
        self._runs.add(run)
        result: SqlResult = await lane.run(run)
        return result

    # ---------------------------------------------------------------------------------

    async def close(self) -> None:
        """Finish what waits, close every file, end the threads; may be called again."""
        if self._closed:
            return
        self._closed = True
        for run in tuple(self._runs):
            run.stop(stopping())
        for lane in list(self._lanes.values()):
            await lane.idle()
        self._lanes.clear()
        await asyncio.to_thread(self._close_files)

    def _close_files(self) -> None:
        for workers in (self._publishers, self._sql_writers, self._sql_readers, self._history):
            workers.close()
        self._connections.close()
        self._registry.close()

    def _discard(self, axon_id: str) -> None:
        with self._opening:
            database = self._databases.pop(axon_id, None)
        if database is not None:
            database.close()
        AxonDatabase.remove(self._path(axon_id))

    def _check_size(self, payload: str) -> None:
        most = self.limits.payload_bytes
        # A character has four bytes at most: counting them is rarely needed.
        if len(payload) > most // 4 and len(payload.encode()) > most:
            raise Refusal(413, f"payload is larger than {most} bytes.")

    def _path(self, axon_id: str) -> Path:
        return self._axons / f"{axon_id}.db"

    async def _live(self, axon_id: str) -> None:
        """Refuse with 404 unless the axon is there and not deleted."""
        if self._closed:
            raise stopping()
        if (await self.get_axon(axon_id)).deleted_at_ms is not None:
            raise axon_not_found()

    async def _lane(self, axon_id: str) -> Lane:
        await self._live(axon_id)
        lane = self._lanes.get(axon_id)
        if lane is None:
            lane = self._lanes[axon_id] = Lane(
                axon_id,
                lambda: self._database(axon_id),
                self.limits,
                publishers=self._publishers,
                sql_writers=self._sql_writers,
                published=lambda axon, events: self.on_published(axon, events),
            )
        return lane

    def _database(self, axon_id: str) -> AxonDatabase:
        """Return the open database of an axon; blocking, for any thread."""
        with self._opening:
            database = self._databases.get(axon_id)
            if database is None:
                if self._registry.get(axon_id).deleted_at_ms is not None:
                    raise axon_not_found()
                database = AxonDatabase(self._path(axon_id), self.limits, self._connections)
                self._databases[axon_id] = database
            return database

    async def _on_disk(self, call: Callable[[], T]) -> T:
        try:
            return await self._history.call(call)
        except apsw.Error as error:
            raise refusal_for(error) from None

    async def _record(self, info: AxonInfo) -> AxonInfo:
        await self._on_disk(lambda: self._registry.update(info))
        self._known[info.id] = info
        return info


def _open_registry(directory: Path) -> Registry:
    try:
        for made in (directory, directory / "axons"):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.chmod(0o700)
        return Registry(directory / "registry.db")
    except (OSError, apsw.Error) as error:
        raise ServiceError(
            f"cannot keep axons in {directory} ({error}): set AXON_NOTEBOOK_HOME to a folder"
            " that can be written"
        ) from error


def _batch(
    run: Run[SqlBatchResult],
    sql: SqlConnection,
    statements: Sequence[tuple[str, Sequence[Any] | None]],
    limits: Limits,
) -> SqlBatchResult:
    steps: list[SqlStep] = []
    try:
        with sql.transaction():
            for text, params in statements:
                with run.using(sql):
                    steps.append(SqlStep(success=sql.run(checked(text, params, limits))))
    except Refusal as refused:
        if refused.status >= 500:
            raise
        steps.append(SqlStep(error=SqlStepError(refused.message)))
        rest = len(statements) - len(steps)
        steps += [SqlStep(error=SqlStepError(_SKIPPED))] * rest
    return SqlBatchResult(steps)


def _ignored(axon_id: str, events: list[AxonEvent]) -> None:
    """There is no listener yet."""
