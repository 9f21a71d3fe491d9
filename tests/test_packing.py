"""Columns travel packed; nobody can tell afterwards."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import SqlColumn, SqlColumns, SqlResult
from axon_notebook.packing import length, packed, unpacked
from axon_notebook.sql.frames import result_frame

integers = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]) | st.just("\0"), max_size=5)
values = st.none() | integers | st.floats(allow_nan=False) | texts
columns = st.one_of(
    *(st.lists(kind, max_size=6) for kind in (integers, texts, st.floats(allow_nan=False), values))
)
declared = st.sampled_from(["", "INTEGER", "TEXT", "REAL", "BLOB", "BOOLEAN", "DATE"])


@given(columns)
def test_what_was_packed_is_what_is_unpacked(column: list[Any]) -> None:
    """Down to the type: 1 is not 1.0."""
    back = unpacked(packed(column))

    assert back == column
    assert [type(value) for value in back] == [type(value) for value in column]
    assert length(packed(column)) == len(column)


@pytest.mark.parametrize(
    ("column", "form"),
    [
        ([1, -(2**63), 2**63 - 1], bytes),
        (["", "é", ""], str),
        ([""], str),
        (["a\0b", "c"], list),
        (["a", None], list),
        ([1, None], list),
        ([1, 2.0], list),
        ([1.0, 2.0], list),
        ([], list),
    ],
)
def test_only_what_comes_back_exactly_is_packed(column: list[Any], form: type) -> None:
    """A NUL in a text, a NULL or another type among the values leave the list as it is."""
    assert type(packed(column)) is form


@given(st.lists(st.tuples(declared, columns), min_size=1, max_size=3))
def test_a_frame_of_packed_columns_is_the_frame_of_the_rows(
    given_columns: list[tuple[str, list[Any]]],
) -> None:
    """Dtypes, values, order: the way an answer travelled does not show in it."""
    height = min(len(column) for _, column in given_columns)
    names = [SqlColumn(f"c{place}", kind) for place, (kind, _) in enumerate(given_columns)]
    rows = list(zip(*(column[:height] for _, column in given_columns), strict=True))
    result = SqlResult(names, rows)
    body = msgspec.msgpack.encode(result.by_columns().packed())
    sent = msgspec.msgpack.decode(body, type=SqlColumns)

    pd.testing.assert_frame_equal(result_frame(sent), result_frame(result))
    assert sent.by_rows() == result
    assert sent.row_count == result.row_count == height


@pytest.mark.parametrize("nonsense", [b"1234567", 7, None, {"a": 1}, True])
def test_what_is_no_column_is_refused(nonsense: Any) -> None:
    """Another server may send anything; a clear error is better than wrong rows."""
    body = msgspec.msgpack.encode({"columns": [{"name": "a"}], "values": [nonsense]})

    with pytest.raises(msgspec.ValidationError, match="are no values of a column"):
        msgspec.msgpack.decode(body, type=SqlColumns)
