"""What an agent did, as tables of SQL: in cells, in axon.sql() and in the DB-API."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axon_notebook import dbapi
from axon_notebook.agents import axon_trace
from axon_notebook.errors import ParameterError, SqlError
from axon_notebook.trace_sql import TraceTables

Run = Callable[..., Any]
RECORDED = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


@pytest.fixture
def axon(run: Run) -> Any:
    """An axon with a recorded run of an agent."""
    return run(f"axon = %axon create traced\n%axon load {RECORDED}\naxon")


def test_they_are_what_the_trace_has(run: Run, axon: Any) -> None:
    """Joined with the history and with the axon's own tables."""
    calls = axon.trace().tool_calls
    run("%axonsql CREATE TABLE wanted(id)")
    run("%axonsql INSERT INTO wanted SELECT call_id FROM tool_calls LIMIT 2")
    joined = run(
        "%%axonsql\nSELECT t.call_id, e.event_type FROM tool_calls AS t\n"
        "JOIN events e ON e.sequence = t.first_sequence JOIN wanted ON wanted.id = t.call_id"
    )

    assert run("%axonsql --to rows SELECT call_id FROM tool_calls") == [
        (call,) for call in calls["call_id"]
    ]
    assert joined["call_id"].tolist() == calls["call_id"].tolist()[:2]
    assert run("%axonsql --to scalar SELECT count(*) FROM turns JOIN messages USING (turn_id)") > 0
    assert run("%axonsql --to rows SELECT DISTINCT typeof(started) FROM trace.turns") == [("text",)]


def test_only_the_columns_that_are_named_are_sent(run: Run, axon: Any) -> None:
    """Outputs of tools are long."""
    shown = repr(run("%axonsql --dry-run SELECT status FROM tool_calls WHERE seconds > 1"))

    assert '"status"' in shown
    assert '"seconds"' in shown
    assert '"output"' not in shown


def test_what_is_new_is_read_at_each_use(run: Run, axon: Any) -> None:
    """A live agent goes on between two cells."""
    before = run("%axonsql --to scalar SELECT count(*) FROM annotations")
    axon.annotate(5, "good")

    assert (before, run("%axonsql --to scalar SELECT count(*) FROM annotations")) == (0, 1)


def test_a_table_of_the_axons_own_wins(run: Run, axon: Any, messages: Callable[[], str]) -> None:
    """Nobody's queries change their meaning; the qualified name always means the trace."""
    run("%axonsql CREATE TABLE turns(mine)")
    messages()

    assert run("%axonsql --to rows SELECT * FROM turns") == []
    assert "turns is a table of this axon: trace.turns is the agent's" in messages()
    assert run("%axonsql --to scalar SELECT count(*) FROM trace.turns") > 0
    assert axon.sql("SELECT * FROM turns").columns.tolist() == ["mine"]


@pytest.fixture
def large(run: Run) -> Any:
    """An axon whose annotations are too large to be sent with a statement."""
    axon = run("axon = %axon create large\naxon")
    axon.annotate(1, "big", note="x" * 1_100_000)
    axon.publish("note", {"n": 1})
    return axon


def test_tables_too_large_for_a_statement_are_queried_here(run: Run, large: Any) -> None:
    """With the history, bound values, WITH, and the names of the tables as they are."""
    joined = run(
        "%%axonsql\nWITH long AS (SELECT * FROM annotations WHERE length(explanation) > :n)\n"
        "SELECT label, length(explanation) AS n, event_type, payload FROM long\n"
        "JOIN events ON sequence > long.sequence".replace("ON sequence", "ON events.sequence"),
        n=1000,
    )

    assert joined.to_dict("records") == [
        {"label": "big", "n": 1_100_000, "event_type": "note", "payload": '{"n":1}'}
    ]
    assert len(large.sql("SELECT * FROM trace.annotations")) == 1
    assert "SCAN" in repr(run("%axonsql --explain SELECT * FROM annotations"))
    cursor = dbapi.connect(large).cursor()
    cursor.execute("SELECT explanation FROM annotations WHERE label = ?", ["big"])
    assert len(cursor.fetchone()[0]) == 1_100_000


