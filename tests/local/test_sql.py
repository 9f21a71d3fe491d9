"""What users may ask in SQL, and what they may not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.local.refusals import Refusal

from .stored import Home, content, opened

EVENTS = 20


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home", sql_seconds=600, sql_wait_seconds=600) as home:
        yield home.filled(EVENTS)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Home]:
    """The same with so little time that only what never ends is sure to exceed it."""
    with opened(tmp_path / "hasty", sql_seconds=0.4, sql_wait_seconds=600) as home:
        yield home.filled(EVENTS)


# What is refused, and what is said ------------------------------------------------------------

READ_ONLY = "rl_axon_events is read-only."
SLOW = "SQL took longer than 400 ms."
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"

TOO_SLOW = [
    f"{ENDLESS} SELECT count(*) FROM c",
    "SELECT count(*) FROM " + ", ".join(f"rl_axon_events e{i}" for i in range(8)),
    f"{ENDLESS} SELECT x FROM c ORDER BY random()",
    f"{ENDLESS} SELECT sum(length(hex(randomblob(1000)))) FROM c",
    f"CREATE TABLE t AS {ENDLESS} SELECT x FROM c",
    f"{ENDLESS} SELECT group_concat(hex(zeroblob(1000000))) FROM c",
]

REFUSED = [
    # Statements that would take all the memory.
    ("SELECT group_concat(hex(zeroblob(1000000))) FROM rl_axon_events", "string or blob too big"),
    ("SELECT zeroblob(1000000000)", "string or blob too big"),
    ("SELECT randomblob(1000000000)", "string or blob too big"),
    ("SELECT hex(zeroblob(450000000))", "string or blob too big"),
    ("SELECT printf('%.*c', 2147483647, 'x')", "string or blob too big"),
    ("SELECT format('%.*c', 2147483647, 'x')", "string or blob too big"),
    ("SELECT replace(hex(zeroblob(1000)), '0', hex(zeroblob(9000)))", "string or blob too big"),
    ("SELECT hex(zeroblob(4e6)), hex(zeroblob(4e6))", "a row is larger than 8388608 bytes"),
    # Other files.
    ("ATTACH 'other.db' AS other", "ATTACH is not authorized."),
    ("ATTACH ':memory:' AS other", "ATTACH is not authorized."),
    ("DETACH main", "DETACH is not authorized."),
    ("VACUUM", "VACUUM is not authorized."),
    ("VACUUM INTO 'copy.db'", "VACUUM is not authorized."),
    ("SELECT load_extension('x')", "not authorized to use function: load_extension"),
    ("SELECT readfile('/etc/passwd')", "no such function: readfile"),
    ("SELECT writefile('x', 'y')", "no such function: writefile"),
    ("SELECT edit('x')", "no such function: edit"),
    ("SELECT fts3_tokenizer('simple')", "not authorized to use function: fts3_tokenizer"),
    # Settings, and what they tell about this machine.
    ("PRAGMA journal_mode = delete", "PRAGMA journal_mode is not authorized."),
    ("PRAGMA writable_schema = 1", "PRAGMA writable_schema is not authorized."),
    ("PRAGMA user_version", "PRAGMA user_version is not authorized."),
    ("PRAGMA database_list", "PRAGMA database_list is not authorized."),
    ("SELECT file FROM pragma_database_list", "PRAGMA database_list is not authorized."),
    ("SELECT * FROM pragma_compile_options", "PRAGMA compile_options is not authorized."),
    ("SELECT * FROM dbstat", "reading dbstat is not authorized."),
    ("SELECT count(*) FROM dbstat", "reading dbstat is not authorized."),
    # The history.
    ("INSERT INTO rl_axon_events VALUES (99, 1, 1, '', '', '')", READ_ONLY),
    ("INSERT INTO RL_Axon_Events VALUES (99, 1, 1, '', '', '')", READ_ONLY),
    ("UPDATE rl_axon_events SET payload = ''", READ_ONLY),
    ("UPDATE main.rl_axon_events SET payload = ''", READ_ONLY),
    ("DELETE FROM rl_axon_events", READ_ONLY),
    ("REPLACE INTO rl_axon_events VALUES (1, 1, 1, '', '', '')", READ_ONLY),
    ("DROP TABLE rl_axon_events", READ_ONLY),
    ("ALTER TABLE rl_axon_events RENAME TO mine", READ_ONLY),
    ("ALTER TABLE rl_axon_events ADD COLUMN mine", READ_ONLY),
    ("ALTER TABLE rl_axon_events DROP COLUMN payload", READ_ONLY),
    ("CREATE INDEX i ON rl_axon_events (source)", READ_ONLY),
    ("CREATE TRIGGER g AFTER INSERT ON rl_axon_events BEGIN SELECT 1; END", READ_ONLY),
    ("WITH x AS (SELECT 1) DELETE FROM rl_axon_events RETURNING *", READ_ONLY),
    ("EXPLAIN DELETE FROM rl_axon_events", READ_ONLY),
    # What the service keeps beside it.
    ("UPDATE sqlite_sequence SET seq = 0", "sqlite_sequence is read-only"),
    ("DELETE FROM sqlite_sequence", "sqlite_sequence is read-only"),
    ("DELETE FROM sqlite_master", "table sqlite_master may not be modified"),
    ("DELETE FROM rl_requests", "rl_requests is read-only"),
    ("SELECT * FROM rl_requests", "reading rl_requests is not authorized."),
    ("UPDATE rl_usage SET pages = 0", "rl_usage is read-only"),
    ("CREATE TABLE rl_mine (a)", "rl_mine is read-only"),
    ("CREATE VIEW rl_axon_events AS SELECT 1", READ_ONLY),
    ("CREATE VIEW rl_mine AS SELECT 1", "rl_mine is read-only"),
    ("CREATE TABLE sqlite_mine (a)", "reserved for internal use"),
    ("CREATE VIRTUAL TABLE rl USING fts5(x)", "rl_data is read-only"),
    ("ANALYZE", "ANALYZE is not authorized."),
    # Shadows of the history.
    ("CREATE TEMP TABLE rl_axon_events (sequence)", "TEMP objects are not authorized."),
    ("CREATE TABLE temp.t (a)", "TEMP objects are not authorized."),
    ("CREATE TEMP VIEW v AS SELECT 1", "TEMP objects are not authorized."),
    ("CREATE VIEW temp.v AS SELECT 1", "TEMP objects are not authorized."),
    ("CREATE VIRTUAL TABLE temp.f USING fts5(x)", "TEMP objects are not authorized."),
    ("CREATE TEMP TRIGGER g AFTER INSERT ON rl_axon_events BEGIN SELECT 1; END", "TEMP objects"),
    # Transactions are the service's.
    ("BEGIN", "Transactions are not authorized"),
    ("COMMIT", "Transactions are not authorized"),
    ("ROLLBACK", "Transactions are not authorized"),
    ("SAVEPOINT s", "SAVEPOINT is not authorized"),
    ("RELEASE s", "SAVEPOINT is not authorized"),
    # Virtual tables.
    ("CREATE VIRTUAL TABLE v USING dbstat", "virtual tables of dbstat are not authorized"),
    ("CREATE VIRTUAL TABLE v USING fts4(x)", "virtual tables of fts4 are not authorized"),
    ("CREATE VIRTUAL TABLE v USING fts5vocab(f, 'row')", "virtual tables of fts5vocab"),
    ("CREATE VIRTUAL TABLE v USING geopoly(x)", "virtual tables of geopoly are not authorized"),
    # What is not a statement, or more than one.
    ("SELECT 1; SELECT 2", "SQL has more than one statement"),
    ("SELECT 1; DROP TABLE t", "SQL has more than one statement"),
    ("", "SQL is empty."),
    (" \n;; ", "SQL is empty."),
    ("-- only a comment", "SQL is empty."),
    ("/* only a comment */", "SQL is empty."),
    ("SELECT 'a\0b'", "SQL has a NUL character"),
    ("SELECT '\ud800'", "SQL has an unpaired surrogate."),
    ("SELECT 1" + " " * 200_000, "SQL is longer than 102400 bytes: it has 200008."),
    ("SELEC 1", 'near "SELEC": syntax error'),
    ("SELECT nope", "no such column: nope"),
    ("SELECT * FROM nope", "no such table: nope"),
    ("SELECT " + ", ".join("?" * 2_000), "too many SQL variables"),
    ("SELECT 1" + " + 1" * 300, "Expression tree is too large"),
    ("SELECT ?", "the statement has 1 parameters, but 0 values were sent."),
]


@pytest.mark.parametrize("sql", TOO_SLOW)
def test_sql_that_never_ends_is_stopped(hasty: Home, sql: str) -> None:
    """A query that takes for ever would take the others' time, too."""
    before = content(hasty.file)
    refused = hasty.refusal(sql)

    assert (refused.status, refused.message) == (400, SLOW)
    assert content(hasty.file) == before


