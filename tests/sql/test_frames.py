"""Frames are exact: what SQLite holds is what pandas shows."""

from __future__ import annotations

import math
from typing import Any

import apsw
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from axon_notebook.errors import ParameterError
from axon_notebook.models import (
    AxonEvent,
    AxonInfo,
    PublishResult,
    SqlColumn,
    SqlMeta,
    SqlResult,
)
from axon_notebook.sql.frames import axons_frame, events_frame, publish_frame, result_frame

CELLS = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(blacklist_categories=["Cs"])),
    st.binary(),
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
)


def from_sqlite(rows: list[list[Any]], width: int, types: list[str] | None = None) -> SqlResult:
    """Store *rows* in a real SQLite and read them back, as the server does."""
    names = [f"c{i}" for i in range(width)]
    declared = types or [""] * width
    with apsw.Connection(":memory:") as database:
        columns = ", ".join(f"{n} {t}" for n, t in zip(names, declared, strict=True))
        database.execute(f"CREATE TABLE t({columns})")
        marks = ", ".join("?" * width)
        database.executemany(f"INSERT INTO t VALUES({marks})", rows)
        stored = [list(row) for row in database.execute("SELECT * FROM t ORDER BY rowid")]
    database.close()
    return SqlResult([SqlColumn(*c) for c in zip(names, declared, strict=True)], stored)


def cells(frame: pd.DataFrame) -> list[list[Any]]:
    """The frame's cells as Python values, missing ones as ``None``."""
    columns = [
        [None if value is None or value is pd.NA or value != value else value for value in column]
        for column in (frame[name].tolist() for name in frame.columns)
    ]
    return [list(row) for row in zip(*columns, strict=True)]


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    if isinstance(expected, int) and isinstance(found, float):
        return found == expected and int(found) == expected
    return type(found) is type(expected) and bool(found == expected)


@given(TABLES)
@example([[0], ["Infinity"]])
def test_every_cell_of_every_storage_class_is_exact(rows: list[list[Any]]) -> None:
    """A frame that is nearly right is wrong where nobody looks."""
    result = from_sqlite(rows, len(rows[0]) if rows else 1)

    found = cells(result_frame(result))

    assert len(found) == len(result.rows)
    assert all(
        same(cell, expected)
        for line, stored in zip(found, result.rows, strict=True)
        for cell, expected in zip(line, stored, strict=True)
    )


def test_integers_with_nulls_stay_integers_to_the_extremes() -> None:
    """Everybody else's frame says 9007199254740992 for 9007199254740993."""
    values = [9007199254740993, None, 2**63 - 1, -(2**63)]
    frame = result_frame(from_sqlite([[v] for v in values], 1, ["INTEGER"]))

    assert str(frame.dtypes["c0"]) == "Int64"
    assert cells(frame) == [[v] for v in values]


def test_without_nulls_integers_are_plain_numpy() -> None:
    """Nullable arrays are slower, and not needed here."""
    frame = result_frame(from_sqlite([[1], [2]], 1, ["INTEGER"]))

    assert str(frame.dtypes["c0"]) == "int64"


def test_zero_rows_keep_their_dtypes() -> None:
    """A query that finds nothing today must not break tomorrow's concat."""
    declared = ["INTEGER", "REAL", "TEXT", "BLOB", "BOOLEAN", ""]
    frame = result_frame(from_sqlite([], 6, declared))

    text = "str" if pd.__version__ >= "3" else "object"
    assert [str(t) for t in frame.dtypes] == ["int64", "float64", text, "object", "bool", "object"]


def test_an_integer_beyond_64_bits_is_kept_as_an_object() -> None:
    """No SQLite has one, but a peer's JSON may; wrapping it around would be a lie."""
    frame = result_frame(SqlResult([SqlColumn("n", "INTEGER")], [[2**64], [None]]))

    assert frame["n"].tolist() == [2**64, None]


def test_a_lone_surrogate_is_kept_as_an_object() -> None:
    """Arrow-backed strings refuse it; the frame must not."""
    frame = result_frame(SqlResult([SqlColumn("t", "TEXT")], [["\ud800"]]))

    assert frame["t"].tolist() == ["\ud800"]


def test_a_result_without_columns_is_an_empty_frame() -> None:
    """``columns`` is empty for INSERT."""
    frame = result_frame(SqlResult([], []))

    assert frame.shape == (0, 0)


def test_names_that_pandas_has_methods_for_are_only_names() -> None:
    """``index``, ``count`` and ``T`` are columns like any other."""
    names = ["index", "count", "T", "attrs"]
    frame = result_frame(SqlResult([SqlColumn(n) for n in names], [[1, 2, 3, 4]]))

    assert frame.loc[0].to_dict() == {"index": 1, "count": 2, "T": 3, "attrs": 4}


