"""Conversations with real agent processes behind the real service."""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

import axon_notebook as an
from axon_notebook.agents.model import Entry, Message, Plan, Question, Tool
from axon_notebook.agents.session import AgentSession, Turn
from axon_notebook.axon import Axon
from axon_notebook.errors import AgentError, ClosedError, TurnFailed, TurnTimedOut
from axon_notebook.local.process.launcher import ensure_service

from ..waiting import wait_until
from .conftest import Agents, mount

WAIT = 120  # seconds: a guard against hanging, not a measure


@pytest.fixture
def axon(agent: Agents) -> Axon:
    """An axon with the scripted ACP peer."""
    return agent()


@pytest.fixture
def session(axon: Axon) -> Iterator[AgentSession]:
    with AgentSession(axon) as session:
        yield session


def running(turn: Turn, words: str) -> None:
    """Wait until the agent has said *words* in this turn."""
    wait_until(lambda: words in turn.text, turn)


def messages(session: AgentSession) -> list[Message]:
    return [entry for entry in session.entries if isinstance(entry, Message)]


def contents(session: AgentSession) -> list[str]:
    """Return the entries with texts joined."""
    return [f"{entry.text} {msgspec.to_builtins(entry)}" for entry in session.entries]


def held(free: threading.Event) -> None:
    """Hold the reader thread until it is let go."""
    assert free.wait(WAIT)


def test_a_prompt_is_answered(session: AgentSession) -> None:
    """The first thing anybody tries."""
    result = session.prompt("hello").result(WAIT)

    assert (result.text, result.stop_reason) == ("hello", "end_turn")
    assert session.id.startswith("peer-")
    assert session.agent["agentInfo"] == {"name": "peer"}


def test_a_turn_yields_its_updates_in_order_and_ends(session: AgentSession) -> None:
    """A second iteration has nothing more to say."""
    turn = session.prompt("hello")
    updates = list(turn)

    text = "".join(update.text for update in updates if update.kind == "message")
    statuses = [u.revision.state.get("status") for u in updates if u.revision.state]
    assert text == "hello"
    assert [s for s in statuses if s] == ["queued", "running", "completed"]
    assert list(turn) == []
    assert turn.updates == updates
    assert turn.state == "completed"


def test_updates_after_the_turns_end_belong_to_it(session: AgentSession) -> None:
    """The broker delivers the end first and the last words later."""
    result = session.prompt("late").result(WAIT)

    assert result.text == "late and more"


def test_a_failed_turn_says_why_and_leaves_the_session_usable(session: AgentSession) -> None:
    """TurnFailed is about one turn."""
    with pytest.raises(TurnFailed, match="no account; the prompt was 'error'"):
        session.prompt("error").result(WAIT)
    with pytest.raises(TurnFailed):
        list(session.prompt("error"))

    assert session.prompt("again").result(WAIT).text == "again"


def test_a_turn_that_takes_longer_can_be_waited_for_again(session: AgentSession) -> None:
    """Giving up the wait does not give up the turn."""
    turn = session.prompt("wait")
    with pytest.raises(TurnTimedOut, match="s: wait longer, or cancel"):
        turn.result(0.1)
    running(turn, "waiting")
    turn.cancel()

    assert turn.result(WAIT).stop_reason == "cancelled"


def test_cancel_reaches_turns_that_wait_as_well(session: AgentSession) -> None:
    """Each stops when its turn comes; another's would not."""
    first, second = session.prompt("wait"), session.prompt("wait")
    running(first, "waiting")
    session.cancel()

    assert [turn.result(WAIT).stop_reason for turn in (first, second)] == ["cancelled"] * 2
    assert session.prompt("then").result(WAIT).text == "then"


@pytest.mark.parametrize("how", ["result", "iterate"])
def test_ctrl_c_cancels_the_turn_and_not_the_agent(session: AgentSession, how: str) -> None:
    """The stop button means: stop what you are doing."""
    turn = session.prompt("wait")
    running(turn, "waiting")
    press = threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    press.start()
    with pytest.raises(KeyboardInterrupt):
        turn.result(WAIT) if how == "result" else list(turn)
    press.join()

    assert turn.result(WAIT).stop_reason == "cancelled"
    assert session.prompt("still here").result(WAIT).text == "still here"


