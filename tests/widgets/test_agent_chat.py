"""The chat's Python side, with a real agent behind the real service and a page that writes down."""

from __future__ import annotations

import html.parser
import json
import re
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent
from axon_notebook.widgets.chat_outline import Shown
from axon_notebook.widgets.chat_snapshot import chat_html, chat_text
from axon_notebook.widgets.trace_source import FixedTrace
from axon_notebook.widgets.trace_store import TraceStore

from ..agents.conftest import mount
from ..waiting import wait_until
from .comms import Comms
from .conversations import Script, acp_conversation, claude_conversation
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


def press(chat: an.AgentChat, name: str, **value: Any) -> None:
    """Do what the page does when somebody presses a button."""
    text = json.dumps({"id": "p-1", **value})
    message = {"kind": "cmd", "page": "p", "name": name, "value": text}
    chat._take(chat, message, [])


def of(chat: an.AgentChat, kind: str) -> list[Any]:
    return [entry for entry in chat.entries if entry.kind == kind]


def is_over(chat: an.AgentChat) -> bool:
    turns = of(chat, "turn")
    return bool(turns) and turns[-1].status in ("completed", "failed", "cancelled")


def refused(comms: Comms, chat: an.AgentChat) -> list[dict[str, str]]:
    """What the newest heartbeat says that failed."""
    comms.wait(lambda: any(c["refusals"] for c, _ in comms.sent(chat.model_id, "chatstat")))
    found: list[dict[str, str]] = comms.sent(chat.model_id, "chatstat")[-1][0]["refusals"]
    return found


def records(comms: Comms, page: str) -> list[Any]:
    """The records that a page has received, by their numbers."""
    found: dict[int, Any] = {}
    for content, buffer in comms.sent(page, "rev"):
        body = zlib.decompress(buffer) if content["deflated"] else buffer
        found |= dict(enumerate(json.loads(body), content["first"]))
    assert sorted(found) == list(range(1, len(found) + 1))
    return [found[number] for number in sorted(found)]


# -- the page's buttons


def test_a_prompt_from_the_page_is_a_turn_of_the_session(
    comms: Comms, session: an.AgentSession
) -> None:
    """What is typed in the page and what is asked in Python is one conversation."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="hello there")
        result = session.turns[-1].result(60)
        wait_until(lambda: is_over(chat))
        page = chat.model_id  # it hears with the next tick of the pump, or with the last one

    states = [record.get("state") or {} for record in records(comms, page) if record]
    assert result.text == "hello there"
    assert {"turn", "message", "session"} <= {state.get("kind") for state in states}
    assert chat.entries == session.entries


def test_a_judgement_from_the_page_stays_with_the_run(
    comms: Comms, session: an.AgentSession
) -> None:
    """The badge comes back through the axon, like everything else."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="hello there")
        session.turns[-1].result(60)
        press(chat, "annotate", target=1, label="correct", note="polite", score=0.5)
        wait_until(lambda: bool(of(chat, "annotation")))
        (made,) = of(chat, "annotation")
        press(chat, "annotate", target=1)
        reason = refused(comms, chat)[-1]["reason"]
        press(chat, "annotate", retracts=made.first_sequence)
        wait_until(lambda: of(chat, "annotation")[0].status == "retracted")

    assert (made.label, made.text, made.score) == ("correct", "polite", 0.5)
    assert reason == "an annotation needs a label, a note or a score"


def test_a_chat_opens_no_stream_beside_its_session(comms: Comms, session: an.AgentSession) -> None:
    """Each stream costs the server a connection."""
    before = {thread.name for thread in threading.enumerate()}
    with an.AgentChat(session):
        new = {thread.name for thread in threading.enumerate()} - before

    assert [name for name in new if not name.startswith("axon-chat")] == []


