"""The bar that directs a replay, in a kernel without a page."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.widgets.replay_bar import ReplayBar

from ..waiting import wait_until
from .comms import Comms

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"

Begin = Callable[..., ReplayBar]


@pytest.fixture
def axon(service: ServiceAddress) -> Iterator[an.Axon]:
    with an.connect(service.base_url, api_key=service.token) as client:
        yield client.create_axon("directed")


@pytest.fixture
def begin(axon: an.Axon, monkeypatch: pytest.MonkeyPatch) -> Iterator[Begin]:
    Comms(monkeypatch)
    bars: list[ReplayBar] = []

    def make(**options: object) -> ReplayBar:
        recording = an.open_recording(RUN)
        bars.append(ReplayBar(an.replay(recording, axon, **options), recording))  # type: ignore[arg-type]
        return bars[-1]

    yield make
    for bar in bars:
        bar.close()


def parts(bar: ReplayBar) -> list:
    play, step, stop, seek, marks, speed, loop, state = bar.children
    return [play, step, stop, seek, marks, speed, loop, state]


def test_its_parts_direct_the_replay(axon: an.Axon, begin: Begin) -> None:
    """Step, seek forth, jump to a turn, speed, resume to the end."""
    bar = begin(paused=True)
    play, step, stop, seek, marks, speed, loop, state = parts(bar)
    assert (play.icon, seek.max, state.value) == ("play", 308, "0 of 308 events · paused")
    step.click()
    wait_until(lambda: len(axon.events(1000)) == 1)
    seek.value = 20
    wait_until(lambda: len(axon.events(1000)) == 20)
    second = bar.replay.markers()[1]
    marks.value = second
    wait_until(lambda: len(axon.events(1000)) == second - 1)
    assert (marks.value, bar.replay.state) == (0, "paused")

    loop.value, speed.value = True, 100.0
    assert (bar.replay.loop, bar.replay.speed) == (True, 100.0)
    loop.value = False
    bar.replay.speed = 100_000
    play.click()
    wait_until(lambda: bar.replay.state == "ended")
    bar.show()
    assert (seek.value, state.value) == (308, "308 of 308 events · ended")
    seek.value = 300
    wait_until(lambda: len(axon.events(1000)) == 316)
    stop.click()
    assert bar.replay.state == "stopped"
    assert stop.disabled
    with an.open_recording(RUN) as recording:
        assert axon.events(1000)["payload"][:308].equals(recording.events(308)["payload"])


def test_it_follows_the_replay_by_itself(begin: Begin) -> None:
    """While the kernel is free; a page needs no button for that."""

    async def cell() -> str:
        bar = begin(speed=100_000)
        state = bar.children[-1]
        while "ended" not in state.value:
            await asyncio.sleep(0.01)
        bar.close()
        return str(state.value)

    assert asyncio.run(asyncio.wait_for(cell(), 60)) == "308 of 308 events · ended"


def test_a_second_bar_of_an_axon_ends_the_first(begin: Begin) -> None:
    """A cell that is run again does not publish twice at once."""
    first, second = begin(speed=0.01), begin(paused=True)

    assert (first.replay.state, second.replay.state) == ("stopped", "paused")
    assert "paused" in repr(second)


def test_what_the_replay_failed_with_is_shown(axon: an.Axon, begin: Begin) -> None:
    """And nothing can be pressed any more."""
    bar = begin(paused=True)
    axon.delete()
    bar.children[0].click()
    wait_until(lambda: bar.replay.state == "failed")
    bar.show()

    assert "failed: " in bar.children[-1].value
    assert all(part.disabled for part in bar.children[:-1])