@pytest.mark.parametrize(("sql", "message"), REFUSED)
def test_sql_is_refused_with_its_reason(home: Home, sql: str, message: str) -> None:
    """Anyone who wrote the statement must learn what was wrong with it; nothing else happens."""
    before = content(home.file)
    refused = home.refusal(sql)

    assert message in refused.message
    assert refused.status == 400
    assert content(home.file) == before


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([{"a": 1}], "parameter 1 is an object"),
        ([1, [2]], "parameter 2 is an array"),
        ([2**63], "parameter 1 is not a 64-bit integer"),
        ([-(2**63) - 1], "parameter 1 is not a 64-bit integer"),
        ([math.nan], "parameter 1 is nan"),
        ([math.inf], "parameter 1 is inf"),
        (["\ud800"], "parameter 1 has an unpaired surrogate."),
        ([1, 2], "the statement has 1 parameters, but 2 values were sent."),
    ],
)
def test_a_parameter_that_cannot_be_bound_is_refused(
    home: Home, params: list[Any], message: str
) -> None:
    """A silent conversion would answer another question than was asked."""
    refused = home.refusal("SELECT ?", *params)

    assert message in refused.message
    assert refused.status == 400


# What is allowed -----------------------------------------------------------------------------

ALLOWED = [
    ("SELECT count(*) FROM rl_axon_events", [[EVENTS]]),
    ("SELECT count(*) FROM rl_axon_events;", [[EVENTS]]),
    ("SELECT 1; -- done\n /* really */ ;", [[1]]),
    ("/* first */ SELECT 1", [[1]]),
    ("-- first\n/* it's; */ /* second */ SELECT 1 /* open", [[1]]),
    ("SELECT payload ->> '$.i' FROM rl_axon_events WHERE sequence = 7", [[6]]),
    ("SELECT name FROM pragma_table_info('rl_axon_events') LIMIT 2",
     [["sequence"], ["timestamp_ms"]]),
    ("SELECT count(*) > 0 FROM sqlite_master", [[1]]),
    ("SELECT sum(sequence) OVER (ORDER BY sequence) FROM rl_axon_events LIMIT 2", [[1], [3]]),
    ("SELECT instr('abc', 'c'), replace('aXb', 'X', '-'), trim('--a--', '-')", [[3, "a-b", "a"]]),
    ("SELECT json_group_array(x) FROM (SELECT 1 x UNION SELECT 2)", [["[1,2]"]]),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rows"), ALLOWED)
def test_reading_is_free(home: Home, sql: str, rows: list[Any]) -> None:
    """The sandbox must not be in the way of ordinary questions."""
    assert home.rows(sql) == rows


@pytest.mark.parametrize(
    "pragma",
    ["table_info(rl_axon_events)", "table_xinfo(rl_axon_events)", "table_list",
     "index_list(rl_axon_events)", "index_info(i)", "foreign_key_list(rl_axon_events)"],
)  # fmt: skip
def test_pragmas_that_describe_tables_are_allowed(home: Home, pragma: str) -> None:
    """Tools and completion ask them."""
    assert isinstance(home.rows(f"PRAGMA {pragma}"), list)


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT 1", "EXPLAIN QUERY PLAN SELECT 1"])
def test_explain_is_allowed(home: Home, sql: str) -> None:
    """``--explain`` of the magics rests on it."""
    assert home.rows(sql)


def test_users_have_tables_of_their_own(home: Home) -> None:
    """Agents keep their state beside their events."""
    home.query("CREATE TABLE task (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL)")
    inserted = home.query("INSERT INTO task (title) VALUES (?), (?) RETURNING id", "a", "b")
    updated = home.query("UPDATE task SET title = title WHERE id = 1")
    home.query("CREATE UNIQUE INDEX task_by_title ON task (title)")
    home.query("ALTER TABLE task ADD COLUMN done INTEGER DEFAULT 0")
    home.query("ALTER TABLE task RENAME TO job")
    clash = home.refusal("INSERT INTO job (title) VALUES ('a')")

    assert (inserted.rows, inserted.meta.changes) == ([[1], [2]], 2)
    assert updated.meta.changes == 1
    assert home.rows("SELECT * FROM job") == [[1, "a", 0], [2, "b", 0]]
    assert clash.message == "UNIQUE constraint failed: job.title"
    assert home.query("DELETE FROM job").meta.changes == 2
    assert home.query("DROP TABLE job").meta.changes == 0


def test_a_table_cannot_be_renamed_into_the_services_names(home: Home) -> None:
    """SQLite asks about the old name alone, so this needs a check of its own."""
    home.query("CREATE TABLE t (a)")
    refused = home.refusal("ALTER TABLE t RENAME TO rl_t")

    assert "names with rl_ are the service's own" in refused.message
    assert home.rows("SELECT count(*) FROM t") == [[0]]


def test_views_and_triggers_may_read_the_history(home: Home) -> None:
    """They are how users shape their events; writing the history is refused when it fires."""
    home.query("CREATE VIEW newest AS SELECT max(sequence) AS top FROM rl_axon_events")
    home.query("CREATE TABLE t (a, top)")
    home.query("CREATE TRIGGER g AFTER INSERT ON t BEGIN"
               " UPDATE t SET top = (SELECT top FROM newest) WHERE a = new.a; END")  # fmt: skip
    home.query("INSERT INTO t (a) VALUES (1)")
    home.query("CREATE TABLE u (a)")
    home.query("CREATE TRIGGER h AFTER INSERT ON u BEGIN DELETE FROM rl_axon_events; END")
    refused = home.refusal("INSERT INTO u VALUES (1)")

    assert home.rows("SELECT * FROM t") == [[1, EVENTS]]
    assert refused.message == READ_ONLY
    assert home.rows("SELECT count(*) FROM u") == [[0]]
    assert home.publish().sequence == EVENTS + 1


def test_full_text_and_spatial_tables_work(home: Home) -> None:
    """They are the two virtual tables that hold users' own data."""
    home.query("CREATE VIRTUAL TABLE note USING fts5(body)")
    home.query("INSERT INTO note SELECT 'event ' || sequence FROM rl_axon_events")
    home.query("CREATE VIRTUAL TABLE box USING rtree(id, x0, x1)")
    home.query("INSERT INTO box VALUES (1, 0, 10)")

    assert home.rows("SELECT body FROM note WHERE note MATCH '\"7\"'") == [["event 7"]]
    assert home.rows("SELECT id FROM box WHERE x0 <= 5 AND x1 >= 5") == [[1]]
    assert home.refusal("UPDATE note_data SET block = x'00'").status == 400
    home.query("DROP TABLE note")
    home.query("DROP TABLE box")
    assert home.rows("SELECT name FROM sqlite_master WHERE name LIKE 'note%'") == []


# Batches ---------------------------------------------------------------------------------------


def test_a_batch_is_one_transaction(home: Home) -> None:
    """DDL, writes and reads belong together; each step has its own answer."""
    result = home.batch(
        "CREATE TABLE t (a)", ("INSERT INTO t VALUES (?), (?)", [1, 2]), "SELECT * FROM t"
    )
    steps = [step.success for step in result.results]

    assert [step.meta.changes for step in steps if step] == [0, 2, 0]
    assert steps[2] is not None
    assert [list(row) for row in steps[2].rows] == [[1], [2]]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (("SELECT * FROM nope", []), "no such table: nope"),
        (("SELECT ?", [{}]), "parameter 1 is an object"),
        (("COMMIT", []), "Transactions are not authorized: a batch is one."),
        (("DELETE FROM rl_axon_events", []), READ_ONLY),
        (("ALTER TABLE t RENAME TO rl_t", []), "names with rl_ are the service's own"),
    ],
)
def test_a_batch_that_fails_leaves_nothing(
    home: Home, bad: tuple[str, list[Any]], message: str
) -> None:
    """The step that failed says why; the database is as it was, byte for byte."""
    leaves_nothing(home, bad, message)


