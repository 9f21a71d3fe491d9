"""The traces of many axons: sums over the set are sums over its axons."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress

from .faults.faulty_relay import FaultyRelay

#: A real run of the demo agent: 15 turns with 16 tool calls.
RUN = Path(__file__).parents[1] / "notebooks" / "data" / "agent_run.jsonl.gz"


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture(scope="module")
def runs(client: an.Client) -> an.AxonSet:
    """Three times the same run, and an axon without an agent."""
    prefix = f"runs-{secrets.token_hex(4)}"
    client.create_axon(f"{prefix}-plain").publish("note", {})
    for n in range(3):
        client.import_recording(RUN, name=f"{prefix}-{n}")
    return client.axon_set(f"{prefix}-*")


def test_frames_of_the_set_are_those_of_its_axons(runs: an.AxonSet) -> None:
    trace = runs.trace()
    for table in ("turns", "tool_calls", "messages", "questions", "notices", "annotations"):
        whole = trace.frame(table)
        assert whole.columns.tolist()[:2] == ["axon", "axon_name"]
        for axon in runs:
            own = axon.trace().frame(table)
            part = whole[whole["axon"] == axon.id].drop(columns=["axon", "axon_name"])
            part = part.reset_index(drop=True)
            part.attrs = own.attrs = {}
            pd.testing.assert_frame_equal(part, own, check_dtype=True)


def test_a_summary_has_one_row_per_run(runs: an.AxonSet) -> None:
    summary = runs.summary()

    assert summary["axon"].tolist() == [axon.id for axon in runs]
    assert summary["turns"].tolist() == [15, 15, 15, 0]
    assert summary["tool_calls"].tolist() == [16, 16, 16, 0]
    assert summary["agent"].tolist() == ["Demo agent"] * 3 + [""]
    assert summary["cost"].isna().all()  # the demo agent calls no model
    assert summary["last_sequence"].tolist() == [308, 308, 308, 1]
    assert str(summary["started"].dtype) == "datetime64[ms, UTC]"


def test_a_refresh_reads_what_is_new(client: an.Client) -> None:
    prefix = f"fresh-{secrets.token_hex(4)}"
    axon = client.import_recording(RUN, name=f"{prefix}-1")
    trace = client.axon_set(f"{prefix}-*").trace()
    axon.publish("note", {})

    assert trace.refresh() == 1
    assert trace.refresh() == 0
    assert trace[axon.id].position == 309


def test_equal_runs_compare_as_equal(runs: an.AxonSet) -> None:
    assert len(an.compare(runs[0], runs[1]).frame()) == 0

    matrix = runs.compare()
    calls = [axon.id for axon in runs[:3]]
    assert matrix[calls].sum().tolist() == [16, 16, 16]
    assert (matrix["runs"] == 3).all()


def test_the_dataset_has_the_rows_of_the_trace(runs: an.AxonSet, tmp_path: Path) -> None:
    runs.export(tmp_path)
    with an.open_dataset(tmp_path) as data:
        for table in ("turns", "tool_calls", "messages"):
            want = runs.trace().frame(table)
            got = data.sql(f"SELECT * FROM {table} ORDER BY axon, first_sequence, part")
            want = want.sort_values(["axon", "first_sequence"], kind="stable", ignore_index=True)
            same = [c for c in want.columns if c not in ("input", "output", "answer")]
            assert got[same].astype(str).equals(want[same].astype(str)), table


def test_a_row_that_changed_is_there_once_and_new(client: an.Client, tmp_path: Path) -> None:
    """A turn that was open at the first export is written again when it has ended."""
    name = f"open-{secrets.token_hex(4)}"
    whole = client.import_recording(RUN, name=name)
    events = whole.events(400)
    ends = events[events["event_type"] == "turn.completed"]["sequence"].tolist()
    first = whole.trace(as_of=ends[0] - 1)
    assert first.turns["state"].tolist() == ["running"]

    part = client.create_axon(f"{name}-part")
    rows = events.to_dict("records")
    part.publish_many(_published(row) for row in rows[: ends[0] - 3])
    axons = client.axon_set(f"{name}-part")
    axons.export(tmp_path)
    part.publish_many(_published(row) for row in rows[ends[0] - 3 :])
    axons.export(tmp_path)

    with an.open_dataset(tmp_path) as data:
        turns = data.sql("SELECT turn_id, state, last_sequence FROM turns ORDER BY first_sequence")
        want = part.trace().turns
        assert turns["turn_id"].tolist() == want["turn_id"].tolist()
        assert turns["state"].tolist() == want["state"].tolist()
        assert turns["last_sequence"].tolist() == want["last_sequence"].tolist()


def _published(row: dict[str, str]) -> dict[str, str]:
    """An event as it can be published: only the service writes SYSTEM events."""
    origin = "EXTERNAL_EVENT" if row["origin"] == "SYSTEM_EVENT" else row["origin"]
    return {**{k: row[k] for k in ("event_type", "payload", "source")}, "origin": origin}


def test_a_summary_reads_only_what_is_new(
    client: an.Client, runs: an.AxonSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was read stays in a file of its owner; damaged, it is made anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    read: list[str] = []
    whole = an.Axon.trace
    monkeypatch.setattr(
        an.Axon, "trace", lambda axon, **options: read.append(axon.id) or whole(axon, **options)
    )
    plain = runs.summary(cache=False)
    first, second = runs.summary(), runs.summary()

    assert first.equals(plain)
    assert second.equals(plain)
    assert len(read) == 2 * len(runs)
    assert second.dtypes.equals(plain.dtypes)
    cache = tmp_path / "cache" / "axon-notebook" / "summaries.db"
    assert cache.stat().st_mode & 0o777 == 0o600
    assert cache.parent.stat().st_mode & 0o777 == 0o700

    runs[0].publish("note", {})
    read.clear()
    assert runs.summary()["last_sequence"].tolist()[0] == 309
    assert read == [runs[0].id]

    for damage in (b"not a database" * 100, b""):
        cache.write_bytes(damage)
        read.clear()
        assert len(runs.summary()) == len(read) == len(runs)
        assert len(runs.summary()) == len(read)


def test_a_cache_that_cannot_be_written_is_done_without(
    runs: an.AxonSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert len(runs.summary()) == len(runs)


def test_a_summary_with_failures_in_a_third_of_the_set_sums_the_others(
    client: an.Client, runs: an.AxonSet, service: ServiceAddress
) -> None:
    """Those that fail are named; asked again, nothing is missing."""
    broken = {runs[1].id: "404", runs[2].id: "cut"}

    def fault_of(path: str) -> str | None:
        if path == "/v1/axons/sql/query":
            return "404"
        return next((fault for axon, fault in broken.items() if axon in path), None)

    with (
        FaultyRelay(service.base_url, fault_of) as relay,
        an.connect(relay.base_url, api_key=service.token) as through,
    ):
        some = through.axon_set(f"{str(runs[0].name).rpartition('-')[0]}-*")
        summary, turns = some.summary(cache=False), some.trace().turns

        assert set(summary.attrs["axon"]["failed"]) == set(broken)
        assert set(turns.attrs["axon"]["failed"]) == set(broken)
        assert summary["turns"].sum() == len(turns) == 15
        broken.clear()
        whole = some.retry()

    assert whole["turns"].sum() == 45
    assert whole["axon"].tolist() == [axon.id for axon in runs]
