"""Tools that know only PEP 249 work on axons."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pandas as pd
import pytest

from axon_notebook import Client, connect, dbapi
from axon_notebook.local.process.launcher import ServiceAddress


@pytest.fixture
def client(service: ServiceAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.delenv("RUNLOOP_API_KEY", raising=False)
    with connect(home=service.home) as client:
        yield client


@pytest.fixture
def connection(client: Client) -> Iterator[dbapi.Connection]:
    with dbapi.connect(client.create_axon("dbapi")) as connection:
        yield connection


def test_pandas_reads_and_the_values_are_exact(connection: dbapi.Connection) -> None:
    """``pandas.read_sql`` takes any DB-API connection, and warns that it is not SQLAlchemy's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        frame = pd.read_sql("SELECT ? AS a, x'00' AS b", connection, params=[2**62])

    assert frame.to_dict("list") == {"a": [2**62], "b": [b"\x00"]}


def test_writing_and_reading(connection: dbapi.Connection) -> None:
    """Values are adapted as everywhere in this package."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t(a INTEGER, b BLOB)")
    cursor.executemany("INSERT INTO t VALUES (?, ?)", [(i, bytes([i])) for i in range(150)])

    assert cursor.rowcount == 150
    assert cursor.execute("SELECT a, b FROM t WHERE a >= ?", [148]).fetchall() == [
        (148, b"\x94"),
        (149, b"\x95"),
    ]
    assert cursor.description is not None
    assert [column[:2] for column in cursor.description] == [("a", "INTEGER"), ("b", "BLOB")]


def test_rows_come_as_asked(connection: dbapi.Connection) -> None:
    """One, some, the rest, or by iterating."""
    cursor = connection.execute("SELECT value FROM json_each('[1,2,3,4,5]')")

    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany(2) == [(2,), (3,)]
    assert list(cursor) == [(4,), (5,)]
    assert cursor.fetchone() is None


def test_nothing_is_truncated(connection: dbapi.Connection) -> None:
    """No tool that takes a connection knows of a row limit."""
    counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12000)"

    assert len(connection.execute(f"{counting} SELECT i FROM n").fetchall()) == 12_000


@pytest.mark.parametrize(
    ("sql", "params", "kind"),
    [
        ("SELEC 1", (), dbapi.ProgrammingError),
        ("SELECT * FROM nowhere", (), dbapi.ProgrammingError),
        ("INSERT INTO one VALUES (1), (1)", (), dbapi.IntegrityError),
        ("SELECT ?", [object()], dbapi.DataError),
        ("DELETE FROM rl_axon_events", (), dbapi.OperationalError),
    ],
)
def test_errors_are_those_of_the_interface(
    connection: dbapi.Connection, sql: str, params: list[object], kind: type[Exception]
) -> None:
    """Chained to ours, which explain more."""
    connection.execute("CREATE TABLE one(a UNIQUE)")
    with pytest.raises(kind) as caught:
        connection.execute(sql, params)

    assert caught.value.__cause__ is not None


def test_an_unreachable_server_is_an_operational_error(client: Client) -> None:
    """Not an error of another library."""
    axon = client.create_axon("gone")
    axon.delete()
    with pytest.raises(dbapi.OperationalError):
        dbapi.connect(axon).execute("SELECT 1")


def test_a_rollback_that_cannot_be_is_refused(connection: dbapi.Connection) -> None:
    """Silence would mean that it happened."""
    connection.rollback()
    connection.execute("CREATE TABLE t(a)")
    with pytest.raises(dbapi.NotSupportedError, match=r"use axon\.batch for a transaction"):
        connection.rollback()

    connection.commit()
    connection.rollback()


def test_closed_means_closed(connection: dbapi.Connection) -> None:
    """Both the cursor and the connection, and twice is fine."""
    cursor = connection.execute("SELECT 1")
    cursor.close()
    cursor.close()
    with pytest.raises(dbapi.InterfaceError, match="this cursor is closed"):
        cursor.fetchall()
    connection.close()
    connection.close()
    with pytest.raises(dbapi.InterfaceError, match="this connection is closed"):
        connection.cursor()
