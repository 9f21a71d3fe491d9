"""The chat's Python side, with a real agent behind the real service and a page that writes down."""

from __future__ import annotations

import html.parser
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent
from axon_notebook.widgets.chat_snapshot import chat_html, chat_text, entries_of

from ..agents.conftest import mount
from ..waiting import wait_until
from .comms import Comms
from .hostile_chat import hostile_conversation
from .hostile_texts import HOSTILE


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    return Comms(monkeypatch)


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as opened:
        yield opened


@pytest.fixture
def session(client: an.Client) -> Iterator[an.AgentSession]:
    """A session with the scripted ACP peer of the agents' tests."""
    with ExitStack() as stack:
        axon = client.create_axon("chat")
        mount(client, stack, axon)
        yield stack.enter_context(an.AgentSession(axon))


def press(chat: an.AgentChat, name: str, **value: str) -> None:
    """Do what the page does when somebody presses a button."""
    message = {
        "kind": "cmd",
        "page": "p",
        "name": name,
        "value": json.dumps({"id": "p-1", **value}),
    }
    chat._take(chat, message, [])


def types(chat: an.AgentChat, *wanted: str) -> list[str]:
    events = chat.frame()["event_type"].astype(str).tolist()
    return [event_type for event_type in events if event_type in wanted]


# -- the page's buttons


def test_a_prompt_from_the_page_is_a_turn_of_the_session(
    comms: Comms, session: an.AgentSession
) -> None:
    """What is typed in the page and what is asked in Python is one conversation."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="hello there")
        result = session.turns[-1].result(120)
        wait_until(lambda: types(chat, "turn.completed") != [])
        page = chat.model_id  # it hears with the next tick of the pump, or with the last one

    sent = {e["event_type"] for e in comms.events(page)}
    assert result.text == "hello there"
    assert {"session/prompt", "turn.started", "session/update"} <= sent


def test_a_permission_is_answered_from_the_page(comms: Comms, session: an.AgentSession) -> None:
    """The agent waits for a person, and the person looks at the page."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="ask 2")
        asked = set()
        for option in ("no", "yes"):
            wait_until(lambda: {q.question_id for q in session.questions} - asked != set())
            question = next(q for q in session.questions if q.question_id not in asked)
            asked.add(question.question_id)
            press(chat, "permit", request=question.question_id, option=option)
        wait_until(lambda: session.turns[-1].state == "completed")
        result = session.turns[-1].result(120)

    assert result.text == "no yes"


def test_stop_cancels_what_runs_and_leaves_what_waits(
    comms: Comms, session: an.AgentSession
) -> None:
    """Stop is about the turn one sees working."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="wait")
        press(chat, "prompt", text="next")
        wait_until(lambda: session.turns[0].state == "running" and session.turns[0].text != "")
        press(chat, "cancel")
        waiting, following = session.turns
        ends = [waiting.result(120).stop_reason, following.result(120).stop_reason]

    assert ends == ["cancelled", "end_turn"]


def test_stop_reaches_a_turn_that_somebody_else_asked_for(
    comms: Comms, session: an.AgentSession
) -> None:
    """After a restart of the kernel the running turn is nobody's, and must not run for ever."""
    turn = session.prompt("wait")
    wait_until(lambda: turn.text != "")
    with an.AgentSession(session.axon) as other, an.AgentChat(other) as chat:
        press(chat, "cancel")

        assert turn.result(120).stop_reason == "cancelled"


def test_a_button_that_fails_says_why_in_the_next_heartbeat(
    comms: Comms, session: an.AgentSession
) -> None:
    """A prompt that nobody got must not look sent."""
    with an.AgentChat(session) as chat:
        press(chat, "permit", request="77", option="yes")
        comms.wait(lambda: any(c["refusals"] for c, _ in comms.sent(chat.model_id, "stat")))
        refusals = comms.sent(chat.model_id, "stat")[-1][0]["refusals"]

    assert [r["id"] for r in refusals] == ["p-1"]
    assert "nobody waits for this answer" in refusals[0]["reason"]


