"""``--csv`` and ``--parquet``: what a cell shows, in a file, exact."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from axon_notebook.errors import ParameterError

Run = Callable[..., Any]

VALUES = (
    "SELECT 9007199254740993 AS n, '' AS empty, NULL AS missing, x'00ff' AS b, 0.1 AS r, "
    "'=1+1' AS formula, 'a,\"b\"\n' AS quoted, '001' AS digits"
)


def test_csv_is_exact_and_keeps_types(
    run: Run, messages: Callable[[], str], tmp_path: Path
) -> None:
    """Texts are quoted and nothing else is, so NULL is not the empty text, nor 1 the text 1."""
    path = tmp_path / "values.csv"
    run(f"%%axonsql --csv {path}\n{VALUES}")

    head, row = path.read_bytes().decode().split("\r\n", 1)
    assert head == '"n","empty","missing","b","r","formula","quoted","digits"'
    assert row == '9007199254740993,"",,X\'00FF\',0.1,"=1+1","a,""b""\n","001"\r\n'
    assert f"1 row → {path} ({path.stat().st_size} bytes)" in messages()


def test_csv_reads_back(run: Run, tmp_path: Path) -> None:
    """By any reader of the format."""
    path = tmp_path / "values.csv"
    run(f"%%axonsql --csv {path}\n{VALUES}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))

    assert rows[1] == [
        "9007199254740993", "", "", "X'00FF'", "0.1", "=1+1", 'a,"b"\n', "001"
    ]  # fmt: skip


def test_parquet_is_exact(run: Run, messages: Callable[[], str], tmp_path: Path) -> None:
    """With the types that Arrow has."""
    path = tmp_path / "values.parquet"
    more = "UNION ALL SELECT NULL, NULL, NULL, x'', 1, 'x', '', ''"
    run(f"%%axonsql --parquet '{path}'\n{VALUES} {more}")
    table = parquet.read_table(path)

    assert [str(field.type) for field in table.schema][:5] == [
        "int64", "string", "null", "binary", "double"
    ]  # fmt: skip
    assert table.to_pylist()[0] == {
        "n": 2**53 + 1, "empty": "", "missing": None, "b": b"\0\xff", "r": 0.1,
        "formula": "=1+1", "quoted": 'a,"b"\n', "digits": "001",
    }  # fmt: skip
    assert table["n"].to_pylist() == [2**53 + 1, None]
    assert f"2 rows → {path}" in messages()


def test_files_hold_what_is_shown(run: Run, tmp_path: Path) -> None:
    """With the limit, expanded JSON and dates; both files in one cell."""
    for number in range(3):
        run(f'%axon_publish deploy --json \'{{"n": {number}, "tags": [1, "a"]}}\'')
    both = f"--csv {tmp_path}/e.csv --parquet {tmp_path}/e.parquet"
    run(f"%axonsql -n 2 --expand --dates {both} SELECT sequence, timestamp_ms, payload FROM events")
    table = parquet.read_table(tmp_path / "e.parquet")
    lines = (tmp_path / "e.csv").read_text("utf-8").splitlines()

    assert table.column_names == ["sequence", "timestamp_ms", "payload.n", "payload.tags"]
    assert str(table.schema.field("timestamp_ms").type) == "timestamp[us, tz=UTC]"
    assert table["payload.tags"].to_pylist() == ['[1,"a"]'] * 2
    assert len(lines) == 3
    assert lines[1].startswith("1,20")
    assert lines[1].endswith('+00:00,0,"[1,""a""]"')


@pytest.mark.parametrize(
    ("options", "sql", "message"),
    [
        ("--csv {tmp}/none/x.csv", "SELECT 1", "--csv {tmp}/none/x.csv: there is no directory"),
        ("--csv {tmp}", "SELECT 1", "--csv {tmp} is a directory"),
        ("--csv {tmp}/x.csv --each", "SELECT 1", "--csv {tmp}/x.csv is for one result"),
        (
            "--parquet {tmp}/x.parquet",
            "SELECT 1 AS v UNION ALL SELECT 'a'",
            "--parquet {tmp}/x.parquet cannot be written: column v holds several storage classes",
        ),
    ],
)
def test_a_failure_names_the_path(
    run: Run, tmp_path: Path, options: str, sql: str, message: str
) -> None:
    """And leaves no half of a file."""
    with pytest.raises(ParameterError) as caught:
        run(f"%axonsql {options.format(tmp=tmp_path)} {sql}")

    assert message.format(tmp=tmp_path) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_cell_without_rows_writes_nothing_and_says_so(
    run: Run, messages: Callable[[], str], tmp_path: Path
) -> None:
    """The statement ran, so this is a notice and not an error."""
    run(f"%axonsql --csv {tmp_path}/x.csv CREATE TABLE t(a)")

    assert f"{tmp_path}/x.csv not written: no statement returned rows" in messages()
    assert list(tmp_path.iterdir()) == []


def test_parquet_without_pyarrow_is_refused_before_anything_is_sent(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ParameterError, match="needs pyarrow: pip install pyarrow"):
        run(f"%axonsql --parquet {tmp_path}/x.parquet CREATE TABLE never(a)")
    assert run("%axonsql --to scalar SELECT count(*) FROM sqlite_schema WHERE name = 'never'") == 0
