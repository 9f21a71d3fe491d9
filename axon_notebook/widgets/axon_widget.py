"""A live widget that shows an axon's events: what the viewer and the chat share."""

from __future__ import annotations

import time
import warnings
import zlib
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import traitlets

from ..models import AxonEvent, Redact
from ..wire.cursor import EventBatch
from ..wire.resuming import StreamState
from ..wire.subscription import Subscription
from .event_store import EventStore, code_of
from .interrupts import deferred_interrupt
from .live import LiveWidget

if TYPE_CHECKING:
    import pandas as pd

    from ..axon import Axon
    from ..errors import AxonError

__all__ = ["AxonWidget", "Redact", "redacted"]

SETTLE_SECONDS: Final = 0.5  # a display waits so long for the history
SETTLE_UNSEEN_SECONDS: Final = 30.0  # where no page shows what comes later

#: Returns what to save of an event with the notebook, or ``None`` to leave it out.


class AxonWidget(LiveWidget):
    """Owns a subscription beside its feed; borrows the axon's connection.

    A subclass sets what its messages need and then calls :meth:`start`.
    """

    #: How many of the newest events are saved with the notebook.
    saved_events: int

    axon_id = traitlets.Unicode("").tag(sync=True)
    max_bytes = traitlets.Int().tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self, axon: Axon, *, redact: Redact | None, snapshot: bool, **options: Any
    ) -> None:
        super().__init__(title=axon.name or axon.id, axon_id=axon.id, **options)
        self._redact = redact
        self._saves = snapshot
        self._refresh_due = False  # it was displayed before the history was there

    def start(
        self, axon: Axon, store: EventStore, after_sequence: int | Literal["head"] = 0
    ) -> None:
        """Begin to read the axon into *store*, and to pump it to the pages."""
        self._store = store
        self._notify = self.start_feed(store, f"axon-feed {axon.id}").notify
        stream = axon.stream(after_sequence, on_state=self.state_changed)
        store.silent_seconds = lambda: stream.silent_seconds
        self._subscription = Subscription(stream, sink=self._sink, on_end=self._ended)

    def frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return the kept events, oldest first; with *limit* only the newest."""
        from ..sql.frames import events_frame

        return events_frame(self._store.events(limit))

    def stats(self) -> dict[str, Any]:
        """Return counters: of the stream, of what is kept, and of what pages have acknowledged."""
        left_out = ("kind", "marks", "refusals")
        kept = {k: v for k, v in self._store.stat().items() if k not in left_out}
        pump = self._feed.stats() if self._feed is not None else {}
        return {**self._subscription.stats()._asdict(), **kept, **pump}

    def wait_for_history(self, timeout: float) -> bool:
        """Wait until what the axon held at first is here, or cannot be read; return whether."""

        def is_here() -> bool:
            return self._store.state.name in ("live", "ended", "failed")

        if self._feed is not None:
            self._feed.wait_for(is_here, timeout)
        return is_here()

    def reconnect(self) -> None:
        """Connect to the server now instead of waiting for the next attempt."""
        self._subscription.reconnect()

    def __repr__(self) -> str:
        name = type(self).__name__
        return f"<{name} {self.title} {self._store.state.name}, {self._store.received:,} events>"

    # -- display

    def _ipython_display_(self) -> None:
        # What is displayed is what a notebook saves: a moment's patience puts the history in.
        if self._feed is not None and not self._closed:
            patience = SETTLE_SECONDS if self._is_shown else SETTLE_UNSEEN_SECONDS
            self._feed.wait_for(self._is_settled, patience)
        self._refresh_due = not self._is_settled()
        super()._ipython_display_()

    def _is_settled(self) -> bool:
        return self._store.state.name not in ("connecting", "replaying")

    def stop_source(self) -> None:
        """Close the subscription; called once."""
        self._subscription.close()

    @deferred_interrupt()
    def close(self, reason: str = "closed") -> None:
        """End the stream and the display; the last state stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    # -- from the reader thread

    def state_changed(self, state: StreamState) -> None:
        """Take the stream's new state."""
        self._store.change(state)
        self._notify(stat=True)
        if self._refresh_due and state.name in ("live", "ended"):
            self._refresh_due = False
            self.refresh()

    def _sink(self, batch: EventBatch) -> None:
        self._store.append(batch)
        if batch.late and self._feed is not None:
            self._feed.resend([(event.sequence, event.sequence) for event in batch.events])
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
        """Return how the stream stands, and when that was."""
        state = self._store.state
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        reason = f": {state.reason}" if state.reason else ""
        return f"{state.name}{reason} at {when} UTC"

    def saved_state(self) -> bytes:
        """Return what a file of its own shows: every kept event."""
        return self._packed_snapshot(everything=True, file=True)

    def _packed_snapshot(self, *, everything: bool = False, **marks: bool) -> bytes:
        stat, events = self._store.stat(), self.saved(everything=everything)
        names = ("state", "start", "head", "received", "dropped", "lost")
        body = {
            "version": 1,
            "taken_ms": int(time.time() * 1000),
            **marks,
            **{name: stat[name] for name in names},
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
