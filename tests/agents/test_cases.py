"""Messages after public reports about agents, behind the real broker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.agents.attachments import Attachment
from axon_notebook.agents.model import Entry, Message, Notice, Plan, Question, Tool
from axon_notebook.agents.model import Turn as TurnEntry
from axon_notebook.agents.parts import Audio, Image, Link, Resource
from axon_notebook.agents.session import AgentSession, Turn, TurnResult
from axon_notebook.errors import AgentError, TurnFailed

from ..waiting import wait_until
from .conftest import mount

HERE = Path(__file__).parent
WAIT = 120

Case = Callable[..., AgentSession]


@pytest.fixture
def case(client: an.Client) -> Iterator[Case]:
    """Open a session with an agent that does what a file says."""
    with ExitStack() as stack:

        def case(name: str, **options: Any) -> AgentSession:
            claude = name.startswith("c")
            script = HERE / f"scripted_{'claude' if claude else 'acp'}.py"
            path = next((HERE / "cases").glob(f"{name}*.json"))
            axon = client.create_axon(name)
            fields = {"agent_binary": str(script), "launch_args": [str(path)]}
            protocol = "claude_json" if claude else "acp"
            mount(client, stack, axon, protocol=protocol, **fields)
            return stack.enter_context(AgentSession(axon, protocol, **options))

        yield case


def results(session: AgentSession, count: int) -> list[TurnResult]:
    return [session.prompt(f"prompt {n}").result(WAIT) for n in range(count)]


def kinds(session: AgentSession, kind: type[Entry]) -> list[Any]:
    return [entry for entry in session.entries if isinstance(entry, kind)]


def asked(session: AgentSession, turn: Turn) -> Question:
    """Return the question that *turn* waits for."""
    wait_until(lambda: turn.question is not None)
    question = turn.question
    assert question is not None
    return question


def test_news_of_the_session_open_no_turn(case: Case) -> None:
    """Usage, commands, modes and titles come before the first prompt."""
    session = case("p1_")
    result = session.prompt("go").result(WAIT)

    info = session.info
    assert (result.text, len(kinds(session, TurnEntry))) == ("ready", 1)
    assert (info.title, info.mode, info.model) == ("A new thread", "plan", "big")
    assert (info.context_used, info.context_size) == (1200, 200_000)
    assert [command.name for command in session.commands] == ["init", "compact"]


@pytest.mark.parametrize(("name", "method"), [("p2", "cursor/ask_question"), ("p3_fs", "fs/read")])
def test_unknown_requests_are_refused_at_once(case: Case, name: str, method: str) -> None:
    """The turn goes on, and a notice tells."""
    session = case(name)
    result = session.prompt("go").result(WAIT)

    assert '"code": -32601' in result.text
    assert result.text.endswith("done")
    assert any(method in n.text for n in kinds(session, Notice))


def test_a_form_is_answered_by_its_fields_and_cleared_by_a_cancel(case: Case) -> None:
    """The one after a cancelled one is asked all the same."""
    session = case("p3_elicitation")
    cancelled = session.prompt("first")
    question = asked(session, cancelled)
    [field] = question.fields
    cancelled.cancel()

    assert (question.question_kind, field.type, field.required) == ("form", "choice", True)
    assert [choice.value for choice in field.choices] == ["eu", "us"]
    assert cancelled.result(WAIT).stop_reason == "cancelled"
    assert question.status == "withdrawn"
    with pytest.raises(AgentError, match="is withdrawn: it takes no answer"):
        session.answer(question, "eu")


def test_an_answer_to_a_form_is_checked_and_reaches_the_agent(case: Case) -> None:
    """Wrong values are refused before anything is published."""
    session = case("p3_elicitation")
    turn = session.prompt("go")
    question = asked(session, turn)
    for wrong, words in (
        ("asia", "one of eu, us"),
        ({"x": 1}, "'x' is not a field"),
        ({}, "needs"),
    ):
        with pytest.raises(AgentError, match=words):
            session.answer(question, wrong)
    session.answer(question.question_id, {"region": "eu"})
    text = turn.result(WAIT).text

    assert '"action": "accept"' in text
    assert '"content": {"region": "eu"}' in text
    assert (question.status, question.answer) == ("answered", {"region": "eu"})


def test_messages_are_kept_apart_by_their_ids(case: Case) -> None:
    """Thoughts, too."""
    session = case("p4")
    results(session, 1)

    assert [(m.role, m.text) for m in kinds(session, Message)] == [
        ("agent", "First message, still the first."),
        ("agent", "A second message begins here."),
        ("thought", "thought one"),
        ("thought", "thought two"),
        ("agent", "Third."),
    ]


def test_content_of_tools_keeps_its_kind(case: Case) -> None:
    """Pictures, links, files, sound, terminal output, differences."""
    session = case("p5")
    results(session, 1)
    tools = {tool.title: tool for tool in kinds(session, Tool)}

    assert isinstance(tools["screenshot"].parts[0], Image)
    assert isinstance(tools["record"].parts[0], Audio)
    link, resource = tools["find docs"].parts[0], tools["read resource"].parts[0]
    assert isinstance(link, Link)
    assert (link.title, link.uri) == ("The manual", "https://example.com/doc.html")
    assert isinstance(resource, Resource)
    assert "PASS all 12 tests" in tools["npm test"].text
    assert [diff.change for diff in tools["edit"].diffs] == ["update", "add"]
    assert [type(part) for part in kinds(session, Message)[-1].parts] == [Image]


def test_allow_answers_permissions_once_each(case: Case) -> None:
    """Never "always", however often the agent asks."""
    session = case("p8", permissions="allow")
    first, second = results(session, 2)

    assert first.text.count('"optionId": "allow"') == 2
    assert second.text.count('"optionId": "allow"') == 1
    assert "always" not in first.text + second.text
    assert {q.status for q in kinds(session, Question)} == {"answered"}
    assert {tool.permission for tool in kinds(session, Tool)} == {"allowed"}


def test_a_login_is_asked_for_by_its_methods(case: Case) -> None:
    """The session opens when it is given."""
    session = case("p10")
    with pytest.raises(AgentError, match=r"session.authenticate\(method\) .* 'login' \(Log in"):
        session.prompt("go")
    with pytest.raises(AgentError, match="'sso' is not a login method of the agent: it has login"):
        session.authenticate("sso")
    session.authenticate("login")

    assert session.prompt("go").result(WAIT).text == "x"


def test_rate_limits_are_notices_with_their_reset(case: Case) -> None:
    """A message that another line cuts does not lose the turn."""
    session = case("c1_")
    first, second = results(session, 2)
    with pytest.raises(TurnFailed, match="You've hit your limit"):
        session.prompt("again").result(WAIT)
    limits = [n for n in kinds(session, Notice) if n.notice_kind == "rate_limit"]

    assert (first.text, second.stop_reason) == ("hello", "end_turn")
    assert [n.level for n in limits] == ["warning", "error"]
    assert all("2030-01-01 00:00 UTC" in n.text for n in limits)


def test_pictures_and_server_tools_have_their_results(case: Case) -> None:
    """An empty thought has no row."""
    session = case("c2")
    results(session, 1)
    tools = {tool.name: tool for tool in kinds(session, Tool)}
    thoughts = [m.text for m in kinds(session, Message) if m.role == "thought"]

    assert isinstance(tools["Read"].parts[0], Image)
    assert isinstance(tools["web_search"].parts[0], Link)
    assert {tool.status for tool in tools.values()} == {"completed"}
    assert thoughts == ["hm"]


def test_costs_of_turns_are_differences(case: Case) -> None:
    """The agent counts for its session."""
    session = case("c3")
    costs = [result.cost_usd for result in results(session, 3)]

    assert costs == pytest.approx([0.10, 0.15, 0.15])
    assert session.info.cost == pytest.approx(0.40)


def test_a_failed_turn_says_the_reason_itself(case: Case) -> None:
    """Wherever the result has it; denied calls are named once."""
    session = case("c4")
    for words in ("It may not exist", "no network", r"turns \(3\)", "Try again in 60 seconds"):
        with pytest.raises(TurnFailed, match=words):
            session.prompt("go").result(WAIT)
    last = session.prompt("go").result(WAIT)

    assert last.text == "I could not do it."
    assert [n.text for n in kinds(session, Notice) if n.notice_kind == "denial"] == [
        "not permitted: Bash rm -rf /w"
    ]


def test_streamed_blocks_are_there_once(case: Case) -> None:
    """Whatever index they say they have."""
    session = case("c5_partial")
    results(session, 1)

    assert [m.text for m in kinds(session, Message)] == ["Alpha. ", "Beta."]


def test_subagents_speak_below_their_call(case: Case) -> None:
    """And not in the answer."""
    session = case("c5_subagents")
    [result] = results(session, 1)
    parents = {m.text.partition(":")[0]: m.parent_id for m in kinds(session, Message)}

    assert result.text == "I will send two helpers.\n\nThere are 42 files."
    assert parents["HELPER ONE says"] == parents["HELPER ONE"] == "task1"
    assert parents["HELPER TWO says"] == "task2"
    assert {t.call_id: t.parent_id for t in kinds(session, Tool)}["h1"] == "task1"


def test_a_question_that_is_taken_back_closes(case: Case) -> None:
    """Nobody is asked any more."""
    session = case("c7")
    [result] = results(session, 1)

    assert result.text == "I did something else."
    assert [q.status for q in kinds(session, Question)] == ["withdrawn"]


def test_choices_rules_and_plans_are_answered_as_claude_wants_them(case: Case) -> None:
    """A choice with its answers, "always" with its rules, a plan with its mode."""
    session = case("c8", permissions="allow")
    choice = session.prompt("1")
    session.answer(asked(session, choice), "SQLite")
    chosen = choice.result(WAIT).text
    allowed = session.prompt("2").result(WAIT).text
    plan = session.prompt("3")
    question = asked(session, plan)
    session.answer(question, "accept_edits")
    approved = plan.result(WAIT).text
    rule = next(q for q in kinds(session, Question) if q.question_kind == "permission")

    assert '"answers": {"Which database?": "SQLite"}' in chosen
    assert '"behavior": "allow"' in allowed
    assert "updatedPermissions" not in allowed
    assert [option.name for option in rule.options] == [
        "Allow",
        "Always allow Bash(npm test:*)",
        "Reject",
    ]
    assert rule.options[1].stored == "in this project's local settings"
    assert question.text == "# Plan\n1. do it"
    assert '"mode": "acceptEdits"' in approved


def test_todos_are_a_plan(case: Case) -> None:
    """In place of cards of a tool."""
    session = case("c9")
    results(session, 1)
    [plan] = kinds(session, Plan)

    assert [(s.text, s.status) for s in plan.steps] == [
        ("read", "completed"),
        ("write", "in_progress"),
    ]
    assert kinds(session, Tool) == []


def test_what_only_a_result_says_is_shown(case: Case) -> None:
    """Output of local commands, too; compaction, hooks and retries are notices."""
    session = case("c10")
    texts = [result.text for result in results(session, 5)]
    noted = {n.notice_kind for n in kinds(session, Notice)}

    assert texts[:2] == ["Total cost: $0.12", "Context: 12k/200k tokens"]
    assert texts[2:4] == ["after the compaction", "after hooks"]
    assert {"compaction", "hook", "retry"} <= noted


def test_an_open_call_of_an_ended_turn_is_stopped(case: Case) -> None:
    """It did not fail by itself."""
    session = case("c11")
    with pytest.raises(TurnFailed, match=r"Reached maximum number of turns \(2\)"):
        session.prompt("go").result(WAIT)

    assert [tool.status for tool in kinds(session, Tool)] == ["completed", "stopped"]


def test_attachments_are_embedded_or_sent_to_the_devbox(case: Case, tmp_path: Path) -> None:
    """What the agent does not take, and what no event can carry, goes into its devbox."""
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    notes = tmp_path / "notes.txt"
    notes.write_text("one\ntwo\n")
    session = case("c3")
    before = len(session.entries)
    with pytest.raises(AgentError, match="than the 4,194,304 an event can carry"):
        session.prompt("x" * (4 << 20), [picture])
    with pytest.raises(AgentError, match=r"missing.png' cannot be read"):
        session.prompt("look", [tmp_path / "missing.png"])
    large = Attachment("a b.png", b"\x89PNG\r\n\x1a\n" + bytes(4 << 20))
    turn = session.prompt("look", [picture, notes, "https://example.com/doc", large])
    turn.result(WAIT)
    entry = turn.entry

    assert len(session.entries) > before
    assert entry is not None
    assert [type(part) for part in entry.parts] == [Image]
    assert "one\ntwo" in entry.text
    assert "https://example.com/doc" in entry.text
    assert re.search(r"Attached file: ~/attachments/[0-9a-f]{8}-a_b.png", entry.text)


def test_an_agent_that_takes_text_alone_gets_links_to_its_own_disk(
    case: Case, tmp_path: Path
) -> None:
    """The file is there before the prompt is."""
    picture = tmp_path / "p.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n")
    session = case("p4")

    turn = session.prompt("look", [picture])
    turn.result(WAIT)

    assert turn.entry is not None
    (link,) = turn.entry.parts
    assert isinstance(link, Link)
    assert re.fullmatch(r"file:///home/user/attachments/[0-9a-f]{8}-p\.png", link.uri)
    assert link.size == 8
