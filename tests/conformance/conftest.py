"""Runloop's own SDK, unmodified, pointed at the service by its two environment variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from runloop_api_client import Runloop
from runloop_api_client.types import AxonView

from axon_notebook.local.process.launcher import ServiceAddress

Publish = Callable[..., Any]


@pytest.fixture(scope="session")
def environment(service: ServiceAddress) -> Iterator[None]:
    """What `eval "$(axon-notebook env)"` does to a shell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLOOP_BASE_URL", service.base_url)
        patch.setenv("RUNLOOP_API_KEY", service.token.reveal())
        yield


@pytest.fixture(scope="session")
def client(environment: None) -> Iterator[Runloop]:
    """The SDK's client, given nothing but the environment."""
    with Runloop() as client:
        yield client


@pytest.fixture
def axon(client: Runloop) -> AxonView:
    """A new axon."""
    return client.axons.create(name="conformance")


@pytest.fixture(scope="session")
def publish(client: Runloop) -> Publish:
    """Publish an event where only what matters is said."""
    numbers = count(1)

    def publish(axon: AxonView, payload: str | None = None, **fields: Any) -> Any:
        event = {"source": "sdk", "event_type": "tick", "origin": "USER_EVENT"}
        text = f'{{"n": {next(numbers)}}}' if payload is None else payload
        return client.axons.publish(axon.id, payload=text, **{**event, **fields})

    return publish


@pytest.fixture(scope="module")
def ten(client: Runloop, publish: Publish) -> AxonView:
    """An axon with events 1 to 10, for tests that only read."""
    axon = client.axons.create(name="ten")
    for number in range(1, 11):
        publish(axon, f'{{"number": {number}}}', event_type="even" if number % 2 == 0 else "odd")
    return axon
