"""The reader thread: bounded, interruptible at any moment, and never in doubt."""

from __future__ import annotations

import ctypes
import itertools
import threading
import time
from contextlib import closing

import pytest

from axon_notebook.wire import subscription as subscription_module
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.subscription import Subscription

from ..faults.reading import at_once, client_of, whole_stream
from ..faults.scripted_server import AXON, HOLD, Answer, ScriptedServer, events_up_to
from ..waiting import wait_until


def follow(client: ApiClient) -> Subscription:
    return Subscription(EventStream(client, AXON, backoff=at_once()))


def test_f18_a_reader_nobody_listens_to_stops_reading_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server is held back by TCP; memory does not grow, and no event is dropped."""
    monkeypatch.setattr(subscription_module, "QUEUE_BYTES", 500_000)
    with (
        ScriptedServer(events_up_to(20_000)) as server,
        closing(client_of(server.base_url)) as client,
        follow(client) as events,
    ):
        wait_until(lambda: events.stats().lagging)
        read_ahead = events.stats().events

        seen = [next(events).sequence for _ in range(20_000)]

    # Of the server's 20,000: what fits, and the batch that the reader holds in its hands.
    assert read_ahead < 5000
    assert seen == list(range(1, 20_001))


def test_f32_interrupts_at_any_point_lose_and_repeat_nothing() -> None:
    """The stop button comes when it wants; the next loop goes on where this one was."""
    seen: list[int] = [0]
    interrupts = 0
    with (
        ScriptedServer(events_up_to(3000)) as server,
        closing(client_of(server.base_url)) as client,
        follow(client) as events,
    ):
        done = threading.Event()
        presser = threading.Thread(target=press, args=(threading.get_ident(), done))
        presser.start()
        while seen[-1] < 3000:
            try:
                for event in events:
                    seen.append(event.sequence)
                    if event.sequence == 2900:
                        stop(done, presser)
                    elif event.sequence == 3000:
                        break
                    elif event.sequence % 10 == 0:
                        time.sleep(0.001)
            except Pressed:
                interrupts += 1
        stop(done, presser)

    steps = [after - before for before, after in itertools.pairwise(seen)]
    assert interrupts
    # The one event between the iterator and the loop's first line is in nobody's hands.
    assert set(steps) <= {1, 2}
    assert steps.count(2) <= interrupts


def test_batches_are_lists_of_events_each_once(server: ScriptedServer, client: ApiClient) -> None:
    """For those who put them into a table, and for what was begun one by one."""
    server.streams(Answer(steps=[whole_stream(), HOLD]))
    with follow(client) as events:
        seen = [next(events).sequence for _ in range(3)]
        for batch in events.batches():
            seen += [event.sequence for event in batch]
            if seen[-1] == 10:
                break

    assert seen == list(range(1, 11))


class Pressed(BaseException):
    """What the stop button raises."""


def press(thread: int, done: threading.Event) -> None:
    """Raise in *thread*, again and again, at no particular point."""
    while not done.wait(0.01):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread), ctypes.py_object(Pressed)
        )


def stop(done: threading.Event, presser: threading.Thread) -> None:
    """End the presses, and take the one that may still be on its way."""
    calm = False
    while not calm:
        try:
            done.set()
            presser.join()
            for _ in range(1000):  # pending interrupts are raised at jumps back
                pass
            calm = True
        except Pressed:
            continue


def test_closing_ends_the_thread_also_while_the_queue_is_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader that waits for room must hear that nobody wants it any more."""
    monkeypatch.setattr(subscription_module, "QUEUE_BYTES", 100_000)
    with (
        ScriptedServer(events_up_to(5000)) as server,
        closing(client_of(server.base_url)) as client,
    ):
        events = follow(client)
        wait_until(lambda: events.stats().lagging)

        events.close()

    assert f"axon-reader {AXON}" not in {thread.name for thread in threading.enumerate()}


def test_f6_a_silent_stream_tells_for_how_long(server: ScriptedServer, client: ApiClient) -> None:
    """Who waits for an event wants to know whether anything is heard at all."""
    server.streams(Answer(steps=[whole_stream(), HOLD]))
    stream = EventStream(client, AXON)
    before = stream.silent_seconds

    with Subscription(stream) as events:
        seen = [next(events).sequence for _ in range(10)]
        wait_until(lambda: stream.silent_seconds > 0.2)

    assert (before, seen[-1], stream.silent_seconds) == (0, 10, 0)