@pytest.mark.parametrize("value", ["", "[]", "{", '{"id": 1}', "null"])
def test_a_button_of_no_page_of_ours_does_nothing(
    comms: Comms, session: an.AgentSession, value: str
) -> None:
    """Whatever else writes to the comm cannot make the kernel fail."""
    with an.AgentChat(session) as chat:
        chat._take(chat, {"kind": "cmd", "page": "x", "name": "prompt", "value": value}, [])

    assert session.turns == []


# -- its life


def test_closing_the_chat_leaves_the_session_open(comms: Comms, session: an.AgentSession) -> None:
    """The chat is a window, not the conversation."""
    before = {t.name for t in threading.enumerate()}
    chat = an.AgentChat(session)
    press(chat, "prompt", text="one")
    session.turns[-1].result(120)
    wait_until(lambda: "turn.completed" in types(chat, "turn.completed"))
    chat.close()
    chat.close()

    assert session.prompt("two").result(120).text == "two"
    wait_until(lambda: {t.name for t in threading.enumerate()} <= before)
    assert comms.open == set()
    assert "> one" in chat.static_text()


def test_a_chat_that_begins_late_shows_what_was_said(
    comms: Comms, session: an.AgentSession
) -> None:
    """The axon remembers; the kernel need not."""
    session.prompt("before").result(120)
    with an.AgentChat(session) as chat:
        wait_until(lambda: types(chat, "turn.completed") != [])
        text = chat.static_text()

    assert "> before" in text
    assert "\nbefore" in text


# -- what is saved


def test_the_saved_snapshot_holds_the_events(comms: Comms, session: an.AgentSession) -> None:
    """A page without a kernel folds them itself, as a live one does."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="keep me")
        wait_until(lambda: types(chat, "turn.completed") != [])
    saved = json.loads(zlib.decompress(chat._snapshot))

    kept = {event["event_type"] for event in saved["events"]}
    assert {"session/prompt", "session/update", "turn.completed"} <= kept


def test_what_redact_hides_is_saved_nowhere(comms: Comms, session: an.AgentSession) -> None:
    """A notebook is mailed around; the live view is not."""

    def redact(event: AxonEvent) -> AxonEvent | None:
        return None if "hunter2" in event.payload else event

    with an.AgentChat(session, redact=redact) as chat:
        press(chat, "prompt", text="my password is hunter2")
        wait_until(lambda: types(chat, "turn.completed") != [])
        shown = chat.static_html() + chat.static_text()

    assert "hunter2" not in shown
    assert b"hunter2" not in zlib.decompress(chat._snapshot)


def test_snapshot_false_saves_no_word(comms: Comms, session: an.AgentSession) -> None:
    """Some conversations are nobody's business."""
    with an.AgentChat(session, snapshot=False) as chat:
        press(chat, "prompt", text="hunter2")
        wait_until(lambda: types(chat, "turn.completed") != [])

    assert "hunter2" not in chat.static_html() + chat.static_text()
    assert json.loads(zlib.decompress(chat._snapshot))["events"] == []


class Tags(html.parser.HTMLParser):
    """Every element and attribute that a parser sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag} {name}" for name, _ in attrs)}


def test_no_text_of_a_conversation_becomes_markup() -> None:
    """Saved HTML of a trusted notebook runs with the rights of its reader."""
    tags = Tags()
    for text in HOSTILE:
        entries = entries_of(hostile_conversation(text), "acp")
        tags.feed(chat_html(text, text, entries))
        chat_text(text, text, entries)

    assert tags.seen <= {"div", "div style", "b", "details", "summary", "summary style"}


def test_a_long_conversation_is_saved_as_its_end() -> None:
    """A notebook stays mailable however long one talked."""
    events = [
        AxonEvent(n, "axn_1", n, "USER_EVENT", "me", "session/prompt", json.dumps(prompt))
        for n in range(1, 400)
        for prompt in [{"prompt": [{"type": "text", "text": f"number {n} " + "x" * 2000}]}]
    ]
    page = chat_html("t", "live", entries_of(events, "acp"))

    assert len(page.encode()) < 160 * 1024
    assert "number 399" in page
    assert "number 1 " not in page
    assert "earlier parts are not saved" in page
