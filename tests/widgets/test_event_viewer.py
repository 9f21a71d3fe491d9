"""The viewer's Python side, against the real service: what it keeps, tells, saves and leaves."""

from __future__ import annotations

import gc
import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import msgspec
import pandas as pd
import psutil
import pytest

import axon_notebook as an
from axon_notebook.errors import ParameterError
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.models import AxonEvent, AxonInfo
from axon_notebook.widgets import live
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


@pytest.fixture
def axon(client: an.Client) -> an.Axon:
    created = client.create_axon("watched")
    created.publish("order.created", {"id": 1, "text": "first"})
    created.publish("order.paid", {"id": 1, "sum": 40})
    created.publish("note", "the secret is 1234", source="agent", origin="AGENT_EVENT")
    return created


def received(viewer: an.EventViewer, count: int) -> None:
    wait_until(lambda: viewer.stats()["received"] >= count)


def own_threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("axon-")}


@contextmanager
def scripted(comms: Comms, *answers: Answer, count: int = 3) -> Iterator[an.Axon]:
    """An axon of a server that does what the test says."""
    with ScriptedServer(events_up_to(count)) as server, closing(client_of(server.base_url)) as api:
        server.streams(*answers)
        yield an.Axon(api, AxonInfo(id="axn_1", created_at_ms=1, name="scripted"))


# -- what it shows


def test_every_event_goes_to_the_page_as_the_server_sent_it(comms: Comms, axon: an.Axon) -> None:
    """The page shows the truth, and nobody pays for encoding it twice."""
    with an.EventViewer(axon) as viewer:
        comms.wait(lambda: len(comms.events(viewer.model_id)) == 3)
        axon.publish("late", {"n": 4})
        comms.wait(lambda: len(comms.events(viewer.model_id)) == 4)
        rows = comms.events(viewer.model_id)

    sent = msgspec.convert(rows, list[AxonEvent])
    assert [e.sequence for e in sent] == [1, 2, 3, 4]
    assert sent[2].payload == "the secret is 1234"
    assert json.loads(sent[3].payload) == {"n": 4}


def test_frame_filtered_and_selected_are_frames_of_what_the_page_shows(
    comms: Comms, axon: an.Axon
) -> None:
    """From a look at the stream to pandas in one word."""
    with an.EventViewer(axon, filter="type:order.*") as viewer:
        received(viewer, 3)
        viewer.on_page_message({"kind": "select", "ranges": [[0, 1, 1], [0, 3, 7]]})

        assert viewer.frame()["event_type"].tolist() == ["order.created", "order.paid", "note"]
        assert viewer.frame(limit=1)["sequence"].tolist() == [3]
        assert viewer.filtered()["sequence"].tolist() == [1, 2]
        assert viewer.selected["sequence"].tolist() == [1, 3]

        viewer.filter = "sum>30"

        assert viewer.filtered()["sequence"].tolist() == [2]
        assert isinstance(viewer.frame()["timestamp"].dtype, pd.DatetimeTZDtype)


def test_filtered_keeps_to_the_brush_and_to_the_clock_of_the_page(comms: Comms) -> None:
    """Who brushes two minutes or writes 10:02 means what the screen says."""
    with scripted(comms) as axon, an.EventViewer(axon) as viewer:  # events at 1001, 1002, 1003 ms
        received(viewer, 3)
        viewer.time_range = (1002, 1003)

        assert viewer.filtered()["sequence"].tolist() == [2, 3]

        viewer.time_range = None
        viewer.filter = "after:01:00"

        assert viewer.filtered().empty

        viewer._take(viewer, {"kind": "hello", "page": "p", "tz_offset_min": -60}, [])

        assert viewer.filtered()["sequence"].tolist() == [1, 2, 3]


def test_a_page_judges_an_event_and_is_told_why_it_could_not(comms: Comms, axon: an.Axon) -> None:
    """What prevents it stands between the events, where the person looks."""
    with closing(an.EventViewer(axon)) as viewer:
        value = json.dumps({"target": 1, "label": "good", "note": "", "score": None})
        viewer.on_page_message({"kind": "cmd", "name": "annotate", "value": value})
        received(viewer, 4)
        viewer.on_page_message({"kind": "cmd", "name": "annotate", "value": '{"label": "x"}'})
        marks = viewer._store.stat()["axons"][0]["marks"]

    assert axon.trace().annotations["label"].tolist() == ["good"]
    assert [mark["label"] for mark in marks] == [
        "the annotation was not published: the annotation names no event and no tool call"
    ]


def test_head_starts_with_the_next_event(comms: Comms, axon: an.Axon) -> None:
    """A long history is not always wanted."""
    with an.EventViewer(axon, after_sequence="head") as viewer:
        wait_until(lambda: viewer.stats()["state"]["name"] == "live")
        axon.publish("fresh", {})
        received(viewer, 1)

        assert viewer.frame()["event_type"].tolist() == ["fresh"]
        assert viewer.stats()["start"] == 4
        assert viewer.stats()["lost"] == 0


