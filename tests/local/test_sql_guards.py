"""SQL cannot change the history, nor hold up the service."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage import functions

from ..waiting import until
from .stored import Home, opened

ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with opened(tmp_path_factory.mktemp("shared") / "home") as home:
        home.query("CREATE TABLE t (n INTEGER PRIMARY KEY, v)")
        yield home


# The history stays -------------------------------------------------------------------------------

WORDS = """
    SELECT INSERT UPDATE DELETE REPLACE DROP ALTER CREATE TABLE VIEW TRIGGER INDEX VIRTUAL TEMP
    INTO FROM SET VALUES WHERE AS ON BEGIN END COMMIT ROLLBACK SAVEPOINT RELEASE AFTER INSTEAD OF
    USING RETURNING WITH RECURSIVE ATTACH DETACH PRAGMA writable_schema VACUUM REINDEX RENAME TO
    rl_axon_events RL_AXON_EVENTS rl_requests sqlite_sequence sqlite_master main. temp. t u f
    fts5 rtree (a) (payload) payload sequence seq name a * ( ) ; , = 0 1 'x' "rl_axon_events"
    [rl_axon_events] OR IGNORE IF EXISTS NOT NULL EXPLAIN -- /* */
"""
PIECES = st.sampled_from(WORDS.split())
ATTACKS = [
    "INSERT INTO t SELECT * FROM rl_axon_events",
    "UPDATE t SET a = 1 FROM rl_axon_events",
    "DELETE FROM t WHERE a IN (SELECT sequence FROM rl_axon_events)",
    "INSERT INTO rl_axon_events DEFAULT VALUES ON CONFLICT DO NOTHING",
    "CREATE TRIGGER x INSTEAD OF INSERT ON v BEGIN DELETE FROM rl_axon_events; END",
    "CREATE VIEW v AS SELECT * FROM rl_axon_events",
    "INSERT INTO v VALUES (1)",
    "CREATE TABLE c (a REFERENCES rl_axon_events (sequence) ON DELETE CASCADE)",
    "CREATE VIRTUAL TABLE f USING fts5(payload, content='rl_axon_events')",
    "INSERT INTO f (f) VALUES ('rebuild')",
    "INSERT INTO f (f) VALUES ('delete-all')",
    "DELETE FROM f",
    "DROP TABLE f",
    "REINDEX",
    "DROP INDEX sqlite_autoindex_rl_requests_1",
]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(ATTACKS), st.lists(PIECES, min_size=2, max_size=12).map(" ".join)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_no_sql_changes_the_history(guarded: Home, statements: list[str]) -> None:
    """The history is evidence: whatever a user sends, it stays as it was published."""
    before = guarded.events()
    statuses = {_status(guarded, sql) for sql in statements}
    guarded.batch(*statements)

    assert statuses <= {200, 400}
    assert guarded.events() == before
    head = guarded.publish("after", request_id=f"r{len(before)}").sequence
    assert head == len(before) + 1


def _status(home: Home, sql: str) -> int:
    try:
        home.query(sql)
    except Refusal as refused:
        return refused.status
    return 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with opened(tmp_path_factory.mktemp("guarded") / "home", sql_seconds=600) as home:
        home.publish("first")
        home.query("CREATE TABLE t (a)")
        yield home


# Turns and time -------------------------------------------------------------------------------


def test_a_query_that_nobody_waits_for_ends(tmp_path: Path) -> None:
    """A closed tab must not keep a processor busy until the time limit."""

    async def leave(home: Home) -> None:
        waiting = asyncio.ensure_future(
            home.store.query(home.axon, f"{ENDLESS} SELECT count(*) FROM c", None)
        )
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    # One reader, and no time limit that could end the query in this test.
    with opened(tmp_path / "home", sql_readers=1, sql_seconds=600, sql_wait_seconds=600) as home:
        home.do(leave(home))

        assert home.rows("SELECT 1") == [[1]]


def test_a_write_that_nobody_waits_for_is_undone(guarded: Home) -> None:
    """Half of an abandoned INSERT would be worse than none."""
    home = guarded
    home.query("CREATE TABLE unfinished (a)")

    async def leave() -> None:
        waiting = asyncio.ensure_future(
            home.store.query(home.axon, f"INSERT INTO unfinished {ENDLESS} SELECT x FROM c", None)
        )
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    home.do(leave())

    assert home.rows("SELECT count(*) FROM unfinished") == [[0]]


def test_four_queries_run_and_the_others_hear_that_sql_is_busy(tmp_path: Path) -> None:
    """Endless queries must not pile up, nor keep publishers waiting."""
    endless = f"{ENDLESS} SELECT count(*) FROM c"

    async def crowd(home: Home) -> tuple[list[BaseException | None], int]:
        queries = [
            asyncio.ensure_future(home.store.query(home.axon, endless, None)) for _ in range(8)
        ]
        await until(lambda: sum(query.done() for query in queries) == 4)
        await home.published()
        running = [query for query in queries if not query.done()]
        for query in running:
            query.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return [query.exception() for query in queries if query not in running], len(running)

    with opened(tmp_path / "home", sql_seconds=600, sql_wait_seconds=0.5) as home:
        answers, running = home.do(crowd(home))
        again = home.rows("SELECT 1")

    assert [(a.status, a.message) for a in answers] == [(503, "SQL is busy.")] * 4
    assert running == 4, "the publish had to wait for the queries"
    assert again == [[1]]


def test_a_statement_that_hears_no_interrupt_blocks_nobody_else(tmp_path: Path) -> None:
    """A few calls inside SQLite cannot be stopped; they cost a thread, not the service."""
    deaf = (
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 14000)"
        " SELECT length(json_patch(json_group_object('k' || x, x), json_group_object('z' || x, x)))"
        " FROM c"
    )
    with opened(tmp_path / "home", sql_readers=1, sql_seconds=0.2, sql_wait_seconds=600) as home:
        refused = home.refusal(deaf)
        meanwhile = home.rows("SELECT 1")

    assert refused.message == "SQL took longer than 200 ms."
    assert meanwhile == [[1]]


# Functions of our own ----------------------------------------------------------------------------

texts = st.text(st.sampled_from("ab\0é\U0001f600 "), max_size=12)
arguments = st.one_of(
    st.none(), texts, st.binary(max_size=4).filter(lambda b: b.isascii()), st.integers(-99, 99),
    st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip


@given(arguments, arguments, arguments)
def test_our_functions_answer_like_the_built_in_ones(one: Any, two: Any, three: Any) -> None:
    """They exist to be quicker; any other difference would be a bug in users' results."""
    import apsw

    built_in, ours = apsw.Connection(":memory:"), apsw.Connection(":memory:")
    functions.install(ours)
    sql = "SELECT instr(?1, ?2), replace(?1, ?2, ?3), trim(?1, ?2), ltrim(?1, ?2), rtrim(?1, ?2)"
    answers = [c.execute(sql, (one, two, three)).fetchall() for c in (built_in, ours)]
    built_in.close()
    ours.close()

    assert answers[1] == answers[0]


def test_writes_are_quick_where_the_built_in_functions_hang(shared: Home) -> None:
    """A write that hears no interrupt would stop its axon's publishers."""
    zeros, ones = "hex(zeroblob(499990))", "hex(zeroblob(249990)) || '1'"
    many = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 5000)"
    characters = f"({many} SELECT group_concat(char(x + 999), '') || '0' FROM c)"
    written = shared.rows(
        f"INSERT INTO t (v) VALUES (instr({zeros}, {ones})), (length(replace({zeros}, {ones}, '')))"
        f", (trim({zeros}, {characters})) RETURNING v"
    )

    assert written == [[0], [999_980], [""]]


def test_writes_refuse_to_search_texts_that_are_too_long(shared: Home) -> None:
    """Our functions hold Python's lock while they search."""
    refused = shared.refusal("INSERT INTO t (v) VALUES (instr(hex(zeroblob(3000000)), '1'))")

    assert refused.message == "text is longer than 1048576 in a statement that writes"
