"""``%%axonsql --as-of N``: events and the trace as they were, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.errors import ParameterError

Run = Callable[..., Any]
RECORDED = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"


@pytest.fixture
def axon(run: Run) -> Any:
    """An axon with a recorded run of an agent, and a table of its own."""
    axon = run(f"axon = %axon create rewound\n%axon load {RECORDED}\naxon")
    run("%axonsql CREATE TABLE orders AS SELECT sequence AS id FROM events")
    return axon


@pytest.mark.parametrize("at", [0, 1, 119, 120, 5000])
def test_events_and_trace_are_those_up_to_the_event(run: Run, axon: Any, at: int) -> None:
    """By each of their names, joined, in subqueries and WITH, and with values bound."""
    newest = min(at, 308)
    then = axon.trace(as_of=at)
    scalar = f"%axonsql --to scalar --as-of {at} "
    everywhere = (
        "WITH e AS (SELECT * FROM events) SELECT (SELECT count(*) FROM e)"
        " + (SELECT count(*) FROM rl_axon_events WHERE sequence IN (SELECT sequence FROM events r))"
    )

    assert run(scalar + "SELECT count(*) FROM events") == newest
    assert run(scalar + "SELECT count(*) FROM rl_axon_events AS r") == newest
    assert run(scalar + everywhere) == 2 * newest
    bound = scalar + "SELECT count(*) FROM events WHERE sequence > :{newest} OR sequence IN :few"
    assert run(bound, newest=newest - 1, few=[newest]) == min(newest, 1)
    assert run(scalar + "SELECT count(*) FROM tool_calls") == len(then.tool_calls)
    states = run(f"%axonsql --as-of {at} SELECT state FROM trace.turns ORDER BY first_sequence")
    assert states["state"].tolist() == then.turns["state"].tolist()


def test_what_ran_then_runs_again(run: Run, axon: Any) -> None:
    """The whole run has no running turn; its middle has one."""
    running = "SELECT count(*) FROM turns WHERE state = 'running'"

    assert run(f"%axonsql --to scalar --as-of 110 {running}") == 1
    assert run(f"%axonsql --to scalar {running}") == 0


@pytest.mark.parametrize(
    ("sql", "why", "under"),
    [
        ("SELECT * FROM orders", "orders as of 9: tables keep no history", "orders"),
        ("SELECT 1 FROM events JOIN main.orders", "orders as of 9", "orders"),
        ('SELECT 1 FROM events, "Orders" o', "orders as of 9", '"Orders"'),
        ("SELECT 1 FROM events WHERE 1 IN orders", "orders as of 9", "orders"),
        ("SELECT (SELECT max(id) FROM (orders))", "orders as of 9", "orders"),
        ("SELECT * FROM main.rl_axon_events", "rl_axon_events as of 9", "rl_axon_events"),
        ("SELECT * FROM sqlite_master", "sqlite_master as of 9", "sqlite_master"),
        ("SELECT * FROM pragma_table_list", "pragma_table_list as of 9", "pragma_table_list"),
        ("INSERT INTO orders VALUES (1)", "INSERT with --as-of 9: the past can be read", "INSERT"),
        ("WITH x AS (SELECT 1) DELETE FROM orders", "DELETE with --as-of 9", "WITH"),
        ("CREATE TABLE t AS SELECT 1", "CREATE TABLE with --as-of 9", "CREATE"),
        ("PRAGMA table_list", "PRAGMA with --as-of 9", "PRAGMA"),
    ],
)
def test_what_has_no_past_is_refused(run: Run, axon: Any, sql: str, why: str, under: str) -> None:
    """With the reason, a caret under the word, and nothing sent."""
    with pytest.raises(ParameterError, match=why) as refused:
        run(f"%%axonsql --as-of 9\nSELECT 1;\n{sql}")

    shown, carets = refused.value.detail[:2]
    assert shown.startswith("  2 │ ")
    assert shown[carets.index("^") : carets.rindex("^") + 1] == under
    assert run("%axonsql --to scalar SELECT count(*) FROM orders") == 308


@pytest.mark.parametrize("name", ["orders", "rl_axon_events", "events"])
def test_a_table_named_by_a_value_is_refused(run: Run, axon: Any, name: str) -> None:
    """It would be read as it is now."""
    for sql in ("SELECT * FROM ${name}", "SELECT 1 FROM events WHERE 1 IN ${name}"):
        with pytest.raises(ParameterError, match=f"{name} comes from a value"):
            run(f"%axonsql --as-of 9 {sql}", name=name)


def test_columns_and_frames_may_come_from_values(run: Run, axon: Any) -> None:
    """They name no table of the axon."""
    frame = run("%axonsql SELECT sequence AS wanted FROM events LIMIT 20")
    sql = "SELECT count(*) FROM events JOIN :frame f ON f.wanted = ${column} WHERE ${column} > 4"

    assert run(f"%axonsql --to scalar --as-of 9 {sql}", frame=frame, column="sequence") == 5


def test_a_table_of_the_axons_own_has_no_past(run: Run, axon: Any) -> None:
    """Also one that is named like ours."""
    run("%axonsql CREATE TABLE turns(mine)")

    with pytest.raises(ParameterError, match="turns as of 9: tables keep no history"):
        run("%axonsql --as-of 9 SELECT * FROM turns")
    assert run("%axonsql --to scalar --as-of 9 SELECT count(*) FROM trace.turns") >= 0


@pytest.mark.parametrize("options", ["-a rew*", "--dataset runs", "--since 7d"])
def test_a_sequence_is_one_axons(run: Run, axon: Any, options: str) -> None:
    """Several axons have no sequence in common."""
    with pytest.raises(ParameterError, match="is a sequence of one axon"):
        run(f"%axonsql --as-of 9 {options} SELECT count(*) FROM events")


def test_no_sequence_is_negative(run: Run, axon: Any) -> None:
    """0 is before the first event."""
    with pytest.raises(ParameterError, match="takes a whole number"):
        run("%axonsql --as-of=-1 SELECT 1")
