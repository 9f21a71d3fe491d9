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


@pytest.fixture(params=["the address", "the home"])
def either(request: pytest.FixtureRequest, service: ServiceAddress) -> Iterator[an.Client]:
    """A client as for any server, and one that knows that the service is the embedded one."""
    if request.param == "the home":
        client = an.connect(home=service.home)
    else:
        client = an.connect(service.base_url, api_key=service.token)
    with client:
        yield client


def publish_in_threads(client: an.Client, each: int) -> None:
    """Have every thread publish *each* events; none may fail, and each must be there once."""
    axon = client.create_axon("threads")

    def publish(thread: int) -> None:
        for number in range(each):
            axon.publish("n", {"thread": thread, "number": number})

    in_threads(publish)

    [(stored, different)] = axon.execute(
        "SELECT count(*), count(DISTINCT payload) FROM rl_axon_events"
    ).rows
    assert (stored, different) == (THREADS * each, THREADS * each)


def test_no_publish_fails_and_none_is_lost(either: an.Client) -> None:
    """More threads than a pool keeps connections is where it hung."""
    publish_in_threads(either, 25)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_none_of_twenty_times_six_thousand_publishes_is_lost(either: an.Client) -> None:
    """What hung one time in five; benchmarks/service.py says how long it takes."""
    for _ in range(20):
        publish_in_threads(either, 250)


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
