"""``axon.sql()`` and ``axon.batch()``: what SQLite refuses is explained as in a cell."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.errors import AxonError
from axon_notebook.local.process.launcher import ServiceAddress


@pytest.fixture(scope="module")
def axon(service: ServiceAddress) -> Iterator[an.Axon]:
    with an.connect(service.base_url, api_key=service.token) as client:
        yield client.create_axon("refused")


@pytest.mark.parametrize(
    ("sql", "explained"),
    [
        (
            "SELECT sequense FROM events",
            ["  1 │ SELECT sequense FROM events", "    │        ^^^^^^^^"],
        ),
        ("SELECT\u00a01", ["    │       ^", "  U+00A0 (no-break space) is not SQL: type a space"]),
        ("SELECT “x”", ["    │        ^"]),
        ("SELECT\u200b 1", ["  U+200B (zero width space) is not SQL: delete it"]),
    ],
)
def test_a_refused_statement_is_explained_as_in_a_cell(
    axon: an.Axon, sql: str, explained: list[str]
) -> None:
    """In a query and in a batch: the place, and what was probably meant."""
    with pytest.raises(AxonError) as query:
        axon.sql(sql)
    with pytest.raises(AxonError) as batch:
        axon.batch(["SELECT count(*) FROM events", sql])

    for error in (query.value, batch.value):
        said = [*error.detail, f"  {error}"]
        assert [line for line in explained if line not in said] == []
