"""Local data in the place of a table."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import apsw
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.errors import ParameterError
from axon_notebook.sql.binding import bind

from .bound import exactly, run

#: pyarrow, where it is installed: the package works without it.
ARROW = [importlib.import_module("pyarrow")] if find_spec("pyarrow") else []
INTEGERS = st.integers(-(2**63), 2**63 - 1)
FRAME = {"name": ["a", None, "it's"], "n": [1, 2**62, None], "r": [0.1, None, -2.5]}


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(pd.DataFrame(FRAME).astype({"n": "Int64"}), id="pandas"),
        pytest.param(pl.DataFrame(FRAME), id="polars"),
        *(pytest.param(pa.table(FRAME), id="arrow") for pa in ARROW),
        pytest.param(pl.DataFrame(FRAME).to_dicts(), id="dicts"),
    ],
)  # fmt: skip
def test_local_data_stands_in_a_table_position(database: apsw.Connection, frame: Any) -> None:
    """Joining what is here with what is there, with no upload."""
    bound = bind("SELECT df.name, n, r FROM :df WHERE typeof(n) <> 'real'", {"df": frame})

    assert run(database, bound) == [("a", 1, 0.1), (None, 2**62, None), ("it's", None, -2.5)]
    assert len(bound.params) == 1


def test_a_local_table_takes_the_alias_that_is_given(database: apsw.Connection) -> None:
    """And its own name if none is."""
    one, two = pd.DataFrame({"k": [1, 2]}), pd.DataFrame({"k": [2, 3]})
    for sql in (
        "SELECT a.k FROM :one AS a JOIN :two b ON a.k = b.k",
        "SELECT one.k FROM :one JOIN :two ON one.k = two.k",
        "SELECT r.k FROM :one, :two AS r WHERE r.k = one.k",
    ):  # fmt: skip
        assert run(database, bind(sql, {"one": one, "two": two})) == [(2,)]


@given(
    column=st.lists(INTEGERS | st.none())
    | st.lists(st.floats(allow_nan=False, allow_infinity=False))
)
def test_numbers_of_a_local_table_arrive_exactly(
    database: apsw.Connection, column: list[Any]
) -> None:
    """JSON inside of SQL must not round."""
    dtype = "Int64" if any(v is None or isinstance(v, int) for v in column) else "float64"
    frame = pd.DataFrame({"v": pd.array(column, dtype=dtype)})
    found = [v for (v,) in run(database, bind("SELECT v FROM :frame", {"frame": frame}))]

    assert all(map(exactly, found, column))
    assert len(found) == len(column)


def test_blobs_and_odd_names_of_a_local_table(database: apsw.Connection) -> None:
    """A column name is text, and never more."""
    frame = pd.DataFrame({'a"; --': [b"\x00", None], "é b": ["x", "y"]})
    bound = bind("SELECT * FROM :frame", {"frame": frame})

    assert run(database, bound) == [(b"\x00", "x"), (None, "y")]


def test_a_table_too_large_to_travel_is_refused_with_the_way_out() -> None:
    """It would be sent again with every query."""
    frame = pd.DataFrame({"a": ["x" * 100] * 20_000})
    with pytest.raises(ParameterError, match="load it once with %axon load"):
        bind("SELECT * FROM :frame", {"frame": frame})
