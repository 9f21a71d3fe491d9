"""A machine that slept must not wait for a connection that is long dead."""

from __future__ import annotations

import threading

from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.subscription import Subscription
from axon_notebook.wire.wake import WakeWatch

from ..faults.reading import at_once
from ..faults.scripted_server import AXON
from ..waiting import wait_until


class Clocks:
    """Two clocks that a test moves; they count how often they were read."""

    def __init__(self) -> None:
        self.awake = self.always = 0.0
        self.reads = 0

    def __call__(self) -> tuple[float, float]:
        self.reads += 1
        return self.awake, self.always

    def read_again(self) -> None:
        """Wait until the watching thread has seen the time as it is now."""
        seen = self.reads
        wait_until(lambda: self.reads > seen + 1)

    def advance(self, *, asleep: float = 0.0, stopped: float = 0.0) -> None:
        self.awake += 0.01 + stopped
        self.always += 0.01 + stopped + asleep


def test_a_machine_that_slept_reconnects_at_once() -> None:
    """The clock that stops in sleep says nothing; the other one does."""
    clocks = Clocks()
    calls: list[str] = []
    watch = WakeWatch(tick=0.01, clocks=clocks)

    with watch.watching(lambda: calls.append("reconnect")):
        clocks.read_again()
        clocks.advance(asleep=8 * 3600)

        wait_until(lambda: calls == ["reconnect"])


def test_a_process_that_was_stopped_reconnects_at_once() -> None:
    """Debuggers and job control stop the clock of nobody else."""
    clocks = Clocks()
    calls: list[str] = []
    watch = WakeWatch(tick=0.01, clocks=clocks)

    with watch.watching(lambda: calls.append("reconnect")):
        clocks.read_again()
        clocks.advance(stopped=60)

        wait_until(lambda: calls == ["reconnect"])


def test_a_busy_machine_is_not_a_sleeping_one() -> None:
    """A thread that is a few seconds late must not tear down every connection."""
    clocks = Clocks()
    calls: list[str] = []
    watch = WakeWatch(tick=0.01, clocks=clocks)

    with watch.watching(lambda: calls.append("reconnect")):
        for _ in range(5):
            clocks.read_again()
            clocks.advance(stopped=20)
        clocks.read_again()

    assert calls == []


def test_the_thread_ends_with_the_last_stream_and_comes_back_with_the_next() -> None:
    """No thread without work."""
    watch = WakeWatch(tick=0.01)

    def running() -> bool:
        return "axon_notebook wake watch" in {t.name for t in threading.enumerate()}

    for _ in range(2):
        with watch.watching(lambda: None), watch.watching(lambda: None):
            assert running()
        wait_until(lambda: not running())


def test_a_stream_that_is_told_to_reconnect_misses_nothing(client: ApiClient) -> None:
    """Waking up costs one connection and no event."""
    with Subscription(EventStream(client, AXON, backoff=at_once())) as events:
        seen = [next(events).sequence for _ in range(5)]
        events.reconnect()
        seen += [next(events).sequence for _ in range(5)]

        wait_until(lambda: events.stats().connections >= 2)

    assert seen == list(range(1, 11))
