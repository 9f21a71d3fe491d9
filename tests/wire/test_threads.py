"""One client, many threads: encode/httpcore#1110 must not reach anybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import axon_notebook as an
from axon_notebook.errors import ClosedError
from axon_notebook.local.process.launcher import ServiceAddress

THREADS = 24


@pytest.fixture
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as client:
        yield client


def in_threads(work: Callable[[int], None]) -> None:
    """Do it in all threads at once; raise what one of them raised."""
    start = threading.Barrier(THREADS)

    def begin(number: int) -> None:
        start.wait()
        work(number)

    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(begin, number) for number in range(THREADS)]:
            done.result()


def test_no_publish_fails_and_none_is_lost(client: an.Client) -> None:
    """More threads than a pool keeps connections is where it hung."""
    axon = client.create_axon("threads")

    def publish(thread: int) -> None:
        for number in range(25):
            axon.publish("n", {"thread": thread, "number": number})

    in_threads(publish)

    pairs = axon.sql(
        "SELECT DISTINCT payload ->> 'thread' AS t, payload ->> 'number' AS n FROM rl_axon_events"
    )
    assert len(pairs) == THREADS * 25


def test_subscriptions_and_requests_share_a_client(client: an.Client) -> None:
    """Each thread follows what all of them publish."""
    axon = client.create_axon("followers")

    def follow(thread: int) -> None:
        with axon.subscribe() as events:
            axon.publish("n", thread)
            for event in events:
                if event.sequence == THREADS:
                    break

    in_threads(follow)

    assert axon.info().id == axon.id


def test_a_client_that_is_closed_meanwhile_says_so(client: an.Client) -> None:
    """Requests under way are finished; the next one is refused in words."""
    axon = client.create_axon("closing")

    def publish_for_ever(thread: int) -> None:
        while True:
            axon.publish("n", thread)
            if thread == 0:
                client.close()

    def publish(thread: int) -> None:
        with pytest.raises(ClosedError):
            publish_for_ever(thread)

    in_threads(publish)
