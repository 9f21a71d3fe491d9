"""A live widget that shows the events of axons: what the viewer and the timeline share."""

from __future__ import annotations

import threading
import time
import warnings
import zlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import traitlets

from ..models import AxonEvent, Redact
from ..wire.cursor import EventBatch
from ..wire.resuming import StreamState
from ..wire.subscription import Subscription
from .event_store import EventStore
from .interrupts import deferred_interrupt
from .kept_events import KeptEvents, code_of
from .live import LiveWidget

if TYPE_CHECKING:
    import pandas as pd

    from ..axon import Axon
    from ..errors import AxonError

__all__ = ["AxonWidget", "Redact", "redacted"]

#: What :meth:`AxonWidget.stats` adds up over several axons.
_SUMMED: Final = (
    *("events", "bytes", "duplicates", "missing", "unreadable", "foreign", "connections"),
    *("received", "dropped", "lost"),
)
SETTLE_SECONDS: Final = 0.5  # a display waits so long for the history
SETTLE_UNSEEN_SECONDS: Final = 30.0  # where no page shows what comes later


class AxonWidget(LiveWidget):
    """Owns a subscription per axon and its feed; uses the axons' connections.

    A subclass sets what its messages need and then calls :meth:`start`.
    """

    #: How many of the newest events are saved with the notebook.
    saved_events: int

    axon_id = traitlets.Unicode("").tag(sync=True)
    max_bytes = traitlets.Int().tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self, axons: Sequence[Axon], *, redact: Redact | None, snapshot: bool, **options: Any
    ) -> None:
        only = axons[0] if len(axons) == 1 else None
        options = {"title": (only.name or only.id) if only else "", **options}
        super().__init__(axon_id=only.id if only else "", **options)
        self._axons: list[Axon] = []  # by their place in the store
        self._subscriptions: list[Subscription] = []
        self._following = threading.Lock()  # a new axon joins, or the widget closes
        self._redact = redact
        self._saves = snapshot
        self._refresh_due = False  # it was displayed before the history was there

    def start(
        self,
        axons: Sequence[Axon],
        store: EventStore,
        after_sequence: int | Literal["head"] = 0,
    ) -> None:
        """Begin to read *axons* into *store*, and to pump it to the pages."""
        self._store = store
        name = axons[0].id if len(axons) == 1 else f"{len(axons)} axons"
        self._notify = self.start_feed(store, f"axon-feed {name}").notify
        for axon in axons:
            self.follow_axon(axon, after_sequence)

    def follow_axon(self, axon: Axon, after_sequence: int | Literal["head"] = 0) -> None:
        """Begin to read one more axon; from any thread."""
        with self._following:
            if self._closed:
                return
            start = after_sequence if isinstance(after_sequence, int) else None
            self._axons.append(axon)
            kept = self._store.open(axon.id, axon.name or "", start=start)
            stream = axon.stream(
                after_sequence, on_state=lambda state: self.state_changed(kept, state)
            )
            kept.silent_seconds = lambda: stream.silent_seconds
            self._subscriptions.append(
                Subscription(stream, sink=lambda batch: self._sink(kept, batch), on_end=self._ended)
            )

    def frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return the kept events, oldest first; with *limit* only the newest."""
        return self.frame_of(self._store.events(limit))

    def frame_of(self, events: Sequence[AxonEvent]) -> pd.DataFrame:
        """Return *events* as a frame."""
        from ..sql.frames import events_frame

        return events_frame(events)

    def stats(self) -> dict[str, Any]:
        """Return counters: of the streams, of what is kept, of what pages have acknowledged.

        Of several axons ``axons`` has those of each by its id, and counts are sums.
        """
        stat = self._store.stat()
        each = {
            kept["id"]: {**subscription.stats()._asdict(), **_without(kept, "id", "name", "marks")}
            for subscription, kept in zip(self._subscriptions, stat["axons"], strict=False)
        }
        pump = self._feed.stats() if self._feed is not None else {}
        kept = {**_without(stat, "kind", "axons"), **pump}
        if len(each) == 1:
            return {**next(iter(each.values())), **kept}
        sums = {name: sum(one[name] for one in each.values()) for name in _SUMMED}
        return {"axons": each, **sums, **kept}

    def wait_for_history(self, timeout: float) -> bool:
        """Wait until what the axons held at first is here, or cannot be read; return whether."""

        def is_here() -> bool:
            return all(a.state.name in ("live", "ended", "failed") for a in self._store.axons)

        if self._feed is not None:
            self._feed.wait_for(is_here, timeout)
        return is_here()

    def reconnect(self) -> None:
        """Connect to the server now instead of waiting for the next attempt."""
        for subscription in self._subscriptions:
            subscription.reconnect()

    def __repr__(self) -> str:
        name, state = type(self).__name__, self._store.state["name"]
        return f"<{name} {self.heading} {state}, {self._store.received:,} events>"

    @property
    def heading(self) -> str:
        """The title; without one how many axons there are."""
        return self.title or f"{len(self._store.axons)} axons"

    # -- display

    def _ipython_display_(self) -> None:
        # What is displayed is what a notebook saves: a moment's patience puts the history in.
        if self._feed is not None and not self._closed:
            patience = SETTLE_SECONDS if self._is_shown else SETTLE_UNSEEN_SECONDS
            self._feed.wait_for(self._is_settled, patience)
        self._refresh_due = not self._is_settled()
        super()._ipython_display_()

    def _is_settled(self) -> bool:
        return all(a.state.name not in ("connecting", "replaying") for a in self._store.axons)

    def stop_source(self) -> None:
        """Close the subscriptions; called once."""
        with self._following:
            subscriptions = list(self._subscriptions)
        for subscription in subscriptions:
            subscription.end()  # all at once, so that none waits for the others
        for subscription in subscriptions:
            subscription.close()

    @deferred_interrupt()
    def close(self, reason: str = "closed") -> None:
        """End the stream and the display; the last state stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    # -- from the reader threads

    def state_changed(self, axon: KeptEvents, state: StreamState) -> None:
        """Take the new state of a stream."""
        axon.change(state)
        self._notify(stat=True)
        if self._refresh_due and state.name in ("live", "ended") and self._is_settled():
            self._refresh_due = False
            self.refresh()

    def _sink(self, axon: KeptEvents, batch: EventBatch) -> None:
        self._store.append(batch, axon.place)
        if batch.late and self._feed is not None:
            late = [(event.sequence, event.sequence) for event in batch.events]
            self._feed.resend(late, str(axon.place))
        self._notify(stat=bool(batch.missing or batch.unreadable or batch.late))

    def _ended(self, error: AxonError | None) -> None:
        self._notify(stat=True)
        if error is not None and not self._closed:
            self.refresh()

    # -- what is saved

    def saved(self, *, everything: bool = False) -> list[AxonEvent]:
        """Return the events that may be saved, oldest first: the newest, or all that are kept."""
        if not self._saves:
            return []
        events = self._store.events(None if everything else self.saved_events)
        if self._redact is None:
            return events
        return [kept for event in events if (kept := redacted(self._redact, event))]

    def saved_fields(self) -> dict[str, Any]:
        """Return what a subclass saves besides events, by its name in the snapshot."""
        return {}

    def status(self) -> str:
        """Return how the streams stand, and when that was."""
        state = self._store.state
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        reason = f": {state['reason']}" if state.get("reason") else ""
        return f"{state['name']}{reason} at {when} UTC"

    def saved_state(self) -> bytes:
        """Return what a file of its own shows: every kept event."""
        if self._feed is not None and not self._closed:
            self._feed.wait_for(self._is_settled, SETTLE_UNSEEN_SECONDS)
        return self._packed_snapshot(everything=True, file=True)

    def _packed_snapshot(self, *, everything: bool = False, **marks: bool) -> bytes:
        stat, events = self._store.stat(), self.saved(everything=everything)
        body = {
            "version": 1,
            "taken_ms": int(time.time() * 1000),
            **marks,
            "state": stat["state"],
            "axons": stat["axons"],
            "events": events,
            "kinds": "".join(str(code_of(event)) for event in events),
            **self.saved_fields(),
        }
        return zlib.compress(msgspec.json.encode(body), 6)


def redacted(redact: Redact, event: AxonEvent) -> AxonEvent | None:
    """Return what *redact* leaves of *event*; ``None``, with a warning, if it fails."""
    try:
        return redact(event)
    except Exception as error:  # noqa: BLE001 - the user's function
        # Without the error's own words: they may hold what must not be seen.
        reason = f"redact failed on event {event.sequence}: {type(error).__name__}"
        warnings.warn(f"{reason}; the event is left out", stacklevel=2)
        return None


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}
