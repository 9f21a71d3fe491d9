"""A store with one axon, driven from plain functions."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

import apsw
import msgspec

from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.store import Draft, Limits, Store
from axon_notebook.models import AxonEvent, PublishResult, SqlBatchResult, SqlResult

T = TypeVar("T")


class Home:
    """One open store on a loop of its own, and an axon in it."""

    def __init__(self, path: Path, limits: Limits, runner: asyncio.Runner) -> None:
        self.path = path
        self.limits = limits
        self.runner = runner
        self.store = Store(path, limits=limits)
        self.axon = self.do(self.store.create_axon("first", {})).id

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* on the loop."""
        return self.runner.run(work)

    def reopen(self) -> None:
        """Close the store and open the same home again, as a restart does."""
        self.do(self.store.close())
        self.store = Store(self.path, limits=self.limits)

    @property
    def file(self) -> Path:
        return self.path / "axons" / f"{self.axon}.db"

    def publish(self, payload: str = "{}", **fields: Any) -> PublishResult:
        return self.do(self.published(payload, **fields))

    async def published(self, payload: str = "{}", **fields: Any) -> PublishResult:
        event = {"source": "test", "event_type": "note", "origin": "USER_EVENT"} | fields
        return await self.store.publish(self.axon, payload=payload, **event)

    def filled(self, events: int) -> Self:
        """Publish so many events; return this."""
        drafts = [Draft("s", "t", "USER_EVENT", f'{{"i": {i}}}') for i in range(events)]
        self.do(self.store.publish_many(self.axon, drafts))
        return self

    def query(self, sql: str, *params: Any) -> SqlResult:
        return _as_sent(self.do(self.store.query(self.axon, sql, params)))

    def rows(self, sql: str, *params: Any) -> list[Any]:
        return self.query(sql, *params).rows

    def batch(self, *steps: str | tuple[str, Sequence[Any]]) -> SqlBatchResult:
        pairs = [(step, None) if isinstance(step, str) else step for step in steps]
        return self.do(self.store.batch(self.axon, pairs))

    def refusal(self, sql: str, *params: Any) -> Refusal:
        """Return how *sql* is refused; fail if it is not."""
        try:
            result = self.query(sql, *params)
        except Refusal as refused:
            return refused
        raise AssertionError(f"{sql!r} was not refused, but answered {result}")

    def events(self) -> list[AxonEvent]:
        """Return the whole history, oldest first."""
        page = self.do(
            self.store.list_events(self.axon, limit=5000, before=None, include_total_count=True)
        )
        return page.events[::-1]


@contextmanager
def opened(path: Path, **limits: Any) -> Iterator[Home]:
    """Open a store at *path* with one axon; close it after."""
    with asyncio.Runner() as runner:
        home = Home(path, Limits(**limits), runner)
        try:
            yield home
        finally:
            home.do(home.store.close())


def content(file: Path) -> list[Any]:
    """Return all that *file* holds, schema and rows, read by another connection."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        schema: list[Any] = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        ).fetchall()
        tables = [name for name, _ in schema if name != "rl_usage"]
        return [schema, *(connection.execute(f'SELECT * FROM "{t}"').fetchall() for t in tables)]
    finally:
        connection.close()


def _as_sent(result: SqlResult) -> SqlResult:
    """Return *result* with rows as JSON has them."""
    rows = msgspec.json.decode(msgspec.json.encode(result.rows))
    return msgspec.structs.replace(result, rows=rows)
