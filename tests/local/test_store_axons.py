"""Axons in the store: the registry, deletion, closing."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from axon_notebook.errors import ServiceError
from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.store import Limits, Store

from .scenario import scenario
from .stored import Home, opened


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home") as home:
        yield home


# Axons -------------------------------------------------------------------------------------


def test_axons_are_listed_newest_first_with_their_filters(home: Home) -> None:
    """The list is how people find a run again."""
    store = home.store

    async def fill() -> None:
        for i in range(5):
            await store.create_axon(f"build-{i}", {"team": "ab"[i % 2], "k.e'y": "1"})

    async def names(**filters: object) -> list[str | None]:
        return [a.name for a in (await store.list_axons(limit=10, **filters)).axons]

    home.do(fill())
    newest = home.do(store.list_axons(limit=1)).axons[0]

    assert home.do(names()) == ["build-4", "build-3", "build-2", "build-1", "build-0", "first"]
    assert home.do(names(name="build")) == [f"build-{i}" for i in (4, 3, 2, 1, 0)]
    assert home.do(names(name="uild")) == []
    assert home.do(names(search="ILD-3")) == ["build-3"]
    assert home.do(names(search=newest.id)) == ["build-4"]
    assert home.do(names(id=newest.id)) == ["build-4"]
    assert home.do(names(metadata={"team": ["b"]})) == ["build-3", "build-1"]
    assert home.do(names(metadata={"team": ["a", "b"], "k.e'y": ["1"]}, name="build-1")) == [
        "build-1"
    ]


def test_the_axon_list_pages_and_counts(home: Home) -> None:
    """A pager asks with the last id it saw until nothing is left."""
    store = home.store
    for i in range(4):
        home.do(store.create_axon(str(i), {}))
    first = home.do(store.list_axons(limit=3))
    rest = home.do(store.list_axons(limit=3, starting_after=first.axons[-1].id))

    assert ([a.name for a in first.axons], first.has_more, first.total_count) == (
        ["3", "2", "1"],
        True,
        5,
    )
    assert ([a.name for a in rest.axons], rest.has_more) == (["0", "first"], False)
    with pytest.raises(Refusal, match="starting_after: no such item"):
        home.do(store.list_axons(limit=3, starting_after="axn_nope"))


def test_ids_sort_by_time_of_creation(home: Home) -> None:
    """Listings by id then show the order of the runs."""
    made = [home.axon]
    for _ in range(3):
        time.sleep(0.002)
        made.append(home.do(home.store.create_axon(None, {})).id)

    assert made == sorted(made)
    assert all(len(axon_id) == 30 and axon_id.startswith("axn_") for axon_id in made)


def test_metadata_is_replaced_left_or_cleared(home: Home) -> None:
    """The API's three cases of update, kept over a restart."""
    update = home.store.update_axon
    home.do(update(home.axon, {"a": "1"}))

    assert home.do(update(home.axon, {"b": "2"})).metadata == {"b": "2"}
    assert home.do(update(home.axon, None)).metadata == {"b": "2"}
    home.reopen()
    assert home.do(home.store.get_axon(home.axon)).metadata == {"b": "2"}
    assert home.do(home.store.update_axon(home.axon, {})).metadata == {}


def test_a_deleted_axon_keeps_its_record_and_nothing_else(home: Home) -> None:
    """Deleting is for the data; the registry still says what was there."""
    home.publish("secret")
    home.query("SELECT 1")
    home.do(home.store.delete_axon(home.axon))
    home.do(home.store.delete_axon(home.axon))

    assert home.do(home.store.get_axon(home.axon)).deleted_at_ms is not None
    assert list(home.file.parent.iterdir()) == []
    for work in (
        home.published(),
        home.store.query(home.axon, "SELECT 1", None),
        home.store.head(home.axon),
        home.store.list_events(home.axon, limit=1, before=None, include_total_count=False),
    ):
        with pytest.raises(Refusal, match="Axon not found"):
            home.do(work)
    with pytest.raises(Refusal, match="Axon not found"):
        home.store.read_frames(home.axon, 0, 10)
    with pytest.raises(Refusal, match="but not updated"):
        home.do(home.store.update_axon(home.axon, {}))


def test_an_unknown_axon_is_not_found(home: Home) -> None:
    """Ids come from outside: strange ones must not reach the file system."""
    for axon_id in ("axn_nope", "../registry", "a" * 10_000, "ä'\"", ""):
        with pytest.raises(Refusal, match="Axon not found"):
            home.do(home.store.head(axon_id))
        with pytest.raises(Refusal, match="Axon not found"):
            home.store.read_frames(axon_id, 0, 1)


def test_only_the_owner_can_read_the_files(home: Home) -> None:
    """Event data often holds secrets, and machines are shared."""
    home.publish(request_id="r")
    home.query("CREATE TABLE t (a)")
    home.query("SELECT 1")
    modes = {
        path.name.split(".db")[-1] if path.is_file() else "directory": path.stat().st_mode & 0o777
        for path in [home.path, *home.path.rglob("*")]
    }

    assert modes == {"directory": 0o700, "": 0o600, "-wal": 0o600, "-shm": 0o600}


def test_a_home_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """The user has to learn which folder, and what to do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ServiceError, match="AXON_NOTEBOOK_HOME"):
        Store(tmp_path / "file" / "home")


def test_many_axons_share_few_open_files(tmp_path: Path) -> None:
    """A home with hundreds of axons must not run out of file descriptors."""

    async def use(store: Store, axon_id: str) -> None:
        await store.publish(axon_id, source="s", event_type="t", origin="USER_EVENT", payload="{}")
        await store.query(axon_id, "SELECT 1", None)

    with opened(tmp_path / "home", idle_connections=6) as home:
        before = psutil.Process().num_fds()
        for _ in range(40):
            home.do(use(home.store, home.do(home.store.create_axon(None, {})).id))
        after = psutil.Process().num_fds()

    assert after - before <= 6 * 3


@scenario
async def test_closing_ends_every_thread_and_file(tmp_path: Path) -> None:
    """The service stops within two seconds, and leaves nothing behind."""
    threads, files = set(threading.enumerate()), psutil.Process().num_fds()
    store = Store(tmp_path / "home")
    axon = await store.create_axon(None, {})
    event = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}
    waiting = [asyncio.ensure_future(store.publish(axon.id, **event)) for _ in range(10)]
    await store.query(axon.id, "SELECT 1", None)
    await store.close()
    await store.close()

    assert [r.sequence for r in await asyncio.gather(*waiting)] == list(range(1, 11))
    assert {t for t in threading.enumerate() if t.name.startswith("axon-")} <= threads
    # The loop's own default executor stays until the loop ends.
    assert psutil.Process().num_fds() <= files
    with pytest.raises(Refusal, match="stopping"):
        await store.publish(axon.id, **event)


@scenario
async def test_closing_does_not_wait_for_sql(tmp_path: Path) -> None:
    """An endless statement must not keep the service from stopping."""
    endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c"
    store = Store(tmp_path / "home", limits=Limits(sql_seconds=600, sql_wait_seconds=600))
    axon = await store.create_axon(None, {})
    statements = [f"SELECT count(*) FROM ({endless})", f"CREATE TABLE t AS {endless}"] * 3
    running = [asyncio.ensure_future(store.query(axon.id, sql)) for sql in statements]
    await asyncio.sleep(0.1)
    await store.close()
    answers = await asyncio.gather(*running, return_exceptions=True)

    assert {str(answer) for answer in answers} == {"Server is stopping."}
