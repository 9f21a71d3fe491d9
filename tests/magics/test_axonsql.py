"""SQL in cells: everything other magics stumble over, in a real IPython."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from axon_notebook.errors import ParameterError, SqlError

Run = Callable[..., Any]
needs_arrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")


@pytest.fixture
def events(run: Run) -> None:
    """Five events: sequence 1 to 5, deploys and one rollback."""
    for number, kind in enumerate(["deploy", "deploy", "rollback", "deploy", "x"]):
        run(f"%axon_publish {kind} service=api n={number}")


# -- getting data out


def test_the_cell_returns_a_frame(run: Run, events: None) -> None:
    """And ``_`` and ``Out`` work as for any expression."""
    frame = run("%%axonsql\nSELECT sequence, event_type, origin FROM events LIMIT 2")

    assert frame.to_dict("list") == {
        "sequence": [1, 2],
        "event_type": ["deploy", "deploy"],
        "origin": ["USER_EVENT", "USER_EVENT"],
    }


def test_a_line_can_be_assigned(run: Run) -> None:
    """``df = %axonsql …``."""
    run("df = %axonsql SELECT 1 AS a")

    assert run("df.a.tolist()") == [1]


def test_arrows_assign_silently(run: Run, messages: Callable[[], str]) -> None:
    """With and without options around them."""
    assert run("%%axonsql df <<\nSELECT 1 << 3 AS eight") is None
    assert run("%%axonsql -n 5 wide << --to rows\nSELECT 1 << 3") is None
    assert run("df.eight[0], wide") == (8, [(8,)])
    assert "✓ df: 1 row × 1 · " in messages()


def test_out_stores_and_shows(run: Run) -> None:
    """``-o`` for those who want both."""
    shown = run("%%axonsql -o df\nSELECT 1 AS a")

    assert shown is run("df")


def test_a_shift_in_the_sql_is_a_shift(run: Run) -> None:
    """Other magics find an assignment in it."""
    assert run("%axonsql --to scalar SELECT 1 << 3") == 8
    assert run("%%axonsql --to scalar\nSELECT 2\n<< 3") == 16


@pytest.mark.parametrize("name", ["class", "1a", "a-b"])
def test_a_name_that_is_none_is_refused(run: Run, name: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ParameterError, match="is not a valid variable name"):
        run(f"%%axonsql -o {name}\nSELECT 1")


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("polars", "polars.dataframe.frame.DataFrame"),
        pytest.param("arrow", "pyarrow.lib.Table", marks=needs_arrow),
        ("rows", "builtins.list"),
        ("dicts", "builtins.list"),
    ],
)
def test_other_forms(run: Run, form: str, kind: str) -> None:
    """``--to``; pandas is the default."""
    found = type(run(f"%axonsql -t {form} SELECT 1 AS a, 'x' AS b"))

    assert f"{found.__module__}.{found.__qualname__}" == kind


def test_an_unknown_form_is_answered_with_a_suggestion(run: Run) -> None:
    """Did you mean, everywhere."""
    with pytest.raises(ParameterError, match=r"--to polar is not a form: did you mean polars\?"):
        run("%axonsql --to polar SELECT 1")


def test_null_integers_beyond_a_float_are_exact(run: Run) -> None:
    """9007199254740993 became …992 elsewhere."""
    frame = run("%%axonsql\nSELECT 9007199254740993 AS n UNION ALL SELECT NULL")

    assert str(frame.dtypes["n"]) == "Int64"
    assert frame["n"].tolist()[0] == 9007199254740993


def test_duplicate_columns_are_renamed_and_that_is_said(
    run: Run, messages: Callable[[], str]
) -> None:
    """A frame with two columns ``a`` loses one of them in most operations."""
    frame = run("%axonsql SELECT 1 AS a, 2 AS a")

    assert list(frame.columns) == ["a", "a_2"]
    assert "renamed: a → a_2" in messages()


def test_blobs_come_as_bytes(run: Run) -> None:
    """Through JSON and back."""
    assert run("%axonsql --to scalar SELECT x'00ff'") == b"\x00\xff"


def test_a_blob_among_texts_leaves_them_texts(run: Run, messages: Callable[[], str]) -> None:
    """One odd value must not turn a column of texts into bytes; the column is listed as mixed."""
    run("%axonsql CREATE TABLE t(t TEXT)")
    run("%axonsql INSERT INTO t VALUES ('001'), (x'00ff'), (NULL), ('AP8=')")
    frame = run("%axonsql SELECT t FROM t")

    assert frame["t"].tolist() == ["001", b"\x00\xff", None, "AP8="]
    assert frame.attrs["axon"]["mixed"] == ["t"]
    assert "several storage classes, kept as objects: t" in messages()


def test_dates_json_and_expand(run: Run, events: None) -> None:
    """Shaping on request."""
    frame = run("%axonsql --dates --json SELECT timestamp_ms, payload FROM events LIMIT 1")
    wide = run("%axonsql --expand SELECT payload FROM events LIMIT 2")
    named = run("%axonsql --json=j --to rows SELECT '[1]' AS j")

    assert str(frame.dtypes["timestamp_ms"]) == "datetime64[ms, UTC]"
    assert frame["payload"][0] == {"service": "api", "n": 0}
    assert wide["payload.n"].tolist() == [0, 1]
    assert named == [([1],)]


def test_statements_that_only_change_return_nothing(run: Run, messages: Callable[[], str]) -> None:
    """An empty frame would be a lie."""
    run("%axonsql CREATE TABLE t(a)")
    messages()

    assert run("%axonsql INSERT INTO t VALUES (1), (2)") is None
    assert "✓ 2 rows changed · " in messages()


def test_returning_returns(run: Run) -> None:
    """``INSERT … RETURNING`` has rows."""
    run("%axonsql CREATE TABLE t(a)")

    assert run("%axonsql --to rows INSERT INTO t VALUES (1), (2) RETURNING a") == [(1,), (2,)]


# -- getting values in


def test_variables_lists_and_expressions_are_bound(run: Run, events: None) -> None:
    """The cell of the README."""
    cell = (
        "%%axonsql --to rows\nSELECT sequence FROM events\n"
        "WHERE event_type IN :kinds AND sequence > :{since - 1}"
    )

    assert run(cell, kinds=["deploy", "rollback"], since=3) == [(3,), (4,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'it''s  :x', \"it's :x\" FROM (SELECT 1 AS \"it's :x\")",
        "SELECT '12:30'",
        'SELECT \'{"a": {"b": 1}}\' -- {x} :x',
        "SELECT 'a' LIKE '%a%'",
        "SELECT 'x' LIKE '{% raw %}'",
        "SELECT json_extract('{\"a:b\": 1}', '$.\"a:b\"')",
        "SELECT '{\"a\":{\"b\":1}}' ->> '$.a.b'",
        "SELECT -1",
        "SELECT 1 -- comment -o x",
        "SELECT [a;b] FROM (SELECT 1 AS [a;b])",
        "SELECT `x` FROM (SELECT 1 AS `x`)",
        "SELECT '$HOME {HOME} {kind}'",
        "SELECT 'a  b'",
    ],
)
@pytest.mark.parametrize("way", ["%axonsql --to rows {}", "%%axonsql --to rows\n{}"])
def test_sql_arrives_byte_for_byte(run: Run, sql: str, way: str) -> None:
    """Quotes, double spaces, braces, dollars, colons and percents are the statement's."""
    found = run(way.format(sql), kind="wrong", x="wrong", HOME="wrong")
    run(f"%axonsql --to none {sql}")

    assert run("%axon last").sql == sql
    assert "wrong" not in str(found)


