"""``%%axon_prompt``: a cell for an agent, with the demo agent behind a real broker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.agent_state import agent_state
from axon_notebook.agents.model import Question
from axon_notebook.agents.parts import Choice, Field, Option
from axon_notebook.errors import AgentError, ParameterError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.magics.asking import ask

from ..waiting import wait_until
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


def test_the_turn_is_printed_and_its_trace_returned(
    agent: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row per message and tool call of this turn, and nothing of what was before."""
    agent("%axon_prompt -q files")

    trace = agent("%%axon_prompt\ncount *.txt")

    shown = capsys.readouterr()
    assert "1 file has 3 lines" in shown.out
    assert "✓ completed" in shown.err
    assert "tool call" in shown.err
    assert {"agent", "tool", "plan"} <= set(trace["kind"])
    assert "1 file has 3 lines" in " ".join(trace["text"])
    assert trace["first_sequence"].is_monotonic_increasing
    assert len(trace) < 12


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


def test_an_axon_without_an_agent_says_how_to_start_one(run: Run) -> None:
    """At once: nobody would ever answer."""
    with pytest.raises(AgentError, match="has no agent: start one with %axon agent BINARY"):
        run("%axon_prompt hello")


def test_an_agent_that_has_ended_is_named_as_such(run: Run, service: ServiceAddress) -> None:
    """The history has the agent's words; the agent is gone."""
    with an.connect(service.base_url, api_key=service.token) as client:
        axon = client.create_axon("ended")
        mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp"}
        mount["agent_binary"] = "axon-notebook-demo-agent"
        client.create_devbox("ended", mounts=[mount]).shutdown()
        wait_until(lambda: agent_state(axon).status == "ended")
        run(f"%axon use {axon.id}")

        with pytest.raises(AgentError, match=r"has ended .*: start one with %axon agent"):
            run("%axon_prompt hello")


def test_questions_are_put_to_the_person_at_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A choice by number, several, text of one's own; a secret only after a confirmation."""
    fields = [
        Field("a", "Colour", type="choice", choices=[Choice("r", "Red"), Choice("b", "Blue")]),
        Field("b", "Sides", type="choices", choices=[Choice("n", "North"), Choice("s", "South")]),
        Field("c", "Port", type="integer", default=80),
        Field("d", "Key", secret=True),
    ]
    question = Question(
        id=1, kind="question", question_kind="form", title="How?", fields=fields, secret=True
    )
    answers = iter(["2", "1, South", "", "y"])
    monkeypatch.setattr("builtins.input", lambda text: next(answers))
    monkeypatch.setattr("getpass.getpass", lambda text: "hunter2")

    value, confirmed = ask(question)

    assert value == {"a": "b", "b": ["n", "South"], "c": 80, "d": "hunter2"}
    assert confirmed
    assert "every reader of the axon" in capsys.readouterr().out

    answers = iter(["1", "1", "8080", "n"])

    assert ask(question) == (False, False)


def test_a_rule_that_is_stored_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An "always" outlives the turn."""
    options = [
        Option("yes", "Allow", "allow_once"),
        Option("always", "Always allow npm", "allow_always", "in this project"),
        Option("no", "Reject", "reject_once"),
    ]
    question = Question(id=1, kind="question", title="npm test", options=options)
    for typed, value in (("1", "always"), ("y", True), ("", False)):
        monkeypatch.setattr("builtins.input", lambda text, typed=typed: typed)
        assert ask(question) == (value, False)

    assert "1: Always allow npm (in this project)" in capsys.readouterr().out


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
