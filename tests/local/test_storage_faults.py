"""Disks fill up, files vanish, pages rot: what is said then, and what stays true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from axon_notebook.errors import ServiceError
from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.store import Limits, Store

from .stored import Home, content, opened


@contextmanager
def another(file: Path) -> Iterator[apsw.Connection]:
    """A connection that knows nothing of the service."""
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        yield connection
    finally:
        connection.close()


def refused(home: Home, payload: str = "{}", **fields: str) -> Refusal:
    with pytest.raises(Refusal) as caught:
        home.publish(payload, **fields)
    return caught.value


def filled(home: Home) -> int:
    """Publish until there is no more room; return how many events got in."""
    for stored in range(10_000):
        try:
            home.publish("x" * 1000, request_id=str(stored))
        except Refusal as full:
            if (full.status, full.message) == (507, "Storage is full."):
                return stored
            raise
    raise AssertionError("the disk never got full")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home", busy_seconds=0.1) as home:
        yield home


# No room ------------------------------------------------------------------------------------


def test_a_full_file_stores_no_half_event_and_leaves_no_hole(tmp_path: Path) -> None:
    """Room may come back: then the next event gets the next sequence."""
    with opened(tmp_path / "home", database_bytes=200 * 1024) as small:
        stored = filled(small)
        before = content(small.file)
        late = refused(small, "y" * 1000, request_id="late")
        after = content(small.file)
        events = len(small.events())
        small.limits = Limits()
        small.reopen()
        next_sequence = small.publish("y" * 1000, request_id="late").sequence

    assert late.status == 507
    assert stored > 50
    assert after == before
    assert events == stored
    assert next_sequence == stored + 1


def test_an_event_that_does_not_fit_refuses_no_other(tmp_path: Path) -> None:
    """They may share a commit, but not a fate."""

    async def crowd(home: Home) -> list[object]:
        import asyncio

        sizes = [10, 10, 300_000, 10, 10]
        work = [home.published("x" * size) for size in sizes]
        return list(await asyncio.gather(*work, return_exceptions=True))

    with opened(tmp_path / "home", database_bytes=200 * 1024) as home:
        answers = home.do(crowd(home))
        sequences = [event.sequence for event in home.events()]

    assert [isinstance(answer, Refusal) for answer in answers] == [False, False, True, False, False]
    assert sequences == [1, 2, 3, 4]


def test_a_full_file_can_still_be_read(tmp_path: Path) -> None:
    """The history of what filled it is what one wants to see then."""
    with opened(tmp_path / "home", database_bytes=200 * 1024) as home:
        stored = filled(home)

        assert home.rows("SELECT count(*) FROM rl_axon_events") == [[stored]]
        assert home.store.read_frames(home.axon, 0, 10_000)[2] == stored


def test_tables_of_users_cannot_take_the_room_of_events(tmp_path: Path) -> None:
    """An endless INSERT must not end the recording."""
    grow = (
        "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 100)"
        " SELECT randomblob(2000) FROM c"
    )
    with opened(tmp_path / "home", sql_database_bytes=1024**2) as home:
        home.publish("x" * 2_000_000)
        home.query("CREATE TABLE t (a)")
        inserts = 0
        while (status := _status(home, grow)) == 200:
            inserts += 1
        freed = home.query("DELETE FROM t").meta.changes
        again = _status(home, grow)

        assert status == 507
        assert 2 <= inserts <= 6
        assert freed == inserts * 100
        assert again == 200
        assert home.publish("x" * 2_000_000).sequence == 2


def _status(home: Home, sql: str) -> int:
    try:
        home.query(sql)
    except Refusal as refusal:
        return refusal.status
    return 200


def test_a_query_that_wants_all_memory_is_refused(tmp_path: Path) -> None:
    """The service shares its memory with a kernel and a browser."""
    with opened(tmp_path / "home", heap_bytes=64 * 1024**2) as home:
        hungry = home.refusal("SELECT " + ", ".join(["hex(zeroblob(4000000))"] * 100))

        assert (hungry.status, hungry.message) == (400, "SQL needs more memory than it may use.")
        assert home.publish().sequence == 1


def test_an_axon_that_cannot_be_made_leaves_no_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each try on a full disk would make it fuller."""
    monkeypatch.setattr(
        "axon_notebook.local.storage.database.SCHEMA", "CREATE TABLE t (a); SELECT nope;"
    )
    before = set(home.file.parent.iterdir())
    with pytest.raises(Refusal):
        home.do(home.store.create_axon(None, {}))

    assert set(home.file.parent.iterdir()) == before


