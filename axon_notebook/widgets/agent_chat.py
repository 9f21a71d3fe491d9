"""A chat with an agent: the conversation as it runs, and a box to write in."""

from __future__ import annotations

import threading
import time
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import traitlets

from ..agents.session import CODECS
from ..errors import AgentError, AxonError
from ..models import AxonEvent
from ..wire.cursor import EventBatch
from ..wire.stream import EventStream, StreamState
from ..wire.subscription import Subscription
from .chat_snapshot import chat_html, chat_text, entries_of
from .event_store import EventStore
from .live import STATIC, LiveWidget

if TYPE_CHECKING:
    import pandas as pd

    from ..agents.timeline import Option, PermissionRequest
    from ..axon import Axon

__all__ = ["AgentChat", "Talks"]

SNAPSHOT_EVENTS: Final = 2000  # a turn of streamed text has hundreds
SETTLE_SECONDS: Final = 0.5  # a display waits so long for the history
DEFAULT_BYTES: Final = 128 * 1024 * 1024
REFUSALS: Final = 20

Redact = Callable[[AxonEvent], AxonEvent | None]


class CanCancel(Protocol):
    """What a chat needs of a turn."""

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``completed`` or ``failed``."""

    def cancel(self) -> None:
        """Ask the agent to stop."""


class Talks(Protocol):
    """What a chat needs of an :class:`~axon_notebook.agents.session.AgentSession`."""

    @property
    def axon(self) -> Axon:
        """Where the conversation is."""

    @property
    def protocol(self) -> str:
        """``acp`` or ``claude``."""

    @property
    def id(self) -> str:
        """The agent's session."""

    @property
    def questions(self) -> list[PermissionRequest]:
        """Requests for permission that nobody has answered."""

    def prompt(self, text: str) -> object:
        """Ask for a turn; return at once."""

    @property
    def turns(self) -> Sequence[CanCancel]:
        """The turns asked for through this object."""

    def answer(self, request: PermissionRequest, option: Option | str | None) -> None:
        """Answer a request."""


class ChatStore(EventStore):
    """The events of a chat, and which of the page's buttons failed."""

    def __init__(self, *, max_bytes: int) -> None:
        super().__init__(start=0, max_bytes=max_bytes)
        self._refusals: list[dict[str, str]] = []
        self._refusals_lock = threading.Lock()

    def refuse(self, command: str, reason: str) -> None:
        """Remember that *command* failed, for the next heartbeat.  From any thread."""
        with self._refusals_lock:
            self._refusals = [*self._refusals, {"id": command, "reason": reason}][-REFUSALS:]

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._refusals_lock:
            refusals = list(self._refusals)
        return {**super().stat(), "refusals": refusals}


