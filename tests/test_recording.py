"""Recordings: a run in a file, and back."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

import axon_notebook as an
from axon_notebook.compressed_files import lines_of
from axon_notebook.errors import ParameterError, RecordingError, SqlError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.recording_file import RecordingReader
from axon_notebook.wire.subscription import MissingEventsWarning

from .waiting import wait_until

DATA = Path(__file__).parents[1] / "notebooks/data"
EVENT = {
    "sequence": 1,
    "timestamp_ms": 1000,
    "origin": "USER_EVENT",
    "source": "s",
    "event_type": "t",
    "payload": "{}",
}
HEADER = {"format": "axon-recording", "version": 1}


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as client:
        yield client


@pytest.fixture(scope="module")
def axon(client: an.Client) -> an.Axon:
    """An axon with some events and tables of all types."""
    axon = client.create_axon("recorded", metadata={"team": "a"})
    axon.publish("first", {"text": "é\u2028\0"}, source="a b", origin="EXTERNAL_EVENT")
    axon.publish_many([("tick", {"n": n}) for n in range(30)], origin="AGENT_EVENT")
    axon.batch(
        [
            "CREATE TABLE kinds(id INTEGER PRIMARY KEY, v, d AS (id * 2))",
            "INSERT INTO kinds(v) VALUES (NULL), (9223372036854775807), (0.1), (9e999), (-9e999),"
            " ('a''b'), (''), (x'00ff'), (x''), (1e300), (5e-324), ('r0.5')",
            'CREATE TABLE "odd ""name"(k TEXT PRIMARY KEY, rowid, _rowid_) WITHOUT ROWID',
            "INSERT INTO \"odd \"\"name\" VALUES ('x', 1, 2), ('y', 3, 4)",
            "CREATE INDEX kinds_v ON kinds(v)",
            "CREATE VIEW seen AS SELECT count(*) n FROM kinds",
        ]
    )
    return axon


def write(path: Path, *lines: Any) -> Path:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def event_lines(path: Path) -> list[bytes]:
    return [line for line in lines_of(path) if b'"event_type"' in line]


@pytest.mark.parametrize("suffix", ["jsonl", "jsonl.gz", "jsonl.zst"])
def test_a_saved_axon_reads_as_the_axon(axon: an.Axon, tmp_path: Path, suffix: str) -> None:
    """Events, name, metadata and SQL are those of the axon."""
    path = tmp_path / f"run.{suffix}"
    count = axon.save(path)
    with an.open_recording(path) as recording:
        assert count == len(recording) == 31
        assert recording.notes == []
        assert (recording.id, recording.name) == (axon.id, "recorded")
        assert recording.info().metadata == {"team": "a"}
        for query in (
            "SELECT * FROM rl_axon_events ORDER BY sequence",
            "SELECT event_type, count(*) n FROM rl_axon_events GROUP BY 1",
        ):
            assert recording.sql(query).equals(axon.sql(query))
        assert recording.events(10, event_type="t*").equals(axon.events(10, event_type="t*"))
        with recording.subscribe(after_sequence=20) as events:
            assert [event.sequence for event in events] == list(range(21, 32))
    assert sorted(p.name for p in tmp_path.iterdir()) == [path.name]


def test_tables_come_along_on_request(axon: an.Axon, tmp_path: Path) -> None:
    """Each value exactly, and what is built on the tables."""
    axon.save(tmp_path / "with.jsonl", tables=True)
    axon.save(tmp_path / "without.jsonl")
    queries = (
        "SELECT id, typeof(v), quote(v), d FROM kinds",
        'SELECT * FROM "odd ""name"',
        "SELECT * FROM seen",
    )
    with an.open_recording(tmp_path / "with.jsonl") as recording:
        for query in queries:
            assert recording.sql(query).equals(axon.sql(query))
    with (
        an.open_recording(tmp_path / "without.jsonl") as recording,
        pytest.raises(SqlError, match="no such table: kinds"),
    ):
        recording.sql(queries[0])


def test_redact_changes_and_leaves_out(axon: an.Axon, tmp_path: Path) -> None:
    """What is left out shows as missing; what fails saves nothing, and not its words."""
    import msgspec

    def redact(event: an.AxonEvent) -> an.AxonEvent | None:
        if event.sequence in (1, 5, 6):
            return None
        return msgspec.structs.replace(event, payload='"-"')

    path = tmp_path / "run.jsonl"
    assert axon.save(path, redact=redact) == 28
    before = path.read_bytes()
    with an.open_recording(path) as recording, recording.subscribe() as events:
        with pytest.warns(MissingEventsWarning):
            kept = list(events)
        assert {event.payload for event in kept} == {'"-"'}
        assert events.missing == [(1, 1), (5, 6)]

    def broken(event: an.AxonEvent) -> an.AxonEvent:
        raise KeyError("canary")

    with pytest.raises(RecordingError, match=r"event 1 \(KeyError\)") as failed:
        axon.save(path, redact=broken)
    assert "canary" not in str(failed.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_recording_is_read_only(axon: an.Axon, tmp_path: Path) -> None:
    """Each refusal names the way to an axon that can be written."""
    axon.save(tmp_path / "run.jsonl")
    with an.open_recording(tmp_path / "run.jsonl") as recording:
        for act in (
            lambda: recording.publish("x"),
            lambda: recording.publish_many([("x", 1), ("y", 2)]),
            lambda: recording.update(metadata={}),
            recording.delete,
            lambda: recording.sql("CREATE TABLE t(a)"),
        ):
            with pytest.raises(an.AxonError, match="read-only"):
                act()
        with pytest.raises(SqlError, match="not authorized"):
            recording.sql("ATTACH '/etc/passwd' AS x")


@pytest.mark.parametrize(
    ("name", "events", "notes"),
    [
        ("agent_run.jsonl.gz", 308, []),
        ("test_run.jsonl.gz", 5799, ["sequence of 5,799 events is made up"]),
    ],
)
def test_files_without_a_header_open_as_well(name: str, events: int, notes: list[str]) -> None:
    """What they lack is made up, and said."""
    with an.open_recording(DATA / name) as recording:
        assert len(recording) == events
        assert [note.partition(":")[0] for note in recording.notes] == notes
        assert recording.events(events)["sequence"].tolist() == list(range(1, events + 1))


def test_everything_that_is_made_up_is_said(tmp_path: Path) -> None:
    """A line may have no more than its type."""
    lines = [{"event_type": "a"}, {"event_type": "b", "timestamp_ms": 5, "origin": 2}]
    with an.open_recording(write(tmp_path / "x.jsonl", *lines)) as recording:
        assert recording.events()["origin"].tolist() == ["EXTERNAL_EVENT", "AGENT_EVENT"]
        assert [note.split()[:3] for note in recording.notes] == [
            ["sequence", "of", "2"],
            ["timestamp_ms", "of", "1"],
            ["origin", "of", "1"],
            ["source", "of", "2"],
            ["payload", "of", "2"],
        ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "line 1: the file is empty"),
        (["PK\x03\x04"], "line 1: not a recording"),
        (["[1]"], "line 1: not a recording"),
        ([{"a": 1}], 'line 1: the line has no "event_type"'),
        ([{**HEADER, "version": 2}], "line 1: the recording has version 2.*pip install -U"),
        ([{**HEADER, "metadata": 1}], "line 1: the header is damaged"),
        ([HEADER, EVENT, "{"], "line 3: the line is not an event.*; 1 event before it"),
        ([HEADER, EVENT, {**EVENT, "sequence": 1}], "line 3: sequence 1 follows 1"),
        ([HEADER, {**EVENT, "sequence": 0}], "line 2: sequence 0 follows 0"),
        ([HEADER, {**EVENT, "sequence": 2**63}], "line 2: sequence"),
        ([HEADER, {**EVENT, "origin": "ROOT"}], "line 2: origin 'ROOT' is not one of"),
        ([HEADER, {"event_type": "x"}], "line 2: the event has no sequence"),
        ([HEADER, {"row": [1]}], "line 2: the row has 1 values"),
        ([HEADER, EVENT, {"end": {"events": 2}}], "line 3: the recording ends after 1 events"),
        ([HEADER, {"end": {"events": 0}}, EVENT], "line 3: something follows the end"),
        ([HEADER, {"sql": "ATTACH 'x' AS y"}], "not the definition of a table"),
        ([HEADER, {"sql": "CREATE TABLE rl_x(a)"}], "tables cannot be used"),
        (
            [
                HEADER,
                {"table": {"name": "t", "sql": "CREATE TABLE u(a)", "columns": ["a"]}},
                {"row": [1]},
            ],
            "no such table: t",
        ),
        (
            [
                HEADER,
                {"table": {"name": "t", "sql": "CREATE TABLE t(a)", "columns": ["a"]}},
                {"row": [{"blob": "?"}]},
            ],
            "line 3: the row has a value",
        ),
        (
            [
                HEADER,
                {
                    "table": {
                        "name": "t",
                        "sql": "CREATE TABLE t AS WITH RECURSIVE c(n) AS "
                        "(SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c LIMIT 1000000000",
                        "columns": ["n"],
                    }
                },
            ],
            "tables cannot be used",
        ),
    ],
)
def test_a_damaged_or_foreign_file_names_the_line(
    tmp_path: Path, lines: list[Any], words: str
) -> None:
    """And how many events before it can be read."""
    with pytest.raises(RecordingError, match=words) as refused:
        an.open_recording(write(tmp_path / "x.jsonl", *lines))

    assert str(refused.value).count("\n") == 0


def test_a_recording_without_an_end_says_so(tmp_path: Path) -> None:
    """Its writer was interrupted, or the file was cut at the end of a line."""
    with an.open_recording(write(tmp_path / "x.jsonl", HEADER, EVENT)) as recording:
        assert recording.notes == ["the recording has no end: later events may be missing"]


@pytest.mark.parametrize(
    "pack", [gzip.compress, zstandard.ZstdCompressor().compress], ids=["gzip", "zstd"]
)
@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_compressed_file_names_the_line(
    tmp_path: Path, pack: Callable[[bytes], bytes], damage: str
) -> None:
    """Cut off or with a wrong byte: never half a recording without a word."""
    content = b"".join(
        json.dumps(
            {**EVENT, "sequence": n, "payload": zlib.crc32(b"%d" % n).to_bytes(4).hex()}
        ).encode()
        + b"\n"
        for n in range(1, 20_000)
    )
    packed = bytearray(pack(content))
    if damage == "cut":
        del packed[len(packed) // 2 :]
    else:
        packed[len(packed) // 2] ^= 0x55
    (tmp_path / "x").write_bytes(packed)

    with pytest.raises(RecordingError, match=r"x, line [\d,]+: .*events? before it can be read"):
        an.open_recording(tmp_path / "x")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor().compress])
def test_a_bomb_is_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """By what it unpacks to, in one line or in many."""
    line = json.dumps(EVENT | {"sequence": 1}).encode() + b"\n"
    (tmp_path / "line").write_bytes(pack(b"[" * 40_000_000))
    (tmp_path / "lines").write_bytes(pack(line + b"\n" * 2_000_000))

    with pytest.raises(RecordingError, match="longer than 33,554,432 bytes"):
        an.open_recording(tmp_path / "line")
    with pytest.raises(RecordingError, match="unpacks to more than 1,000,000 bytes"):
        an.open_recording(tmp_path / "lines", limit=1_000_000)


def test_reading_holds_one_event_at_a_time(tmp_path: Path) -> None:
    """A recording may be larger than memory; it is read in a stream."""
    import tracemalloc

    path = tmp_path / "x.jsonl.gz"
    with gzip.open(path, "wb") as file:
        for n in range(1, 20_001):
            file.write(
                b'{"sequence":%d,"timestamp_ms":1,"origin":"USER_EVENT","source":"s",'
                b'"event_type":"t","payload":"%s"}\n' % (n, b"x" * 2000)
            )
    tracemalloc.start()
    try:
        count = sum(1 for _ in RecordingReader(path))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert count == 20_000
    assert peak < 2 * 1024**2


def test_zstd_that_is_not_installed_is_named(
    axon: an.Axon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to install."""
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    monkeypatch.setitem(__import__("sys").modules, "compression", None)

    with pytest.raises(ParameterError, match="pip install zstandard"):
        axon.save(tmp_path / "x.jsonl.zst")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """With the folder that paths start at."""
    with pytest.raises(RecordingError, match=r"cannot read .*none.*paths start at"):
        an.open_recording(tmp_path / "none")


