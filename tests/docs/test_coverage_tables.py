"""The tables of faults and threats name every row, and tests that exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
ROW = re.compile(r"^\| ([A-Z]\d+) \|(.*)\|$", re.MULTILINE)
TEST = re.compile(r"`([\w/.]+\.py|js/tests)::([^`]+)`")  # of the pages' tests the title is given
PAGES = {
    "faults": {"F": 45, "H": 35, "S": 9, "D": 13, "Q": 18},
    "security": {"T": 26},
}


def rows(page: str) -> dict[str, str]:
    found = ROW.findall((REPOSITORY / "docs" / f"{page}.md").read_text("utf-8"))
    assert len(dict(found)) == len(found), "a row is there twice"
    return dict(found)


@functools.cache
def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_row_is_there_with_a_test_or_a_reason(page: str) -> None:
    """A row that is missing from the table is a fault that nobody thought of."""
    found = rows(page)
    wanted = {f"{kind}{n}" for kind, last in PAGES[page].items() for n in range(1, last + 1)}

    assert set(found) == wanted
    for row, text in found.items():
        reason = re.search(r"not covered: \S+ \S+ \S+", text)
        assert TEST.search(text) or reason, f"{row} has neither a test nor a reason"


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_table_names_exists(page: str) -> None:
    """A table that names tests of last year proves nothing."""
    missing = [
        f"{row}: {file}::{name}"
        for row, text in rows(page).items()
        for file, name in TEST.findall(text)
        if not exists(REPOSITORY / file, name)
    ]

    assert missing == []


def exists(path: Path, name: str) -> bool:
    if path.suffix == ".py":
        return path.is_file() and name in names_in(path)
    return any(name in file.read_text("utf-8") for file in path.rglob("*.test.ts"))


def test_a_test_that_is_named_after_a_row_is_in_its_table() -> None:
    """Anyone who looks for a row finds all that was written for it."""
    named = re.compile(r"test_([fhsdqt]\d+)(?:_to_f\d+|_and_f\d+)?_")
    known = {**rows("faults"), **rows("security")}
    strangers = [
        f"{path.name}::{name}"
        for path in (REPOSITORY / "tests").rglob("test_*.py")
        for name in names_in(path)
        if (match := named.match(name)) and match[1].upper() not in known
    ]

    assert strangers == []
