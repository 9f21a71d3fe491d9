"""A chat with an agent: the conversation as it runs, and a box to write in."""

from __future__ import annotations

import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeGuard

import msgspec
import traitlets

from ..agents.attachments import Attachment
from ..agents.trace import Trace
from ..errors import AgentError, AxonError
from ..models import AxonEvent
from .annotating import annotate
from .axon_widget import SETTLE_SECONDS, SETTLE_UNSEEN_SECONDS, Redact
from .chat_outline import Shown, of_turn
from .chat_snapshot import chat_html, chat_text
from .interrupts import deferred_interrupt
from .live import STATIC, LiveWidget
from .markdown import parse_markdown
from .trace_source import (
    AxonReader,
    FixedTrace,
    Listens,
    SessionTrace,
    TraceSource,
    read_events,
)
from .trace_store import TraceStore, entry_record, has_markdown

if TYPE_CHECKING:
    from ..agents.model import Entry
    from ..axon import Axon

__all__ = ["AgentChat", "Talks"]

DEFAULT_BYTES: Final = 128 * 1024 * 1024
SAVED_BYTES: Final = 2 * 1024 * 1024  # of entries in a saved notebook, as JSON
RAW_EVENTS: Final = 200  # that a page gets at once
REDACTED_EVENTS: Final = 20_000  # the newest, that are read again to be saved


class Talks(Listens, Protocol):
    """What a chat needs of an :class:`~axon_notebook.agents.session.AgentSession`."""

    @property
    def axon(self) -> Any:
        """Where the conversation is: an :class:`~axon_notebook.axon.Axon`."""

    @property
    def protocol(self) -> str:
        """``acp``, ``claude``, ``codex`` or ``pi``."""

    def prompt(self, text: str, attachments: Sequence[Any] = ()) -> object:
        """Ask for a turn; return at once."""

    def stop(self) -> None:
        """Cancel the running turn, also one of another client."""

    def answer(self, question: str, value: object, *, confirm_secrets: bool = False) -> None:
        """Answer a question, named by its id."""

    def set(self, setting: str, value: object) -> None:
        """Switch a mode, a model or another setting."""

    def authenticate(self, method: str) -> None:
        """Log in by one of the methods that the agent offers."""


class _File(msgspec.Struct, frozen=True):
    """A file that was attached in the page; ``data`` is base64 there."""

    name: str
    data: bytes


class _Command(msgspec.Struct, frozen=True):
    """What a page asks for; which fields count depends on the name."""

    id: str = ""
    text: str = ""
    question: str = ""
    value: Any = None
    durable: bool = False
    setting: str = ""
    method: str = ""
    ranges: list[tuple[int, int]] = []
    files: list[_File] = []


