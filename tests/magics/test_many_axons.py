"""Cells and sub-commands on many axons, and on datasets."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook.errors import NotFound, ParameterError
from axon_notebook.local.process.launcher import ServiceAddress

from .conftest import Run

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
COUNT = "SELECT count(*) AS n FROM events"


@pytest.fixture(scope="module")
def prefix(service: ServiceAddress) -> str:
    """Four axons with 0 … 3 events."""
    name = f"many-{secrets.token_hex(4)}"
    with an.connect(service.base_url, api_key=service.token) as client:
        for n in range(4):
            client.create_axon(f"{name}-{n}").publish_many([("tick", {"n": i}) for i in range(n)])
    return name


def counts(frame: pd.DataFrame) -> dict[str, int]:
    return {str(name)[-1]: n for name, n in zip(frame["axon_name"], frame["n"], strict=True)}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("-a '{p}-*'", "3210"),
        ("-a {p}-1 -a {p}-3", "31"),
        ("-a '{p}-[12]' -a {p}-2", "21"),
        ("-a '{p}-*' --since 1h", "3210"),
        ("-a axons", "32"),
    ],
)
def test_a_cell_asks_every_axon_that_matches(
    run: Run, service: ServiceAddress, prefix: str, options: str, found: str
) -> None:
    run(f"%axon ls '{prefix}-*' --limit 2 -o listed")
    with an.connect(service.base_url, api_key=service.token) as client:
        axons = client.axon_set(f"{prefix}-*", limit=2)
        frame = run(f"%%axonsql {options.format(p=prefix)}\n{COUNT}", axons=axons)

    assert frame.columns.tolist() == ["axon", "axon_name", "n"]
    assert counts(frame) == {n: int(n) for n in found}
    assert frame.attrs["axon"]["failed"] == {}
    assert run("listed")["name"].tolist() == [f"{prefix}-3", f"{prefix}-2"]


def test_values_and_forms_are_those_of_one_axon(
    run: Run, prefix: str, tmp_path: Path, messages: Callable[[], str]
) -> None:
    """Bound once; written, limited and shaped as the result of one axon is."""
    cell = "SELECT sequence, payload FROM events WHERE sequence > :{least} ORDER BY 1"
    frame = run(
        f"%%axonsql -a '{prefix}-*' -n 1 --json --csv {tmp_path / 'x.csv'}\n{cell}", least=1
    )

    assert frame["payload"].tolist() == [{"n": 1}, {"n": 1}]
    assert (tmp_path / "x.csv").read_text().count("\n") == 3
    assert "2 rows × 4" in messages()
    rows = run(f"%%axonsql -a '{prefix}-*' -t rows\n{COUNT}")
    assert [row[2] for row in rows] == [3, 2, 1, 0]
    shown = repr(run(f"%%axonsql -a '{prefix}-*' --dry-run\n{cell}", least=1))
    assert "params: [1]" in shown


def test_each_axon_has_its_own_trace(run: Run, service: ServiceAddress) -> None:
    name = f"traced-{secrets.token_hex(4)}"
    with an.connect(service.base_url, api_key=service.token) as client:
        for n in range(2):
            client.import_recording(RUN, f"{name}-{n}")
        whole = client.axon_set(f"{name}-*").trace().tool_calls
    frame = run(f"%%axonsql -a '{name}-*'\nSELECT count(*) AS n FROM tool_calls")

    assert frame["n"].sum() == len(whole) > 0


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("%%axonsql -a '{p}-*'\nDELETE FROM x", "only a SELECT can be asked of several axons"),
        ("%%axonsql -a '{p}-*'\nSELECT 1; SELECT 2", "one statement per cell, this one has 2"),
        ("%%axonsql -a '{p}-*' --explain\nSELECT 1", "--explain is for one axon"),
        ("%%axonsql -a '{p}-*' --since noon\nSELECT 1", "'noon' is not a time"),
        ("%%axonsql --dataset x -a y\nSELECT 1", "--axon is not for datasets"),
        ("%axon ls 'x*' --search y", "--search is for a listing without a pattern"),
    ],
)
def test_what_cannot_be_asked_is_refused(run: Run, prefix: str, cell: str, why: str) -> None:
    with pytest.raises(ParameterError, match=why):
        run(cell.format(p=prefix))


def test_a_pattern_without_an_axon_says_so(run: Run) -> None:
    with pytest.raises(NotFound, match=r"no axon matches 'nobody-\*' since 1h"):
        run("%%axonsql -a 'nobody-*' --since 1h\nSELECT 1")


def test_axons_that_fail_are_named_and_lose_nothing_of_the_others(
    run: Run, service: ServiceAddress, messages: Callable[[], str]
) -> None:
    name = f"some-{secrets.token_hex(4)}"
    with an.connect(service.base_url, api_key=service.token) as client:
        client.create_axon(f"{name}-1").execute("CREATE TABLE t (v)")
        without = client.create_axon(f"{name}-2")
    frame = run(f"%%axonsql -a '{name}-*'\nSELECT count(*) AS n FROM t")

    assert frame["n"].tolist() == [0]
    assert list(frame.attrs["axon"]["failed"]) == [without.id]
    assert f"1 of them failed: {name}-2: no such table: t" in messages()


def test_the_summary_has_a_row_per_run(run: Run, prefix: str, messages: Callable[[], str]) -> None:
    frame = run(f"%axon summary '{prefix}-*' --since 1d -o runs")

    assert frame["axon_name"].tolist() == [f"{prefix}-{n}" for n in (3, 2, 1, 0)]
    assert frame["last_sequence"].tolist() == [3, 2, 1, pd.NA]
    assert run("runs") is frame
    assert "4 runs" in messages()


def test_a_dataset_is_asked_by_a_cell(
    run: Run, prefix: str, service: ServiceAddress, tmp_path: Path
) -> None:
    with an.connect(service.base_url, api_key=service.token) as client:
        client.axon_set(f"{prefix}-*").export(tmp_path)
    cell = "SELECT axon_name, count(*)::int AS n FROM events WHERE payload IN :wanted GROUP BY 1"
    frame = run(
        f"%%axonsql --dataset {tmp_path} -o found\n{cell} ORDER BY 1", wanted=['{"n":0}', '{"n":1}']
    )

    assert counts(frame) == {"1": 1, "2": 2, "3": 2}
    assert run("found") is frame
    assert (
        run("%axonsql --dataset place -t scalar SELECT count(*) FROM events", place=tmp_path) == 6
    )
    with pytest.raises(ParameterError, match=r"no variable wnted: did you mean wanted\?"):
        run(f"%%axonsql --dataset {tmp_path}\nSELECT :wnted")
    with pytest.raises(ParameterError, match="there is no dataset in"):
        run(f"%%axonsql --dataset {tmp_path}/none\nSELECT 1")


def test_a_word_without_marks_is_still_a_beginning(run: Run, prefix: str) -> None:
    assert len(run(f"%axon ls {prefix}")) == 4
    assert len(run(f"%axon ls {prefix}-1 {prefix}-2")) == 2