@pytest.mark.parametrize("sql", ["->> 'x'", "-1", "- o", "->'a'", "--1\n+"])
def test_what_looks_like_an_option_is_sql(run: Run, sql: str) -> None:
    """SQLite judges it, not the scan of options."""
    with pytest.raises(SqlError, match=r"syntax error|incomplete input"):
        run(f"%%axonsql\n{sql}" if "\n" in sql else f"%axonsql {sql}")


def test_parameters_win_over_variables(run: Run) -> None:
    """``-p`` before the namespace; literals are read as Python or JSON."""
    cell = "%axonsql --to rows -p a=1 -p b='x y' -p c=null -p d=[1,2] SELECT :a, :b, :c, 2 IN :d"

    assert run(cell, a=9) == [(1, "x y", None, 1)]


def test_params_for_question_marks(run: Run) -> None:
    """A ``?`` in a literal is text."""
    assert run("%axonsql --to rows --params values SELECT ?, '?', ?", values=[1, "b"]) == [
        (1, "?", "b")
    ]
    assert run("%axonsql --to scalar --params {'a':7} SELECT :a") == 7


def test_local_variables_are_seen(run: Run) -> None:
    """In functions and loops, where other magics see only globals."""
    run(
        "def ask(limit):\n    found = %axonsql --to scalar SELECT :limit + 1\n    return found\n"
        "answers = [ask(i) for i in range(3)]"
    )

    assert run("answers") == [1, 2, 3]


