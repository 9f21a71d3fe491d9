"""An axon's database, driven by Runloop's own SDK."""

from __future__ import annotations

from typing import Any

import pytest
from runloop_api_client import BadRequestError, Runloop
from runloop_api_client.types import AxonView

COLUMNS = ["sequence", "timestamp_ms", "origin", "source", "event_type", "payload"]


@pytest.fixture
def todo(client: Runloop, axon: AxonView) -> AxonView:
    """An axon with the table of the SDK's README."""
    sql = "CREATE TABLE tasks (id INTEGER PRIMARY KEY, title TEXT, done INTEGER DEFAULT 0)"
    client.axons.sql.query(axon.id, sql=sql)
    return axon


def test_rows_are_arrays_in_column_order(client: Runloop, todo: AxonView) -> None:
    """The README prints `[1, "Write docs", 0]`; the published document says objects."""
    client.axons.sql.query(
        todo.id, sql="INSERT INTO tasks (title) VALUES (?)", params=["Write docs"]
    )

    result = client.axons.sql.query(todo.id, sql="SELECT * FROM tasks")
    assert result.rows == [[1, "Write docs", 0]]
    assert [(c.name, c.type) for c in result.columns] == [
        ("id", "INTEGER"),
        ("title", "TEXT"),
        ("done", "INTEGER"),
    ]


def test_an_expression_has_an_empty_type(client: Runloop, axon: AxonView) -> None:
    """Declared types only."""
    (column,) = client.axons.sql.query(axon.id, sql="SELECT 1 + 1 AS two").columns

    assert (column.name, column.type) == ("two", "")


@pytest.mark.parametrize(
    "value", [1, -(2**63), 2**63 - 1, 2**53 + 1, 1.5, -0.1, "text", "", "é😀\u2028", None]
)
def test_a_value_comes_back_exactly(client: Runloop, axon: AxonView, value: Any) -> None:
    """No detour through floats or text."""
    (row,) = client.axons.sql.query(axon.id, sql="SELECT ?", params=[value]).rows

    assert row == [value]
    assert type(row[0]) is type(value)  # type: ignore[index]


def test_booleans_are_one_and_zero(client: Runloop, axon: AxonView) -> None:
    """SQLite has no other."""
    assert client.axons.sql.query(axon.id, sql="SELECT ?, ?", params=[True, False]).rows == [[1, 0]]


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], 2**63])
def test_a_value_sqlite_does_not_have_is_refused(
    client: Runloop, axon: AxonView, value: Any
) -> None:
    """Guessing a text form would be found out much later."""
    with pytest.raises(BadRequestError):
        client.axons.sql.query(axon.id, sql="SELECT ?", params=[value])


def test_parameters_are_never_spliced(client: Runloop, todo: AxonView) -> None:
    """Little Bobby Tables."""
    name = "Robert'); DROP TABLE tasks;--"
    client.axons.sql.query(todo.id, sql="INSERT INTO tasks (title) VALUES (?)", params=[name])

    assert client.axons.sql.query(todo.id, sql="SELECT title FROM tasks").rows == [[name]]


def test_a_write_says_how_many_rows_it_changed(client: Runloop, todo: AxonView) -> None:
    """And answers no rows."""
    sql = "INSERT INTO tasks (title) VALUES ('a'), ('b'), ('c')"
    inserted = client.axons.sql.query(todo.id, sql=sql)
    updated = client.axons.sql.query(todo.id, sql="UPDATE tasks SET done = 1 WHERE id > 1")

    assert (inserted.rows, inserted.meta.changes) == ([], 3)
    assert updated.meta.changes == 2


def test_setting_a_value_to_itself_is_a_change(client: Runloop, todo: AxonView) -> None:
    """Locks by UPDATE count on it."""
    client.axons.sql.query(todo.id, sql="INSERT INTO tasks (title, done) VALUES ('lock', 1)")

    assert client.axons.sql.query(todo.id, sql="UPDATE tasks SET done = 1").meta.changes == 1


def test_a_select_changes_nothing(client: Runloop, todo: AxonView) -> None:
    """Not even right after a write."""
    client.axons.sql.query(todo.id, sql="INSERT INTO tasks (title) VALUES ('a')")

    assert client.axons.sql.query(todo.id, sql="SELECT * FROM tasks").meta.changes == 0


def test_returning_answers_rows_of_a_write(client: Runloop, todo: AxonView) -> None:
    """SQLite's own way to learn an id."""
    sql = "INSERT INTO tasks (title) VALUES ('a') RETURNING id"

    assert client.axons.sql.query(todo.id, sql=sql).rows == [[1]]


def test_a_statement_may_end_in_a_semicolon(client: Runloop, axon: AxonView) -> None:
    """The query that Runloop's workbench opens with does."""
    assert client.axons.sql.query(axon.id, sql="SELECT 1;").rows == [[1]]


def test_a_query_is_one_statement(client: Runloop, axon: AxonView) -> None:
    """A second one would be dropped or run unseen."""
    with pytest.raises(BadRequestError):
        client.axons.sql.query(axon.id, sql="SELECT 1; SELECT 2")


