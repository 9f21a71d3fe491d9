"""Errors point at the word and say what was probably meant."""

from __future__ import annotations

import pytest

from axon_notebook.sql.binding import bind
from axon_notebook.sql.carets import caret_lines
from axon_notebook.sql.diagnosis import details, find_unknown_name
from axon_notebook.sql.schema import Mirror, Schema

SCHEMA = Schema.from_rows(
    [
        ("table", "seen", "CREATE TABLE seen(id INTEGER PRIMARY KEY, at TEXT NOT NULL UNIQUE)"),
        ("view", "late", "CREATE VIEW late AS SELECT id FROM seen"),
        ("table", "words", "CREATE VIRTUAL TABLE words USING fts5(body)"),
    ]
)


def explained(sql: str, message: str | None = None) -> tuple[str, str]:
    """Return the marked word and the suggestion for *sql*."""
    bound = bind(sql, {"v": "a value that is long"}, events=True)
    if message is None:
        with Mirror(SCHEMA) as mirror:
            complaint = mirror.check(bound.sql)
        assert complaint is not None, "SQLite has nothing against it"
        message = complaint.message
    lines = details(message, bound, SCHEMA)
    shown, carets = lines[0], lines[1]
    hint = lines[2].strip() if len(lines) > 2 else ""
    return shown[carets.index("^") : carets.rindex("^") + 1], hint


@pytest.mark.parametrize(
    ("sql", "word", "hint"),
    [
        ("SELECT event_tpe FROM events", "event_tpe", "did you mean event_type?"),
        ("SELECT :v, event_tpe FROM events", "event_tpe", "did you mean event_type?"),
        ("SELECT e.squence FROM events e", "e.squence", "did you mean sequence?   columns of e"),
        ("SELECT at FROM events", "at", "seen has this column"),
        ("SELECT qqq FROM seen", "qqq", "columns of seen: id, at"),
        ("INSERT INTO seen(att) VALUES (1)", "att", "did you mean at?"),
        (
            "SELECT 1 FROM evnts",
            "evnts",
            "did you mean events?   tables: events, seen, late, words",
        ),
        ("SELECT id FROM seen, late", "id", "say which: seen.id or late.id"),
        ("SELECT now()", "now", "in SQLite: datetime('now')"),
        ("SELECT * FORM seen", "FORM", "did you mean FROM?"),
        ("SELEC 1", "SELEC", "did you mean SELECT?"),
        ("SELECT id FROM seen WHER id = 1", "id", "did you mean WHERE?"),
        ("SELECT id, FROM seen", "FROM", "a comma too many before FROM?"),
        ("SELECT TOP 5 * FROM seen", "5", "in SQLite: LIMIT at the end"),
        ("SELECT 'abc", "'", "this quote is not closed"),
        ("SELECT (1 + (2)", "(", "this bracket is not closed"),
    ],
)
def test_the_word_and_what_was_meant(sql: str, word: str, hint: str) -> None:
    """The commonest mistakes, each answered."""
    marked, said = explained(sql)

    assert marked == word
    assert said.startswith(hint)


def test_a_text_in_double_quotes_is_recognised() -> None:
    """The mistake everybody makes who comes from another language."""
    marked, hint = explained('SELECT id FROM seen WHERE at = "x"', 'no such column: "x"')

    assert (marked, hint) == ('"x"', "a text stands in single quotes: 'x'")


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("UNIQUE constraint failed: seen.at", "to keep the row that is there: INSERT OR IGNORE"),
        ("rl_axon_events is read-only.", "events are history: %axon_publish adds one"),
    ],
)
def test_errors_without_a_place_are_explained_too(message: str, hint: str) -> None:
    """SQLite says nothing about where; there is no caret then."""
    lines = details(message, bind("INSERT INTO seen VALUES (1, 'x')", {}), SCHEMA)

    assert [line.strip()[: len(hint)] for line in lines] == [hint]


def test_the_caret_stands_in_the_cell() -> None:
    """Line numbers are the cell's, not the statement's."""
    cell = "SELECT 1;\n\nSELECT :v,\n  nope FROM seen"
    bound = bind(cell[11:], {"v": 1})
    lines = details("no such column: nope", bound, SCHEMA, cell=cell, start=11)

    assert lines[:2] == ["  4 │   nope FROM seen", "    │   ^^^^"]


def test_without_a_schema_the_message_itself_locates() -> None:
    """The first error of a session needs no extra request for its caret."""
    lines = details("no such column: nope", bind("SELECT nope FROM mine", {}))

    assert lines == ["  1 │ SELECT nope FROM mine", "    │        ^^^^"]


def test_names_that_are_not_there_are_found_before_sending() -> None:
    """Before the request; the schema must be fresh for that."""
    found = find_unknown_name(["CREATE TABLE a(b)", "SELECT b FROM a", "SELECT c FROM a"], SCHEMA)

    assert found == (2, "no such column: c")


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nofn(1)", "SELECT body FROM words", "PRAGMA x"])
def test_what_the_server_may_know_better_is_not_reported_before_sending(sql: str) -> None:
    """Its SQLite may be newer, and knows tables the mirror cannot make."""
    assert find_unknown_name([sql], SCHEMA) is None


def test_a_long_line_is_cut_around_the_culprit() -> None:
    """The caret must stay on the screen."""
    text = "SELECT " + "a, " * 200 + "nope, " + "b, " * 200
    shown, carets = caret_lines(text, text.index("nope"), 4)

    assert len(shown) < 110
    assert shown[carets.index("^") :][:4] == "nope"


def test_control_characters_are_not_sent_to_the_terminal() -> None:
    """An escape sequence in a cell must not act in its own error message."""
    shown, carets = caret_lines("a\x1b[31m\tnope", 7, 4)

    assert shown == "  1 │ a·[31m nope"
    assert carets == "    │        ^^^^"
