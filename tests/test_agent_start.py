"""Starting an agent in one call: a session that owns its devbox, or the reason why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import axon_notebook as an
from axon_notebook.agent_start import AgentOptions
from axon_notebook.agent_state import agent_state
from axon_notebook.errors import AgentError
from axon_notebook.local.process.launcher import ServiceAddress

from .waiting import LIMIT

AGENTS = Path(__file__).parent / "agents"
PEER, CLAUDE = str(AGENTS / "acp_peer.py"), str(AGENTS / "claude_peer.py")


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as client:
        yield client


def test_an_agent_is_one_call_and_its_devbox_ends_with_the_session(client: an.Client) -> None:
    """On an axon of its own, named like the program."""
    with client.start_agent(sys.executable, args=[PEER]) as session:
        text = session.prompt("hello").result(LIMIT).text
        running = agent_state(session.axon)
    ended = agent_state(session.axon)
    session.close()

    assert text == "hello"
    assert running.status == "running"
    assert (ended.status, ended.reason) == ("ended", "the devbox was shut down")
    assert session.axon.name == Path(sys.executable).name


def test_keep_leaves_the_devbox_for_another_session(client: an.Client) -> None:
    """An axon may be given by name; its files and variables reach the agent."""
    axon = client.create_axon("kept")
    session = client.start_agent(
        sys.executable,
        axon=axon.id,
        args=[PEER],
        files={"notes.txt": "mine"},
        launch_commands=['test "$(cat notes.txt)" = mine && test "$COLOR" = red'],
        environment={"COLOR": "red"},
        keep=True,
    )
    session.close()
    kept = agent_state(axon)
    with an.AgentSession(axon) as again:
        text = again.prompt("still there").result(LIMIT).text
    client.devbox(kept.devbox_id).shutdown()

    assert kept.status == "running"
    assert text == "still there"


@pytest.mark.parametrize("protocol", ["claude", "claude_json"])
def test_the_protocol_has_the_name_of_people_or_of_the_mount(
    client: an.Client, protocol: str
) -> None:
    """The session gets the one, Runloop the other."""
    with client.start_agent(sys.executable, protocol=protocol, args=[CLAUDE]) as session:
        text = session.prompt("hi").result(LIMIT).text

    assert text == "You said: hi"


def test_what_cannot_be_started_says_why_and_leaves_no_devbox(client: an.Client) -> None:
    """A missing program, a failing launch command, an agent that dies at once."""
    axon = client.create_axon("failing")
    with pytest.raises(AgentError, match="no-such-agent is not on the PATH of the devbox"):
        client.start_agent("no-such-agent", axon=axon)
    with pytest.raises(AgentError, match="launch commands may say why"):
        client.start_agent(
            sys.executable, axon=client.create_axon("launch"), launch_commands=["exit 3"]
        )
    with pytest.raises(AgentError, match="exit status"):
        client.start_agent(sys.executable, axon=axon, args=["-c", "import sys; sys.exit(7)"])

    assert agent_state(axon).status == "ended"


def test_a_protocol_that_is_none_creates_nothing(client: an.Client) -> None:
    """Not even an axon."""
    before = len(client.axons(limit=1000))
    with pytest.raises(AgentError, match="'pigeon' is not one of acp, claude_json, claude"):
        client.start_agent("x", protocol="pigeon")

    assert len(client.axons(limit=1000)) == before


def test_secrets_and_blueprint_are_sent_as_runloop_names_them() -> None:
    """Both have their place in the request only if they are given."""
    given = AgentOptions("bin/claude", "claude", ["-v"], None, None, [], {"KEY": "prod"}, "base")
    plain = AgentOptions("x", "acp", [], None, None, [], None, None)

    assert given.body("axn_1") == {
        "name": "agent claude",
        "mounts": [
            {
                "type": "broker_mount",
                "axon_id": "axn_1",
                "protocol": "claude_json",
                "agent_binary": "bin/claude",
                "launch_args": ["-v"],
            }
        ],
        "metadata": {"axon_id": "axn_1"},
        "secrets": {"KEY": "prod"},
        "blueprint_name": "base",
    }
    assert set(plain.body("axn_1")) == {"name", "mounts", "metadata"}