def test_a_batch_that_never_ends_leaves_nothing(hasty: Home) -> None:
    """The time is that of the whole batch."""
    leaves_nothing(hasty, (f"{ENDLESS} SELECT count(*) FROM c", []), SLOW)


def leaves_nothing(home: Home, bad: tuple[str, list[Any]], message: str) -> None:
    before = content(home.file)
    result = home.batch("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)", bad, "SELECT 1", "x")
    errors = [step.error.message if step.error else None for step in result.results]

    assert errors[:2] == [None, None]
    assert message in str(errors[2])
    assert errors[3:] == ["not executed: transaction rolled back"] * 2
    assert [step.success is None for step in result.results] == [False, False, True, True, True]
    assert content(home.file) == before


def test_a_batch_has_an_upper_bound(home: Home) -> None:
    """An endless batch would hold the axon's only writer."""
    with pytest.raises(Refusal, match="at most 100 statements"):
        home.batch(*["SELECT 1"] * 101)


# Results ---------------------------------------------------------------------------------------


def test_rows_beyond_the_limit_are_cut_and_said_so(tmp_path: Path) -> None:
    """Anyone who counts rows of a cut result must be able to know."""
    many = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT ?)"
    with opened(tmp_path / "home", sql_rows=100, sql_result_bytes=1000) as home:
        exact = home.query(f"{many} SELECT NULL FROM c", 100)
        over = home.query(f"{many} SELECT NULL FROM c", 101)
        wide = home.query(f"{many} SELECT hex(zeroblob(200)) FROM c", 10)

    assert (len(exact.rows), exact.meta.rows_read_limit_reached) == (100, False)
    assert (len(over.rows), over.meta.rows_read_limit_reached) == (100, True)
    assert (len(wide.rows), wide.meta.rows_read_limit_reached) == (2, True)


def test_columns_have_their_declared_types(home: Home) -> None:
    """Frames choose their dtypes by them, also where there are no rows."""
    home.query("CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, n)")
    columns = home.query("SELECT *, i + 1 AS j, i FROM t").columns

    assert [(c.name, c.type) for c in columns] == [
        ("i", "INTEGER"), ("r", "REAL"), ("s", "TEXT"), ("b", "BLOB"), ("n", ""), ("j", ""),
        ("i", "INTEGER"),
    ]  # fmt: skip
