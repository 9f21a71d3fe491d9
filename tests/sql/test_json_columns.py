"""JSON in columns: decoded or spread, and nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from axon_notebook.errors import ParameterError
from axon_notebook.models import SqlColumn, SqlResult
from axon_notebook.sql.columns import Column, columns_of
from axon_notebook.sql.json_columns import decoded, expanded


def columns(payloads: list[Any]) -> list[Column]:
    rows = [[number, payload] for number, payload in enumerate(payloads)]
    return columns_of(SqlResult([SqlColumn("n"), SqlColumn("payload", "TEXT")], rows))


def shown(found: list[Column]) -> dict[str, list[Any]]:
    return {column.name: column.values for column in found}


def test_json_is_decoded_and_anything_else_stays() -> None:
    """One broken payload must not hide the others."""
    found = shown(decoded(columns(['{"a": [1]}', "{broken", None, "3"]), ["payload"]))

    assert found["payload"] == [{"a": [1]}, "{broken", None, 3]


def test_objects_become_columns_with_exact_types() -> None:
    """Integers with gaps stay integers here too."""
    found = expanded(
        columns(['{"a": 9007199254740993, "b": {"c": "x"}}', '{"b": {"c": "y"}}']), "payload"
    )

    assert shown(found) == {
        "n": [0, 1],
        "payload.a": [9007199254740993, None],
        "payload.b.c": ["x", "y"],
    }
    assert [column.kind for column in found] == ["integer", "integer", "text"]


def test_what_is_no_object_keeps_its_column() -> None:
    """Expanding must not drop rows it does not understand."""
    found = shown(expanded(columns(['{"a": 1}', "[1]", "{broken"]), "payload"))

    assert found["payload.a"] == [1, None, None]
    assert found["payload"] == [None, "[1]", "{broken"]


def test_a_key_never_takes_the_name_of_another_column() -> None:
    """``payload.a`` may be selected as well."""
    result = SqlResult([SqlColumn("payload.a"), SqlColumn("payload")], [[0, '{"a": 1}']])

    assert [c.name for c in expanded(columns_of(result), "payload")] == ["payload.a", "payload.a_2"]


def test_too_many_keys_are_data() -> None:
    """A frame of a thousand columns is of no use to anyone."""
    payloads = [f'{{"k{number}": 1}}' for number in range(201)]
    with pytest.raises(ParameterError, match="payload has 201 different keys"):
        expanded(columns(payloads), "payload")


def test_deep_nesting_does_not_overflow() -> None:
    """Payloads are untrusted."""
    deep = '{"a":' * 900 + "1" + "}" * 900

    assert len(shown(expanded(columns([deep]), "payload"))) == 2


def test_a_missing_column_is_named() -> None:
    """And the ones there are."""
    with pytest.raises(ParameterError, match="no column payloda to read JSON from: there are"):
        decoded(columns([]), ["payloda"])
