"""Recorded events come back as they were, or the line that is wrong is named."""

from __future__ import annotations

import _thread
import gzip
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from axon_notebook.errors import RecordingError
from axon_notebook.magics.recordings import is_recording, publishable, read_recording

from .conftest import Run

SHIPPED = Path(__file__).parents[2] / "notebooks" / "data" / "test_run.jsonl.gz"

EVENT = {
    "sequence": 7,
    "axon_id": "axn_1",
    "timestamp_ms": 1,
    "origin": "SYSTEM_EVENT",
    "source": "broker",
    "event_type": "turn.started",
    "payload": '{"turn_id": "é"}',
}


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("events.jsonl", True),
        ("data/run.JSONL.GZ", True),
        ("'my events.ndjson'", True),
        ("df", False),
        ("frames['a.jsonl'].head()", False),
        ("events.json", False),
    ],
)
def test_a_recording_is_told_from_an_expression_by_its_name(text: str, is_one: bool) -> None:
    """`%axon load df` and `%axon load events.jsonl` are one command."""
    assert is_recording(text) is is_one


def test_events_read_back_without_what_only_the_server_gives(tmp_path: Path) -> None:
    """Sequence and time are given anew; the server's own origin cannot be claimed."""
    path = tmp_path / "run.jsonl.gz"
    path.write_bytes(gzip.compress(f"{json.dumps(EVENT)}\n\n".encode()))

    events, _ = read_recording(str(path))
    (event,) = publishable(events)

    assert event == {
        "event_type": "turn.started",
        "payload": '{"turn_id": "é"}',
        "source": "broker",
        "origin": "EXTERNAL_EVENT",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"event_type": "a"}\n{broken\n', "line 2: the line is not an event"),
        (b"[1]\n", "line 1: not a recording"),
        (b'{"payload": "x"}\n', 'line 1: the line has no "event_type"'),
    ],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    """Nothing was published yet, so fixing the file is all there is to do."""
    path = tmp_path / "run.jsonl"
    path.write_bytes(content)

    with pytest.raises(RecordingError, match=words):
        read_recording(str(path))


def test_a_file_that_cannot_be_read_says_where_paths_start(tmp_path: Path) -> None:
    """Kernels start in the notebook's folder, which is not always where people think."""
    with pytest.raises(RecordingError, match="paths start at"):
        read_recording(str(tmp_path / "missing.jsonl"))


def test_the_shipped_recording_is_a_real_run_of_at_least_5000_events() -> None:
    """The demo stands on real input."""
    events, _ = read_recording(str(SHIPPED))

    starts = [json.loads(e.payload) for e in events if e.event_type == "session/update"]
    calls = [s["update"] for s in starts if s["update"]["sessionUpdate"] == "tool_call"]
    assert len(events) >= 5000
    assert len(calls) > 1000
    assert not any("/root" in e.payload or "/tmp/" in e.payload for e in events)


def test_an_empty_axon_gets_the_events_as_they_were(
    run: Run, tmp_path: Path, messages: Callable[[], str]
) -> None:
    """With their sequences, times and origins; what comes later goes on from there."""
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps({**EVENT, "sequence": n}) + "\n" for n in (7, 9)))
    run("%axon create loaded-empty")
    frame = run(f"%axon load {path}")
    said = messages()
    run("%axon_publish more")

    assert "2 events with their times" in said
    assert frame["sequence"].tolist() == [7, 9]
    assert frame["timestamp"].astype("int64").gt(0).all()
    shown = run("%axonsql SELECT sequence, timestamp_ms < 10 AS old, origin FROM rl_axon_events")
    assert shown["sequence"].tolist() == [7, 9, 10]
    assert shown["old"].tolist() == [1, 1, 0]
    assert shown["origin"].tolist()[:2] == [4, 4]


@pytest.mark.parametrize(
    ("path", "first", "why"),
    [("import", True, "the axon has events"), ("none", False, "this server cannot import")],
)
def test_elsewhere_the_events_are_published_and_it_says_so(
    run: Run,
    tmp_path: Path,
    messages: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    first: bool,
    why: str,
) -> None:
    """Sequences and times are new, and the reason is told."""
    monkeypatch.setattr("axon_notebook.wire.api.IMPORT", path)
    file = tmp_path / "run.jsonl"
    file.write_text(json.dumps(EVENT))
    run(f"%axon create loaded-{path}")
    if first:
        run("%axon_publish before")
    run(f"%axon load {file}")
    said = messages()

    assert f"sequences and times are new: {why}" in said
    assert run("%axon events")["event_type"].tolist()[-1] == "turn.started"
    assert run("%axon events")["sequence"].tolist()[-1] == 1 + first


def test_a_recording_is_replayed_into_the_current_axon(
    run: Run, messages: Callable[[], str]
) -> None:
    """Origins are kept; sequences and times are new."""
    run("%axon create replayed")
    run(f"%axon replay '{SHIPPED.parent}/agent_run.jsonl.gz' --speed 10000 --max-idle 1")

    assert "✓ 308 events in" in messages()
    assert run("%axonsql --to scalar SELECT count(*) FROM rl_axon_events WHERE origin = 4") > 0


def test_the_stop_button_ends_a_replay(run: Run, tmp_path: Path) -> None:
    """What was published stays, and it says how much."""
    path = tmp_path / "run.jsonl"
    late = {**EVENT, "sequence": 8, "timestamp_ms": 3_600_000}
    path.write_text(json.dumps(EVENT) + "\n" + json.dumps(late))
    axon = run("%axon create stopped-replay")

    def press() -> None:
        with axon.subscribe() as events:
            next(events)
        _thread.interrupt_main()

    threading.Thread(target=press, daemon=True).start()
    with pytest.raises(KeyboardInterrupt, match="stopped: 1 of 2 events were published"):
        run(f"%axon replay {path}")

    assert len(run("%axon events")) == 1
    assert not [t for t in threading.enumerate() if t.name.startswith("axon-replay")]
