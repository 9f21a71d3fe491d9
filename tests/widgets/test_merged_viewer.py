"""A viewer of several axons: each stream with its own faults, one order, one set of frames."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import msgspec
import psutil
import pytest

import axon_notebook as an
from axon_notebook.errors import ParameterError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent, AxonInfo
from axon_notebook.widgets import joining
from axon_notebook.widgets.event_store import EventStore
from axon_notebook.widgets.streams_state import combined
from axon_notebook.wire.cursor import EventBatch

from ..faults.reading import client_of
from ..faults.scripted_server import HOLD, Answer, ScriptedServer, Wait, events_up_to, frames
from ..waiting import wait_until
from .comms import Comms


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    return Comms(monkeypatch)


@pytest.fixture
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


def own_threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("axon-")}


def history(place: int, count: int = 10) -> list[AxonEvent]:
    """Events of the axon at a place, a time of its own each."""
    return [
        msgspec.structs.replace(event, timestamp_ms=1000 + event.sequence * 10 + place)
        for event in events_up_to(count, axon_id=f"axn_{place}")
    ]


@contextmanager
def three(
    comms: Comms, *answers: Answer, held: Sequence[AxonEvent] = ()
) -> Iterator[list[an.Axon]]:
    """Three axons of servers of their own; the one in the middle answers as the test says."""
    with ExitStack() as stack:
        axons = []
        for place in range(3):
            events = list(held) if held and place == 1 else history(place)
            server = stack.enter_context(ScriptedServer(events))
            if place == 1:
                server.streams(*answers)
            api = stack.enter_context(closing(client_of(server.base_url)))
            info = AxonInfo(id=f"axn_{place}", created_at_ms=1, name=f"run {place}")
            axons.append(an.Axon(api, info))
        yield axons


def arrived(comms: Comms, viewer: an.EventViewer, place: int) -> list[int]:
    """The sequences of one axon that a page got, in the order in which they came."""
    return [e["sequence"] for e in comms.events(viewer.model_id) if e["axon_id"] == f"axn_{place}"]


def states(viewer: an.EventViewer) -> list[str]:
    return [axon["state"]["name"] for axon in viewer.stats()["axons"].values()]


ALL = list(range(1, 11))
MIDDLE = history(1)


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(cut_after=400), Answer(cut_after=700, how="fin")],
        [Answer(status=503, headers={"Retry-After": "0"}, steps=[]), Answer(status=502, steps=[])],
        [Answer(status=429, headers={"Retry-After": "0"}, steps=[])],
        [Answer(status=408, steps=[])],
        [Answer(steps=[frames(MIDDLE[:6]), frames(MIDDLE[2:8]), frames(MIDDLE[4:]), HOLD])],
        [Answer(steps=[frames(MIDDLE[:3]), frames(MIDDLE[6:]), HOLD])],
        [Answer(steps=[frames([MIDDLE[4], MIDDLE[0], *MIDDLE[1:4]]), frames(MIDDLE[5:]), HOLD])],
        [Answer(steps=[frames(MIDDLE[:2]), Wait(0.3), frames(MIDDLE[2:]), HOLD])],
    ],
    ids=["cut", "restart", "too many", "idle", "duplicate", "gap that is filled", "order", "slow"],
)
def test_a_fault_of_one_stream_loses_and_doubles_nothing(
    comms: Comms, answers: list[Answer]
) -> None:
    """What a viewer of one axon survives, each stream of several does."""
    with three(comms, *answers) as axons, an.EventViewer(axons) as viewer:
        wait_until(lambda: viewer.stats()["received"] == 30)
        wait_until(lambda: states(viewer) == ["live"] * 3)
        comms.wait(lambda: len(comms.events(viewer.model_id)) == 30)

        assert [arrived(comms, viewer, place) for place in range(3)] == [ALL] * 3
        assert viewer.stats()["lost"] == 0
        frame = viewer.frame()
        assert list(frame.columns[:3]) == ["axon", "axon_name", "sequence"]
        assert frame["timestamp"].is_monotonic_increasing
        assert frame["axon_name"].tolist() == ["run 0", "run 1", "run 2"] * 10


def test_what_a_server_lost_is_told_of_that_axon_alone(comms: Comms) -> None:
    """Which history is incomplete is the question."""
    held = [*MIDDLE[:3], *MIDDLE[6:]]
    with three(comms, held=held) as axons, an.EventViewer(axons) as viewer:
        wait_until(lambda: viewer.stats()["received"] == 27)
        wait_until(lambda: viewer.stats()["lost"] == 3)
        each = viewer.stats()["axons"]

        assert [one["lost"] for one in each.values()] == [0, 3, 0]
        assert each["axn_1"]["gaps"] == [(4, 6)]
        assert "3 lost" in viewer.static_html()


@pytest.mark.parametrize("status", [404, 410])
def test_an_axon_that_fails_does_not_end_the_others(comms: Comms, status: int) -> None:
    """Somebody deletes a run while sixteen are watched."""
    gone = Answer(status=status, headers={"Content-Type": "application/json"}, steps=[b"{}"])
    with three(comms, gone) as axons, an.EventViewer(axons) as viewer:
        wait_until(lambda: states(viewer) == ["live", "failed", "live"])
        wait_until(lambda: viewer.stats()["received"] == 20)
        state = viewer.stats()["state"]

        assert state["name"] == "live"
        assert state["reason"].startswith("1 of 3 axons: run 1 failed (")
        assert arrived(comms, viewer, 1) == []


def test_frames_and_filters_know_the_axons(comms: Comms) -> None:
    """From the screen to pandas: what is selected, and of which axon."""
    with three(comms) as axons, an.EventViewer(axons, filter="axon:axn_0,RUN*2 seq:..2") as viewer:
        wait_until(lambda: viewer.stats()["received"] == 30)
        viewer.on_page_message(
            {"kind": "select", "ranges": [[0, 2, 3], [2, 1, 1], [7, 1, 9], [-1, 1, 9]]}
        )

        assert viewer.filtered()[["axon", "sequence"]].to_numpy().tolist() == [
            ["axn_0", 1], ["axn_2", 1], ["axn_0", 2], ["axn_2", 2],
        ]  # fmt: skip
        assert viewer.selected[["axon", "sequence"]].to_numpy().tolist() == [
            ["axn_2", 1], ["axn_0", 2], ["axn_0", 3],
        ]  # fmt: skip
        assert viewer.frame(limit=2)["axon"].tolist() == ["axn_1", "axn_2"]
        assert repr(viewer) == "<EventViewer 3 axons live, 30 events>"


def test_what_is_saved_says_of_which_axon_an_event_is(comms: Comms) -> None:
    """A notebook without a kernel shows what was seen, of all axons."""
    with three(comms) as axons:
        viewer = an.EventViewer(axons)
        wait_until(lambda: viewer.stats()["received"] == 30)
        viewer.close()
        saved = json.loads(zlib.decompress(viewer._snapshot))
        bundle = viewer._repr_mimebundle_()

    assert [axon["name"] for axon in saved["axons"]] == ["run 0", "run 1", "run 2"]
    assert [event["axon_id"] for event in saved["events"]] == ["axn_0", "axn_1", "axn_2"] * 10
    assert len(saved["kinds"]) == 30
    assert "run 1" in bundle["text/html"]
    assert "run 2" in bundle["text/plain"]


def test_a_new_axon_that_matches_joins(
    comms: Comms, client: an.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run of the night is shown without running the cell again."""
    monkeypatch.setattr(joining, "POLL_SECONDS", 0.05)
    client.create_axon("nightly-1").publish("note", {"n": 1})
    with an.EventViewer(client.axon_set("nightly-*")) as viewer:
        wait_until(lambda: viewer.stats()["received"] == 1)
        client.create_axon("daily-1").publish("note", {})
        late = client.create_axon("nightly-2")
        late.publish("note", {"n": 2})

        wait_until(lambda: len(viewer.frame()) == 2)

        assert viewer.frame()["axon_name"].tolist() == ["nightly-1", "nightly-2"]
        late.publish("note", {"n": 3})
        wait_until(lambda: len(viewer.frame()) == 3)
    assert own_threads() == set()