def test_what_cannot_be_queried_here_is_refused_with_the_column(run: Run, large: Any) -> None:
    """Rather than cut, or a count that is wrong: the axon's own tables are at the server."""
    run("%axonsql CREATE TABLE mine(a)")

    for cell in (
        "SELECT * FROM annotations JOIN mine",
        "SELECT * FROM annotations; SELECT 1",
        "INSERT INTO mine SELECT explanation FROM annotations",
    ):
        with pytest.raises(ParameterError, match="are column explanation: leave it out of the"):
            run(f"%%axonsql\n{cell}")
    with pytest.raises(ParameterError, match="are column explanation"):
        large.batch(["SELECT * FROM annotations", "SELECT 1"])
    assert run("%axonsql --to scalar SELECT count(*) FROM annotations JOIN mine") == 0
    with pytest.raises(SqlError) as error:
        run("%axonsql SELECT explanation, nam FROM annotations")
    assert "did you mean name?" in error.value.detail[2]


class Watched:
    """An axon's connection; notes how far reading is at each request."""

    def __init__(self, axon: Any) -> None:
        self.tables = TraceTables(self, axon.id)  # type: ignore[arg-type]
        self.told: list[str] = []
        self._api = axon.api

    def query(self, *arguments: Any) -> Any:
        self.told.append(self.tables.progress())
        return self._api.query(*arguments)


def test_reading_the_history_says_how_far_it_is(axon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later uses read only what is new."""
    monkeypatch.setattr(axon_trace, "EVENTS_PER_PAGE", 200)
    watched = Watched(axon)
    watched.tables.refresh()
    axon.annotate(5, "good")
    watched.tables.refresh()

    texts = [text.partition(" events")[0].rpartition(" ")[2] for text in watched.told]
    assert texts == ["0", "200", "0"]
    assert watched.tables.progress() == ""


def test_python_and_the_dbapi_know_them_and_events(axon: Any) -> None:
    """Anyone who leaves the cell takes the query along."""
    joined = axon.sql(
        "SELECT count(*) AS n FROM tool_calls t JOIN events e ON e.sequence = t.first_sequence"
    )
    counted = axon.batch(["SELECT count(*) FROM turns", "SELECT count(*) FROM events"])
    cursor = dbapi.connect(axon).cursor()
    cursor.execute("SELECT count(*) FROM messages WHERE role = ?", ["agent"])

    assert joined["n"].tolist() == [len(axon.trace().tool_calls)]
    assert [r.rows[0][0] for r in counted] == [len(axon.trace().turns), 308]
    assert cursor.fetchone()[0] > 0


def test_errors_point_and_suggest_everywhere(run: Run, axon: Any) -> None:
    """A column of the trace is a name like any other."""
    with pytest.raises(SqlError) as python:
        axon.sql("SELECT evnt_type FROM events")
    with pytest.raises(SqlError) as batch:
        axon.batch(["SELECT 1", "SELECT nam FROM tool_calls"])
    with pytest.raises(SqlError) as cell:
        run("%axonsql SELECT nam FROM tool_calls")

    assert "did you mean event_type?" in python.value.detail[2]
    assert batch.value.statement_index == 1
    for error in (batch.value, cell.value):
        assert error.detail[1].endswith("^^^")
        assert "did you mean name?" in error.detail[2]


def test_the_schema_and_the_card_know_them(run: Run, axon: Any) -> None:
    """What the columns are called is asked first."""
    assert "waited_seconds" in run("%axon schema tool_calls")["column"].tolist()
    assert "turns" in repr(run("%axon trace"))


def test_wait_returns_the_event(run: Run, axon: Any) -> None:
    """By the viewer's filter, from where one likes."""
    event = run("%axon wait --after 0 --timeout 30 type:turn.completed seq:5..")

    assert event.event_type == "turn.completed"
    with pytest.raises(ParameterError, match="what for"):
        run("%axon wait")
