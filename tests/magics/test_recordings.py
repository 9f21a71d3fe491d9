"""Recorded events come back as they were, or the line that is wrong is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from axon_notebook.errors import RecordingError
from axon_notebook.magics.recordings import is_recording, read_recording

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

    (event,) = read_recording(str(path))

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
    """Nothing was published yet, so mending the file is all there is to do."""
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
    events = read_recording(str(SHIPPED))

    starts = [json.loads(e["payload"]) for e in events if e["event_type"] == "session/update"]
    calls = [s["update"] for s in starts if s["update"]["sessionUpdate"] == "tool_call"]
    assert len(events) >= 5000
    assert len(calls) > 1000
    assert not any("/root" in e["payload"] or "/tmp/" in e["payload"] for e in events)
