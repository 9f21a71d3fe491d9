"""Tables are found where SQLite expects tables."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest

from axon_notebook.sql.binding import bind
from axon_notebook.sql.tables import EVENTS_SQL, table_names
from axon_notebook.sql.tokens import tokenize


@pytest.fixture(scope="module")
def database() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE rl_axon_events(sequence INTEGER PRIMARY KEY, timestamp_ms INTEGER,"
        " origin INTEGER, source TEXT, event_type TEXT, payload TEXT);"
        "INSERT INTO rl_axon_events VALUES (1, 5, 2, 's', 't', '{}'), (2, 6, 9, 's', 't', '{}');"
        "CREATE TABLE seen(id INTEGER, events TEXT)"
    )
    yield connection
    connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM {}",
        "SELECT * FROM seen, {}",
        "SELECT * FROM seen JOIN {} USING (x)",
        "SELECT * FROM ({})",
        "SELECT 1 IN (SELECT sequence FROM {} WHERE 1)",
        "INSERT INTO seen SELECT 1 FROM {} ORDER BY 1",
        "CREATE VIEW v AS SELECT * FROM {}",
        "WITH a AS (SELECT 1 FROM {}) SELECT * FROM a",
    ],
)
@pytest.mark.parametrize(
    ("name", "named"),
    [("events", " AS events"), ("Events AS e", " AS e"), ("events e", " e"), ('"events" e', " e")],
)
def test_events_read_as_a_table_are_the_history(sql: str, name: str, named: str) -> None:
    """The short name with readable origins; the alias stays the user's."""
    found = bind(sql.format(name), {}, events=True).sql

    assert found == sql.format(EVENTS_SQL + named)


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("SELECT events FROM seen", id="column"),
        pytest.param("SELECT 1 AS events", id="alias"),
        pytest.param("SELECT 'FROM events'", id="string"),
        pytest.param("SELECT 1 -- FROM events", id="comment"),
        pytest.param("SELECT * FROM main.events", id="qualified"),
        pytest.param("SELECT events.a FROM seen AS events", id="alias of another table"),
        pytest.param("WITH events AS (SELECT 1) SELECT * FROM events", id="own CTE"),
        pytest.param("WITH events(a) AS (SELECT 1) SELECT * FROM events", id="with columns"),
        pytest.param(
            "WITH a AS (SELECT 1), events AS MATERIALIZED (SELECT 2) SELECT * FROM events",
            id="second CTE",
        ),
        pytest.param("DELETE FROM events", id="delete"),
        pytest.param("INSERT INTO events VALUES (1)", id="insert"),
        pytest.param("UPDATE events SET a = 1", id="update"),
        pytest.param("SELECT 1 WHERE a IS DISTINCT FROM events", id="comparison"),
        pytest.param("CREATE TABLE events(a)", id="definition"),
        pytest.param("SELECT json_each.value FROM json_each(events)", id="argument"),
    ],
)  # fmt: skip
def test_any_other_events_is_left_alone(sql: str) -> None:
    """A rewrite that guesses wrong answers a question nobody asked."""
    assert bind(sql, {}, events=True).sql == sql


def test_without_the_alias_nothing_is_rewritten() -> None:
    """An axon with its own table of that name gets it."""
    assert bind("SELECT * FROM events", {}).sql == "SELECT * FROM events"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT origin FROM events ORDER BY sequence",
        "SELECT e.origin FROM seen RIGHT JOIN events e ON e.sequence = seen.id ORDER BY 1",
        "SELECT events.origin FROM (SELECT 1), events ORDER BY events.sequence",
    ],
)
def test_sqlite_agrees_and_shows_origins_by_name(database: apsw.Connection, sql: str) -> None:
    """An origin that nobody knows yet stays a number."""
    found = [row[0] for row in database.execute(bind(sql, {}, events=True).sql)]

    assert sorted(found, key=str) == [9, "AGENT_EVENT"]


def test_sequence_is_still_found_by_the_index(database: apsw.Connection) -> None:
    """A readable name must not cost a scan of the history."""
    bound = bind("SELECT * FROM events WHERE sequence > :s", {"s": 1}, events=True)
    plan = " ".join(r[3] for r in database.execute(f"EXPLAIN QUERY PLAN {bound.sql}", bound.params))

    assert "USING INTEGER PRIMARY KEY" in plan


def test_aliases_and_targets_are_told() -> None:
    """Completion asks which columns ``e.`` has."""
    sql = (
        "INSERT INTO t SELECT * FROM a AS x, b y LEFT JOIN [c d] ON 1 WHERE z IN (SELECT 1 FROM e)"
    )
    found = [(t.name, t.alias, t.reads) for t in table_names(tokenize(sql))]

    assert found == [
        ("t", "t", False),
        ("a", "x", True),
        ("b", "y", True),
        ("c d", "c d", True),
        ("e", "e", True),
    ]