def test_an_unknown_name_fails_the_cell_with_a_suggestion(run: Run) -> None:
    """Line numbers are those of the cell."""
    with pytest.raises(ParameterError, match="no variable knid") as caught:
        run("%%axonsql\nSELECT 1;\nSELECT\n  :knid", kind="x")

    assert list(caught.value.detail) == ["  3 │   :knid", "    │   ^^^^^", "  did you mean kind?"]


def test_values_cannot_inject(run: Run, events: None) -> None:
    """Jinja counts 3 here."""
    hostile = "x' OR '1'='1"

    assert run("%axonsql --to scalar SELECT count(*) FROM events WHERE source = :v", v=hostile) == 0


def test_a_local_frame_joins_the_axon(run: Run, events: None) -> None:
    """No upload."""
    frame = pd.DataFrame({"kind": ["deploy", "x"], "weight": [np.int64(2), np.int64(3)]})
    cell = (
        "%%axonsql --to rows\nSELECT event_type, sum(weight) FROM events "
        "JOIN :frame AS f ON f.kind = event_type GROUP BY 1 ORDER BY 1"
    )

    assert run(cell, frame=frame) == [("deploy", 6), ("x", 3)]


def test_identifiers_from_variables(run: Run) -> None:
    """A table's name in a loop."""
    run("%%axonsql\nCREATE TABLE ${name}(a)", name='odd "name')

    assert 'odd "name' in run("%axon tables")["table"].tolist()


# -- several statements


def test_a_cell_is_one_transaction(run: Run, messages: Callable[[], str]) -> None:
    """Shown as such; the last result is returned."""
    frame = run(
        "%%axonsql\nCREATE TABLE t(a);\nINSERT INTO t VALUES (1), (2);\n"
        "SELECT count(*) AS n FROM t; -- done\n"
    )
    said = messages()

    assert frame.n[0] == 2
    assert "✓ 3 statements, one transaction · " in said
    assert "  2 INSERT INTO t VALUES (1), (2)      2 rows changed" in said
    assert "  3 SELECT count(*) AS n FROM t        1 row  ↓" in said


def test_a_failing_statement_rolls_all_back(run: Run) -> None:
    """And the message says so."""
    run("%axonsql CREATE TABLE t(a UNIQUE)")
    with pytest.raises(SqlError, match="statement 2 of 2: UNIQUE constraint failed") as caught:
        run("%%axonsql\nINSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1)")

    assert "all 2 statements were rolled back" in caught.value.detail[-1]
    assert run("%axonsql --to scalar SELECT count(*) FROM t") == 0


def test_triggers_are_one_statement(run: Run) -> None:
    """Semicolons inside of ``BEGIN … END``."""
    run(
        "%%axonsql\nCREATE TABLE t(a); CREATE TABLE log(a);\n"
        "CREATE TRIGGER copy AFTER INSERT ON t BEGIN\n  INSERT INTO log VALUES (new.a);\n"
        "  INSERT INTO log VALUES (';');\nEND;\nINSERT INTO t VALUES (7);"
    )

    assert run("%axonsql --to rows SELECT a FROM log") == [(7,), (";",)]


@pytest.mark.parametrize("word", ["BEGIN", "COMMIT", "SAVEPOINT a"])
def test_transactions_are_not_needed(run: Run, word: str) -> None:
    """A ``BEGIN;`` slips past others and then fails without a reason."""
    with pytest.raises(ParameterError, match="the statements of a cell are one transaction"):
        run(f"%%axonsql\n{word};\nSELECT 1;")


def test_each_returns_all_results(run: Run) -> None:
    """One per statement."""
    assert run("%%axonsql --each --to rows\nSELECT 1;\nSELECT 2") == [[(1,)], [(2,)]]


