"""The same result for those who do not use pandas."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import polars as pl
import pytest

from axon_notebook.errors import ParameterError
from axon_notebook.models import SqlColumn, SqlResult
from axon_notebook.sql.columns import Column, columns_of
from axon_notebook.sql.forms import as_arrow, as_dicts, as_polars, as_rows, as_scalar

needs_arrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed")

TYPES = ["INTEGER", "REAL", "TEXT", "BLOB", "BOOLEAN", ""]
VALUES = [[2**63 - 1, None], [0.1, None], ["é\0", None], [b"\xff", None], [1, None], [None, None]]


def made(types: list[str] = TYPES, values: list[list[Any]] = VALUES) -> list[Column]:
    named = [SqlColumn(f"c{i}", kind) for i, kind in enumerate(types)]
    return columns_of(SqlResult(named, [list(row) for row in zip(*values, strict=True)]))


def test_rows_and_dicts_hold_the_values() -> None:
    """No library at all."""
    columns = made()

    assert as_rows(columns, 2) == [(2**63 - 1, 0.1, "é\0", b"\xff", 1, None), (None,) * 6]
    assert as_dicts(columns, 2)[0]["c2"] == "é\0"


@pytest.mark.parametrize(
    ("form", "module"), [(as_arrow, "pyarrow"), (as_polars, "polars")], ids=["arrow", "polars"]
)
def test_a_form_whose_library_is_missing_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, form: Any, module: str
) -> None:
    """Neither comes with the package."""
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ParameterError, match=f"needs {module}: pip install {module}"):
        form(made(), 2)


@needs_arrow
def test_arrow_is_exact() -> None:
    """Types by kind, NULL as null."""
    table = as_arrow(made(), 2)

    assert table.to_pydict()["c0"] == [2**63 - 1, None]
    assert [str(t) for t in table.schema.types] == [
        "int64", "double", "string", "binary", "bool", "null",
    ]  # fmt: skip


def test_polars_is_exact() -> None:
    """Through its own constructors: pandas would be a detour."""
    frame = as_polars(made(), 2)

    assert frame.rows() == [(2**63 - 1, 0.1, "é\0", b"\xff", True, None), (None,) * 6]
    assert frame.dtypes == [pl.Int64, pl.Float64, pl.String, pl.Binary, pl.Boolean, pl.Null]


@pytest.mark.parametrize("form", [pytest.param(as_arrow, marks=needs_arrow), as_polars])
def test_zero_rows_keep_their_types(form: Any) -> None:
    """As in pandas."""
    assert form(made(values=[[]] * 6), 0).shape == (0, 6)


@needs_arrow
def test_columns_of_several_storage_classes() -> None:
    """Polars can hold them, Arrow cannot and says what to do."""
    columns = made(["INTEGER"], [[1, "x"]])

    assert as_polars(columns, 2)["c0"].to_list() == [1, "x"]
    with pytest.raises(ParameterError, match="column c0 holds several storage classes"):
        as_arrow(columns, 2)


@needs_arrow
def test_whole_numbers_among_floats_are_floats_everywhere() -> None:
    """A column of numbers is one column of numbers."""
    columns = made([""], [[1, 2.5]])

    assert as_arrow(columns, 2).schema.field(0).type == "double"
    assert as_polars(columns, 2)["c0"].to_list() == [1.0, 2.5]


def test_a_scalar_is_one_value() -> None:
    """Anything else would be a guess."""
    assert as_scalar(made(["INTEGER"], [[5]]), 1) == 5
    with pytest.raises(ParameterError, match="the result has 2 × 1"):
        as_scalar(made(["INTEGER"], [[5, 6]]), 2)
