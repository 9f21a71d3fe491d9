"""Exports of many axons: every event once, whatever happens to the exporter."""

from __future__ import annotations

import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import axon_notebook as an
from axon_notebook.dataset_files import Commit, DatasetFiles
from axon_notebook.errors import AxonError, ParameterError, SqlError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.magics.recordings import publishable, read_recording
from axon_notebook.models import AxonEvent

RUN = Path(__file__).parents[1] / "notebooks" / "data" / "agent_run.jsonl.gz"

EXPORTER = """
import sys
import axon_notebook as an
import axon_notebook.dataset_export as dataset_export

dataset_export.AXONS_PER_STEP = 2
with an.connect(sys.argv[1], api_key=sys.argv[2]) as client:
    print("ready", flush=True)
    client.axon_set(sys.argv[3]).export(sys.argv[4], progress=False)
"""


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


def made(client: an.Client, axons: int, events: int) -> str:
    prefix = f"data-{secrets.token_hex(4)}"
    for n in range(axons):
        axon = client.create_axon(f"{prefix}-{n:02}")
        axon.publish_many([("tick", {"n": i}) for i in range(events)])
    return f"{prefix}-*"


def test_a_dataset_has_every_event_of_the_set(client: an.Client, tmp_path: Path) -> None:
    pattern = made(client, 5, 30)
    axons = client.axon_set(pattern)
    exported = axons.export(tmp_path / "runs")

    assert (exported.events, exported.axons, exported.failed) == (150, 5, {})
    with an.open_dataset(tmp_path / "runs") as data:
        got = data.events()
        want = axons.events(100).sort_values(["axon", "sequence"], ignore_index=True)
        got.attrs = want.attrs = {}

        assert got.equals(want[got.columns.tolist()])
        assert data.sql("SELECT sum(sequence) AS s FROM events")["s"].dtype == np.int64
        assert len(data.events(f"{axons[0].name}", event_type="t*")) == 30


def test_a_second_export_adds_only_what_is_new(client: an.Client, tmp_path: Path) -> None:
    pattern = made(client, 3, 4)
    axons = client.axon_set(pattern)
    axons.export(tmp_path)
    files = set(tmp_path.rglob("*.parquet"))
    axons[1].publish("tock", {})
    exported = axons.export(tmp_path)

    assert exported.events == 1
    assert len(set(tmp_path.rglob("*.parquet")) - files) == 1
    with an.open_dataset(tmp_path) as data:
        assert data.sql("SELECT count(*) AS n FROM events")["n"].tolist() == [13]


@pytest.mark.parametrize(
    "kills", [4, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1200)])]
)
def test_every_event_is_there_once_after_many_kills(
    client: an.Client, service: ServiceAddress, tmp_path: Path, kills: int
) -> None:
    """Killed anywhere, an export leaves a dataset that reads and is continued."""
    pattern = made(client, 12, 50)
    target = tmp_path / "runs"
    command = [sys.executable, "-c", EXPORTER, service.base_url, service.token.reveal(), pattern]
    chosen = random.Random(5)
    for _ in range(kills):
        with subprocess.Popen([*command, str(target)], stdout=subprocess.PIPE) as exporter:
            assert exporter.stdout is not None
            exporter.stdout.readline()
            time.sleep(chosen.uniform(0, 0.15))  # a moment, not a limit
            exporter.send_signal(signal.SIGKILL)
        state = DatasetFiles(target).state()
        for file in state.files.values():
            assert (target / file.path).exists()
    client.axon_set(pattern).export(target)

    with an.open_dataset(target) as data:
        found = data.sql("SELECT axon, sequence, count(*) AS n FROM events GROUP BY ALL")
        assert len(found) == 12 * 50
        assert set(found["n"]) == {1}
    known = {target / file.path for file in DatasetFiles(target).state().files.values()}
    assert set(target.rglob("*.parquet")) == known


def test_a_second_exporter_is_refused(client: an.Client, tmp_path: Path) -> None:
    pattern = made(client, 1, 1)
    with (
        DatasetFiles(tmp_path).writing(),
        pytest.raises(AxonError, match="another export is writing"),
    ):
        client.axon_set(pattern).export(tmp_path)


