"""What an axon's agent is doing, asked of the service: none, starting, running, ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.agent_state import agent_state
from axon_notebook.errors import ExecutionError
from axon_notebook.local.process.launcher import ServiceAddress

from .waiting import wait_until

PEER = str(Path(__file__).parent / "agents" / "acp_peer.py")


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as client:
        yield client


def mount(axon: an.Axon, **fields: Any) -> dict[str, Any]:
    peer = {"agent_binary": sys.executable, "launch_args": [PEER]}
    return {"type": "broker_mount", "axon_id": axon.id, **peer, **fields}


def test_an_axon_without_a_devbox_has_no_agent(client: an.Client) -> None:
    """Not even if somebody publishes what a broker would."""
    axon = client.create_axon("none")
    axon.publish("devbox.running", {"devbox_id": "dbx_x"}, source="broker")

    assert agent_state(axon).status == "none"
    assert not agent_state(axon).exists


def test_the_state_follows_the_devbox_from_its_launch_to_its_end(client: an.Client) -> None:
    """Starting while launch commands run, when nothing is published yet; then running; then not."""
    axon = client.create_axon("followed")
    boxes: list[an.Devbox] = []

    def create() -> None:
        wait = "until [ -e go ]; do sleep 0.05; done"
        boxes.append(client.create_devbox(mounts=[mount(axon)], launch_commands=[wait]))

    thread = threading.Thread(target=create)
    thread.start()
    wait_until(lambda: agent_state(axon).status == "starting")
    starting = agent_state(axon)
    directory = client.devbox(starting.devbox_id).info().directory
    assert directory is not None
    Path(directory, "go").touch()
    thread.join(60)
    running = agent_state(axon)
    boxes[0].shutdown()
    ended = agent_state(axon)

    assert starting.exists
    assert running.exists
    assert (running.status, running.devbox_id) == ("running", boxes[0].id)
    assert (ended.status, ended.reason) == ("ended", "the devbox was shut down")
    assert not ended.exists


def test_an_agent_that_has_died_is_none_although_its_devbox_runs(client: an.Client) -> None:
    """The reason is the broker's; a new devbox gives the axon an agent again."""
    axon = client.create_axon("died")
    with client.create_devbox(mounts=[mount(axon)]):
        prompt = {"sessionId": "s", "prompt": [{"type": "text", "text": "exit 3"}]}
        axon.publish("session/prompt", prompt)
        wait_until(lambda: agent_state(axon).status == "ended")
        died = agent_state(axon)
        with client.create_devbox(mounts=[mount(axon)]) as second:
            again = agent_state(axon)

    assert "exit status 3" in died.reason
    assert (again.status, again.devbox_id) == ("running", second.id)


def test_an_agent_that_cannot_start_says_why(client: an.Client) -> None:
    """Its binary is not there."""
    axon = client.create_axon("missing")
    with pytest.raises(ExecutionError):
        client.create_devbox(mounts=[mount(axon, agent_binary="no-such-agent")])
    state = agent_state(axon)

    assert state.status == "ended"
    assert "no-such-agent is not on the PATH" in state.reason