@pytest.mark.parametrize(("policy", "answers"), [("allow", "yes yes"), ("reject", "no no")])
def test_a_policy_answers_without_a_person(axon: Axon, policy: str, answers: str) -> None:
    """Nobody has to look on."""
    with AgentSession(axon, permissions=policy) as session:  # type: ignore[arg-type]
        result = session.prompt("ask 2").result(WAIT)

    assert result.text == answers


def test_a_function_answers_in_the_thread_that_waits(axon: Axon) -> None:
    """So it may ask the person at the keyboard; yes, no, or an option's id."""
    asked: list[tuple[str, str]] = []

    def decide(request: Question) -> bool | str:
        asked.append((request.title, threading.current_thread().name))
        return "yes" if len(asked) == 1 else False

    with AgentSession(axon, permissions=decide) as session:
        result = session.prompt("ask 2").result(WAIT)
        iterated = session.prompt("ask 1")
        list(iterated)

    assert result.text == "yes no"
    assert iterated.text == "no"
    here = threading.current_thread().name
    assert asked == [("call 0", here), ("call 1", here), ("call 0", here)]


def test_an_unanswered_question_is_shown_and_can_be_answered_later(session: AgentSession) -> None:
    """In a notebook that is the next cell."""
    turn = session.prompt("ask 2")
    with pytest.raises(AgentError, match=r"permission: call 0; answer with session.allow\(\)"):
        turn.result(WAIT)
    seen = [question.title for question in session.questions]
    session.allow()
    for update in turn:
        entry = update.entry
        if isinstance(entry, Question) and entry.title == "call 1" and entry.status == "open":
            session.reject(entry)

    assert seen == ["call 0"]
    assert turn.result(WAIT).text == "yes no"
    assert session.questions == []
    with pytest.raises(AgentError, match="no question is open"):
        session.allow()


def test_cancel_closes_what_waits_for_permission(session: AgentSession) -> None:
    """The agent hears that it was cancelled; nobody is asked any more."""
    turn = session.prompt("ask 1")
    with pytest.raises(AgentError):
        turn.result(WAIT)
    session.cancel()

    assert turn.result(WAIT).text == "cancelled"
    assert session.questions == []


def test_two_clients_share_a_session_and_see_each_other(axon: Axon) -> None:
    """The second goes on with the agent's session; each gets its own answers."""
    with AgentSession(axon) as first:
        first.prompt("before").result(WAIT)
        with AgentSession(axon) as second:
            turns = [
                s.prompt(f"{name} {n}")
                for n in range(3)
                for name, s in (("a", first), ("b", second))
            ]
            texts = [turn.result(WAIT).text for turn in turns]
            last = max(entry.last_sequence for entry in first.entries)
            seen = [e.text for e in messages(second) if e.first_sequence <= last]

    assert first.id == second.id
    assert texts == ["a 0", "b 0", "a 1", "b 1", "a 2", "b 2"]
    assert seen == ["before", *texts]


def test_sessions_of_their_own_do_not_mix(axon: Axon) -> None:
    """Without resume each asks for a new session of the agent."""
    with AgentSession(axon, resume=False) as first, AgentSession(axon, resume=False) as second:
        mine, other = first.prompt("mine"), second.prompt("other")

        assert (mine.result(WAIT).text, other.result(WAIT).text) == ("mine", "other")
        assert [e.text for e in messages(second)] == ["mine", "other"]


def test_the_history_of_an_axon_becomes_the_conversation(axon: Axon) -> None:
    """Come back next day: everything is there, and nothing is asked again."""
    with AgentSession(axon) as session:
        session.prompt("one").result(WAIT)
        with pytest.raises(TurnFailed):
            session.prompt("error").result(WAIT)
        before = contents(session)
    with AgentSession(axon) as again:
        after = contents(again)

    assert after == before
    assert again.id == session.id


