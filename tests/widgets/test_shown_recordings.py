"""Widgets of a recording: everything there is to see, and nothing to write with."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import axon_notebook as an
from axon_notebook.recording import Recording

from ..waiting import wait_until
from .comms import Comms

RUN = Path(__file__).parents[2] / "notebooks" / "data" / "agent_run.jsonl.gz"
WIDGETS = [an.EventViewer, an.AgentChat, an.Timeline]


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Comms:
    return Comms(monkeypatch)


@pytest.fixture
def recording() -> Iterator[Recording]:
    with an.open_recording(RUN) as opened:
        yield opened


def has_ended(widget: Any) -> bool:
    return " ended, " in repr(widget)


def test_a_chat_of_a_recording_is_read_only(comms: Comms, recording: Recording) -> None:
    """The page is told, and what it asks for all the same is refused."""
    with an.AgentChat(recording) as chat:
        wait_until(lambda: has_ended(chat))
        asked = {"id": "p-1", "text": "more"}
        message = {"kind": "cmd", "page": "p", "name": "prompt", "value": json.dumps(asked)}
        chat._take(chat, message, [])
        comms.wait(lambda: any(c["refusals"] for c, _ in comms.sent(chat.model_id, "chatstat")))
        stat = comms.sent(chat.model_id, "chatstat")[-1][0]
        entries = [(entry.kind, entry.text) for entry in chat.entries]

    assert stat["read_only"] is True
    assert stat["state"]["name"] == "ended"
    assert "read-only" in stat["refusals"][0]["reason"]
    assert entries == [(entry.kind, entry.text) for entry in recording.trace().entries]


def test_a_chat_of_a_recording_saves_what_redact_leaves(comms: Comms, recording: Recording) -> None:
    """The events are read from the file again."""

    def redact(event: an.AxonEvent) -> an.AxonEvent | None:
        return None if "tuesday" in event.payload else event

    with an.AgentChat(recording, redact=redact) as chat:
        wait_until(lambda: has_ended(chat))
        saved = chat.static_text() + chat.static_html()

    assert "wednesday" in saved
    assert "tuesday" not in saved


def test_a_timeline_of_a_recording_has_its_turns(comms: Comms, recording: Recording) -> None:
    with an.Timeline(recording) as timeline:
        wait_until(lambda: has_ended(timeline))
        kinds = timeline.frame()["kind"].value_counts().to_dict()

    trace = recording.trace()
    assert kinds == {"turn": len(trace.turns), "tool": len(trace.tool_calls)}


@pytest.mark.parametrize("kind", WIDGETS)
def test_what_is_read_after_the_display_is_put_into_the_notebook(
    comms: Comms,
    recording: Recording,
    monkeypatch: pytest.MonkeyPatch,
    kind: Callable[[Recording], Any],
) -> None:
    """A recording never becomes live: its end is when all of it is there."""
    shown: list[dict[str, str]] = []
    for name in ("display", "update_display"):
        monkeypatch.setattr(f"IPython.display.{name}", lambda data, **options: shown.append(data))
    with recording._recorded._lock:
        widget = kind(recording)
        widget._ipython_display_()
    try:
        wait_until(lambda: len(shown) == 2)
    finally:
        widget.close()

    assert "ended" in shown[1]["text/plain"]
    assert len(shown[1]["text/html"]) > len(shown[0]["text/html"])


def test_a_viewer_saves_the_bars_of_its_timeline_as_redact_leaves_them(
    comms: Comms, recording: Recording
) -> None:
    """A notebook opened without a kernel shows the bars above the rows; never more than they."""

    def redact(event: an.AxonEvent) -> an.AxonEvent | None:
        return msgspec.structs.replace(event, payload=event.payload.replace("tuesday", "******"))

    def saved(widget: an.EventViewer | an.Timeline) -> dict[str, Any]:
        with widget:
            wait_until(lambda: has_ended(widget))
            return dict(json.loads(zlib.decompress(widget.saved_state())))

    alone = saved(an.Timeline(recording, redact=redact))
    above = saved(an.EventViewer(recording, timeline=True, redact=redact))
    hidden = saved(an.EventViewer(recording, timeline=True, snapshot=False))

    assert len(above["spans"]) > 20
    assert above["spans"] == alone["spans"]
    assert alone["events"] == []
    assert above["events"] != []
    assert "tuesday" not in json.dumps([above, alone])
    assert "spans" not in hidden
    assert "spans" not in saved(an.EventViewer(recording))
