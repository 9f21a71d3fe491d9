"""Names kept apart, kinds decided by values."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import SqlColumn, SqlColumns, SqlMeta, SqlResult
from axon_notebook.sql.columns import columns_of, kind_of, unified, unique_names


@given(st.lists(st.sampled_from(["", "id", "id_2", "id_3", "column_1", "column_2", "ID", "é"])))
def test_names_are_unique_and_the_first_of_each_keeps_its_own(names: list[str]) -> None:
    """A frame with two equal names loses one of them in most operations."""
    unique = unique_names(names)

    assert len(set(unique)) == len(names)
    assert all(unique[names.index(name)] == name for name in names if name)


def test_a_duplicate_takes_a_number_nobody_has() -> None:
    """``id_2`` may be a real column to the right."""
    assert unique_names(["id", "id", "id_2", "", ""]) == [
        "id",
        "id_3",
        "id_2",
        "column_4",
        "column_5",
    ]


@pytest.mark.parametrize(
    ("values", "declared", "expected"),
    [
        pytest.param([1, None], "TEXT", ("integer", True), id="values beat the declared type"),
        pytest.param([1, "x"], "INTEGER", ("mixed", False), id="two storage classes"),
        pytest.param([b"x"], "INTEGER", ("blob", False), id="blob"),
        pytest.param([1, 2.5], "", ("real", False), id="numbers"),
        pytest.param([2**53 + 1, 0.5], "", ("mixed", False), id="no float is 2^53 + 1"),
        pytest.param([1, 2], "DOUBLE", ("real", False), id="whole numbers of a REAL column"),
        pytest.param([0, 1, None], "BOOLEAN", ("boolean", True), id="flags"),
        pytest.param([0, 2], "BOOLEAN", ("integer", False), id="2 is not a flag"),
        pytest.param([], "BIGINT", ("integer", False), id="no rows"),
        pytest.param([None], "VARCHAR(20)", ("text", True), id="only NULLs"),
        pytest.param([None], "", ("unknown", True), id="nothing tells"),
        pytest.param([{}], "", ("mixed", False), id="not from SQLite"),
    ],
)
def test_kind(values: list[Any], declared: str, expected: tuple[str, bool]) -> None:
    """A column's declared type is only a claim in SQLite."""
    assert kind_of(values, declared) == expected


def test_rows_may_be_objects() -> None:
    """The API's schema says objects where its answers are arrays: both are read."""
    result = SqlResult([SqlColumn("b"), SqlColumn("a")], [{"a": 1, "b": "x"}, {"a": 2}])

    assert [column.values for column in columns_of(result)] == [["x", None], [1, 2]]


@given(st.integers(0, 3), st.integers(0, 4))
def test_rows_and_columns_are_the_same_values(width: int, height: int) -> None:
    """A frame is made of columns, ``execute()`` answers rows."""
    columns = [SqlColumn(f"c{place}") for place in range(width)]
    rows = [tuple(range(row * width, (row + 1) * width)) for row in range(height if width else 0)]
    result = SqlResult(columns, rows, SqlMeta(changes=3))
    by_columns = result.by_columns()

    assert by_columns.values == [[row[place] for row in rows] for place in range(width)]
    assert by_columns.by_rows() == result.by_rows() == result
    assert by_columns.by_columns() is by_columns


@pytest.mark.parametrize("values", [[[1]], [[1], [2, 3]], [[1], [2], [3]]])
def test_columns_of_different_lengths_are_no_answer(values: list[list[int]]) -> None:
    """Rows made of them would end where the shortest column does, and nobody would see it."""
    with pytest.raises(ValueError, match="2 columns have values of"):
        SqlColumns([SqlColumn("a"), SqlColumn("b")], values)


def values_of(declared: str, values: list[Any]) -> list[Any]:
    [column] = columns_of(SqlResult([SqlColumn("v", declared)], [[v] for v in values]))
    return column.values


def test_blobs_are_read_back_from_base64() -> None:
    """JSON has no bytes; the service marks the column instead."""
    assert values_of("BLOB", ["AP8=", None, "", 3]) == [b"\x00\xff", None, b"", 3]


def test_a_text_in_a_blob_column_of_another_server_stays_a_text() -> None:
    """What is not base64 was not encoded."""
    assert values_of("BLOB", ["not base64!", "AP8="]) == ["not base64!", "AP8="]


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        pytest.param("REAL", ["Infinity", None, 1.5], [math.inf, None, 1.5], id="declared"),
        pytest.param("", ["-Infinity", 0.5], ["-Infinity", 0.5], id="not declared"),
        pytest.param("TEXT", ["Infinity"], ["Infinity"], id="text"),
        pytest.param("REAL", ["Infinity", "x"], ["Infinity", "x"], id="beside other texts"),
    ],
)
def test_infinities_are_read_back(declared: str, values: list[Any], expected: list[Any]) -> None:
    """SQLite computes them, JSON cannot say them."""
    assert values_of(declared, values) == expected


def test_blobs_and_infinities_among_texts_are_objects() -> None:
    """The texts of such a column stay as they are."""
    values = ["AP8=", {"blob": "AP8="}, {"real": "-Infinity"}, "Infinity", None]

    assert values_of("TEXT", values) == ["AP8=", b"\x00\xff", -math.inf, "Infinity", None]
    assert columns_of(SqlResult([SqlColumn("v", "TEXT")], [[v] for v in values]))[0].kind == "mixed"


@pytest.mark.parametrize("value", [{"a": 1}, {"blob": "AP8=", "n": 1}, {"blob": 1}, {"real": "x"}])
def test_another_servers_objects_stay(value: dict[str, Any]) -> None:
    """Only what the embedded service encodes is read back."""
    assert values_of("JSON", [value]) == [value]


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        pytest.param(
            [("", ["x", None]), ("BLOB", ["AP8="])],
            ["x", None, b"\x00\xff"],
            id="texts, then blobs",
        ),
        pytest.param(
            [("TEXT", ["x", {"blob": "AA=="}]), ("BLOB", ["AP8="])],
            ["x", b"\x00", b"\x00\xff"],
            id="both, then blobs",
        ),
        pytest.param(
            [("REAL", ["Infinity", 0.5]), ("BLOB", ["AP8="]), ("TEXT", ["Infinity"])],
            [math.inf, 0.5, b"\x00\xff", "Infinity"],
            id="infinities, blobs, texts",
        ),
        pytest.param([("BLOB", ["AA=="]), ("BLOB", ["AP8="])], [b"\x00", b"\x00\xff"], id="blobs"),
    ],
)
def test_pages_of_one_result_keep_their_values(
    pages: list[tuple[str, list[Any]]], expected: list[Any]
) -> None:
    """Only the page that holds a blob knows it; all pages end up with one type."""
    made = [SqlResult([SqlColumn("v", t)], [[v] for v in values]) for t, values in pages]
    same = unified(made)

    assert [value for page in same for value in columns_of(page)[0].values] == expected
    whole = SqlResult(same[0].columns, [row for page in same for row in page.rows])
    assert columns_of(whole)[0].values == expected