def test_a_start_in_the_middle_is_kept(comms: Comms, axon: an.Axon) -> None:
    """``after_sequence`` is the bookmark of the run before."""
    with an.EventViewer(axon, after_sequence=2) as viewer:
        received(viewer, 1)

        assert viewer.frame()["sequence"].tolist() == [3]


def test_only_the_newest_are_kept_and_the_rest_is_counted(comms: Comms, axon: an.Axon) -> None:
    """Memory is bounded; a viewer may run for weeks."""
    axon.publish_many([("big", "x" * 900)] * 60)
    with an.EventViewer(axon, max_bytes=20_000) as viewer:
        received(viewer, 63)
        stats = viewer.stats()

        assert stats["bytes"] <= 20_000
        assert stats["dropped"] == stats["kept_from"] - 1 > 30
        assert viewer.frame()["sequence"].tolist() == list(range(stats["kept_from"], 64))
        assert "older ones not kept" in viewer.static_html()


def test_an_event_that_comes_late_is_sent_after_all(comms: Comms) -> None:
    """Pages were told that it is missing and would not ask for it."""
    events = events_up_to(6)
    hole = [e for e in events if e.sequence != 4]
    steps = [frames(hole[:5]), HOLD]
    with scripted(comms, Answer(steps=steps), count=3) as axon, an.EventViewer(axon) as viewer:
        received(viewer, 3)
        late = EventBatch([events[3]], [msgspec.json.encode(events[3])], late=True)
        viewer._sink(viewer._store.axons[0], late)
        comms.wait(
            lambda: any(
                part["first"] == 4
                for message, _ in comms.sent(viewer.model_id, "snap")
                for part in message["parts"]
            )
        )


# -- what it tells


@pytest.mark.parametrize("wrong", ["type:", "/(/", "seq:a..b"])
def test_a_wrong_filter_is_told_at_once_and_leaves_nothing(
    comms: Comms, axon: an.Axon, wrong: str
) -> None:
    """The error belongs to the cell that has it."""
    with pytest.raises(ParameterError, match="filter: "):
        an.EventViewer(axon, filter=wrong)

    assert own_threads() == set()
    assert comms.open == set()


@pytest.mark.parametrize(
    "options", [{"max_bytes": 0}, {"after_sequence": -1}, {"after_sequence": "tail"}]
)
def test_wrong_options_are_told_at_once_and_leave_nothing(
    comms: Comms, axon: an.Axon, options: dict[str, object]
) -> None:
    """A viewer that quietly shows something else would be believed."""
    with pytest.raises(ParameterError, match=next(iter(options))):
        an.EventViewer(axon, **options)

    assert own_threads() == set()
    assert comms.open == set()


def test_a_stream_that_failed_says_why(comms: Comms, axon: an.Axon) -> None:
    """A dead view that looks alive is the worst of all."""
    axon.delete()
    with an.EventViewer(axon) as viewer:
        wait_until(lambda: viewer.stats()["state"]["name"] in ("failed", "ended"))

        state = viewer.stats()["state"]
        assert state["name"] == "failed"
        assert "not found" in state["reason"]
        assert "failed" in repr(viewer)


def test_reconnect_does_not_wait_for_the_next_attempt(comms: Comms) -> None:
    """The button "retry now" means now."""
    away = Answer(status=503, headers={"Retry-After": "200"}, steps=[])
    with scripted(comms, away) as axon, an.EventViewer(axon) as viewer:
        wait_until(lambda: viewer.stats()["state"]["name"] == "reconnecting")
        assert viewer.stats()["state"]["retry_in_ms"] > 100_000

        viewer.on_page_message({"kind": "cmd", "name": "retry"})
        received(viewer, 3)

        assert viewer.stats()["state"]["name"] in ("live", "replaying")


# -- what it leaves


def test_closing_twice_ends_threads_sockets_and_comms(comms: Comms, axon: an.Axon) -> None:
    """One viewer too many must not slow the kernel down for the rest of the day."""
    sockets = len(psutil.Process().net_connections())
    viewer = an.EventViewer(axon)
    received(viewer, 3)
    assert len(own_threads()) == 2
    assert len(comms.open) == 2

    viewer.close()
    viewer.close()

    assert own_threads() == set()
    assert comms.open == set()
    assert len(psutil.Process().net_connections()) <= sockets + 1  # the client keeps one
    assert viewer.frame()["sequence"].tolist() == [1, 2, 3]


def test_fifty_viewers_leave_nothing(comms: Comms, axon: an.Axon) -> None:
    """People run cells again and again."""
    connections = len(psutil.Process().net_connections())
    for _ in range(5):
        with ExitStack() as stack:
            viewers = [stack.enter_context(an.EventViewer(axon)) for _ in range(10)]
            received(viewers[-1], 3)
    gc.collect()

    assert own_threads() == set()
    assert comms.open == set()
    assert len(psutil.Process().net_connections()) <= connections + 1
    assert not list(live._alive)


def test_a_page_that_closes_the_comm_closes_the_viewer(comms: Comms, axon: an.Axon) -> None:
    """Some hosts tear a widget down themselves when its cell goes."""
    viewer = an.EventViewer(axon)
    received(viewer, 3)
    viewer.comm.handle_close({"content": {"data": {}}})

    wait_until(lambda: own_threads() == set())

    viewer.close()