# The file --------------------------------------------------------------------------------------


def test_a_removed_file_is_noticed_and_not_made_anew(home: Home) -> None:
    """SQLite would go on into the void; the publisher must hear it instead."""
    home.publish()
    home.query("SELECT 1")
    for path in home.file.parent.iterdir():
        path.unlink()
    gone = refused(home)
    reading = home.refusal("SELECT count(*) FROM rl_axon_events")
    other = home.do(home.store.create_axon(None, {}))

    assert (gone.status, reading.status) == (500, 500)
    assert "gone" in gone.message
    assert not home.file.exists()
    assert home.do(home.store.head(other.id)) == 0
    home.reopen()
    assert refused(home).status == 500
    assert not home.file.exists()


def test_a_file_put_in_the_place_of_ours_is_not_written_to(home: Home) -> None:
    """A restored backup is another history: only a restart may take it up."""
    home.publish()
    copy = home.file.with_suffix(".copy")
    copy.write_bytes(home.file.read_bytes())
    copy.rename(home.file)
    stored = home.file.read_bytes()

    assert refused(home).status == 500
    assert home.file.read_bytes() == stored


def test_a_locked_database_is_busy_and_nothing_is_stored(home: Home) -> None:
    """Another program may hold the file: the publisher hears when to try again."""
    with another(home.file) as holder:
        holder.execute("BEGIN IMMEDIATE")
        busy = refused(home)
        writing = home.refusal("CREATE TABLE t (a)")
        with pytest.raises(Refusal) as batch:
            home.batch("CREATE TABLE t (a)")
        holder.execute("ROLLBACK")

    assert {(r.status, r.message) for r in (busy, writing, batch.value)} == {
        (503, "Database is busy.")
    }
    assert busy.headers == ((b"retry-after", b"1"),)
    assert home.publish().sequence == 1


def test_a_damaged_page_fails_what_touches_it_and_nothing_else(home: Home) -> None:
    """One bad block must not take the other events, tables and axons with it."""
    home.query("CREATE TABLE t (a)")
    home.query("INSERT INTO t VALUES (7)")
    for _ in range(40):
        home.publish("x" * 3000)
    home.reopen()
    damaged = home.file.read_bytes()
    place = damaged.rindex(b"x" * 3000) // 4096 * 4096
    home.file.write_bytes(damaged[:place] + b"\xff" * 4096 + damaged[place + 4096 :])
    touching = home.refusal("SELECT sum(length(payload)) FROM rl_axon_events")

    assert touching.status == 500
    assert "damaged" in touching.message
    with pytest.raises(Refusal, match="damaged"):
        home.store.read_frames(home.axon, 0, 100)
    assert home.rows("SELECT a FROM t") == [[7]]
    assert home.store.read_frames(home.axon, 0, 5)[2] == 5


def test_a_file_that_is_no_database_says_so(home: Home) -> None:
    """A truncated or overwritten file is told from an empty history."""
    home.do(home.store.close())
    home.file.write_bytes(b"no database" * 1000)
    home.store = Store(home.path, limits=home.limits)

    assert refused(home).status == 500
    assert "damaged" in home.refusal("SELECT 1 FROM rl_axon_events").message


def test_a_registry_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    """Starting with an empty registry would hide every axon."""
    (tmp_path / "registry.db").write_bytes(b"no database" * 1000)
    with pytest.raises(ServiceError, match="cannot keep axons in"):
        Store(tmp_path)


# Numbers -----------------------------------------------------------------------------------------


def test_the_last_sequence_of_all_is_the_end(home: Home) -> None:
    """SQLite would start to guess numbers; a log must not."""
    home.publish()
    with another(home.file) as connection:
        connection.execute("UPDATE sqlite_sequence SET seq = 9223372036854775806")
    last = home.publish()

    assert last.sequence == 2**63 - 1
    assert refused(home, request_id="r").status == 507


def test_sequences_go_on_after_rows_were_lost(home: Home) -> None:
    """A number that once meant one event must never mean another."""
    for _ in range(2):
        home.publish()
    with another(home.file) as connection:
        connection.execute("DELETE FROM rl_axon_events")

    assert home.publish().sequence == 3


def test_a_nul_in_a_text_is_stored_whole(home: Home) -> None:
    """SQLite's ``length`` stops at it, the text does not."""
    home.publish("a\0b", source="\0")

    assert home.events()[0].payload == "a\0b"
    assert home.rows("SELECT payload, source, length(payload) FROM rl_axon_events") == [
        ["a\0b", "\0", 1]
    ]