class AgentChat(LiveWidget):
    """Talk to an agent in the page, and watch it work; lives until :meth:`close`.

    ::

        session = an.AgentSession(axon)
        an.AgentChat(session)

        an.AgentChat(axon)              # read-only: no session, nothing to write with
        an.AgentChat(an.open_recording("run.jsonl.gz"))    # read-only, too: no service

    It shows the whole conversation on the axon, other clients' turns included, also
    while a cell runs; what you write meanwhile is sent when the kernel is free.
    What is shown is saved with the notebook as plain HTML.

    Args:
        source: A session, borrowed: closing the chat leaves it open, and the chat opens no
            stream of its own.  An axon, a recording, or a list of
            :class:`~axon_notebook.models.AxonEvent` is shown read-only.
        turn: Show this turn alone, named by the sequence of its prompt; without a box to write in.
        protocol: Of a source without a session; found by its events if not given.
        height: In pixels.
        max_bytes: Of the trace to keep for pages; the oldest entries go first.
        redact: Called with the newest 20,000 events when the chat is saved with the notebook;
            returns what to save instead, or ``None`` to leave it out.  The saved conversation
            is read from what it returns.
        snapshot: ``False`` saves nothing of the conversation.
        keep: Do not close the chat that the same cell made before.

    Attributes:
        at: The moment that is shown: the conversation as it was after the event with this
            sequence.  ``None`` is all of it, as it comes.  In the page a chat follows the time
            bar of a viewer of the same axon.
    """

    script = STATIC / "agent-chat.js"
    _esm = script

    turn = traitlets.Int(0).tag(sync=True)
    at = traitlets.Int(None, allow_none=True, min=0).tag(sync=True)
    axon_id = traitlets.Unicode("").tag(sync=True)
    max_bytes = traitlets.Int().tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        source: Talks | Axon | Iterable[AxonEvent],
        protocol: str | None = None,
        *,
        turn: int = 0,
        height: int = 560,
        max_bytes: int = DEFAULT_BYTES,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        session = source if _is_session(source) else None
        axon: Any = session.axon if session is not None else source
        name, axon_id = getattr(axon, "name", None), getattr(axon, "id", "")
        title = name or axon_id or "recording"
        options = {"title": title, "axon_id": axon_id, "height": height, **traits}
        super().__init__(keep=keep, turn=turn, max_bytes=max_bytes, **options)
        self.session = session
        self._axon = axon
        self._redact, self._saves = redact, snapshot
        self._refresh_due = False  # it was displayed before the history was there
        self._state_name = ""
        self._owned: AxonReader | None = None
        self._source = SessionTrace(session) if session else self._read_only_source(protocol)
        self._protocol = session.protocol if session is not None else protocol
        self._store = TraceStore(
            self._source.revisions,
            lambda: self._source.stream_state,
            max_bytes=max_bytes,
            read_only=session is None,
        )
        self._store.silent_seconds = lambda: self._source.silent_seconds
        self._notify = self.start_feed(self._store, f"axon-chat {axon_id}").notify
        self._unwatch = self._source.watch(self._changed)
        self._changed()

    def _read_only_source(self, protocol: str | None) -> TraceSource:
        if hasattr(self._axon, "api"):
            self._owned = AxonReader(self._axon, protocol)
            return self._owned
        return FixedTrace(self._axon, protocol)

    @property
    def entries(self) -> list[Entry]:
        """The conversation as the page has it, in order."""
        return [entry for entry, _ in self._store.entries()]

    def is_heard(self, seconds: float) -> bool:
        """Wait until a page answers, *seconds* at most; return whether one does.

        While a cell runs only some front ends answer; there a person can press buttons.
        """
        if self._feed is None:
            return False
        feed = self._feed
        feed.wait_for(lambda: feed.is_heard, seconds)
        return feed.is_heard

    def __repr__(self) -> str:
        state = self._source.stream_state.name
        return f"<{type(self).__name__} {self.title} {state}, {len(self.entries):,} entries>"

    # -- what LiveWidget asks for

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button; what fails is told to the page that pressed it."""
        name = message.get("name")
        if message.get("kind") != "cmd":
            return
        if name == "retry":
            self._source.reconnect()
        elif name == "close":
            self.close()
        elif name == "annotate" or name in _COMMANDS:
            self._carry_out(str(name), str(message.get("value", "")))

    def stop_source(self) -> None:
        """Stop listening to the session; close the stream of a chat without one."""
        self._unwatch()
        if self._owned is not None:
            self._owned.close()

    def static_html(self) -> str:
        """Return the conversation as a saved notebook shows it."""
        return chat_html(self.title, self._status(), self._saved(), dropped=self._store.dropped)

    def static_text(self) -> str:
        """Return the conversation as text."""
        return chat_text(self.title, self._status(), self._saved())

    @deferred_interrupt()
    def close(self, reason: str = "closed") -> None:
        """End the display; the last state stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    # -- display

    def _ipython_display_(self) -> None:
        # What is displayed is what a notebook saves: a short wait puts the history in.
        if self._feed is not None and not self._closed:
            seconds = SETTLE_SECONDS if self._is_shown else SETTLE_UNSEEN_SECONDS
            self._feed.wait_for(self._is_settled, seconds)
        self._refresh_due = not self._is_settled()
        super()._ipython_display_()

    def _is_settled(self) -> bool:
        return self._source.stream_state.name not in ("connecting", "replaying")

    def _changed(self) -> None:
        """Take the news of the source, in its reader thread."""
        name = self._source.stream_state.name
        was, self._state_name = self._state_name, name
        self._notify(stat=name != was)
        if self._refresh_due and name in ("live", "ended"):
            self._refresh_due = False
            self.refresh()
        elif was and name == "failed" and not self._closed:
            self.refresh()

    # -- the page's buttons

    def _carry_out(self, name: str, value: str) -> None:
        try:
            command = msgspec.json.decode(value, type=_Command)
        except msgspec.DecodeError:
            return  # not from one of our pages
        try:
            if name == "annotate":
                annotate(self._axon, value)
            else:
                _COMMANDS[name](self, command)
        except AxonError as error:
            self._store.refuse(command.id, str(error).partition("\n")[0])
            self._notify(stat=True)

    def _talks(self) -> Talks:
        if self.session is None:
            raise AgentError("this chat is read-only: make it of an AgentSession to write in it")
        return self.session

    def _prompt(self, command: _Command) -> None:
        files = [Attachment(file.name, file.data) for file in command.files]
        self._talks().prompt(command.text, files)

    def _answer(self, command: _Command) -> None:
        self._talks().answer(command.question, command.value, confirm_secrets=command.durable)

    def _send_raw(self, command: _Command) -> None:
        """Read the events behind an entry, for one page."""
        events: list[AxonEvent] = []
        for first, last in command.ranges:
            room = min(last - first + 1, RAW_EVENTS - len(events))
            if room > 0:
                events += self._events(first, first + room - 1)
        self._store.keep_raw(command.id, msgspec.json.encode(events))
        if self._feed is not None:
            self._feed.resend([(0, 0)], command.id)

    def _events(self, first: int, last: int) -> list[AxonEvent]:
        """Read events again, by their sequences."""
        if hasattr(self._axon, "api"):
            return read_events(self._axon, first, last)
        return [event for event in self._axon if first <= event.sequence <= last]

    # -- what is saved

    def _saved(self) -> list[Shown]:
        """Return the entries that may stay in the notebook."""
        if not self._saves:
            return []
        redact = self._redact
        shown = self._store.entries() if redact is None else self._redacted(redact)
        return of_turn(shown, self.turn) if self.turn else shown

    def _redacted(self, redact: Redact) -> list[Shown]:
        """Read the events again, as *redact* leaves them: an entry may hold parts of many."""
        trace = Trace(self._protocol)
        last = max((entry.last_sequence for entry in self.entries), default=0)
        try:
            for event in self._events(max(1, last - REDACTED_EVENTS), last):
                if (kept := _kept(redact, event)) is not None:
                    trace.feed(kept)
        except AxonError as error:
            warnings.warn(f"the conversation is not saved: {error}", stacklevel=2)
            return []
        return [(e, parse_markdown(e.text) if has_markdown(e) else []) for e in trace.entries]

    def _status(self) -> str:
        state = self._source.stream_state
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        reason = f": {state.reason}" if state.reason else ""
        return f"{state.name}{reason} at {when} UTC"

    def saved_state(self) -> bytes:
        """Return what a file of its own shows: every entry."""
        if self._feed is not None and not self._closed:
            self._feed.wait_for(self._is_settled, SETTLE_UNSEEN_SECONDS)
        return self._packed_snapshot(sys.maxsize, file=True)

    def _packed_snapshot(self, most: int = SAVED_BYTES, **marks: bool) -> bytes:
        found: list[bytes] = []
        size = 0
        saved = self._saved()
        for entry, blocks in reversed(saved):
            raw = msgspec.json.encode(entry_record(entry, blocks))
            size += len(raw)
            if size > most and entry.kind != "session":
                continue
            found.append(raw)
        body = {
            "version": 1,
            "taken_ms": int(time.time() * 1000),
            **marks,
            "state": self._store.stat()["state"],
            "dropped": self._store.dropped + len(saved) - len(found),
            "entries": [msgspec.Raw(raw) for raw in reversed(found)],
        }
        return zlib.compress(msgspec.json.encode(body), 6)


_COMMANDS: Final[dict[str, Callable[[AgentChat, _Command], object]]] = {
    "prompt": AgentChat._prompt,
    "cancel": lambda chat, command: chat._talks().stop(),
    "answer": AgentChat._answer,
    "set": lambda chat, command: chat._talks().set(command.setting, command.value),
    "authenticate": lambda chat, command: chat._talks().authenticate(command.method),
    "raw": AgentChat._send_raw,
}


def _is_session(source: object) -> TypeGuard[Talks]:
    return hasattr(source, "prompt") and hasattr(source, "revisions")


def _kept(redact: Redact, event: AxonEvent) -> AxonEvent | None:
    try:
        return redact(event)
    except Exception as error:  # noqa: BLE001 - the user's function
        # Without the error's own words: they may hold what must not be seen.
        reason = f"redact failed on event {event.sequence}: {type(error).__name__}"
        warnings.warn(f"{reason}; the event is not saved", stacklevel=2)
        return None
