"""The live event viewer: an axon's events as they come, in a notebook cell."""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import traitlets

from ..errors import AxonError, ParameterError
from ..models import AxonEvent
from ..wire.cursor import EventBatch
from ..wire.stream import EventStream, StreamState
from ..wire.subscription import Subscription
from .event_filter import EventFilter
from .event_store import EventStore
from .live import STATIC, LiveWidget
from .protocol import Range
from .snapshot import events_html, events_text

if TYPE_CHECKING:
    import pandas as pd

    from ..axon import Axon

__all__ = ["EventViewer"]

SNAPSHOT_EVENTS: Final = 500
SETTLE_SECONDS: Final = 0.5  # a display waits so long for the history
DEFAULT_BYTES: Final = 512 * 1024 * 1024  # about a million events of 500 bytes

Redact = Callable[[AxonEvent], AxonEvent | None]


class EventViewer(LiveWidget):
    """Show *axon*'s events live; lives until :meth:`close`.

    ::

        EventViewer(axon)                              # everything, then live
        EventViewer(axon, after_sequence="head")       # only what comes from now on
        EventViewer(axon, filter="type:tool_* -heartbeat")

    The page filters, searches and scrolls by itself, also while a cell runs.
    What is shown is saved with the notebook: the newest events as plain HTML.

    Args:
        axon: The axon; its connection is borrowed.
        after_sequence: Start after this event; ``"head"`` starts live.
        filter: What to show, in the language of the filter box.
        height: In pixels.
        max_bytes: Of event texts to keep in the kernel and in the page; the
            oldest go first, and the viewer says how many.
        redact: Called with every event that would be saved with the notebook;
            returns what to save instead, or ``None`` to leave it out.  The live
            view shows events as they are.
        snapshot: ``False`` saves no event at all.
        keep: Do not close the viewer that the same cell made before.

    Attributes:
        filter: The filter text; setting it changes the page's.
    """

    _esm = STATIC / "event-viewer.js"

    axon_id = traitlets.Unicode("").tag(sync=True)
    filter = traitlets.Unicode("").tag(sync=True)
    time_range = traitlets.Any(None, allow_none=True).tag(sync=True)
    fold = traitlets.Bool(True).tag(sync=True)
    times = traitlets.Enum(["absolute", "delta", "start"], default_value="absolute").tag(sync=True)
    follow = traitlets.Bool(True).tag(sync=True)
    max_bytes = traitlets.Int(DEFAULT_BYTES).tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        axon: Axon,
        *,
        after_sequence: int | Literal["head"] = 0,
        filter: str = "",
        height: int = 480,
        max_bytes: int = DEFAULT_BYTES,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        _check(after_sequence, max_bytes)
        EventFilter(filter)  # a wrong filter is told here, not in the page
        super().__init__(
            keep=keep,
            title=axon.name or axon.id,
            axon_id=axon.id,
            filter=filter,
            height=height,
            max_bytes=max_bytes,
            **traits,
        )
        self._redact = redact
        self._saves = snapshot
        self._selected: list[Range] = []
        self._tz_offset_min = 0
        self._refresh_due = False  # it was displayed before the history was there
        start = after_sequence if isinstance(after_sequence, int) else 0
        self._from_head = after_sequence == "head"
        self._store = EventStore(start=start, max_bytes=max_bytes)
        feed = self.start_feed(self._store, f"axon-feed {axon.id}")
        self._feed_notify = feed.notify
        stream = EventStream(
            axon.api, axon.id, after_sequence=after_sequence, on_state=self._state_changed
        )
        self._subscription = Subscription(stream, sink=self._sink, on_end=self._ended)

    # -- what was received, in Python

    def frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return the kept events, oldest first; with *limit* only the newest."""
        from ..sql.frames import events_frame

        return events_frame(self._store.events(limit))

    def filtered(self) -> pd.DataFrame:
        """Return the kept events that the filter (and the chart's brush) lets through."""
        from ..sql.frames import events_frame

        keeps = EventFilter(self.filter, tz_offset_min=self._tz_offset_min).test
        events = [event for event in self._store.events() if keeps(event)]
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

    def stats(self) -> dict[str, Any]:
        """Return counters: of the stream, of what is kept, and of what pages have acknowledged."""
        kept = {k: v for k, v in self._store.stat().items() if k not in ("kind", "marks")}
        pump = self._feed.stats() if self._feed is not None else {}
        return {**self._subscription.stats()._asdict(), **kept, **pump}

    def reconnect(self) -> None:
        """Connect to the server now instead of waiting for the next attempt."""
        self._subscription.reconnect()

    def __repr__(self) -> str:
        return (
            f"<EventViewer {self.title} {self._store.state.name}, {self._store.received:,} events>"
        )

    def _ipython_display_(self) -> None:
        # What is displayed is what a notebook saves: a moment's patience puts the history in.
        if self._feed is not None and not self._closed:
            self._feed.wait_for(self._is_settled, SETTLE_SECONDS)
        self._refresh_due = not self._is_settled()
        super()._ipython_display_()

    def _is_settled(self) -> bool:
        return self._store.state.name not in ("connecting", "replaying")

    # -- what LiveWidget asks for

    def stop_source(self) -> None:
        """Close the subscription."""
        self._subscription.close()

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

    def static_html(self) -> str:
        """Return the snapshot that a saved notebook shows."""
        received, dropped, lost = self._counts()
        facts = [f"{received:,} events", f"{lost:,} lost"]
        if dropped:
            facts.append(f"{dropped:,} older ones not kept")
        return events_html(self.title, self._status(), self._saved(), total=received, facts=facts)

    def static_text(self) -> str:
        """Return the newest events as text."""
        return events_text(self.title, self._status(), self._saved(), total=self._counts()[0])

    # -- from the reader thread

    def _sink(self, batch: EventBatch) -> None:
        self._store.append(batch)
        if batch.late and self._feed is not None:
            self._feed.resend([(event.sequence, event.sequence) for event in batch.events])
        self._feed_notify(stat=bool(batch.missing or batch.unreadable or batch.late))

    def _state_changed(self, state: StreamState) -> None:
        if self._from_head and state.head is not None:
            self._from_head = False
            self._store.rebase(state.head)
        self._store.change(state)
        self._feed_notify(stat=True)
        if self._refresh_due and state.name == "live":
            self._refresh_due = False
            self.refresh()

    def _ended(self, error: AxonError | None) -> None:
        self._feed_notify(stat=True)
        if error is not None and not self._closed:
            self.refresh()

    # -- what is saved

    def close(self, reason: str = "closed") -> None:
        """End the stream and the display; the last state stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    def _saved(self) -> list[AxonEvent]:
        if not self._saves:
            return []
        events = self._store.events(SNAPSHOT_EVENTS)
        if self._redact is None:
            return events
        return [kept for event in events if (kept := self._redacted(self._redact, event))]

    def _redacted(self, redact: Redact, event: AxonEvent) -> AxonEvent | None:
        try:
            return redact(event)
        except Exception as error:  # noqa: BLE001 - a stranger's hook
            # Without the error's own words: they may hold what must not be seen.
            reason = f"redact failed on event {event.sequence}: {type(error).__name__}"
            warnings.warn(f"{reason}; the event is not saved", stacklevel=2)
            return None

    def _packed_snapshot(self) -> bytes:
        stat = self._store.stat()
        names = ("state", "start", "head", "received", "dropped", "lost")
        body = {
            "version": 1,
            "taken_ms": int(time.time() * 1000),
            **{name: stat[name] for name in names},
            "events": self._saved(),
        }
        return zlib.compress(msgspec.json.encode(body), 6)

    def _counts(self) -> tuple[int, int, int]:
        stat = self._store.stat()
        return stat["received"], stat["dropped"], stat["lost"]

    def _status(self) -> str:
        state = self._store.state
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        reason = f": {state.reason}" if state.reason else ""
        return f"{state.name}{reason} at {when} UTC"


def _check(after_sequence: int | str, max_bytes: int) -> None:
    if max_bytes < 1:
        raise ParameterError(f"max_bytes is {max_bytes}: give at least 1")
    known = after_sequence == "head" if isinstance(after_sequence, str) else after_sequence >= 0
    if not known:
        raise ParameterError(
            f'after_sequence is {after_sequence!r}: give a sequence from 0 on, or "head"'
        )