def test_attrs_tell_where_the_frame_came_from() -> None:
    """What was cut, renamed or mixed is known to anyone who holds the frame."""
    result = SqlResult(
        [SqlColumn("id"), SqlColumn("id")],
        [[1, 1], [2, "x"]],
        SqlMeta(duration_ms=1.5, changes=0, rows_read_limit_reached=True),
    )
    frame = result_frame(result, axon_id="axn_1", sql="SELECT 1")

    assert frame.attrs["axon"] == {
        "axon": "axn_1",
        "sql": "SELECT 1",
        "duration_ms": 1.5,
        "changes": 0,
        "truncated": True,
        "renamed": {"id_2": "id"},
        "mixed": ["id_2"],
    }


MOMENT = "2023-11-14 22:13:20+00:00"


@pytest.mark.parametrize(
    ("name", "declared", "values"),
    [
        pytest.param("timestamp_ms", "INTEGER", [1_700_000_000_000, None], id="milliseconds"),
        pytest.param("at", "TIMESTAMP", [1_700_000_000, None], id="seconds"),
        pytest.param("at", "TIMESTAMP", [1_700_000_000_000, None], id="milliseconds by size"),
        pytest.param("at", "DATETIME", ["2023-11-14 22:13:20", None], id="SQLite's text is UTC"),
        pytest.param("at", "DATETIME", ["2023-11-14T23:13:20+01:00", None], id="with an offset"),
    ],
)
def test_dates_are_read_on_request(name: str, declared: str, values: list[Any]) -> None:
    """Nobody reads 1700000000000; nobody wants it changed unasked either."""
    result = SqlResult([SqlColumn(name, declared)], [[value] for value in values])
    frame = result_frame(result, dates=True)

    assert str(frame[name][0]) == MOMENT
    assert frame[name][1] is pd.NaT
    assert result_frame(result)[name].tolist()[0] == values[0]


def test_dates_by_name_insist() -> None:
    """A named column that is not a date is an error, a guessed one is left alone."""
    result = SqlResult([SqlColumn("at", "TIMESTAMP")], [["never"]])

    assert result_frame(result, dates=True)["at"].tolist() == ["never"]
    with pytest.raises(ParameterError, match="column at holds values that are not dates"):
        result_frame(result, dates=["at"])
    with pytest.raises(ParameterError, match="no column when to read as dates: there are at"):
        result_frame(result, dates=["when"])


def test_zero_rows_of_dates_are_dates() -> None:
    """The dtype must not depend on what was found."""
    frame = result_frame(SqlResult([SqlColumn("t_ms", "INTEGER")], []), dates=True)

    assert str(frame.dtypes["t_ms"]) == "datetime64[ms, UTC]"


def test_moments_no_calendar_has_stay_numbers() -> None:
    """2^63 milliseconds would wrap around to NaT."""
    result = SqlResult([SqlColumn("t_ms", "INTEGER")], [[-(2**63)]])

    assert result_frame(result, dates=True)["t_ms"].tolist() == [-(2**63)]


def test_events_of_one_axon_carry_its_id_in_attrs() -> None:
    """A column of one repeated value helps nobody."""
    event = AxonEvent(7, "axn_1", 1_700_000_000_000, "USER_EVENT", "cli", "deploy", "{}")
    frame = events_frame([event])

    assert list(frame.columns) == [
        "sequence", "timestamp", "origin", "source", "event_type", "payload",
    ]  # fmt: skip
    assert str(frame.loc[0, "timestamp"]) == MOMENT
    assert frame.attrs["axon"] == {"axon": "axn_1"}


def test_events_of_several_axons_are_told_apart() -> None:
    """Sequences are per axon: without the id they would mix."""
    events = [AxonEvent(1, f"axn_{i}", 0, "USER_EVENT", "s", "t", "") for i in (1, 2)]

    assert events_frame(events)["axon_id"].tolist() == ["axn_1", "axn_2"]


def test_lists_of_nothing_keep_their_dtypes() -> None:
    """An empty list answers the same questions as a full one."""
    empty = [events_frame([]), axons_frame([]), publish_frame([], [])]
    full = [
        events_frame([AxonEvent(1, "a", 0, "USER_EVENT", "s", "t", "")]),
        axons_frame([AxonInfo("a", 0, name="n", metadata={"k": "v"})]),
        publish_frame(["t"], [PublishResult(1, 0)]),
    ]

    assert [list(f.dtypes.items()) for f in empty] == [list(f.dtypes.items()) for f in full]


def test_published_events_stop_at_the_last_result() -> None:
    """After a partial failure the frame holds what was published and no more."""
    frame = publish_frame(["a", "b", "c"], [PublishResult(4, 0), PublishResult(5, 1)])

    assert frame["event_type"].tolist() == ["a", "b"]
    assert frame["sequence"].tolist() == [4, 5]