def test_an_agent_that_dies_fails_the_turn_and_then_says_what_to_do(session: AgentSession) -> None:
    """No prompt waits for an agent that cannot answer."""
    with pytest.raises(TurnFailed, match="exit status 3"):
        session.prompt("exit 3").result(WAIT)
    wait_until(lambda: any(entry.title == "broker.error" for entry in session.entries))

    with pytest.raises(AgentError, match="create a devbox with a broker_mount"):
        session.prompt("anybody?")


def test_a_new_devbox_brings_an_open_session_back(client: an.Client) -> None:
    """The handshake is repeated with the new agent by itself."""
    axon = client.create_axon()
    with ExitStack() as stack:
        box = mount(client, stack, axon)
        session = stack.enter_context(AgentSession(axon))
        first = session.id
        session.prompt("one").result(WAIT)
        box.shutdown()
        mount(client, stack, axon)
        result = session.prompt("two").result(WAIT)

    assert result.text == "two"
    assert session.id != first


def test_a_prompt_knows_what_the_reader_thread_has_not_read_yet(client: an.Client) -> None:
    """The new devbox runs for its creator, however far behind the stream is."""
    axon = client.create_axon()
    free = threading.Event()
    free.set()
    with ExitStack() as stack:
        box = mount(client, stack, axon)
        session = stack.enter_context(AgentSession(axon, on_change=lambda _: held(free)))
        session.prompt("one").result(WAIT)
        free.clear()
        box.shutdown()
        mount(client, stack, axon)
        release = threading.Timer(0.2, free.set)
        release.start()
        result = session.prompt("two").result(WAIT)
        release.join()

    assert result.text == "two"


def test_without_an_agent_the_session_says_so(client: an.Client) -> None:
    """The likeliest mistake of all."""
    axon = client.create_axon()

    with pytest.raises(AgentError, match="is there a devbox with a broker_mount on axn_"):
        AgentSession(axon, timeout=0.2)


def test_a_wrong_word_is_refused_before_anything_is_asked(axon: Axon) -> None:
    """With the words that are right."""
    with pytest.raises(AgentError, match="'json' is not one of acp, claude, codex, pi"):
        AgentSession(axon, "json")
    with pytest.raises(AgentError, match="'yes' is not one of 'ask', 'allow'"):
        AgentSession(axon, permissions="yes")  # type: ignore[arg-type]


def test_a_kill_of_the_service_fails_the_turn_and_the_next_one_works(home: Path) -> None:
    """The session reconnects, hears that the turn is lost, and shakes hands anew."""
    with an.connect(home=home) as client, ExitStack() as stack:
        axon = client.create_axon()
        wanted = {"type": "broker_mount", "axon_id": axon.id, "agent_binary": sys.executable}
        script = str(Path(__file__).parent / "acp_peer.py")
        client.create_devbox(mounts=[{**wanted, "launch_args": [script]}])
        session = stack.enter_context(AgentSession(axon))
        turn = session.prompt("wait")
        running(turn, "waiting")
        os.kill(ensure_service(home).pid, signal.SIGKILL)
        ensure_service(home)
        session.subscription.reconnect()
        with pytest.raises(TurnFailed, match="the service ended during the turn"):
            turn.result(WAIT)
        result = session.prompt("again").result(WAIT)

    assert result.text == "again"


def test_changes_are_reported_as_they_come(axon: Axon) -> None:
    """What a widget lives on: the numbers of entries are their places."""
    seen: dict[int, str] = {}

    def note(entries: list[Entry]) -> None:
        seen.update((entry.id, entry.kind) for entry in entries)

    with AgentSession(axon, on_change=note) as session:
        session.prompt("hello").result(WAIT)
        kinds = [entry.kind for entry in session.entries]

    assert [seen[number] for number in sorted(seen)] == kinds
    assert kinds == ["notice", "session", "turn", "message"]


def test_a_broken_callback_is_raised_to_whoever_waits(axon: Axon) -> None:
    """It must not vanish in the reader thread."""

    def broken(entries: list[Entry]) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(AgentError, match=r"on_change failed: ZeroDivisionError\('mine'\)"):
        AgentSession(axon, on_change=broken)