def test_a_viewer_shows_a_recording(axon: an.Axon, tmp_path: Path) -> None:
    """All of it, and then it has ended."""
    axon.save(tmp_path / "run.jsonl")
    with an.open_recording(tmp_path / "run.jsonl") as recording:
        viewer = an.EventViewer(recording)
        try:
            wait_until(
                lambda: viewer.stats()["state"]["name"] == "ended", "the end of the recording"
            )
            assert len(viewer.frame()) == 31
        finally:
            viewer.close()


def test_the_trace_of_a_recording_is_the_axons(client: an.Client, tmp_path: Path) -> None:
    """Turns, calls and messages are read from the events alone."""
    with an.open_recording(DATA / "agent_run.jsonl.gz") as shipped:
        axon = client.create_axon("traced")
        axon.publish_many(
            shipped.events(1000)[["event_type", "payload", "source"]].to_dict("records"),
            origin="AGENT_EVENT",
        )
        axon.save(tmp_path / "run.jsonl")
        with an.open_recording(tmp_path / "run.jsonl") as recording:
            ours, its = axon.trace(), recording.trace()
            for table in ("turns", "tool_calls", "messages", "questions", "notices"):
                assert getattr(ours, table).equals(getattr(its, table)), table
        assert len(shipped.trace().turns) > 0


