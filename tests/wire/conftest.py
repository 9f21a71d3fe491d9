"""An axon of ten events behind a scripted server, and ways to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from axon_notebook.wire.api import ApiClient

from ..faults.faultproxy import FaultProxy
from ..faults.reading import client_of
from ..faults.scripted_server import ScriptedServer, events_up_to


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(events_up_to(10)) as server:
        yield server


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[ApiClient]:
    with closing(client_of(server.base_url)) as client:
        yield client


@pytest.fixture
def far_client(proxy: FaultProxy) -> Iterator[ApiClient]:
    """A client whose way to the server leads through the proxy."""
    with closing(client_of(proxy.base_url)) as client:
        yield client
