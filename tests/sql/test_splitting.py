"""Statements end where SQLite says, and nowhere else."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.sql.splitting import Statement, split, verb_of

TRIGGER = "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT ';'; END"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("SELECT 1; SELECT 2", ["SELECT 1", "SELECT 2"], id="two"),
        pytest.param(f"{TRIGGER};\nSELECT 1", [TRIGGER, "SELECT 1"], id="trigger body"),
        pytest.param("SELECT ';' , \"a;b\", [c;d]", ["SELECT ';' , \"a;b\", [c;d]"], id="quoted"),
        pytest.param("SELECT 1 -- a; b", ["SELECT 1 -- a; b"], id="comment"),
        pytest.param("SELECT 1; -- done", ["SELECT 1"], id="comment after the end"),
        pytest.param(";;  ; ", [], id="semicolons only"),
        pytest.param("-- nothing\n/* here */", [], id="comments only"),
        pytest.param("", [], id="empty"),
        pytest.param("SELECT 1;\r\nSELECT 2;\r\n", ["SELECT 1", "SELECT 2"], id="Windows lines"),
        pytest.param("SELECT :{'a;b'}; SELECT 2", ["SELECT :{'a;b'}", "SELECT 2"], id="ours"),
        pytest.param("SELECT /* ; open", ["SELECT /* ; open"], id="comment without an end"),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    """Cutting at every semicolon breaks triggers, strings and comments."""
    assert [statement.sql for statement in split(text)] == expected


@given(
    st.lists(st.sampled_from(["SELECT 1", TRIGGER, "INSERT INTO t VALUES(';')", "-- c\nSELECT 2"]))
)
def test_what_was_joined_is_split_again(statements: list[str]) -> None:
    """And each knows where it stood, for the caret."""
    text = ";\n".join(statements)
    found = split(text)

    assert [s.sql for s in found] == statements
    assert all(text[s.start :].startswith(s.sql) for s in found)


@given(st.lists(st.sampled_from(["'", '"', ";", "--", "\n", "/*", "*/", "a", "END", "BEGIN"])))
def test_no_piece_is_incomplete_for_sqlite(words: list[str]) -> None:
    """Every cut is one that SQLite agrees with."""
    pieces = split(" ".join(words))

    assert all(sqlite3.complete_statement(piece.sql + "\n;") for piece in pieces[:-1])


@pytest.mark.parametrize(
    ("sql", "verb"),
    [
        ("select 1", "SELECT"),
        ("/* c */ WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", "INSERT"),
        ("CREATE TEMP TABLE x(a)", "CREATE TABLE"),
        ("CREATE UNIQUE INDEX i ON t(a)", "CREATE INDEX"),
        ("DROP VIEW v", "DROP VIEW"),
        ("EXPLAIN QUERY PLAN SELECT 1", "EXPLAIN"),
        ("-- only this", ""),
        ("(SELECT 1)", ""),
    ],
)
def test_verb(sql: str, verb: str) -> None:
    """The table of a batch names what each statement did."""
    assert verb_of(sql) == verb


def test_reading_is_told_from_writing() -> None:
    """A limit may be put around what reads, and only around that."""
    assert Statement("WITH a AS (SELECT 1) SELECT * FROM a", 0).returns_rows
    assert not Statement("WITH a AS (SELECT 1) DELETE FROM t", 0).returns_rows
