"""The session against servers and brokers that do it differently, or badly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

import axon_notebook as an
from axon_notebook.agents.session import AgentSession
from axon_notebook.errors import AgentError, NotFound, TurnFailed
from axon_notebook.models import AxonEvent
from axon_notebook.wire.cursor import EventBatch

from ..faults.scripted_server import Answer, Wait, frames
from ..waiting import wait_until
from .agent_server import AgentServer
from .events import Script

WAIT = 120


def session_with(server: AgentServer, **options: Any) -> tuple[an.Client, AgentSession]:
    client = an.connect(server.base_url, api_key="scripted")
    try:
        return client, AgentSession(client.axon("axn_1"), **options)
    except BaseException:
        client.close()
        raise


def turn(*middle: Callable[[Script], AxonEvent]) -> Callable[[Script], list[AxonEvent]]:
    """A turn of a broker that tells nothing but the necessary."""

    def follow(script: Script) -> list[AxonEvent]:
        return [
            script.system("turn.started"),
            *(make(script) for make in middle),
            script.agent("session/prompt", {"stopReason": "end_turn"}),
            script.system("turn.completed"),
        ]

    return follow


def test_updates_long_after_turn_completed_are_waited_for() -> None:
    """The broker delivers the answer, then the end, and then still the text."""
    with AgentServer() as server:
        server.on_prompt = turn(lambda s: s.says("early "))
        client, session = session_with(server, grace=3.0)
        with client, session:
            asked = session.prompt("hello")
            wait_until(lambda: asked.state == "completed")
            server.publish(server.script.says("late"))

            assert asked.result(WAIT).text == "early late"


def test_updates_of_the_next_turn_are_not_this_turns() -> None:
    """Two prompts at once: the grace of the first ends where the second starts."""
    with AgentServer() as server:
        texts = iter(["one", "two"])
        server.on_prompt = turn(lambda s: s.says(next(texts)))
        client, session = session_with(server, grace=1.0)
        with client, session:
            first, second = session.prompt("1"), session.prompt("2")

            assert (first.result(WAIT).text, second.result(WAIT).text) == ("one", "two")


def test_a_broker_that_names_no_prompt_takes_them_in_order() -> None:
    """Other clients' prompts count too."""
    with AgentServer() as server:
        client, session = session_with(server)
        with client, session:
            script = server.script
            server.publish(script.prompt("theirs"))
            mine = session.prompt("mine")
            server.publish(*turn(lambda s: s.says("for them"))(script))
            server.publish(*turn(lambda s: s.says("for me"))(script))

            assert mine.result(WAIT).text == "for me"


def test_events_repeated_after_a_reconnect_are_heard_once() -> None:
    """A server that starts over from the beginning, and one that cuts in the middle."""
    with AgentServer() as server:
        server.on_prompt = turn(lambda s: s.says("once"), lambda s: s.says(" only"))
        client, session = session_with(server)
        with client, session:
            asked = session.prompt("hello")
            first = asked.result(WAIT).text
            everything = list(server.events)
            server.streams(
                Answer([frames(everything), frames(everything[-3:])], chunked=True),
                Answer([frames(everything[2:]), Wait(0.1)], cut_after=300),
            )
            session.subscription.reconnect()
            server.on_prompt = turn(lambda s: s.says("again"))
            second = session.prompt("hello").result(WAIT).text
            entries = [entry.text for entry in session.entries if entry.kind == "message"]

    assert (first, second) == ("once only", "again")
    assert entries == ["once only", "again"]


def test_an_unanswered_question_in_the_history_is_shown_and_can_be_answered() -> None:
    """The one who asked has left; the agent still waits."""
    script = Script()
    history = [
        script.agent("initialize", {"protocolVersion": 1}),
        script.agent("session/new", {"sessionId": "s"}),
        script.prompt("dangerous"),
        script.system("turn.started"),
        script.asks("c7"),
    ]
    with AgentServer(history, script=script) as server:
        client, session = session_with(server, permissions="allow")
        with client, session:
            questions = session.questions
            before = list(server.published)
            session.reject()
            wait_until(lambda: not session.questions)

    assert [question.title for question in questions] == ["Do c7"]
    assert before == [], "a policy answers for its own turns only"
    [(kind, answer)] = server.published
    assert kind == "session/request_permission"
    assert answer["outcome"] == {"outcome": "selected", "optionId": "no"}


def test_questions_answered_or_overtaken_in_the_history_are_not_open() -> None:
    """By an answer, by the end of their turn, or by the death of their agent."""
    script = Script()
    selected = {"outcome": {"outcome": "selected", "optionId": "yes"}}
    history = [
        script.agent("initialize", {"protocolVersion": 1}),
        script.agent("session/new", {"sessionId": "s"}),
        script.asks("c1"),
        script.user("session/request_permission", selected),
        script.asks("c2"),
        script.system("turn.completed"),
    ]
    with AgentServer(history, script=script) as server:
        client, session = session_with(server)
        with client, session:
            assert session.questions == []
            assert session.id == "s"


