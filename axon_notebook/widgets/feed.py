"""The pump between a reader thread and the pages that look on.

It pushes without waiting for a page to be ready, because a busy kernel answers
nobody: a page that comes late, or lost something, asks, and until it does the
heartbeat carries the newest.  What a closed tab would pile up in the notebook
server is bounded by what pages have acknowledged.
"""

from __future__ import annotations

import secrets
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

from .protocol import BATCH_BYTES, BATCH_BYTES_BEHIND, BATCH_EVENTS, HEARTBEAT_MS, TICK_MS, Range

__all__ = ["Feed", "Outgoing", "Source"]

#: A message's own fields, and the bytes of its buffer.
Outgoing = tuple[dict[str, Any], bytes]
#: A stream, and ranges of it that a page lacks.
Question = tuple[str, list[Range]]

NORMAL_BYTES: Final = 16 * 1024 * 1024  # unacknowledged; above it only full batches go out
MOST_BYTES: Final = 64 * 1024 * 1024  # unacknowledged; above it only the newest and the counts
DEFLATE_ABOVE: Final = 2 * 1024 * 1024  # unacknowledged; above it buffers are deflated
DEFLATE_BYTES: Final = 16 * 1024  # smaller buffers are not worth it
SILENT_SECONDS: Final = 15.0  # a page that did not acknowledge for so long is gone
PATIENCE_SECONDS: Final = 1.0  # between messages while pages do not keep up
SIZES_KEPT: Final = 8192  # batches whose acknowledgement still counts: seven minutes' worth
WINDOW_BYTES: Final = 4 * 1024 * 1024  # of answers, until the page has taken them
ARRIVAL_SECONDS: Final = 1.5  # an answer of which nothing more arrives for so long is lost
ANSWER_BYTES: Final = BATCH_BYTES_BEHIND  # of answers per tick, so that new events get through

#: Between two messages of all feeds together: the server takes 1,030 a second and then loses some.
SHARED_MS: Final = 10.0
#: Messages that may follow each other this fast after a silence; on average one goes out per tick.
BURST: Final = 8
#: Beyond so many feeds the pages draw few of them, and all together send less.
MANY_FEEDS: Final = 20
MOST_TICK_SECONDS: Final = 4.0
SENDING_SECONDS: Final = 5.0  # a feed that sent within this time counts

#: When each feed of this kernel last sent.
_sending: dict[int, float] = {}
_sending_guard = threading.Lock()


class Source(Protocol):
    """What a feed pumps.  Called from the pump thread; must not block."""

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next numbered message and move on; ``None`` if all was sent."""

    def backlog(self) -> int:
        """Bytes that :meth:`next` has yet to return."""

    def newest(self) -> Outgoing | None:
        """Return what a page that does not answer should show."""

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return what a page asked for again."""

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""


class _Page:
    """A page that has sent a message: one browser tab's end of the comm."""

    def __init__(self, sent_bytes: int, now: float) -> None:
        self.acked_bytes = sent_bytes  # counted from the feed's start
        self.heard_at = now


class _Answering:
    """The part of an answer about one stream that goes out at once, and whether it has arrived.

    A page asks again whenever its hole has another shape, which every message of
    the answer gives it; its hole also tells what it has taken.  What is still on
    its way is not sent anew, and a page that takes little is not flooded.
    """

    def __init__(self, questions: list[Question], messages: Iterator[Outgoing], now: float) -> None:
        self._messages = messages
        self._left = WINDOW_BYTES
        self._last = -1  # the last event that was sent
        self._asked = questions
        self._news_at = now

    def __iter__(self) -> Iterator[Outgoing]:
        for fields, raw in self._messages:
            for part in fields.get("parts", [fields]):
                if "first" in part:
                    self._last = max(self._last, part["first"] + part["count"] - 1)
            self._left -= len(raw)
            yield fields, raw
            if self._left <= 0:
                return

    def is_on_its_way(self, questions: list[Question], now: float) -> bool:
        """Whether *questions* ask for what was sent, and the page is still taking it."""
        if questions != self._asked:
            self._asked, self._news_at = questions, now
        lacks_last = any(a <= self._last <= b for _, ranges in questions for a, b in ranges)
        return lacks_last and now - self._news_at < ARRIVAL_SECONDS