# -- import


@pytest.mark.parametrize("tables", [False, True])
def test_save_import_save_gives_equal_lines(
    client: an.Client, axon: an.Axon, tmp_path: Path, tables: bool
) -> None:
    """Sequences, times and origins are kept, SYSTEM_EVENT included."""
    axon.save(tmp_path / "one.jsonl.gz", tables=tables)
    copy = client.import_recording(tmp_path / "one.jsonl.gz", "copy")
    copy.save(tmp_path / "two.jsonl", tables=tables)

    one, two = (list(lines_of(tmp_path / name)) for name in ("one.jsonl.gz", "two.jsonl"))
    assert one[1:] == two[1:]
    assert len(one) > 31
    metadata = copy.info().metadata
    assert copy.name == "copy"
    assert metadata["team"] == "a"
    assert (metadata["imported_from"], metadata["recorded_axon"]) == ("one.jsonl.gz", axon.id)


def test_an_import_goes_on_where_the_recording_ends(client: an.Client) -> None:
    """It is an axon like any other, with the broker's events as they were."""
    copy = client.import_recording(DATA / "agent_run.jsonl.gz")
    with an.open_recording(DATA / "agent_run.jsonl.gz") as recording:
        assert copy.events(1000).equals(recording.events(1000))
        assert "SYSTEM_EVENT" in set(copy.events(1000)["origin"])
    assert copy.name == "agent_run"
    assert copy.publish("more").sequence == 309
    with copy.subscribe(after_sequence=307) as events:
        assert [next(events).sequence for _ in range(2)] == [308, 309]


