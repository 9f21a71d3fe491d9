"""How values of SQL travel: as JSON, exact in both directions."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from .stored import Home, opened


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home") as home:
        yield home


def test_the_infinities_are_texts(home: Home) -> None:
    """JSON has no infinity, and null would be a lie."""
    result = home.query("SELECT 9e999, -9e999, 9e999 - 9e999, 'Infinity'")

    assert [list(row) for row in result.rows] == [["Infinity", "-Infinity", None, "Infinity"]]
    assert [column.type for column in result.columns] == ["REAL", "REAL", "", ""]


def test_text_that_is_not_utf8_is_repaired(home: Home) -> None:
    """One bad byte must not hide the rows around it; names, order and types stay."""
    sql = "SELECT CAST(x'ff61' AS TEXT) AS a, 2 AS a, x'ff' AS b UNION ALL SELECT 'z', ?, NULL; --"
    result = home.query(sql, 3)

    assert result.rows == [["\ufffda", 2, "/w=="], ["z", 3, None]]
    assert [(c.name, c.type) for c in result.columns] == [("a", ""), ("a", ""), ("b", "BLOB")]


def undone(result: Any) -> list[list[Any]]:
    """Decode a result as its documentation says, from JSON."""
    sent = msgspec.json.decode(msgspec.json.encode(result))
    blobs = [column["type"] == "BLOB" for column in sent["columns"]]
    return [
        [base64.b64decode(v) if blob and isinstance(v, str) else
         base64.b64decode(v["blob"]) if isinstance(v, dict) else v
         for v, blob in zip(row, blobs, strict=True)]
        for row in sent["rows"]
    ]  # fmt: skip


@pytest.mark.parametrize("declared", ["BLOB", "blob", "TEXT", ""])
def test_blobs_can_be_told_from_texts(home: Home, declared: str) -> None:
    """In a column of both, texts stay texts and a BLOB is an object."""
    home.query(f"CREATE TABLE t (b {declared}, s TEXT)")
    home.query("INSERT INTO t VALUES (x'00ff', 'AP8='), ('text', 'x'), (7, NULL), (NULL, '')")
    result = home.query("SELECT * FROM t")

    assert result.columns[0].type == "TEXT"
    seven: Any = "7" if declared == "TEXT" else 7
    assert undone(result) == [[b"\0\xff", "AP8="], ["text", "x"], [seven, None], [None, ""]]
    assert result.rows[0] == [{"blob": "AP8="}, "AP8="]


def test_a_column_of_blobs_is_base64_in_a_column_of_that_type(home: Home) -> None:
    """As a client would expect it that knows nothing of this service."""
    result = home.query("SELECT x'00ff' AS b, 'AP8=' AS s UNION ALL SELECT 7, ''")

    assert [column.type for column in result.columns] == ["BLOB", ""]
    assert result.rows == [["AP8=", "AP8="], [7, ""]]


def test_texts_alone_in_a_blob_column_are_texts(home: Home) -> None:
    """SQLite stores them so, and base64 would not be told from them."""
    home.query("CREATE TABLE t (b BLOB)")
    home.query("INSERT INTO t VALUES ('AP8=')")
    result = home.query("SELECT * FROM t")

    assert (result.columns[0].type, list(result.rows[0])) == ("TEXT", ["AP8="])


def test_an_infinity_among_texts_is_an_object(home: Home) -> None:
    """The text ``Infinity`` of the same column stays a text."""
    result = home.query("SELECT 9e999 AS v UNION ALL SELECT 'Infinity'")

    assert (result.columns[0].type, result.rows) == ("TEXT", [[{"real": "Infinity"}], ["Infinity"]])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with opened(tmp_path_factory.mktemp("shared") / "home") as home:
        home.query("CREATE TABLE t (n INTEGER PRIMARY KEY, v)")
        yield home


scalars = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
)


@given(st.lists(scalars, min_size=1, max_size=20))
def test_values_come_back_as_they_went_in(shared: Home, values: list[Any]) -> None:
    """Bound, stored, read, encoded and decoded: exact to the last bit."""
    echoed = shared.query("SELECT " + ", ".join("?" * len(values)), *values)
    shared.batch(
        "DELETE FROM t",
        *[("INSERT INTO t (v) VALUES (?)", [value]) for value in values],
    )
    stored = shared.query("SELECT v FROM t ORDER BY n")

    assert undone(echoed) == [values]
    assert undone(stored) == [[value] for value in values]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=5))
def test_blobs_come_back_as_they_went_in(shared: Home, blobs: list[bytes]) -> None:
    """Base64 is undone without knowing what was stored."""
    literals = ", ".join(f"x'{blob.hex()}'" for blob in blobs)

    assert undone(shared.query(f"SELECT {literals}")) == [blobs]