@pytest.mark.parametrize(
    "cell", ["%%axonsql\n-- nothing", "%%axonsql\n;;\n", "%axonsql", "%%axonsql\n/* x */"]
)
def test_nothing_to_run_is_no_error(run: Run, cell: str, messages: Callable[[], str]) -> None:
    """A traceback elsewhere."""
    assert run(cell) is None
    assert "nothing to run" in messages()


def test_windows_lines_and_odd_names(run: Run) -> None:
    """Cells are pasted from everywhere."""
    assert run("%%axonsql --to rows\r\nSELECT 1 AS größe;\r\nSELECT 2 AS größe;\r\n") == [(2,)]


# -- limits


def test_a_limit_is_part_of_the_query(run: Run, messages: Callable[[], str]) -> None:
    """Not of what is fetched; also around a limit that is there already."""
    assert len(run("%axonsql -n 2 SELECT value FROM json_each('[1,2,3]') -- all")) == 2
    assert "2 rows × 1 (limit 2)" in messages()
    assert len(run("%axonsql -n2 SELECT value FROM json_each('[1,2,3]') LIMIT 1")) == 1
    with pytest.raises(ParameterError, match="only a SELECT can be limited, this is INSERT"):
        run("%axonsql -n 2 INSERT INTO t VALUES (1)")
    with pytest.raises(ParameterError, match="--limit takes a whole number, got many"):
        run("%axonsql -n many SELECT 1")


COUNTING = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
MANY = f"{COUNTING} WHERE i < 25000) SELECT i, i FROM n"


def test_truncation_is_loud_and_all_fetches_the_rest(run: Run, messages: Callable[[], str]) -> None:
    """Silent truncation is the worst answer a query can give."""
    cut = run(f"%axonsql {MANY}")
    said = messages()
    whole = run(f"%axonsql --all {MANY}")

    assert len(cut) == 10_000
    assert cut.attrs["axon"]["truncated"]
    assert "⚠ 10,000 rows × 2, TRUNCATED at the server's row limit: add a LIMIT" in said
    assert whole["i"].tolist() == list(range(1, 25_001))
    assert list(whole.columns) == ["i", "i_2"]
    assert not whole.attrs["axon"]["truncated"]


def test_all_also_fetches_what_is_cut_by_its_size(run: Run) -> None:
    """The server's limit is 8 MiB too; pages become smaller until they fit."""
    wide = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
    frame = run(f"%axonsql --all {wide} SELECT i, hex(zeroblob(200000)) AS wide FROM n")

    assert frame["i"].tolist() == list(range(1, 61))
    assert set(frame["wide"].str.len()) == {400_000}


def test_all_refuses_what_pages_cannot_repeat(run: Run) -> None:
    """Each page would answer differently."""
    with pytest.raises(SqlError, match=r"random\(\) answers differently on each"):
        run(f"%axonsql --all {MANY.replace('i, i FROM', 'random() FROM')}")


# -- looking before sending


def test_dry_run_shows_and_sends_nothing(run: Run) -> None:
    """The statement, the values, their types."""
    shown = repr(run("%axonsql --dry-run INSERT INTO nowhere VALUES (:kind, 1)", kind="deploy"))

    assert shown == "INSERT INTO nowhere VALUES (?, 1)\nparams: ['deploy']\n(:kind: str)"


def test_explain_shows_a_tree(run: Run) -> None:
    """And marks what reads every row."""
    run("%axonsql CREATE TABLE t(a INTEGER PRIMARY KEY, b)")
    by_key = repr(run("%axonsql --explain SELECT * FROM t WHERE a = 1"))
    scan = repr(run("%axonsql --explain SELECT * FROM t WHERE b = 1"))

    assert "USING INTEGER PRIMARY KEY" in by_key
    assert scan == "└─ SCAN t   ⚠ reads every row"


def test_sql_from_a_file(run: Run, tmp_path: Path) -> None:
    """A byte order mark is not part of it."""
    path = tmp_path / "a query.sql"
    path.write_text("SELECT :v", "utf-8-sig")

    assert run(f"%axonsql --to scalar --file '{path}'", v=5) == 5
    with pytest.raises(ParameterError, match="cannot be read"):
        run("%axonsql --file nowhere.sql")
    with pytest.raises(ParameterError, match="leave one of both out"):
        run(f"%axonsql --file '{path}' SELECT 1")