class Feed:
    """Owns the pump thread of one widget; lives until :meth:`close`.

    Args:
        source: What to pump.
        send: ``widget.send(content, buffers)``; called in the pump thread only.
        name: Of the thread.
        on_message: Takes the page's ``hello``, ``cmd`` and ``select`` messages, in the
            thread the host delivers them in.
    """

    def __init__(
        self,
        source: Source,
        send: Callable[[dict[str, Any], list[bytes]], None],
        *,
        name: str,
        on_message: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self.epoch = secrets.token_hex(6)
        self._source = source
        self._send = send
        self._on_message = on_message
        self._changed = threading.Condition()  # guards everything below
        self._pages: dict[str, _Page] = {}
        self._questions: dict[tuple[str, str], Question] = {}  # the last one per page and stream
        self._unsent = self._stat_due = False
        self._batch = 0
        self._sent_bytes = self._last_acked = 0
        self._sizes: list[int] = [0]  # sent bytes after each batch, from this number on:
        self._sizes_from = 0
        self._acked_at = time.monotonic()
        self._closing: str | None = None
        self._crowd = 1.0  # how much more patient many feeds are; of the pump thread
        self._feeds = 1  # that share the notebook server; of the pump thread
        self._due = 0.0  # when the next message is due at a steady pace; of the pump thread
        # By stream; of the pump thread.
        self._answering: dict[str, tuple[_Answering, Iterator[Outgoing]]] = {}
        # Daemon: a viewer that was not closed must not keep the kernel from exiting.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def notify(self, *, stat: bool = False) -> None:
        """Something is there to be sent; with *stat* the state changed.  From any thread."""
        with self._changed:
            self._unsent = True
            self._stat_due |= stat
            self._changed.notify_all()

    def wait_for(self, done: Callable[[], bool], timeout: float) -> None:
        """Wait until *done* after one of the notifications, at most *timeout* seconds."""
        with self._changed:
            self._changed.wait_for(done, timeout)

    @property
    def is_heard(self) -> bool:
        """Whether a page has said something."""
        return bool(self._pages)

    def resend(self, ranges: list[Range], stream: str = "") -> None:
        """Send these out of turn, as if a page had asked for them.  From any thread."""
        with self._changed:
            self._questions[f"resend {ranges}", stream] = (stream, ranges)
            self._changed.notify()

    def take(self, message: Mapping[str, Any]) -> None:
        """Take what a page sent; from whatever thread the host calls."""
        kind = message.get("kind")
        with self._changed:
            page = self._page(str(message.get("page", "")))
            if kind == "hello":
                page.acked_bytes = self._sent_bytes
                self._stat_due = True
            elif kind == "ack" and message.get("epoch") == self.epoch:
                self._acknowledge(page, message.get("batch"))
            elif kind == "need" and message.get("epoch") == self.epoch:
                self._ask(message)
            self._changed.notify_all()
        if kind in ("hello", "cmd", "select"):
            self._on_message(message)

    def stats(self) -> dict[str, Any]:
        """Return the pump's counters: batches, sent_bytes, unacked_bytes, pages."""
        with self._changed:
            return {
                "batches": self._batch,
                "sent_bytes": self._sent_bytes,
                "unacked_bytes": self._unacked(time.monotonic()),
                "pages": len(self._pages),
            }

    def close(self, reason: str = "closed") -> None:
        """Send what is left, say ``bye``, end the thread; idempotent, at most two seconds."""
        with self._changed:
            self._closing = self._closing or reason
            self._changed.notify()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    # -- what pages say (the lock is held)

    def _page(self, name: str) -> _Page:
        now = time.monotonic()
        page = self._pages.setdefault(name, _Page(self._sent_bytes, now))
        page.heard_at = now
        return page

    def _acknowledge(self, page: _Page, batch: object) -> None:
        at = batch - self._sizes_from if isinstance(batch, int) else -1
        if 0 <= at < len(self._sizes):
            page.acked_bytes = max(page.acked_bytes, self._sizes[at])
            self._acked_at = time.monotonic()

    def _ask(self, message: Mapping[str, Any]) -> None:
        ranges = [
            (first, last)
            for first, last in message.get("ranges", ())
            if isinstance(first, int) and isinstance(last, int) and 0 <= first <= last
        ]
        stream = str(message.get("stream", ""))
        if ranges:
            self._questions[str(message.get("page", "")), stream] = (stream, ranges[:64])

    def _unacked(self, now: float) -> int:
        """Bytes on their way to the slowest living page; with no page, all that were sent."""
        self._pages = {
            name: page for name, page in self._pages.items() if now - page.heard_at < SILENT_SECONDS
        }
        acked = [page.acked_bytes for page in self._pages.values()]
        slowest = min(acked) if acked else self._last_acked
        self._last_acked = slowest
        return self._sent_bytes - slowest

    # -- the pump thread

    def _run(self) -> None:
        next_beat = 0.0
        while True:
            with self._changed:
                self._wait(next_beat)
                closing = self._closing
                stat_due, self._stat_due = self._stat_due, False
                self._unsent = False
                questions = list(self._questions.values())
                self._questions.clear()
            started = time.monotonic()
            self._hear(questions, started)
            self._push(flush=closing is not None)
            more = self._answer()
            if stat_due or started >= next_beat or closing:
                self._beat()
                next_beat = started + HEARTBEAT_MS / 1000 * min(2.0, self._crowd)
            if closing:
                self._out({"kind": "bye", "reason": closing}, b"")
                return
            with self._changed:
                self._unsent |= more or self._source.backlog() > 0
                # The pace: whatever comes meanwhile goes out together.
                self._changed.wait_for(lambda: self._closing, self._pause(started))

    def _wait(self, next_beat: float) -> None:
        def due() -> bool:
            return bool(self._unsent or self._stat_due or self._questions or self._closing)

        while not due() and (left := next_beat - time.monotonic()) > 0:
            self._changed.wait(left)

    def _pause(self, started: float) -> float:
        unacked = self._unacked(time.monotonic())
        tick = self._tick()
        if unacked > NORMAL_BYTES:
            tick = max(tick, PATIENCE_SECONDS)
        elif self._source.backlog() > BATCH_BYTES_BEHIND:
            tick /= 2
        # What was saved up in a silence is spent at once: a short output is there without waiting.
        self._due = max(self._due, started - (BURST - 1) * tick) + tick
        next_at = max(self._due, started + min(tick, SHARED_MS / 1000 * self._feeds))
        return max(0.0, next_at - time.monotonic())

    def _tick(self) -> float:
        """Seconds between two messages: longer where many feeds share the notebook server."""
        now = time.monotonic()
        with _sending_guard:
            _sending[id(self)] = now
            for feed in [feed for feed, at in _sending.items() if now - at > SENDING_SECONDS]:
                del _sending[feed]
            feeds = self._feeds = len(_sending)
        self._crowd = max(1.0, feeds / MANY_FEEDS)
        return min(MOST_TICK_SECONDS, max(TICK_MS, SHARED_MS * feeds * self._crowd) / 1000)

    def _push(self, *, flush: bool) -> None:
        """Send the next numbered message, if the pages keep up."""
        while True:
            with self._changed:
                room = MOST_BYTES - self._unacked(time.monotonic())
            if room <= 0:
                return
            behind = self._source.backlog() > BATCH_BYTES
            size, count = (BATCH_BYTES_BEHIND, 10**9) if behind else (BATCH_BYTES, BATCH_EVENTS)
            message = self._source.next(size, count)
            if message is None:
                return
            self._numbered(*message)
            if not flush:
                return

    def _numbered(self, fields: dict[str, Any], raw: bytes) -> None:
        buffer, deflated = self._packed(raw)
        with self._changed:
            self._batch += 1
            self._sent_bytes += len(buffer)
            self._sizes.append(self._sent_bytes)
            if len(self._sizes) > 2 * SIZES_KEPT:
                del self._sizes[:SIZES_KEPT]
                self._sizes_from += SIZES_KEPT
        self._out({**fields, "deflated": deflated}, buffer)

    def _hear(self, questions: list[Question], now: float) -> None:
        """Begin to answer what is not being answered: of each stream the newest questions."""
        for stream in {stream: None for stream, _ in questions}:
            asked = [question for question in questions if question[0] == stream]
            known = self._answering.get(stream)
            if known is None or not known[0].is_on_its_way(asked, now):
                answering = _Answering(asked, self._all_answers(asked), now)
                self._answering[stream] = answering, iter(answering)

    def _all_answers(self, questions: list[Question]) -> Iterator[Outgoing]:
        for stream, ranges in questions:
            yield from self._source.answers(stream, ranges)

    def _answer(self) -> bool:
        """Send answers up to a tick's share, of each stream in turn; return whether more wait."""
        sent = 0
        waiting = [answers for _, answers in self._answering.values()]
        while waiting:
            for answers in list(waiting):
                if (answer := next(answers, None)) is None:
                    waiting.remove(answers)
                    continue
                fields, raw = answer
                # Always deflated: a page that asked may not be there any more to take it.
                buffer, deflated = _deflated(raw)
                self._out({**fields, "deflated": deflated}, buffer)
                sent += len(raw)
                if sent >= ANSWER_BYTES:
                    return True
        return False

    def _beat(self) -> None:
        self._out(self._source.stat(), b"")
        with self._changed:
            silent = time.monotonic() - self._acked_at > SILENT_SECONDS or not self._pages
        if silent and (newest := self._source.newest()) is not None:
            fields, raw = newest
            self._out({**fields, "deflated": False}, raw)

    def _packed(self, raw: bytes) -> tuple[bytes, bool]:
        with self._changed:
            worth_it = self._unacked(time.monotonic()) > DEFLATE_ABOVE
        return _deflated(raw) if worth_it else (raw, False)

    def _out(self, fields: dict[str, Any], buffer: bytes) -> None:
        header = {"epoch": self.epoch, "batch": self._batch, "sent_ms": int(time.time() * 1000)}
        self._send({**fields, **header}, [buffer] if buffer else [])


def _deflated(raw: bytes) -> tuple[bytes, bool]:
    return (zlib.compress(raw, 1), True) if len(raw) > DEFLATE_BYTES else (raw, False)
