"""The live event viewer: an axon's events as they come, in a notebook cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import traitlets

from ..agents.kinds import kind_of
from ..errors import AxonError, ParameterError
from ..filtering.event_filter import EventFilter
from ..wire.resuming import StreamState
from .annotating import annotate
from .axon_widget import AxonWidget, Redact, redacted
from .event_store import EventStore
from .live import STATIC
from .protocol import Range
from .snapshot import events_html, events_text
from .span_store import SpanStore

if TYPE_CHECKING:
    import pandas as pd

    from ..axon import Axon

__all__ = ["EventViewer"]

DEFAULT_BYTES: Final = 512 * 1024 * 1024  # about a million events of 500 bytes


class EventViewer(AxonWidget):
    """Show *axon*'s events live; lives until :meth:`close`.

    ::

        EventViewer(axon)                              # everything, then live
        EventViewer(axon, after_sequence="head")       # only what comes from now on
        EventViewer(axon, filter="type:tool_* -heartbeat")

    The page filters, searches and scrolls by itself, also while a cell runs.
    What is shown is saved with the notebook: the newest events, as plain HTML too, and the bars
    of the timeline.

    Args:
        axon: The axon, or a recording; borrowed.
        after_sequence: Start after this event; ``"head"`` starts live.
        filter: What to show, in the language of the filter box.
        height: In pixels.
        max_bytes: Of event texts to keep in the kernel and in the page; the
            oldest go first, and the viewer says how many.
        timeline: Show turns and tool calls as bars above the list, too; reads the trace of
            every event, which costs time and memory in the kernel.
        redact: Called with every event that would be saved with the notebook;
            returns what to save instead, or ``None`` to leave it out.  The live
            view shows events as they are; a timeline is saved, too, so its bars are those of
            what this returns.
        snapshot: ``False`` saves no event at all.
        keep: Do not close the viewer that the same cell made before.

    Attributes:
        filter: The filter text; setting it changes the page's.
        at: The moment that is shown: everything is as it was after the event with this sequence
            (0: before the first).  ``None`` is live.  The time bar of the page writes it, too.
    """

    saved_events = 500

    script = STATIC / "event-viewer.js"
    _esm = script

    filter = traitlets.Unicode("").tag(sync=True)
    at = traitlets.Int(None, allow_none=True, min=0).tag(sync=True)
    time_range = traitlets.Any(None, allow_none=True).tag(sync=True)
    fold = traitlets.Bool(True).tag(sync=True)
    times = traitlets.Enum(["absolute", "start"], default_value="absolute").tag(sync=True)
    follow = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        axon: Axon,
        *,
        after_sequence: int | Literal["head"] = 0,
        filter: str = "",
        height: int = 480,
        max_bytes: int = DEFAULT_BYTES,
        timeline: bool = False,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        _check(after_sequence, max_bytes)
        EventFilter(filter, kind_of=kind_of)  # a wrong filter is told here, not in the page
        super().__init__(
            axon,
            redact=redact,
            snapshot=snapshot,
            keep=keep,
            filter=filter,
            height=height,
            max_bytes=max_bytes,
            **traits,
        )
        self._axon = axon
        self._selected: list[Range] = []
        self._tz_offset_min = 0
        self._from_head = after_sequence == "head"
        start = after_sequence if isinstance(after_sequence, int) else 0
        store = EventStore(start=start, max_bytes=max_bytes)
        if timeline:
            # Spans are saved too, so they are made from what may be saved.
            reads = redact and partial(redacted, redact)
            store = SpanStore(reads, max_bytes=max_bytes, start=start)
        self.start(axon, store, after_sequence)

    # -- what was received, in Python

    def filtered(self) -> pd.DataFrame:
        """Return the kept events that are shown: by filter, brush of the chart, and moment."""
        from ..sql.frames import events_frame

        keeps = EventFilter(self.filter, tz_offset_min=self._tz_offset_min, kind_of=kind_of).test
        events = [event for event in self._store.events() if keeps(event)]
        if self.at is not None:
            events = [event for event in events if event.sequence <= self.at]
        if self.time_range:
            first, last = self.time_range
            events = [event for event in events if first <= event.timestamp_ms <= last]
        return events_frame(events)

    @property
    def selected(self) -> pd.DataFrame:
        """The events that are selected in the page."""
        from ..sql.frames import events_frame

        ranges = self._selected
        return events_frame(
            [e for e in self._store.events() if any(a <= e.sequence <= b for a, b in ranges)]
        )

    # -- what LiveWidget asks for

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button, or remember the selection and the page's clock."""
        if message.get("kind") == "select":
            self._selected = [(int(a), int(b)) for a, b in message.get("ranges", ())]
        elif message.get("kind") == "hello":
            self._tz_offset_min = int(message.get("tz_offset_min", 0))
        elif message.get("name") == "retry":
            self.reconnect()
        elif message.get("name") == "close":
            self.close()
        elif message.get("name") == "annotate":
            self._annotate(str(message.get("value", "")))

    def _annotate(self, value: str) -> None:
        """Publish a judgement; what prevents that is told between the events."""
        try:
            annotate(self._axon, value)
        except AxonError as error:
            self._store.mark(
                f"the annotation was not published: {str(error).partition(chr(10))[0]}"
            )
            self._notify(stat=True)

    def static_html(self) -> str:
        """Return the snapshot that a saved notebook shows."""
        received, dropped, lost = self._counts()
        facts = [f"{received:,} event{'' if received == 1 else 's'}", f"{lost:,} lost"]
        if dropped:
            facts.append(f"{dropped:,} older ones not kept")
        return events_html(self.title, self.status(), self.saved(), total=received, facts=facts)

    def static_text(self) -> str:
        """Return the newest events as text."""
        return events_text(self.title, self.status(), self.saved(), total=self._counts()[0])

    def saved_fields(self) -> dict[str, Any]:
        """Return the spans of the timeline, if it is shown."""
        store = self._store
        if not self._saves or not isinstance(store, SpanStore):
            return {}
        return {"spans": store.spans(), "newest_ms": store.newest_ms}

    def state_changed(self, state: StreamState) -> None:
        """Take the stream's new state; a viewer of what is new begins where the axon stands."""
        if self._from_head and state.head is not None:
            self._from_head = False
            self._store.rebase(state.head)
        super().state_changed(state)

    def _counts(self) -> tuple[int, int, int]:
        stat = self._store.stat()
        return stat["received"], stat["dropped"], stat["lost"]


def _check(after_sequence: int | str, max_bytes: int) -> None:
    if max_bytes < 1:
        raise ParameterError(f"max_bytes is {max_bytes}: give at least 1")
    known = after_sequence == "head" if isinstance(after_sequence, str) else after_sequence >= 0
    if not known:
        raise ParameterError(
            f'after_sequence is {after_sequence!r}: give a sequence from 0 on, or "head"'
        )