def test_closing_ends_the_reader_and_wakes_who_waits(session: AgentSession) -> None:
    """The agent goes on; this conversation with it is over."""
    turn = session.prompt("wait")
    running(turn, "waiting")
    closing = threading.Timer(0.1, session.close)
    closing.start()
    with pytest.raises(ClosedError, match="make a new AgentSession"):
        turn.result(WAIT)
    closing.join()
    session.close()

    assert session.axon.id not in " ".join(t.name for t in threading.enumerate())


def test_a_forgotten_session_warns(axon: Axon) -> None:
    """And closes itself: no thread is left."""
    session = AgentSession(axon, permissions=lambda request: True)
    session.prompt("hello").result(WAIT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del session

    assert [w.category for w in caught] == [ResourceWarning]
    assert axon.id not in " ".join(t.name for t in threading.enumerate())


def test_claude_is_the_same_conversation(agent: Agents) -> None:
    """Other words on the wire; text, tools, permission, cost, failure and cancel alike."""
    axon = agent(protocol="claude_json", script="claude_peer.py")
    with AgentSession(axon, "claude", permissions=lambda request: request.title == "Bash ls") as s:
        talked = s.prompt("hello").result(WAIT)
        used = s.prompt("use a tool").result(WAIT)
        waiting = s.prompt("wait for me")
        wait_until(lambda: waiting.state == "running")
        waiting.cancel()
        cancelled = waiting.result(WAIT)
        with pytest.raises(TurnFailed, match="it failed"):
            s.prompt("fail").result(WAIT)
        tools = [entry for entry in s.entries if isinstance(entry, Tool)]

    assert talked.text == "You said: hello"
    assert (talked.cost_usd, talked.usage) == (0.0125, {"input": 10, "output": 5})
    assert (used.text, used.cost_usd) == ("ran ls", 0.0)
    assert [(tool.title, tool.status, tool.text) for tool in tools] == [
        ("Bash ls", "completed", "ran ls")
    ]
    assert cancelled.stop_reason == "cancelled"


def test_the_demo_agent_does_what_it_is_asked(client: an.Client, agent: Agents) -> None:
    """Files, a plan, a command, the axon's own database, and an edit after asking."""
    axon = agent(agent_binary="axon-notebook-demo-agent", launch_args=[])
    titles: list[str] = []

    def decide(request: Question) -> bool:
        titles.append(request.title)
        return "secret" not in request.title

    with AgentSession(axon, permissions=decide) as session:

        def text(prompt: str) -> str:
            return session.prompt(prompt).result(WAIT).text

        helped = text("what can you do?")
        written = text("edit notes/a.txt: one line")
        declined = text("edit secret.txt: x")
        listed = text("files")
        counted = session.prompt("count *.txt")
        done = []
        for update in counted:
            if isinstance(update.entry, Plan):
                steps = (update.revision.state or {})["steps"]
                done.append([step.status for step in steps].count("completed"))
        ran = text("run printf 'a\\nb\\n' && exit 3")
        queried = text("sql SELECT count(*) FROM rl_axon_events WHERE event_type = 'turn.started'")
        wrong = text("sql nonsense")
        talking = session.prompt("talk")
        running(talking, "2 ")
        talking.cancel()
        cancelled = talking.result(WAIT)
        tools = [entry for entry in session.entries if isinstance(entry, Tool)]

    assert "I have no model" in helped
    assert written == "I have written notes/a.txt."
    assert declined == "Permission was not given: nothing was done."
    assert listed == "There is 1 entry."
    assert counted.text == "1 file has 1 line. The longest is notes/a.txt with 1."
    assert done == [0, 1, 2, 3]
    assert ran == "The command ended with exit status 3."
    assert queried == "The query returned 1 rows."
    assert 'near "nonsense"' in wrong
    assert cancelled.stop_reason == "cancelled"
    assert titles == ["Edit notes/a.txt", "Edit secret.txt", "Run printf 'a\\nb\\n' && exit 3"]
    by_title = {tool.title: tool for tool in tools}
    assert by_title["Edit notes/a.txt"].diffs[0].new == "one line\n"
    assert by_title["Edit secret.txt"].status == "failed"
    assert "a\nb" in by_title["Run printf 'a\\nb\\n' && exit 3"].text