def test_a_set_of_none_waits_for_the_first(
    comms: Comms, client: an.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People open the viewer before the run begins."""
    monkeypatch.setattr(joining, "POLL_SECONDS", 0.05)
    with an.EventViewer(client.axon_set("later-*")) as viewer:
        assert viewer.stats()["state"]["reason"] == "No axon matches yet."
        assert list(viewer.frame().columns[:3]) == ["axon", "axon_name", "sequence"]
        client.create_axon("later-1").publish("note", {})

        wait_until(lambda: viewer.frame()["axon_name"].tolist() == ["later-1"])


def test_a_judgement_goes_to_the_axon_of_its_event(comms: Comms, client: an.Client) -> None:
    """The same sequence is another event in another axon."""
    axons = [client.create_axon(f"judged-{n}") for n in range(2)]
    for axon in axons:
        axon.publish("note", {})
    with an.EventViewer(axons) as viewer:
        wait_until(lambda: viewer.stats()["received"] == 2)
        for place in (1, 7, -1):
            value = json.dumps({"axon": place, "target": 1, "label": "good"})
            viewer.on_page_message({"kind": "cmd", "name": "annotate", "value": value})

    assert [len(axon.trace().annotations) for axon in axons] == [0, 1]


def test_closing_ends_all_threads_and_connections(comms: Comms, client: an.Client) -> None:
    """Sixty-four streams that stay open would be the whole server."""
    axons = [client.create_axon(f"many-{n}") for n in range(64)]
    sockets = len(psutil.Process().net_connections())
    viewer = an.EventViewer(axons)
    wait_until(lambda: states(viewer) == ["live"] * 64)
    viewer.close()

    assert own_threads() == set()
    assert comms.open == set()
    assert len(psutil.Process().net_connections()) <= sockets + 32  # what the client keeps idle


@pytest.mark.parametrize(
    ("count", "options", "reason"),
    [
        (0, {}, "no axon given"),
        (65, {}, "at most 64"),
        (2, {"timeline": True}, "one axon"),
    ],
)
def test_what_cannot_be_shown_is_told_at_once(
    comms: Comms, count: int, options: dict[str, object], reason: str
) -> None:
    """And leaves nothing behind."""
    with closing(client_of("http://127.0.0.1:9")) as api:
        axons = [an.Axon(api, AxonInfo(id=f"axn_{n}", created_at_ms=1)) for n in range(count)]
        with pytest.raises(ParameterError, match=reason):
            an.EventViewer(axons, **options)
        with pytest.raises(ParameterError, match="twice"):
            an.EventViewer([*axons[:1], *axons[:1]] if axons else [_axon(api), _axon(api)])

    assert own_threads() == set()
    assert comms.open == set()


def _axon(api: object) -> an.Axon:
    return an.Axon(api, AxonInfo(id="axn_1", created_at_ms=1))  # type: ignore[arg-type]


# -- the store


def store_of(*counts: int, max_bytes: int = 10**9) -> EventStore:
    store = EventStore(max_bytes=max_bytes)
    for place, count in enumerate(counts):
        store.open(f"axn_{place}")
        events = history(place, count)
        store.append(EventBatch(events, [msgspec.json.encode(e) for e in events]), place)
    return store


def test_a_message_has_a_share_of_each_axon() -> None:
    """A busy axon must not make the others late."""
    store = store_of(5000, 10, 5000)
    message = store.next(10**6, 1000)

    assert message is not None
    fields, raw = message
    assert [part["axon"] for part in fields["parts"]] == [0, 1, 2]
    assert sum(part["count"] for part in fields["parts"]) == len(json.loads(raw)) <= 1000
    assert fields["parts"][1]["count"] == 10


def test_every_event_is_sent_once_whatever_the_shares() -> None:
    """Shares are cut anew with each message."""
    store = store_of(700, 1, 0, 90)
    found: dict[int, list[int]] = {}
    while (message := store.next(3000, 40)) is not None:
        rows = iter(json.loads(message[1]))
        for part in message[0]["parts"]:
            found.setdefault(part["axon"], []).extend(
                next(rows)["sequence"] for _ in range(part["count"])
            )

    assert {place: len(sent) for place, sent in found.items()} == {0: 700, 1: 1, 3: 90}
    assert all(sent == sorted(set(sent)) for sent in found.values())
    assert store.backlog() == 0


def test_the_axon_that_holds_most_loses_its_oldest_events() -> None:
    """One chatty run does not push out the others."""
    store = store_of(20, 2000, 20, max_bytes=60_000)

    assert store.bytes <= 60_000
    assert [axon.dropped for axon in store.axons[::2]] == [0, 0]
    assert store.axons[1].dropped > 500
    assert [event.sequence for event in store.axons[1].events(1)] == [2000]


def test_a_page_asks_for_ranges_of_an_axon() -> None:
    """The same sequence is another event in another axon."""
    store = store_of(5, 5)
    (answer,) = store.answers("1", [(2, 3)])

    assert [event["axon_id"] for event in json.loads(answer[1])] == ["axn_1", "axn_1"]
    assert list(store.answers("", [(2, 3)])) == list(store.answers("7", [(2, 3)])) == []


@pytest.mark.parametrize(
    ("names", "word", "reason"),
    [
        (["live", "live"], "live", None),
        (["live", "reconnecting", "failed"], "live", "2 of 3 axons: a1 reconnecting; a2 failed"),
        (["replaying", "live"], "replaying", None),
        (["connecting", "live"], "live", None),
        (["failed", "ended"], "ended", "1 of 2 axons: a0 failed"),
        (["failed", "failed"], "failed", "2 of 2 axons: a0 failed; a1 failed"),
    ],
)
def test_all_streams_together_have_one_word(
    names: list[str], word: str, reason: str | None
) -> None:
    """And those that stand apart are named."""
    axons = [
        {"id": f"a{n}", "name": "", "state": {"name": name}, "received": 1, "head": 5, "start": 1}
        for n, name in enumerate(names)
    ]

    assert combined(axons)["name"] == word
    assert combined(axons).get("reason") == reason
