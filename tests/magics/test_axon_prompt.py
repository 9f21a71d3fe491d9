"""``%%axon_prompt``: a cell for an agent, with the demo agent behind a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.errors import AgentError, ParameterError
from axon_notebook.local.process.launcher import ServiceAddress

from .conftest import Run


@pytest.fixture
def agent(run: Run, service: ServiceAddress) -> Iterator[Run]:
    """The current axon has the demo agent, in a devbox with one file."""
    with an.connect(service.base_url, api_key=service.token) as client:
        axon = client.create_axon("prompted")
        mount = {
            "type": "broker_mount",
            "axon_id": axon.id,
            "protocol": "acp",
            "agent_binary": "axon-notebook-demo-agent",
        }
        files = {"notes.txt": "one\ntwo\nthree\n"}
        box = client.create_devbox("prompted", mounts=[mount], files=files)
        run(f"%axon use {axon.id}")
        yield run
        box.shutdown()


def test_the_turn_is_printed_and_its_events_returned(
    agent: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the prompt to the end of the turn, and nothing of what was before."""
    agent("%axon_publish before a=1")

    events = agent("%%axon_prompt\ncount *.txt")

    shown = capsys.readouterr()
    assert "1 file has 3 lines" in shown.out
    assert "✓ completed" in shown.err
    assert events["event_type"].iloc[0] == "session/prompt"
    assert events["event_type"].iloc[-1] in ("turn.completed", "session/update", "session/prompt")
    assert "turn.completed" in set(events["event_type"])
    assert "before" not in set(events["event_type"])


def test_permission_is_given_by_an_option_or_asked_for(
    agent: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An agent that edits files does so with somebody's consent."""
    agent("%axon_prompt --allow -q edit notes.txt: replace one with eins")
    asked: list[str] = []

    def refuse(question: str) -> str:
        asked.append(question)
        return "n"

    monkeypatch.setattr("builtins.input", refuse)
    agent("%axon_prompt -q edit notes.txt: replace two with zwei")

    assert len(asked) == 1
    assert "notes.txt" in asked[0]
    agent("%axon_prompt -o seen read notes.txt")
    assert capsys.readouterr().out.count("nothing was done") == 1


def test_the_conversation_goes_on_from_cell_to_cell(agent: Run) -> None:
    """One session per axon: the agent is introduced once."""
    agent("%axon_prompt -q count *.txt")
    agent("%axon_prompt -q count *.txt")

    introductions = agent(
        "%axonsql --to scalar SELECT count(*) FROM events WHERE event_type = 'initialize'"
    )
    assert introductions == 2  # ours, and the agent's answer


@pytest.mark.parametrize(
    ("cell", "kind", "words"),
    [
        ("%%axon_prompt\n \n", ParameterError, "there is no prompt"),
        ("%%axon_prompt count\nx", ParameterError, "write the prompt into the cell"),
        ("%axon_prompt --allow --reject x", ParameterError, "exclude each other"),
        ("%axon_prompt --protocol smtp x", AgentError, "not one of acp, claude"),
    ],
)
def test_a_cell_that_cannot_work_says_how_it_would(
    run: Run, cell: str, kind: type[Exception], words: str
) -> None:
    """Before anything is sent."""
    with pytest.raises(kind, match=words):
        run(cell)