def test_a_permission_is_answered_from_the_page(comms: Comms, session: an.AgentSession) -> None:
    """The agent waits for a person, and the person looks at the page."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="ask 2")
        asked = set()
        for option in ("no", "yes"):
            wait_until(lambda: {q.question_id for q in session.questions} - asked != set())
            question = next(q for q in session.questions if q.question_id not in asked)
            asked.add(question.question_id)
            press(chat, "answer", question=question.question_id, value=option)
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
        press(chat, "answer", question="77", value="yes")
        found = refused(comms, chat)

    assert [r["id"] for r in found] == ["p-1"]
    assert "no question '77' is open" in found[0]["reason"]


def test_the_events_behind_an_entry_are_read_when_somebody_looks(
    comms: Comms, session: an.AgentSession
) -> None:
    """The kernel keeps entries; the axon keeps the events."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="show me")
        wait_until(lambda: is_over(chat))
        first, last = of(chat, "message")[0].ranges[:2]
        press(chat, "raw", ranges=[[first, last]])
        comms.wait(lambda: bool(comms.sent(chat.model_id, "raw")))
        content, body = comms.sent(chat.model_id, "raw")[0]

    events = json.loads(zlib.decompress(body) if content["deflated"] else body)
    assert content["id"] == "p-1"
    assert [event["sequence"] for event in events] == list(range(first, last + 1))
    assert "show" in events[0]["payload"]


def test_a_chat_without_a_session_shows_and_writes_nothing(
    comms: Comms, session: an.AgentSession
) -> None:
    """To look at a run one needs no agent."""
    session.prompt("look").result(60)
    with an.AgentChat(session.axon) as chat:
        wait_until(lambda: is_over(chat))
        press(chat, "prompt", text="more")
        found = refused(comms, chat)
        stat = comms.sent(chat.model_id, "chatstat")[-1][0]
        texts = [entry.text for entry in of(chat, "message")]

    assert texts == ["look"]
    assert stat["read_only"] is True
    assert "read-only" in found[0]["reason"]


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
    session.turns[-1].result(60)
    wait_until(lambda: is_over(chat))
    chat.close()
    chat.close()

    assert session.prompt("two").result(60).text == "two"
    assert {t.name for t in threading.enumerate()} <= before
    assert comms.open == set()
    assert "> one" in chat.static_text()


def test_a_chat_that_begins_late_shows_what_was_said(
    comms: Comms, session: an.AgentSession
) -> None:
    """The axon remembers; the kernel need not."""
    session.prompt("before").result(60)
    with an.AgentChat(session) as chat:
        wait_until(lambda: is_over(chat))
        text = chat.static_text()

    assert "> before" in text
    assert "\nbefore" in text


# -- what is saved


def test_the_saved_snapshot_holds_the_entries(comms: Comms, session: an.AgentSession) -> None:
    """A page without a kernel shows them as a live one does."""
    with an.AgentChat(session) as chat:
        press(chat, "prompt", text="keep me")
        wait_until(lambda: is_over(chat))
        shown = [(entry.id, entry.kind, entry.text) for entry in chat.entries]
    saved = json.loads(zlib.decompress(chat._snapshot))

    assert [(e["id"], e["kind"], e["text"]) for e in saved["entries"]] == shown


def test_what_redact_hides_is_saved_nowhere(comms: Comms, session: an.AgentSession) -> None:
    """A notebook is mailed around; the live view is not."""

    def redact(event: AxonEvent) -> AxonEvent | None:
        return None if "hunter2" in event.payload else event

    with an.AgentChat(session, redact=redact) as chat:
        press(chat, "prompt", text="my password is hunter2")
        wait_until(lambda: is_over(chat))
        press(chat, "prompt", text="and now")
        wait_until(lambda: len(of(chat, "turn")) == 2 and is_over(chat))
        shown = chat.static_html() + chat.static_text()

    assert "hunter2" not in shown
    assert "and now" in shown
    assert b"hunter2" not in zlib.decompress(chat._snapshot)


