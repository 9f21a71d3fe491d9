"""One SELECT tells what an axon holds; the mirror knows the rest."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from axon_notebook.sql.schema import SCHEMA_QUERY, Mirror, Schema

DDL = """
CREATE TABLE seen(id INTEGER PRIMARY KEY, at TEXT NOT NULL, twice AS (id * 2));
CREATE VIEW latest AS SELECT max(id) AS top FROM seen;
CREATE INDEX by_at ON seen(at);
CREATE TRIGGER copy AFTER INSERT ON seen BEGIN DELETE FROM seen WHERE id < 0; END;
CREATE VIRTUAL TABLE words USING fts5(body);
"""


@pytest.fixture(scope="module")
def schema() -> Schema:
    with apsw.Connection(":memory:") as database:
        database.execute(DDL)
        rows = list(database.execute(SCHEMA_QUERY))
    database.close()
    return Schema.from_rows(rows)


def test_tables_views_and_their_columns_are_known(schema: Schema) -> None:
    """Generated columns and views included."""
    columns = {name: [c.name for c in table.columns] for name, table in schema.tables.items()}

    assert columns["seen"] == ["id", "at", "twice"]
    assert columns["latest"] == ["top"]
    assert next(iter(columns)) == "rl_axon_events"


def test_events_is_the_history_unless_the_axon_has_its_own(schema: Schema) -> None:
    """Both names lead to the same columns."""
    own = Schema.from_rows([("table", "Events", "CREATE TABLE Events(a)")])

    assert schema.table("EVENTS") == schema.table("rl_axon_events")
    assert not schema.has_events
    assert own.has_events


def test_what_the_mirror_cannot_make_is_known_to_be_unknown(schema: Schema) -> None:
    """Nothing may be refused because of it."""
    assert "words" in schema.refused


@pytest.mark.parametrize(
    "definition",
    [
        pytest.param("ATTACH '{path}' AS x", id="attach"),
        pytest.param("CREATE TABLE a(b); ATTACH '{path}' AS x", id="second statement"),
        pytest.param("VACUUM INTO '{path}'", id="vacuum"),
        pytest.param("SELECT writefile('{path}', 'x')", id="select"),
        pytest.param("PRAGMA temp_store_directory = '{path}'", id="pragma"),
    ],
)
def test_a_hostile_schema_is_not_executed(definition: str, tmp_path: Path) -> None:
    """The definitions come from anyone who can write to the axon."""
    path = tmp_path / "stolen"
    schema = Schema.from_rows([("table", "t", definition.format(path=path))])

    assert schema.refused == {"t"}
    assert not path.exists()


def test_a_check_runs_nothing(schema: Schema, tmp_path: Path) -> None:
    """It compiles; files and rows are untouched."""
    with Mirror(schema) as mirror:
        attached = mirror.check(f"ATTACH '{tmp_path / 'x'}' AS y")
        deleted = mirror.check("DELETE FROM seen WHERE id = ?")

    assert (attached, deleted) == (None, None)
    assert list(tmp_path.iterdir()) == []


def test_statements_of_a_batch_see_the_ones_before(schema: Schema) -> None:
    """``CREATE TABLE`` and its first ``INSERT`` stand in one cell."""
    with Mirror(schema) as mirror:
        unknown = mirror.check("INSERT INTO fresh VALUES (?)")
        created = mirror.check("CREATE TABLE fresh(a)")
        known = mirror.check("INSERT INTO fresh VALUES (?)")

    assert unknown is not None
    assert unknown.message == "no such table: fresh"
    assert (created, known) == (None, None)


def test_positions_count_characters(schema: Schema) -> None:
    """SQLite counts bytes of UTF-8."""
    with Mirror(schema) as mirror:
        complaint = mirror.check("SELECT 'äöü', nope FROM seen")

    assert complaint == ("no such column: nope", 14)
