"""A recording is published again, with the timing of the run."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

import axon_notebook as an
from axon_notebook.errors import NotFound, ParameterError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.recording import Recording
from axon_notebook.replaying import Replay

from .widgets.comms import Comms

DATA = Path(__file__).parents[1] / "notebooks/data/agent_run.jsonl.gz"

#: Seconds of the events from the first; the last comes after a long silence.
TIMES = [0, 1, 1, 3, 103]


class HandClock:
    """Stands still until :meth:`advance`."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float | None] = []
        self._changed: threading.Condition | None = None

    def now(self) -> float:
        return self.time

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        self._changed = changed
        self.waits.append(seconds)
        changed.wait()

    def advance(self, seconds: float) -> None:
        eventually(lambda: self._changed is not None)
        assert self._changed is not None
        with self._changed:
            self.time += seconds
            self._changed.notify_all()


def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    lines = [
        {
            "sequence": 10 * n,
            "timestamp_ms": 1000 * seconds,
            "event_type": "turn.started" if n == 4 else "tick",
            "origin": "SYSTEM_EVENT" if n == 4 else "USER_EVENT",
            "source": "s",
            "payload": str(n),
        }
        for n, seconds in enumerate(TIMES, 1)
    ]
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with an.open_recording(path) as recording:
        yield recording


@pytest.fixture
def axon(client: an.Client) -> an.Axon:
    return client.create_axon("replayed")


def timeless(frame: pd.DataFrame) -> pd.DataFrame:
    """Without times, which are new; what lasted is shorter."""
    times = {name for name in frame if "time" in str(frame[name].dtype) or "seconds" in name}
    return frame[[name for name in frame if name not in times]]


def payloads(axon: an.Axon) -> str:
    return "".join(axon.events()["payload"])


