"""A client of the session's service, and axons with an agent on them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.axon import Axon
from axon_notebook.local.process.launcher import ServiceAddress

HERE = Path(__file__).parent

#: Mounts a script of this folder on a new axon.
Agents = Callable[..., Axon]


@pytest.fixture(scope="session")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as client:
        yield client


def mount(client: an.Client, stack: ExitStack, axon: Axon, **fields: Any) -> an.Devbox:
    """Create a devbox with an agent on *axon*, by default the scripted ACP peer."""
    script = fields.pop("script", "acp_peer.py")
    defaults = {"agent_binary": sys.executable, "launch_args": [str(HERE / script)]}
    wanted = {"type": "broker_mount", "axon_id": axon.id, **defaults, **fields}
    return stack.enter_context(client.create_devbox(mounts=[wanted], timeout=300))


@pytest.fixture
def agent(client: an.Client) -> Iterator[Agents]:
    """Make an axon with an agent; its devbox ends with the test."""
    with ExitStack() as stack:

        def agent(**fields: Any) -> Axon:
            axon = client.create_axon("agent")
            mount(client, stack, axon, **fields)
            return axon

        yield agent