def test_the_last_events_and_a_good_bye_reach_the_page(comms: Comms, axon: an.Axon) -> None:
    """What happened last is what people look for."""
    viewer = an.EventViewer(axon)
    received(viewer, 3)
    model = viewer.model_id
    axon.publish("last", {})
    received(viewer, 4)
    viewer.close()

    assert [row["sequence"] for row in comms.events(model)] == [1, 2, 3, 4]
    assert [m["reason"] for m, _ in comms.sent(model, "bye")] == ["closed"]


# -- what is saved


def test_the_saved_state_holds_no_payload_and_no_key(
    comms: Comms, axon: an.Axon, service: ServiceAddress
) -> None:
    """Notebooks are committed, mailed and published."""
    with an.EventViewer(axon) as viewer:
        received(viewer, 3)
        state = str({k: v for k, v in viewer.get_state().items() if not k.startswith("_esm")})
        shown = repr(viewer) + str(viewer.stats())

    assert "1234" not in state
    assert "1234" not in shown
    for _, kind, data, _buffers in comms.messages:
        text = str({k: v for k, v in data.items() if k != "state"})
        assert service.token.reveal() not in text, kind
    assert service.token.reveal() not in state + shown + str(viewer._repr_mimebundle_())


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What a notebook would be given to show and to save, in order."""
    shown: list[dict[str, str]] = []
    for name in ("display", "update_display"):
        monkeypatch.setattr(f"IPython.display.{name}", lambda data, **options: shown.append(data))
    return shown


def test_what_is_displayed_holds_the_history(
    comms: Comms, axon: an.Axon, displays: list[dict[str, str]]
) -> None:
    """A notebook that is saved while the viewer is live must not say "0 events"."""
    with an.EventViewer(axon) as viewer:
        viewer._ipython_display_()

        assert "order.paid" in displays[0]["text/html"]
        assert "3 events" in displays[0]["text/plain"]
        assert "application/vnd.jupyter.widget-view+json" in displays[0]

    assert "application/vnd.jupyter.widget-view+json" not in displays[-1]


def test_a_slow_history_is_put_into_the_notebook_when_it_is_there(
    comms: Comms, displays: list[dict[str, str]]
) -> None:
    """The display does not wait for it, what is saved does."""
    slow = Answer(steps=[Wait(1.5), frames(events_up_to(3)), HOLD])
    with scripted(comms, slow) as axon, an.EventViewer(axon) as viewer:
        viewer._ipython_display_()
        assert "0 events" in displays[0]["text/plain"]

        wait_until(lambda: len(displays) == 2)

        assert "3 events" in displays[1]["text/plain"]


def packed(viewer: an.EventViewer) -> str:
    return zlib.decompress(viewer._snapshot).decode()


def test_what_stays_is_the_newest_events_as_html_text_and_for_the_page(
    comms: Comms, axon: an.Axon
) -> None:
    """A notebook opened without a kernel shows what was seen."""
    viewer = an.EventViewer(axon)
    received(viewer, 3)
    viewer.close()
    bundle = viewer._repr_mimebundle_()

    assert set(bundle) == {"text/plain", "text/html"}
    for text in (bundle["text/plain"], bundle["text/html"], packed(viewer)):
        assert "the secret is 1234" in text
        assert "order.paid" in text


def test_redact_and_snapshot_false_decide_what_is_saved(comms: Comms, axon: an.Axon) -> None:
    """What is on the screen may be nobody else's business."""

    def redact(event: AxonEvent) -> AxonEvent | None:
        if event.event_type == "order.paid":
            return None
        return msgspec.structs.replace(event, payload=event.payload.replace("1234", "****"))

    hidden = an.EventViewer(axon, snapshot=False)
    redacted = an.EventViewer(axon, redact=redact)
    for viewer in (hidden, redacted):
        received(viewer, 3)
        viewer.close()

    saved = "".join(map(str, redacted._repr_mimebundle_().values())) + packed(redacted)
    assert "1234" not in saved
    assert "order.paid" not in saved
    assert "the secret is ****" in saved
    nothing = "".join(map(str, hidden._repr_mimebundle_().values())) + packed(hidden)
    assert "secret" not in nothing
    assert "order" not in nothing
    assert "3 events" in nothing
    assert hidden.frame()["sequence"].tolist() == [1, 2, 3]


def test_a_redact_that_fails_saves_nothing_rather_than_everything(
    comms: Comms, axon: an.Axon
) -> None:
    """A bug in the hook must not publish what it was to hide, nor stop the viewer from closing."""

    def redact(event: AxonEvent) -> AxonEvent | None:
        raise KeyError(event.payload)

    viewer = an.EventViewer(axon, redact=redact)
    received(viewer, 3)
    with pytest.warns(UserWarning, match="redact"):
        viewer.close()
    with pytest.warns(UserWarning, match="redact"):
        saved = "".join(map(str, viewer._repr_mimebundle_().values())) + packed(viewer)

    assert own_threads() == set()
    assert "1234" not in saved
