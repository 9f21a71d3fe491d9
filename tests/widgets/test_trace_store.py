"""Records of a trace for pages: numbered for good, bounded, without what only the kernel needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from axon_notebook.agents.entry_log import EntryLog
from axon_notebook.agents.model import Revision
from axon_notebook.agents.trace import Trace
from axon_notebook.models import AxonEvent
from axon_notebook.widgets import trace_store
from axon_notebook.widgets.markdown import parse_markdown
from axon_notebook.widgets.trace_store import TraceStore
from axon_notebook.wire.resuming import StreamState

from .conversations import Script, claude_conversation

ALL = (10**9, 10**9)


class Fed:
    """A store of a trace that grows event by event."""

    def __init__(self, max_bytes: int = 10**9) -> None:
        self.trace, self.log, self.read = Trace(), EntryLog(), 0
        state = StreamState("live")
        self.store = TraceStore(self.log.since, lambda: state, max_bytes=max_bytes, read_only=True)
        self.records: dict[int, Any] = {}

    def feed(self, events: Sequence[AxonEvent]) -> None:
        for event in events:
            self.log.extend(self.trace.feed(event))

    def pump(self) -> list[Any]:
        """What the pages get now."""
        message = self.store.next(*ALL)
        if message is None:
            return []
        new = json.loads(message[1])
        self.records |= dict(enumerate(new, message[0]["first"]))
        return list(new)


def test_a_text_that_streams_in_is_parsed_once_per_message_to_the_page() -> None:
    """And its blocks follow the revisions that they are made of."""
    fed, script = Fed(), Script()
    script.acp_prompt("go")
    script.acp_text("# Title\n\nA paragraph that goes **on** and on.\n\nAnother one")
    fed.feed(script.events[:3])
    first = fed.pump()
    fed.feed(script.events[3:])
    second = fed.pump()

    assert [sum("blocks" in record for record in new) for new in (first, second)] == [1, 1]
    assert "blocks" in second[-1]
    last = fed.pump()  # the text stands still: its end is final
    assert last == []
    (_, blocks) = next(shown for shown in fed.store.entries() if shown[0].kind == "message")
    assert blocks == parse_markdown(
        "# Title\n\nA paragraph that goes **on** and on.\n\nAnother one"
    )


def test_blocks_that_were_replaced_are_not_sent_again() -> None:
    """A page that comes late gets the end of a text, not each state of it."""
    fed, script = Fed(), Script()
    script.acp_prompt("go")
    sent = 0
    for number in range(20):
        script.acp_text(f"word {number} ")
        fed.feed(script.events[sent:])
        sent = len(script.events)
        fed.pump()
    numbers = [n for n, record in fed.records.items() if "blocks" in record]
    again: list[Any] = []
    for message, body in fed.store.answers("", [(1, max(fed.records))]):
        assert message["first"] == len(again) + 1
        again += json.loads(body)

    assert len(again) == max(fed.records)
    assert [again[n - 1] for n in numbers[:-1]] == [None] * (len(numbers) - 1)
    assert again[numbers[-1] - 1] is not None


def test_the_oldest_entries_go_first_and_what_is_open_stays() -> None:
    """A conversation of weeks does not fill the kernel."""
    fed, script = Fed(max_bytes=200_000), Script()
    for number in range(120):
        turn = script.acp_prompt(f"prompt {number}")
        script.acp_text("x" * 800)
        script.acp_end(turn)
    fed.feed(script.events)
    fed.pump()
    store = fed.store

    assert store.bytes <= 200_000
    assert store.dropped > 20
    kept = [json.loads(body) for _, body in store.answers("", [(1, len(fed.records))])]
    records = [record for part in kept for record in part]
    assert len(records) == len(fed.records)
    assert any((record or {}).get("state", {}).get("kind") == "session" for record in records)
    assert records[0] is None or records[0]["state"]["kind"] == "session"
    assert "prompt 119" in json.dumps(records)
    assert 'prompt 3"' not in json.dumps(records)


def test_what_only_the_kernel_needs_is_not_sent() -> None:
    """The payload of a question may be large, and the page has its fields."""
    fed = Fed()
    fed.feed(claude_conversation(open_questions=True))
    records = fed.pump()
    newest = fed.store.newest()

    assert newest is not None
    assert any("question_id" in record.get("state", {}) for record in records)
    assert "permission_suggestions" not in json.dumps(records)
    assert b"permission_suggestions" not in newest[1]


def test_the_newest_entries_are_whole_for_a_page_without_the_records() -> None:
    """It shows them at once, and asks for the rest."""
    fed = Fed()
    fed.feed(claude_conversation())
    fed.pump()
    newest = fed.store.newest()
    assert newest is not None
    message, body = newest
    entries = json.loads(body)

    assert message == {"kind": "entries", "number": len(fed.records)}
    assert [entry["id"] for entry in entries] == list(range(1, len(entries) + 1))
    assert any(entry.get("blocks") for entry in entries)


def test_a_long_history_is_parsed_little_by_little_the_newest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The page shows the texts as they were written until then."""
    fed, script = Fed(), Script()
    turn = script.acp_prompt("go")
    for number in range(3):
        script.acp_text(f"*text {number}*", messageId=f"m{number}")
    script.acp_end(turn)
    fed.feed(script.events)
    monkeypatch.setattr(trace_store, "PARSE_SECONDS", -1.0)
    records = fed.pump()

    assert not any("blocks" in record for record in records)
    assert fed.store.backlog() > 0

    monkeypatch.setattr(trace_store, "PARSE_SECONDS", 60.0)
    parsed = [record["entry"] for record in fed.pump()]

    assert parsed == sorted(parsed, reverse=True)
    assert len(parsed) == 3
    assert fed.pump() == []
    assert fed.store.backlog() == 0


def test_a_text_that_is_replaced_begins_anew() -> None:
    """A final message may differ from what was streamed."""
    revisions = [
        Revision(1, 1, 1, state={"kind": "message", "role": "agent", "text": "One.\n\nTwo"}),
        Revision(1, 2, 2, state={"text": "# Other"}),
    ]
    state = StreamState("live")
    given: list[Revision] = revisions[:1]
    store = TraceStore(
        lambda since, limit: (given[since:], len(given)),
        lambda: state,
        max_bytes=10**9,
        read_only=True,
    )
    store.next(*ALL)
    given += revisions[1:]
    message = store.next(*ALL)

    assert message is not None
    assert json.loads(message[1])[-1]["from"] == 0
    assert store.entries()[0][1] == parse_markdown("# Other")