def test_the_first_answer_goes_to_whoever_asked_first() -> None:
    """Answers carry no ids; another client's handshake is still under way."""
    script = Script()
    history = [script.user("initialize"), script.user("session/new")]
    with AgentServer(history, script=script) as server:

        def answers(kind: str) -> list[AxonEvent]:
            who = ("theirs", "mine")
            return [server.script.agent(kind, {"sessionId": name, "name": name}) for name in who]

        server._follows = answers  # type: ignore[method-assign]
        client, session = session_with(server, resume=True)
        with client, session:
            assert session.id == "mine"
            assert session.agent["name"] == "mine"


def test_an_error_of_the_broker_fails_every_turn_that_waits() -> None:
    """Even if it never closes them itself."""
    with AgentServer() as server:
        client, session = session_with(server)
        with client, session:
            first, second = session.prompt("1"), session.prompt("2")
            server.publish(server.script.system("turn.started"))
            server.publish(server.script.event("SYSTEM", "broker.error", "the agent is lost"))

            for asked in (first, second):
                with pytest.raises(TurnFailed, match="the agent is lost"):
                    asked.result(WAIT)
            with pytest.raises(AgentError, match="the agent is lost"):
                session.prompt("3")


def test_an_agent_that_refuses_the_handshake_is_quoted() -> None:
    """It wants an account, say."""
    with AgentServer() as server:
        refusal = {"code": -32000, "message": "Authentication required"}
        server._follows = lambda kind: [server.script.agent(kind, refusal)]  # type: ignore[method-assign]
        with pytest.raises(AgentError, match="refused initialize: Authentication required"):
            session_with(server)


def test_a_stream_that_stops_for_good_wakes_who_waits() -> None:
    """The axon was deleted while a turn ran."""
    with AgentServer() as server:
        server.on_prompt = lambda script: [script.system("turn.started")]
        client, session = session_with(server)
        with client, session:
            asked = session.prompt("hello")
            gone = Answer(
                [b'{"code": "404", "message": "Axon not found."}'],
                status=404,
                headers={"Content-Type": "application/json"},
            )
            server.streams(gone)
            session.subscription.reconnect()

            with pytest.raises(NotFound):
                asked.result(WAIT)


def test_an_agent_that_never_stops_talking_does_not_keep_the_result() -> None:
    """After ten times the grace the turn counts as over."""
    with AgentServer() as server:
        server.on_prompt = turn(lambda s: s.says("done"))
        client, session = session_with(server, grace=0.05)
        with client, session:
            asked = session.prompt("hello")
            wait_until(lambda: asked.state == "completed")
            stop = time.monotonic() + WAIT
            over = False
            while not over and time.monotonic() < stop:
                server.publish(server.script.system("agent.log", message="tick"))
                over = asked._over()

    assert over


def test_a_question_that_comes_after_the_cancel_is_answered_with_cancelled() -> None:
    """It was on its way; a policy that allows everything must not allow this."""
    with AgentServer() as server:
        server.on_prompt = lambda script: [script.system("turn.started")]
        client, session = session_with(server, permissions="allow")
        with client, session:
            asked = session.prompt("hello")
            wait_until(lambda: asked.state == "running")
            session.cancel()
            script = server.script
            server.publish(script.asks(), script.system("turn.completed", stop_reason="cancelled"))
            asked.result(WAIT)
            wait_until(lambda: "session/request_permission" in dict(server.published))

    assert dict(server.published)["session/request_permission"]["outcome"] == {
        "outcome": "cancelled"
    }


def test_requests_for_files_are_refused_in_a_turn_of_ones_own() -> None:
    """This client offers none; an agent that asks all the same gets an answer."""
    with AgentServer() as server:
        client, session = session_with(server)
        with client, session:
            server.on_prompt = turn(lambda s: s.agent("fs/read_text_file", {"path": "/x"}))
            session.prompt("hello").result(WAIT)
            refused = [payload for kind, payload in server.published if kind.startswith("fs/")]

    message = "method not found: this client does not offer fs/read_text_file"
    assert refused == [{"code": -32601, "message": message}]


def test_an_event_that_comes_too_late_changes_nothing() -> None:
    """It fills a hole that was given up; applied now it would turn the order around."""
    with AgentServer() as server:
        server.on_prompt = turn(lambda s: s.says("in order"))
        client, session = session_with(server)
        with client, session:
            session.prompt("hello").result(WAIT)
            before = [msgspec.to_builtins(entry) for entry in session.entries]
            late = Script().says("too late")
            session._conversation.receive(EventBatch([late], [b""], late=True))

            assert [msgspec.to_builtins(entry) for entry in session.entries] == before
