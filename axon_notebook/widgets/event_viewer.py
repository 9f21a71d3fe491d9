"""The live event viewer: the events of axons as they come, in a notebook cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import traitlets

from ..agents.kinds import kind_of
from ..axon import Axon
from ..axon_set import AxonSet
from ..errors import AxonError, ParameterError
from ..filtering.event_filter import EventFilter
from ..models import AxonEvent
from .annotating import annotate, place_of
from .axon_widget import AxonWidget, Redact, redacted
from .event_store import EventStore
from .joining import Joining
from .kept_events import KeptEvents
from .live import STATIC
from .protocol import AxonRange
from .snapshot import events_html, events_text
from .span_store import SpanStore

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EventViewer"]

MOST_AXONS: Final = 64
DEFAULT_BYTES: Final = 512 * 1024 * 1024  # about a million events of 500 bytes


class EventViewer(AxonWidget):
    """Show the events of an axon, or of several in one list, live; until :meth:`close`.

    ::

        EventViewer(axon)                              # everything, then live
        EventViewer([first, second])                   # both, in the order of time
        EventViewer(client.axon_set("nightly-*"))      # and the axons that match later
        EventViewer(axon, after_sequence="head")       # only what comes from now on
        EventViewer(axon, filter="type:tool_* -heartbeat")

    The page filters, searches and scrolls by itself, also while a cell runs.
    What is shown is saved with the notebook: the newest events, as plain HTML too, and the bars
    of the timeline.

    Several axons stand in the order of (time, axon, sequence), each with its colour and its own
    connection; one that fails does not end the others.  Of a set, new axons that match are looked
    for every five seconds.  Frames then begin with ``axon`` (id) and ``axon_name``.

    Args:
        axon: The axon, or a recording; or up to 64 of them, or a set; borrowed.
        after_sequence: Start after this event; ``"head"`` starts live.
        filter: What to show, in the language of the filter box.
        height: In pixels.
        max_bytes: Of event texts to keep in the kernel and in the page; the
            oldest go first, and the viewer says how many.
        timeline: Show turns and tool calls as bars above the list, too; reads the trace of
            every event, which costs time and memory in the kernel.  Of one axon only.
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
            Of one axon only.
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
        axon: Axon | Sequence[Axon],
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
        axons = [axon] if isinstance(axon, Axon) else list(axon)
        self._several = not isinstance(axon, Axon)
        _check(after_sequence, max_bytes)
        _check_axons(axons, timeline=timeline, may_be_none=isinstance(axon, AxonSet))
        EventFilter(filter, kind_of=kind_of)  # a wrong filter is told here, not in the page
        super().__init__(
            axons,
            redact=redact,
            snapshot=snapshot,
            keep=keep,
            filter=filter,
            height=height,
            max_bytes=max_bytes,
            **traits,
        )
        self._selected: list[AxonRange] = []
        self._tz_offset_min = 0
        self._joining: Joining | None = None
        store = EventStore(max_bytes=max_bytes)
        if timeline:
            # Spans are saved too, so they are made from what may be saved.
            reads = redact and partial(redacted, redact)
            store = SpanStore(reads, max_bytes=max_bytes)
        self.start(axons, store, after_sequence)
        if isinstance(axon, AxonSet):
            self._joining = Joining(axon.newer, self._join, store.tell)

    @traitlets.validate("at")
    def _check_at(self, proposal: Any) -> Any:
        if self._several and proposal["value"] is not None:
            raise ParameterError("at is a sequence of one axon: use time_range with several")
        return proposal["value"]

    # -- what was received, in Python

    def filtered(self) -> pd.DataFrame:
        """Return the kept events that are shown: by filter, brush of the chart, and moment."""
        keeps = EventFilter(
            self.filter,
            tz_offset_min=self._tz_offset_min,
            kind_of=kind_of,
            names={axon.id: axon.name for axon in self._store.axons},
        ).test
        events = [event for event in self._store.events() if keeps(event)]
        if self.at is not None:
            events = [event for event in events if event.sequence <= self.at]
        if self.time_range:
            first, last = self.time_range
            events = [event for event in events if first <= event.timestamp_ms <= last]
        return self.frame_of(events)

    @property
    def selected(self) -> pd.DataFrame:
        """The events that are selected in the page."""
        ranges: dict[str, list[tuple[int, int]]] = {}
        for place, first, last in self._selected:
            ranges.setdefault(self._store.axons[place].id, []).append((first, last))
        return self.frame_of(
            [
                event
                for event in self._store.events()
                if any(a <= event.sequence <= b for a, b in ranges.get(event.axon_id, ()))
            ]
        )

    def frame_of(self, events: Sequence[AxonEvent]) -> pd.DataFrame:
        """Return *events* as a frame, of several axons with ``axon`` and ``axon_name`` first."""
        if not self._several:
            return super().frame_of(events)
        from ..sql.frames import events_frame, set_frame

        ours: dict[str, list[AxonEvent]] = {axon.id: [] for axon in self._store.axons}
        for event in events:
            ours[event.axon_id].append(event)
        parts = [(axon, events_frame(ours[axon.id])) for axon in self._store.axons]
        whole = set_frame(parts or [(KeptEvents(""), events_frame([]))])
        return whole.sort_values("timestamp", kind="stable", ignore_index=True)

    # -- axons that come later

    def _join(self, axons: Sequence[Axon]) -> None:
        """Follow those of *axons* that are new, from their start; in the thread that looks."""
        known = {axon.id for axon in self._store.axons}
        new = [axon for axon in axons if axon.id not in known]
        room = MOST_AXONS - len(known)
        for axon in new[:room]:
            self.follow_axon(axon)
        left = len(new) - room
        if left > 0:
            self._store.tell(f"{left:,} more axons match; at most {MOST_AXONS} are shown.")

    def stop_source(self) -> None:
        """End the look for new axons, and all streams."""
        if self._joining is not None:
            self._joining.close()
        super().stop_source()

    # -- what LiveWidget asks for

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button, or remember the selection and the page's clock."""
        if message.get("kind") == "select":
            found = [(int(n), int(a), int(b)) for n, a, b in message.get("ranges", ())]
            self._selected = [r for r in found if 0 <= r[0] < len(self._store.axons)]
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
        place = place_of(value)
        if not 0 <= place < len(self._axons):
            return
        try:
            annotate(self._axons[place], value)
        except AxonError as error:
            self._store.axons[place].mark(
                f"the annotation was not published: {str(error).partition(chr(10))[0]}"
            )
            self._notify(stat=True)

    def static_html(self) -> str:
        """Return the snapshot that a saved notebook shows."""
        received, dropped, lost = self._counts()
        facts = [f"{received:,} event{'' if received == 1 else 's'}", f"{lost:,} lost"]
        if dropped:
            facts.append(f"{dropped:,} older ones not kept")
        return events_html(
            self.heading,
            self.status(),
            self.saved(),
            total=received,
            facts=facts,
            names=self._names_if_several(),
        )

    def static_text(self) -> str:
        """Return the newest events as text."""
        return events_text(
            self.heading,
            self.status(),
            self.saved(),
            total=self._counts()[0],
            names=self._names_if_several(),
        )

    def saved_fields(self) -> dict[str, Any]:
        """Return the spans of the timeline, if it is shown."""
        store = self._store
        if not self._saves or not isinstance(store, SpanStore):
            return {}
        return {"spans": store.spans(), "newest_ms": store.newest_ms}

    def _counts(self) -> tuple[int, int, int]:
        axons = self._store.stat()["axons"]
        received, dropped, lost = (
            sum(axon[name] for axon in axons) for name in ("received", "dropped", "lost")
        )
        return received, dropped, lost

    def _names_if_several(self) -> dict[str, str] | None:
        if not self._several:
            return None
        return {axon.id: axon.name or axon.id for axon in self._store.axons}


def _check(after_sequence: int | str, max_bytes: int) -> None:
    if max_bytes < 1:
        raise ParameterError(f"max_bytes is {max_bytes}: give at least 1")
    known = after_sequence == "head" if isinstance(after_sequence, str) else after_sequence >= 0
    if not known:
        raise ParameterError(
            f'after_sequence is {after_sequence!r}: give a sequence from 0 on, or "head"'
        )


def _check_axons(axons: Sequence[Axon], *, timeline: bool, may_be_none: bool) -> None:
    if not axons and not may_be_none:
        raise ParameterError("no axon given: expected an axon, a list of axons or a set")
    if len(axons) > MOST_AXONS:
        raise ParameterError(
            f"{len(axons):,} axons: a viewer shows at most {MOST_AXONS}; take some, such as "
            f"axons[:{MOST_AXONS}], or filter with since="
        )
    ids = [axon.id for axon in axons]
    if len(set(ids)) < len(ids):
        twice = next(axon_id for axon_id in ids if ids.count(axon_id) > 1)
        raise ParameterError(f"{twice} is given twice")
    if timeline and len(axons) != 1:
        raise ParameterError("timeline=True shows the runs of one axon: leave it out for several")
