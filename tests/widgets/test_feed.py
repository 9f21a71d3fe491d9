"""The pump: numbered, paced, bounded, and never waiting for a page."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from axon_notebook.agents.kinds import KINDS
from axon_notebook.models import AxonEvent
from axon_notebook.widgets import feed as feed_module
from axon_notebook.widgets.event_store import EventStore
from axon_notebook.widgets.feed import BURST, Feed
from axon_notebook.wire.cursor import EventBatch

from ..waiting import wait_until


def event(sequence: int, size: int = 10) -> AxonEvent:
    return AxonEvent(sequence, "axn_1", 1000 + sequence, "USER_EVENT", "s", "t", "x" * size)


def batch(first: int, last: int, size: int = 10, **more: Any) -> EventBatch:
    events = [event(s, size) for s in range(first, last + 1)]
    return EventBatch(events, [msgspec.json.encode(e) for e in events], **more)


def opened(max_bytes: int) -> EventStore:
    store = EventStore(max_bytes=max_bytes)
    store.open("axn_1")
    return store


def told(store: EventStore, *names: str) -> tuple[Any, ...]:
    """What a heartbeat says about the first axon."""
    return tuple(store.stat()["axons"][0][name] for name in names)


class Page:
    """One end of a comm: keeps what arrives, in the form a page sees it."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, Any], bytes]] = []
        self.arrived = threading.Condition()

    def send(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        with self.arrived:
            self.messages.append((content, buffers[0] if buffers else b""))
            self.arrived.notify_all()

    def kinds(self, *kinds: str) -> list[dict[str, Any]]:
        return [content for content, _ in list(self.messages) if content["kind"] in kinds]

    def sequences(self, kind: str = "ev") -> list[int]:
        found = []
        for content, buffer in list(self.messages):
            if content["kind"] == kind:
                text = zlib.decompress(buffer) if content["deflated"] else buffer
                found += [row["sequence"] for row in json.loads(text)]
        return found

    def wait(self, until: Callable[[], bool]) -> None:
        with self.arrived:
            assert self.arrived.wait_for(until, timeout=300), self.messages[-3:]


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def store() -> EventStore:
    return opened(10**9)


@pytest.fixture
def feed(store: EventStore, page: Page) -> Iterator[Feed]:
    opened = Feed(store, page.send, name="axon-feed test", on_message=lambda message: None)
    yield opened
    opened.close()


def append(store: EventStore, feed: Feed, events: EventBatch) -> None:
    store.append(events)
    feed.notify()


def say(feed: Feed, kind: str, **fields: Any) -> None:
    feed.take({"kind": kind, "page": "p1", "epoch": feed.epoch, **fields})


def count(message: dict[str, Any]) -> int:
    """How many events it brings."""
    return sum(part["count"] for part in message["parts"])


def answers(page: Page) -> list[dict[str, Any]]:
    """The messages that were asked for."""
    return [m for m in page.kinds("snap") if m["reason"] == "need"]


@pytest.mark.parametrize(
    ("silent", "reason"),
    [(19, None), (23.4, "Not a byte for 23 s. After 45 the server is asked anew.")],
)
def test_a_silent_stream_is_said(store: EventStore, silent: float, reason: str | None) -> None:
    """Signs of life come every 15 seconds: without them nobody knows what happens."""
    store.axons[0].silent_seconds = lambda: silent

    assert store.stat()["state"].get("reason") == reason


def test_events_go_out_though_no_page_ever_answered(
    store: EventStore, feed: Feed, page: Page
) -> None:
    """A busy kernel hears nobody; what it sends must not depend on it."""
    append(store, feed, batch(1, 2500))

    page.wait(lambda: len(page.sequences()) == 2500)

    assert page.sequences() == list(range(1, 2501))


def test_batches_are_numbered_without_holes_and_cut_to_size(
    store: EventStore, feed: Feed, page: Page
) -> None:
    """A page sees a lost message by its number."""
    append(store, feed, batch(1, 1800))
    page.wait(lambda: len(page.sequences()) == 1800)

    messages = page.kinds("ev")

    assert [m["batch"] for m in messages] == list(range(1, len(messages) + 1))
    assert max(count(m) for m in messages) <= 1000
    assert [m["parts"][0]["first"] for m in messages] == [1, 1001]


def test_what_comes_close_together_goes_out_together(
    store: EventStore, feed: Feed, page: Page
) -> None:
    """The host's limit is messages, not events: twenty a second, and a few more at the start."""
    began = time.monotonic()
    for sequence in range(1, 201):
        append(store, feed, batch(sequence, sequence))
        time.sleep(0.002)
    page.wait(lambda: len(page.sequences()) == 200)

    ticks = (time.monotonic() - began) / 0.05

    assert len(page.kinds("ev")) <= ticks + 2 + BURST


def test_what_a_page_asks_for_comes_again_and_what_is_gone_is_named(page: Page) -> None:
    """A hole is filled, or said to be one."""
    store = opened(40_000)
    feed = Feed(store, page.send, name="axon-feed test", on_message=lambda message: None)
    append(store, feed, batch(1, 1000))
    page.wait(lambda: bool(page.kinds("ev")))
    kept_from = store.stat()["axons"][0]["kept_from"]
    assert kept_from > 10

    say(feed, "need", stream="0", ranges=[[5, 6], [kept_from, kept_from + 2]])
    page.wait(lambda: len(page.kinds("snap")) >= 2)
    feed.close()

    gone, found = page.kinds("snap")[-2:]
    assert gone["missing"] == [(0, 5, 6)]
    assert found["missing"] == []
    assert page.sequences("snap")[-3:] == [kept_from, kept_from + 1, kept_from + 2]


def test_a_page_that_asks_again_while_it_is_answered_gets_everything_once(
    store: EventStore, feed: Feed, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hole shrinks with each answer, and each new shape is asked for anew."""
    monkeypatch.setattr(feed_module, "WINDOW_BYTES", 500_000)
    append(store, feed, batch(1, 8_000, size=400))
    page.wait(lambda: len(page.sequences()) == 8_000)
    page.messages.clear()

    taken = 0  # a slow page: it takes a message, then says what it lacks
    while taken < 8_000:
        say(feed, "need", stream="0", ranges=[[taken + 1, 8_000]])
        page.wait(lambda had=taken: sum(map(count, answers(page))) > had)
        taken = min(taken + 500, sum(map(count, answers(page))))

    parts = [part for m in answers(page) for part in m["parts"]]
    sent = [n for part in parts for n in range(part["first"], part["first"] + part["count"])]
    assert sent == list(range(1, 8_001))
    assert any(m["deflated"] for m in answers(page))


def test_what_got_lost_again_is_sent_again(store: EventStore, feed: Feed, page: Page) -> None:
    """The same question, later, is not an echo."""
    append(store, feed, batch(1, 10))
    say(feed, "need", stream="0", ranges=[[3, 4]])
    page.wait(lambda: len(answers(page)) == 1)
    time.sleep(feed_module.ARRIVAL_SECONDS)

    say(feed, "need", stream="0", ranges=[[3, 4]])

    page.wait(lambda: len(answers(page)) == 2)


def test_a_closed_tab_gets_no_more_than_the_budget(
    store: EventStore, feed: Feed, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebook server would keep it all, without bound."""
    monkeypatch.setattr(feed_module, "NORMAL_BYTES", 10**9)
    monkeypatch.setattr(feed_module, "MOST_BYTES", 600_000)
    monkeypatch.setattr(feed_module, "DEFLATE_ABOVE", 10**9)
    append(store, feed, batch(1, 4000, size=500))
    page.wait(lambda: feed.stats()["sent_bytes"] > 600_000)
    time.sleep(0.3)

    sent = feed.stats()["sent_bytes"]

    assert 600_000 < sent < 600_000 + 2 * 1_048_576
    assert store.backlog() > 0


def test_an_acknowledgement_lets_the_rest_through(
    store: EventStore, feed: Feed, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that was away gets everything when it is back."""
    monkeypatch.setattr(feed_module, "NORMAL_BYTES", 10**9)
    monkeypatch.setattr(feed_module, "MOST_BYTES", 300_000)
    append(store, feed, batch(1, 3000, size=500))
    page.wait(lambda: feed.stats()["sent_bytes"] > 300_000)

    def acknowledged() -> bool:
        say(feed, "ack", batch=page.kinds("ev")[-1]["batch"], bytes=0)
        return page.sequences() == list(range(1, 3001))

    wait_until(acknowledged)


def test_a_feed_that_runs_for_weeks_forgets_old_batches_and_still_counts(
    store: EventStore, feed: Feed, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One number per batch, twenty a second, would be fifty megabytes in a week."""
    monkeypatch.setattr(feed_module, "SIZES_KEPT", 4)
    monkeypatch.setattr(feed_module, "TICK_MS", 1)
    for sequence in range(1, 31):
        append(store, feed, batch(sequence, sequence))
        page.wait(lambda last=sequence: page.sequences() == list(range(1, last + 1)))

    say(feed, "ack", batch=1, bytes=0)
    assert feed.stats()["unacked_bytes"] == 0  # a page that is new owes nothing
    append(store, feed, batch(31, 31))
    page.wait(lambda: len(page.sequences()) == 31)
    assert feed.stats()["unacked_bytes"] > 0

    say(feed, "ack", batch=page.kinds("ev")[-1]["batch"], bytes=0)

    assert feed.stats()["unacked_bytes"] == 0
    assert len(feed._sizes) <= 9


def test_buffers_are_deflated_when_a_page_falls_behind(
    store: EventStore, feed: Feed, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times less for a slow line; the page says what it can."""
    monkeypatch.setattr(feed_module, "DEFLATE_ABOVE", 100_000)
    append(store, feed, batch(1, 3000, size=900))
    page.wait(lambda: len(page.sequences()) == 3000)

    assert next(m["deflated"] for m in page.kinds("ev")) is False
    assert [m["deflated"] for m in page.kinds("ev")][-1] is True
    assert page.sequences() == list(range(1, 3001))


def test_a_page_that_never_answered_gets_the_newest_with_the_heartbeat(
    store: EventStore, feed: Feed, page: Page
) -> None:
    """A page that was reloaded while a cell runs must not stay empty."""
    append(store, feed, batch(1, 200))

    feed.notify(stat=True)
    page.wait(lambda: bool(page.kinds("snap")))

    snap = page.kinds("snap")[-1]
    assert (snap["reason"], count(snap)) == ("head", 50)
    assert page.sequences("snap")[-1] == 200


def test_a_new_page_owes_nothing(store: EventStore, feed: Feed, page: Page) -> None:
    """What was sent before it came is not counted as unacknowledged."""
    append(store, feed, batch(1, 100))
    page.wait(lambda: len(page.sequences()) == 100)
    assert feed.stats()["unacked_bytes"] > 0

    say(feed, "hello", have=0, version=1, tz_offset_min=0)

    assert feed.stats()["unacked_bytes"] == 0


def test_nonsense_from_a_page_is_survived(store: EventStore, feed: Feed, page: Page) -> None:
    """The page may be of another version, or no page at all."""
    for message in (
        {},
        {"kind": "ack", "page": "p", "epoch": feed.epoch, "batch": "seven"},
        {"kind": "ack", "page": "p", "epoch": feed.epoch, "batch": -1},
        {"kind": "ack", "page": "p", "epoch": "other", "batch": 1},
        {"kind": "need", "page": "p", "epoch": feed.epoch, "ranges": [[5, 1], [-3, 2]]},
        {"kind": "nothing"},
    ):
        feed.take(message)

    append(store, feed, batch(1, 3))
    page.wait(lambda: page.sequences() == [1, 2, 3])


def test_closing_sends_what_is_left_says_bye_and_ends_the_thread(
    store: EventStore, feed: Feed, page: Page
) -> None:
    """The last events of a run are the ones people look for."""
    append(store, feed, batch(1, 5000))

    feed.close()
    feed.close()

    assert page.sequences() == list(range(1, 5001))
    assert page.messages[-1][0] == {
        "kind": "bye",
        "reason": "closed",
        "epoch": feed.epoch,
        "batch": len(page.kinds("ev")),
        "sent_ms": page.messages[-1][0]["sent_ms"],
    }
    assert "axon-feed test" not in {thread.name for thread in threading.enumerate()}


# -- the store


def test_the_store_keeps_the_newest_within_its_budget(store: EventStore) -> None:
    """Memory is bounded, and the count of what went is told."""
    small = opened(50_000)

    small.append(batch(1, 2000))

    stat = small.stat()["axons"][0]
    assert small.bytes <= 50_000
    assert stat["kept_to"] == 2000
    assert stat["dropped"] == stat["kept_from"] - 1
    assert stat["received"] == 2000
    assert [e.sequence for e in small.events(2)] == [1999, 2000]


def test_missing_events_are_counted_and_an_event_that_comes_late_takes_it_back(
    store: EventStore,
) -> None:
    """`lost` is a promise that must be kept both ways."""
    store.append(batch(1, 3))
    store.append(batch(7, 9, missing=((4, 6),)))
    assert told(store, "lost", "gaps") == (3, [(4, 6)])

    store.append(batch(5, 5, late=True))

    assert told(store, "lost", "gaps") == (2, [(4, 4), (6, 6)])
    assert [e.sequence for e in store.events()] == [1, 2, 3, 5, 7, 8, 9]


def test_each_event_comes_with_what_it_is_about() -> None:
    """The page shows kinds without reading a protocol; what was dropped takes its kind along."""
    store = opened(10_000)
    events = [
        AxonEvent(1, "a", 1, "USER_EVENT", "me", "session/prompt", "{}"),
        AxonEvent(2, "a", 1, "EXTERNAL_EVENT", "hook", "push", "x" * 9_900),
        AxonEvent(3, "a", 1, "SYSTEM_EVENT", "broker", "turn.completed", "{}"),
    ]
    for item in events:
        store.append(EventBatch([item], [msgspec.json.encode(item)]))
    sent = store.next(10**6, 10**6)
    newest = store.newest()
    (answer,) = store.answers("0", [(3, 3)])
    kinds = [KINDS[int(code)] for code in answer[0]["parts"][0]["kinds"]]

    assert sent is not None
    assert newest is not None
    assert len(sent[0]["parts"][0]["kinds"]) == count(sent[0])
    assert newest[0]["parts"] == sent[0]["parts"]
    assert kinds == ["turn"]