class AgentChat(LiveWidget):
    """Talk to an agent in the page, and watch it work; lives until :meth:`close`.

    ::

        session = an.AgentSession(axon)
        an.AgentChat(session)

    It shows the whole conversation on the axon, other clients' turns included, also
    while a cell runs; what you write meanwhile is sent when the kernel is free.
    What is shown is saved with the notebook as plain HTML.

    Args:
        session: Whom to talk through; borrowed, closing the chat leaves it open.
        height: In pixels.
        max_bytes: Of event texts to keep; the oldest go first.
        redact: Called with every event that would be saved with the notebook;
            returns what to save instead, or ``None`` to leave it out.
        snapshot: ``False`` saves nothing of the conversation.
        keep: Do not close the chat that the same cell made before.
    """

    _esm = STATIC / "agent-chat.js"

    axon_id = traitlets.Unicode("").tag(sync=True)
    protocol = traitlets.Unicode("acp").tag(sync=True)
    max_bytes = traitlets.Int(DEFAULT_BYTES).tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        session: Talks,
        *,
        height: int = 560,
        max_bytes: int = DEFAULT_BYTES,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        axon = session.axon
        super().__init__(
            keep=keep,
            title=axon.name or axon.id,
            axon_id=axon.id,
            protocol=session.protocol,
            height=height,
            max_bytes=max_bytes,
            **traits,
        )
        self.session = session
        self._redact = redact
        self._saves = snapshot
        self._refresh_due = False  # it was displayed before the history was there
        self._store = ChatStore(max_bytes=max_bytes)
        self._notify = self.start_feed(self._store, f"axon-feed {axon.id}").notify
        stream = EventStream(axon.api, axon.id, on_state=self._state_changed)
        self._subscription = Subscription(stream, sink=self._sink, on_end=self._ended)

    def frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return the events of the conversation, oldest first; with *limit* the newest."""
        from ..sql.frames import events_frame

        return events_frame(self._store.events(limit))

    def stats(self) -> dict[str, Any]:
        """Return counters: of the stream, of what is kept, and of what pages acknowledged."""
        left_out = ("kind", "marks", "refusals")
        kept = {k: v for k, v in self._store.stat().items() if k not in left_out}
        pump = self._feed.stats() if self._feed is not None else {}
        return {**self._subscription.stats()._asdict(), **kept, **pump}

    def __repr__(self) -> str:
        return f"<AgentChat {self.title} {self._store.state.name}, {self._store.received:,} events>"

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
        """Close the chat's own subscription; the session stays open."""
        self._subscription.close()

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button; what fails is told to the page that pressed it."""
        name = message.get("name")
        if message.get("kind") != "cmd":
            return
        if name == "retry":
            self._subscription.reconnect()
        elif name == "close":
            self.close()
        elif name in ("prompt", "cancel", "permit"):
            self._carry_out(str(name), str(message.get("value", "")))

    def static_html(self) -> str:
        """Return the conversation as a saved notebook shows it."""
        return chat_html(self.title, self._status(), entries_of(self._saved(), self.protocol))

    def static_text(self) -> str:
        """Return the conversation as text."""
        return chat_text(self.title, self._status(), entries_of(self._saved(), self.protocol))

    def close(self, reason: str = "closed") -> None:
        """End the stream and the display; the last state stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    # -- the page's buttons

    def _carry_out(self, name: str, value: str) -> None:
        try:
            command = msgspec.json.decode(value, type=dict[str, str])
        except msgspec.DecodeError:
            return  # no page of ours
        try:
            if name == "prompt":
                self.session.prompt(command.get("text", ""))
            elif name == "cancel":
                self._stop()
            else:
                self._permit(command.get("request", ""), command.get("option", ""))
        except AxonError as error:
            self._store.refuse(command.get("id", ""), str(error).partition("\n")[0])
            self._notify(stat=True)

    def _stop(self) -> None:
        """Cancel the turn that runs, whoever asked for it; those that wait go on."""
        own = [turn for turn in self.session.turns if turn.state == "running"]
        for turn in own:
            turn.cancel()
        if not own:  # another client's, or one from before the kernel was restarted
            codec = CODECS[self.protocol]()
            event_type, payload = codec.cancel(self.session.id)
            self.session.axon.publish(event_type, payload, source=codec.source)

    def _permit(self, request_id: str, option: str) -> None:
        for request in self.session.questions:
            if request.id == request_id:
                self.session.answer(request, option)
                return
        raise AgentError("nobody waits for this answer any more: it was given, or the turn is over")

    # -- from the reader thread

    def _sink(self, batch: EventBatch) -> None:
        self._store.append(batch)
        if batch.late and self._feed is not None:
            self._feed.resend([(event.sequence, event.sequence) for event in batch.events])
        self._notify(stat=bool(batch.missing or batch.unreadable or batch.late))

    def _state_changed(self, state: StreamState) -> None:
        self._store.change(state)
        self._notify(stat=True)
        if self._refresh_due and state.name == "live":
            self._refresh_due = False
            self.refresh()

    def _ended(self, error: AxonError | None) -> None:
        self._notify(stat=True)
        if error is not None and not self._closed:
            self.refresh()

    # -- what is saved

    def _saved(self) -> Sequence[AxonEvent]:
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

    def _status(self) -> str:
        state = self._store.state
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        reason = f": {state.reason}" if state.reason else ""
        return f"{state.name}{reason} at {when} UTC"