def test_snapshot_false_saves_no_word(comms: Comms, session: an.AgentSession) -> None:
    """Some conversations are nobody's business."""
    with an.AgentChat(session, snapshot=False) as chat:
        press(chat, "prompt", text="hunter2")
        wait_until(lambda: is_over(chat))

    assert "hunter2" not in chat.static_html() + chat.static_text()
    assert json.loads(zlib.decompress(chat._snapshot))["entries"] == []


def shown_of(events: Sequence[AxonEvent]) -> list[Shown]:
    trace = FixedTrace(events)
    store = TraceStore(trace.revisions, lambda: trace.stream_state, max_bytes=10**9, read_only=True)
    return store.entries()


def test_the_snapshot_says_what_the_page_says() -> None:
    """Subagents below their call, answers in the words of the buttons, figures, reasons."""
    page = chat_html("t", "live", shown_of(claude_conversation()))
    text = chat_text("t", "live", shown_of([*claude_conversation()]))
    acp = chat_html("t", "live", shown_of(acp_conversation()))

    assert "3 turns · 960 tokens · $0.15" in page
    assert re.search(r"Agent Count in a · 2 steps.*?I look into the folder.*?Bash ls a", page, re.S)
    assert "  ✓ Bash ls a" in text
    assert "nearly reached" in page
    assert "Which colour? Red\nWhich sides? North, South" in page
    assert "The model is overloaded (529)" in page
    assert "Environment: Development" in acp
    assert "API key: •••" in acp
    assert "<strong>every second</strong>" in acp
    assert 'src="data:image/png;base64,' in acp
    assert "svg" in acp
    assert "data:image/svg" not in acp
    assert "collected 3 items" in acp
    assert "collecting" not in acp


class Tags(html.parser.HTMLParser):
    """Every element and attribute that a parser sees."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.addresses: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"{tag} {name}" for name, _ in attrs)}
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src")}


#: What a snapshot is made of, beside elements without attributes.
STYLED = {"div style", "b style", "span style", "summary style", "ol start", "img style"}
LINKS = {"a href", "a title", "a target", "a rel", "img src", "img alt"}
PLAIN = {"div", "b", "span", "details", "summary", "p", "ul", "ol", "li", "em", "strong", "del"}
PLAIN |= {"code", "a", "br", "hr", "img", "blockquote", "table", "tr", "th", "td"}


def test_no_text_of_a_conversation_becomes_markup() -> None:
    """Saved HTML of a trusted notebook runs with the rights of its reader."""
    tags = Tags()
    for text in HOSTILE:
        entries = shown_of(hostile_conversation(text))
        tags.feed(chat_html(text, text, entries))
        chat_text(text, text, entries)

    assert tags.seen <= PLAIN | STYLED | LINKS
    assert all(a.startswith(("https://", "http://", "mailto:")) for a in tags.addresses)


def test_a_long_conversation_is_saved_as_its_end() -> None:
    """A notebook stays mailable however long one talked."""
    script = Script()
    for number in range(1, 400):
        script.acp_prompt(f"number {number} " + "x" * 2000)
    page = chat_html("t", "live", shown_of(script.events))

    assert len(page.encode()) < 300 * 1024
    assert "number 399" in page
    assert "number 1 " not in page
    assert "earlier parts are not saved" in page


def test_a_turn_that_is_too_long_is_saved_as_its_end() -> None:
    """Of a run of hours the last words count."""
    script = Script()
    turn = script.acp_prompt("begin")
    for number in range(400):
        script.acp_text(f"number {number} " + "x" * 2000, messageId=f"m{number}")
    script.acp_end(turn, "max_tokens")
    page = chat_html("t", "live", shown_of(script.events))

    assert len(page.encode()) < 300 * 1024
    assert "number 399" in page
    assert "max tokens" in page
    assert "number 1 " not in page
    assert "earlier parts are not saved" in page