def test_what_was_made_up_is_said_at_an_import(client: an.Client) -> None:
    """One warning for each field."""
    with pytest.warns(UserWarning, match="sequence of 5,799 events is made up"):
        copy = client.import_recording(DATA / "test_run.jsonl.gz")

    assert copy.events(1)["sequence"].tolist() == [5799]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([HEADER, EVENT, "{"], "line 3"),
        ([HEADER, EVENT, {**EVENT, "sequence": 1}], "line 3"),
        ([HEADER, {**EVENT, "payload": "x" * (4 * 1024**2 + 1)}], "Event 1 of the import"),
        (
            [
                HEADER,
                EVENT,
                {"table": {"name": "t", "sql": "CREATE TABLE u(a)", "columns": ["a"]}},
                {"row": [1]},
                {"end": {"events": 1, "rows": 1}},
            ],
            "the tables cannot be made",
        ),
    ],
)
def test_a_damaged_recording_becomes_no_axon(
    client: an.Client, tmp_path: Path, lines: list[Any], words: str
) -> None:
    """All of it is imported, or nothing."""
    path = write(tmp_path / "damaged.jsonl", *lines)
    with pytest.raises(an.AxonError, match=words):
        client.import_recording(path)

    assert client.axons("damaged").empty


def test_a_server_that_cannot_import_gets_the_events_published(
    client: an.Client, axon: an.Axon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Runloop does; the warning says what is new."""
    axon.save(tmp_path / "run.jsonl", tables=True)
    monkeypatch.setattr("axon_notebook.wire.api.IMPORT_PATH", "/v1/axons/import/none")
    with pytest.warns(UserWarning, match="sequences and times are new"):
        copy = client.import_recording(tmp_path / "run.jsonl")

    columns = ["event_type", "payload", "source", "origin"]
    assert copy.events(100)[columns].equals(axon.events(100)[columns])
    assert copy.sql("SELECT * FROM kinds").equals(axon.sql("SELECT * FROM kinds"))
