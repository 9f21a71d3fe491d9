"""``%axon agent``: one line from an empty notebook to a prompt."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from axon_notebook.agent_state import agent_state
from axon_notebook.errors import AgentError, ParameterError

from .conftest import Run

PEER = Path(__file__).parents[1] / "agents" / "acp_peer.py"


def test_an_agent_is_started_and_prompted(run: Run, messages: Callable[[], str]) -> None:
    """On the current axon; its devbox ends with the session that is returned."""
    agent = run(f"%axon agent --env COLOR=red {sys.executable} {PEER}")
    told = messages()
    run("%%axon_prompt -q -o answer\nhello")
    said = run("answer")["text"]
    running = agent_state(agent.axon)
    agent.close()

    assert f"in devbox {agent.devbox.id}, until session.close()" in told
    assert "costs money" not in told, "it is this machine"
    assert "hello" in list(said)
    assert running.status == "running"
    assert agent_state(agent.axon).status == "ended"


def test_a_second_agent_takes_the_place_of_the_first(run: Run) -> None:
    """After the first has ended; --keep leaves its devbox to anyone who wants it."""
    first = run(f"first = %axon agent {sys.executable} {PEER}\nfirst")
    first.close()
    second = run(f"second = %axon agent --keep {sys.executable} {PEER}\nsecond")
    run("%%axon_prompt -q\nhello")
    second.close()
    kept = agent_state(second.axon)
    second.devbox.shutdown()

    assert kept.status == "running"


def test_what_cannot_be_started_says_why(run: Run) -> None:
    """No agent named, a quote left open, no such program, a failing installation."""
    with pytest.raises(ParameterError, match="axon-notebook-demo-agent"):
        run("%axon agent")
    with pytest.raises(ParameterError, match="No closing quotation"):
        run('%axon agent "claude')
    with pytest.raises(AgentError, match="no-such-agent is not on the PATH"):
        run("%axon agent no-such-agent")
    with pytest.raises(AgentError, match="launch commands may say why"):
        run("%axon create fresh\n%axon agent --install false no-such-agent")
