"""Tab inside of our cells: names of the axon, and never Python's in SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

Run = Callable[..., Any]


@pytest.fixture
def tab(run: Run, shell: InteractiveShell) -> Callable[[str], list[str]]:
    """Complete at ``|`` as a front end asks the kernel to."""
    run("%axonsql CREATE TABLE seen(id INTEGER PRIMARY KEY, at TEXT, odd)")
    run("found = %axon tables")  # the schema is there
    shell.user_ns.update(kind="deploy", kinds=["a"], _hidden=1)

    def complete(cell: str) -> list[str]:
        position = cell.index("|")
        text = cell.replace("|", "", 1)
        with provisionalcompleter():
            return [c.text for c in shell.Completer.completions(text, position)]

    return complete


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        # tables, columns behind an alias, columns before their FROM
        (
            "%%axonsql\nSELECT * FROM |",
            "events seen turns tool_calls messages questions notices annotations rl_axon_events",
        ),
        ("%%axonsql\nSELECT t.wai| FROM tool_calls t", "waited_seconds"),
        ("%%axonsql\nSELECT * FROM se|", "seen"),
        ("%axonsql SELECT * FROM se|", "seen"),
        ("x = 1\ndf = %axonsql SELECT * FROM se|", "seen"),
        ("%%axonsql\nSELECT s.| FROM seen s", "id at odd"),
        ("%%axonsql\nSELECT ev|\nFROM events", "event_type events"),
        ("%%axonsql\nSELECT e.seq| FROM events AS e", "sequence"),
        # variables, where values of Python go
        ("%%axonsql\nSELECT :ki|", "kind kinds"),
        ("%%axonsql\nSELECT :{ki|", "kind kinds"),
        ('%%axon_publish x\n{"a": ${ki|', "kind kinds"),
        # keywords in the user's case
        ("%%axonsql\nSELECT 1 lim|", "limit"),
        ("%%axonsql\nSELECT 1 LIM|", "LIMIT"),
        # options, their values, axons, sub-commands
        ("%%axonsql --li|", "--limit"),
        ("%%axonsql -t po|", "polars"),
        ("%%axonsql -a tes|", "test"),
        ("%axon sch|", "schema"),
        ("%axon use tes|", "test"),
        ("%axon schema se|", "seen"),
        ("%axon events --ty|", "--type"),
        ("%%axon_publish --origin a|", "agent"),
    ],
)
def test_what_is_offered(tab: Callable[[str], list[str]], cell: str, expected: str) -> None:
    """Prefixes are honoured, aliases known, the rest of the cell read."""
    assert tab(cell) == expected.split()


@pytest.mark.parametrize(
    "cell",
    [
        "%%axonsql\nSELECT 'se|'",
        "%%axonsql\nSELECT 1 -- se|",
        '%%axon_publish x\n{"se|": 1}',
        "%%axonsql\nSELECT zzz|",
    ],
)
def test_where_nothing_fits_nothing_changes(tab: Callable[[str], list[str]], cell: str) -> None:
    """Nor is Jedi asked, which takes a second to say nothing about SQL."""
    offered = tab(cell)

    assert len(offered) == 1
    assert offered[0] in ("se", "zzz")


def test_python_is_completed_as_before(tab: Callable[[str], list[str]]) -> None:
    """Our matcher is for our cells."""
    assert "kind" in tab("ki|")
    assert "kind" in tab("%axonsql SELECT 1\nki|")


def test_files_are_offered(
    tab: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that hold SQL, and directories."""
    (tmp_path / "query.sql").touch()
    (tmp_path / "query.txt").touch()
    (tmp_path / "queries").mkdir()
    monkeypatch.chdir(tmp_path)

    assert tab("%%axonsql --file que|") == ["queries/", "query.sql"]


def test_nothing_is_asked_of_a_server(
    tab: Callable[[str], list[str]], run: Run, shell: InteractiveShell
) -> None:
    """The kernel has one thread, and the front end one second of patience."""
    run("%axon last")
    before = run("%axon last")
    tab("%%axonsql\nSELECT * FROM |")

    assert run("%axon last") is before