def test_the_time_it_took_is_told(client: Runloop, axon: AxonView) -> None:
    """In milliseconds."""
    meta = client.axons.sql.query(axon.id, sql="SELECT 1").meta

    assert 0 <= meta.duration_ms < 10_000
    assert meta.rows_read_limit_reached is False


def test_a_cut_result_says_so(client: Runloop, axon: AxonView) -> None:
    """Silence would be a wrong answer."""
    counting = "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i < 50000)"
    sql = f"{counting} SELECT i FROM n"
    result = client.axons.sql.query(axon.id, sql=sql)

    assert result.meta.rows_read_limit_reached is True
    assert [row[0] for row in result.rows] == list(range(1, len(result.rows) + 1))  # type: ignore[index]


def test_events_are_rows_of_rl_axon_events(client: Runloop, ten: AxonView) -> None:
    """The query of Runloop's CLI, word for word in its columns."""
    sql = f"SELECT {', '.join(COLUMNS)} FROM rl_axon_events ORDER BY sequence DESC LIMIT ? OFFSET ?"
    result = client.axons.sql.query(ten.id, sql=sql, params=[2, 1])

    assert [column.name for column in result.columns] == COLUMNS
    assert [row[0] for row in result.rows] == [9, 8]  # type: ignore[index]
    assert result.rows[0][4:] == ["odd", '{"number": 9}']  # type: ignore[index]


def test_origins_are_stored_as_integers(client: Runloop, axon: AxonView, publish: Any) -> None:
    """1 external, 2 agent, 3 user: what Runloop's CLI maps back."""
    for origin in ("EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT"):
        publish(axon, origin=origin)

    sql = "SELECT origin FROM rl_axon_events ORDER BY sequence"
    assert client.axons.sql.query(axon.id, sql=sql).rows == [[1], [2], [3]]


def test_a_query_sees_an_event_once_its_publish_was_answered(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Read your own writes."""
    for number in range(1, 11):
        publish(axon)

        sql = "SELECT count(*) FROM rl_axon_events"
        assert client.axons.sql.query(axon.id, sql=sql).rows == [[number]]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM rl_axon_events",
        "UPDATE rl_axon_events SET payload = ''",
        "INSERT INTO rl_axon_events (payload) VALUES ('')",
        "DROP TABLE rl_axon_events",
        "ALTER TABLE rl_axon_events RENAME TO mine",
    ],
)
def test_the_history_cannot_be_rewritten(client: Runloop, ten: AxonView, sql: str) -> None:
    """An event log that can be edited proves nothing."""
    with pytest.raises(BadRequestError):
        client.axons.sql.query(ten.id, sql=sql)

    rows = client.axons.sql.query(ten.id, sql="SELECT count(*) FROM rl_axon_events").rows
    assert rows == [[10]]


def test_tables_are_private_to_their_axon(client: Runloop, todo: AxonView) -> None:
    """One database for each."""
    other = client.axons.create()

    with pytest.raises(BadRequestError, match="no such table: tasks"):
        client.axons.sql.query(other.id, sql="SELECT * FROM tasks")


def test_a_wrong_statement_is_told_in_sqlites_words(client: Runloop, axon: AxonView) -> None:
    """What people search for."""
    with pytest.raises(BadRequestError) as caught:
        client.axons.sql.query(axon.id, sql="SELEC 1")

    assert "syntax error" in caught.value.body["message"]  # type: ignore[index]


def test_a_batch_answers_each_step_in_order(client: Runloop, axon: AxonView) -> None:
    """DDL, writes and reads in one transaction."""
    statements = [
        {"sql": "CREATE TABLE t (x INTEGER)"},
        {"sql": "INSERT INTO t VALUES (?), (?)", "params": [1, 2]},
        {"sql": "SELECT sum(x) FROM t"},
    ]
    results = client.axons.sql.batch(axon.id, statements=statements).results  # type: ignore[arg-type]

    assert [step.error for step in results] == [None, None, None]
    assert results[1].success.meta.changes == 2  # type: ignore[union-attr]
    assert results[2].success.rows == [[3]]  # type: ignore[union-attr]


def test_a_failing_batch_answers_its_steps_and_changes_nothing(
    client: Runloop, todo: AxonView
) -> None:
    """200 with an error in the step that failed: callers loop over the steps."""
    statements = [
        {"sql": "INSERT INTO tasks (title) VALUES ('kept?')"},
        {"sql": "INSERT INTO nowhere VALUES (1)"},
        {"sql": "SELECT 1"},
    ]
    results = client.axons.sql.batch(todo.id, statements=statements).results  # type: ignore[arg-type]

    assert results[0].success is not None
    assert "no such table: nowhere" in results[1].error.message  # type: ignore[union-attr]
    assert "rolled back" in results[2].error.message  # type: ignore[union-attr]
    assert client.axons.sql.query(todo.id, sql="SELECT count(*) FROM tasks").rows == [[0]]