def test_the_trace_of_a_replay_is_the_recordings(
    client: an.Client, axon: an.Axon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a viewer and a chat open; origins are kept; only sequences and times are new."""
    Comms(monkeypatch)
    columns = ["event_type", "payload", "source", "origin"]
    with (
        an.open_recording(DATA) as recording,
        an.EventViewer(axon, timeline=True) as viewer,
        an.AgentChat(axon) as chat,
    ):
        with an.replay(recording, axon, speed=10_000) as replay:
            assert replay.wait(60)
            assert (replay.state, replay.position) == ("ended", 308)
        assert axon.events(1000)[columns].equals(recording.events(1000)[columns])
        ours, its = axon.trace(), recording.trace()
        for table in ("turns", "tool_calls", "messages", "questions", "notices"):
            assert timeless(ours.frame(table)).equals(timeless(its.frame(table)))
        eventually(lambda: viewer.stats()["received"] == 308)
        assert viewer.frame()["payload"].equals(recording.events(1000)["payload"])
        eventually(lambda: [e.title for e in chat.entries] == [e.title for e in its.entries])
        assert [e.text for e in chat.entries] == [e.text for e in its.entries]


def test_events_come_when_they_are_due(recording: Recording, axon: an.Axon) -> None:
    """At twice the speed in half the time, and a change of speed holds from then on."""
    clock = HandClock()
    with Replay(recording, axon, speed=2, clock=clock) as replay:
        eventually(lambda: payloads(axon) == "1")
        clock.advance(0.25)
        assert payloads(axon) == "1"
        clock.advance(0.25)
        eventually(lambda: payloads(axon) == "123")
        replay.speed = 100
        clock.advance(0.02)
        eventually(lambda: payloads(axon) == "1234")
        clock.advance(1)
        assert replay.wait(60)

    assert payloads(axon) == "12345"
    assert replay.seconds == 103


def test_a_pause_stops_the_time(recording: Recording, axon: an.Axon) -> None:
    """What was waited for before counts after it."""
    clock = HandClock()
    with Replay(recording, axon, clock=clock) as replay:
        eventually(lambda: payloads(axon) == "1")
        clock.advance(0.5)
        replay.pause()
        clock.advance(1000)
        assert (payloads(axon), replay.state) == ("1", "paused")
        replay.resume()
        clock.advance(0.5)
        eventually(lambda: payloads(axon) == "123")


def test_steps_and_seeks(recording: Recording, axon: an.Axon) -> None:
    """Forward publishes what lies between, back publishes again."""
    clock = HandClock()
    with Replay(recording, axon, paused=True, clock=clock) as replay:
        replay.step()
        eventually(lambda: payloads(axon) == "1")
        replay.step(2)
        eventually(lambda: payloads(axon) == "123")
        assert replay.markers() == [40]
        replay.seek(20)
        replay.step()
        eventually(lambda: payloads(axon) == "1232")
        replay.seek(50)
        eventually(lambda: payloads(axon) == "123234")
        assert replay.position == 4
        replay.resume()
        clock.advance(0)
        eventually(lambda: payloads(axon) == "1232345")
        eventually(lambda: replay.state == "ended")
        replay.seek(50)
        eventually(lambda: payloads(axon) == "12323455")


def test_silences_are_cut_short_on_request(recording: Recording, axon: an.Axon) -> None:
    """A night without events is of no use to an audience."""
    clock = HandClock()
    with Replay(recording, axon, max_idle=2, clock=clock) as replay:
        assert replay.seconds == 1 + 0 + 2 + 2
        for _ in range(5):
            clock.advance(1)
        assert replay.wait(60)


def test_a_loop_begins_again_until_it_is_stopped(recording: Recording, axon: an.Axon) -> None:
    """For a screen that nobody attends to."""
    with an.replay(recording, axon, speed=100_000, loop=True) as replay:
        eventually(lambda: "1234512345" in payloads(axon))
        replay.stop()
        count = len(axon.events())

    assert replay.state == "stopped"
    assert len(axon.events()) == count
    assert not [t for t in threading.enumerate() if t.name == f"axon-replay {axon.id}"]
    with pytest.raises(ParameterError, match="has stopped"):
        replay.step()


def test_an_axon_with_an_agent_is_refused(recording: Recording, client: an.Client) -> None:
    """Recorded prompts would reach the agent again."""
    axon = client.create_axon("agent")
    mount = {
        "type": "broker_mount",
        "axon_id": axon.id,
        "protocol": "acp",
        "agent_binary": "axon-notebook-demo-agent",
    }
    with (
        client.create_devbox(mounts=[mount], timeout=120),
        pytest.raises(ParameterError, match="has an agent"),
    ):
        an.replay(recording, axon)


@pytest.mark.parametrize("options", [{"speed": 0}, {"speed": float("nan")}, {"max_idle": -1}])
def test_a_wrong_number_is_refused(
    recording: Recording, axon: an.Axon, options: dict[str, float]
) -> None:
    """And nothing is left running."""
    with pytest.raises(ParameterError, match="greater than 0"):
        an.replay(recording, axon, **options)

    assert not [t for t in threading.enumerate() if t.name.startswith("axon-replay axn")]


def test_what_it_failed_with_is_raised(recording: Recording, client: an.Client) -> None:
    """By wait(), in the thread of who waits."""
    axon = client.create_axon("gone")
    with an.replay(recording, axon, paused=True) as replay:
        axon.delete()
        replay.resume()
        with pytest.raises(NotFound):
            replay.wait(60)

    assert replay.state == "failed"


def test_a_server_that_takes_no_replay_gets_them_published(
    recording: Recording, axon: an.Axon
) -> None:
    """As on Runloop: the server's own origin cannot be claimed."""
    axon.api.accepts_replays = False
    with an.replay(recording, axon, speed=100_000) as replay:
        assert replay.wait(60)

    assert axon.events()["origin"].tolist() == [*["USER_EVENT"] * 3, "EXTERNAL_EVENT", "USER_EVENT"]