def test_on_object_storage_a_lease_refuses_a_second_exporter_until_it_expires() -> None:
    now = [1000.0]
    url = f"memory://{secrets.token_hex(4)}"
    first = DatasetFiles(url, clock=lambda: now[0])
    second = DatasetFiles(url, clock=lambda: now[0])
    with first.writing() as renew:
        with pytest.raises(AxonError, match=r"another export .* is writing"), second.writing():
            pass
        now[0] += 121
        with second.writing(), pytest.raises(AxonError, match=r"the lease on .* went to"):
            renew()


def test_of_two_commits_of_one_number_one_is_refused(tmp_path: Path) -> None:
    """Two exporters that both think they hold the lease cannot both add rows."""
    for target in (str(tmp_path), f"memory://{secrets.token_hex(4)}"):
        files = DatasetFiles(target)
        files.fs.makedirs(files.root, exist_ok=True)
        files.commit(1, Commit([], {}))
        with pytest.raises(AxonError, match="another export wrote"):
            files.commit(1, Commit([], {}))


def test_an_exported_event_is_redacted(client: an.Client, tmp_path: Path) -> None:
    pattern = made(client, 1, 4)

    def redact(event: AxonEvent) -> AxonEvent | None:
        return None if event.sequence == 2 else msgspec.structs.replace(event, payload="{}")

    client.axon_set(pattern).export(tmp_path, redact=redact)
    with an.open_dataset(tmp_path) as data:
        assert data.events()["sequence"].tolist() == [1, 3, 4]
        assert set(data.events()["payload"]) == {"{}"}


def test_names_of_axons_never_become_paths(client: an.Client, tmp_path: Path) -> None:
    name = f"../../{secrets.token_hex(4)}'; DROP"
    client.create_axon(name).publish("a", {})
    client.axon_set(name.replace("[", "?")).export(tmp_path / "runs")

    assert sorted(p.name for p in tmp_path.iterdir()) == ["runs"]
    with an.open_dataset(tmp_path / "runs") as data:
        assert data.events()["axon_name"].tolist() == [name]


def test_what_is_wrong_is_said_in_one_line(client: an.Client, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="there is no dataset in"):
        an.open_dataset(tmp_path)
    pattern = made(client, 1, 1)
    client.axon_set(pattern).export(tmp_path)
    secret = [1, 2]  # noqa: F841 - DuckDB must not find it
    with an.open_dataset(tmp_path) as data:
        with pytest.raises(SqlError, match="secret does not exist"):
            data.sql("SELECT * FROM secret")
        with pytest.raises(ParameterError, match="'nope' is not a table"):
            data.dask("nope")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["events"]


def halves(client: an.Client) -> tuple[an.Axon, list[dict[str, Any]]]:
    """An axon with the first half of a run, and the other half."""
    events = publishable(read_recording(str(RUN))[0])
    axon = client.create_axon(f"halves-{secrets.token_hex(4)}")
    axon.publish_many(events[:150], progress=False)
    return axon, events[150:]


def test_rows_of_open_turns_are_written_again_and_the_newest_wins(
    client: an.Client, tmp_path: Path
) -> None:
    """And compaction leaves just those, in one file per table and day."""
    axon, rest = halves(client)
    axons = client.axon_set(axon.id)
    axons.export(tmp_path)
    axon.publish_many(rest, progress=False)
    axons.export(tmp_path)
    trace = axon.trace()
    columns = {"turns": "state", "tool_calls": "status", "messages": "text"}

    def check(data: an.Dataset) -> None:
        for table, column in columns.items():
            found = data.sql(f"SELECT {column} FROM {table} ORDER BY {column}")[column].tolist()
            assert found == sorted(trace.frame(table)[column])

    with an.open_dataset(tmp_path) as data:
        check(data)
        events = data.events(limit=10_000)
        compacted = data.compact()
        check(data)

        assert compacted.before > compacted.after == len(list(tmp_path.rglob("*.parquet")))
        assert data.events(limit=10_000).equals(events)
        assert data.compact().after == compacted.after
    axon.publish("more", {})
    assert axons.export(tmp_path).events == 1
    with an.open_dataset(tmp_path) as data:
        assert len(data.events(limit=10_000)) == len(events) + 1


def test_a_compaction_is_refused_while_an_export_writes(client: an.Client, tmp_path: Path) -> None:
    client.axon_set(made(client, 1, 1)).export(tmp_path)
    with (
        an.open_dataset(tmp_path) as data,
        DatasetFiles(tmp_path).writing(),
        pytest.raises(AxonError, match="another export is writing"),
    ):
        data.compact()
