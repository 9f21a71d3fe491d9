"""What a subscriber has received and what to do next: pure, no socket, no clock.

:class:`Reception` takes what happened (bytes, an ended connection, the head of
the server's history) and answers with what to deliver and how long to wait.
:mod:`~axon_notebook.wire.events` carries it out.
"""

from __future__ import annotations

import re
from collections import deque
from operator import attrgetter, itemgetter
from typing import Final

import msgspec

from ..errors import (
    ApiError,
    AxonError,
    ConnectionFailed,
    NotAnEventStream,
    ProtocolError,
    RateLimited,
    ServerError,
    StreamTruncated,
    TransportError,
    error_for_status,
)
from ..models import AxonEvent, ErrorFrame
from .backoff import Backoff
from .cursor import Cursor, EventBatch, Unreadable
from .sse import EventDecoder, ServerSentEvent

__all__ = ["Reception", "frame_error", "is_final"]

HEALTHY_SECONDS: Final = 10.0  # a connection that held this long starts the back-off anew
KEPT_CHARACTERS: Final = 256 * 1024  # more text than this is not kept for a comparison
REMEMBERED: Final = 20  # fingerprints of the last events, to notice another history

_EVENT: Final = msgspec.json.Decoder(AxonEvent)
_PAYLOAD: Final = attrgetter("payload")
_AXON_ID: Final = attrgetter("axon_id")
_FIRST_BYTE: Final = itemgetter(0)
_OBJECT: Final = {ord("{")}
_SEQUENCE: Final = re.compile(rb'"sequence"\s*:\s*(\d{1,19})\b')


class Reception:
    """The receiving end of one axon's event stream, over any number of connections.

    It belongs to one reader thread and holds no lock.  Times are seconds of
    any clock that only goes forward.

    Attributes:
        cursor: Which sequences were delivered.
        backoff: The waits between connections.
        foreign: Events of another axon that were dropped.
        failure: The error that an ``event: error`` frame of this connection carried.
    """

    def __init__(
        self, axon_id: str, *, after_sequence: int = 0, backoff: Backoff | None = None
    ) -> None:
        self.axon_id = axon_id
        self.cursor = Cursor(after_sequence)
        self.backoff = backoff or Backoff()
        self.foreign = 0
        self.failure: ApiError | None = None
        self._decoder = EventDecoder()
        self._opened_at: float | None = None
        self._latest: list[AxonEvent] = []  # come after those in _recent
        self._recent: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)

    def opened(self, now: float) -> None:
        """A connection is open; what was left of the last one's bytes is void."""
        self._decoder = EventDecoder()
        self.failure = None
        self._opened_at = now
        self.cursor.forget_held()

    def received(self, chunk: bytes) -> list[EventBatch]:
        """Decode *chunk*; return what can be delivered.

        An ``event: error`` frame sets :attr:`failure`; what came before it is
        delivered all the same.

        Raises:
            StreamTruncated: If an event that was delivered before comes with
                another content.
        """
        raws = self._decoder.feed_data(chunk)
        if raws is None:
            return self._each(self._decoder.feed(chunk))
        return self._plain(raws) if raws else []

    def accept(self, events: list[AxonEvent], raws: list[bytes] | None = None) -> list[EventBatch]:
        """Take events that were fetched to fill the gap."""
        texts = [msgspec.json.encode(e) for e in events] if raws is None else raws
        return self._remember(self.cursor.take(events, texts))

    def settle(self, up_to: int) -> list[EventBatch]:
        """Declare missing what the server could not deliver up to *up_to*."""
        return self._remember(self.cursor.settle(up_to))

    def check_head(self, head: int, newest: AxonEvent | None = None) -> None:
        """Compare the server's history with what was delivered.

        Raises:
            StreamTruncated: If it is shorter, or its newest event is one that
                was delivered with another content.
        """
        cursor = self.cursor.after_sequence
        if head < cursor:
            raise StreamTruncated(
                f"the server's history ends at {head}, but {cursor} was already read: it lost "
                "events or was restored from an older state; subscribe again to read what it has",
                cursor=cursor,
                head=head,
            )
        if newest is not None:
            self._compare(newest)

    def ended(self, error: AxonError | None, now: float) -> float:
        """The connection ended; return the seconds to wait before the next.

        *error* is ``None`` for a clean end, which does not mean the end of the axon.

        Raises:
            AxonError: *error* itself, if trying again cannot help.
        """
        if error is not None and is_final(error):
            raise error
        if self._opened_at is not None and now - self._opened_at >= HEALTHY_SECONDS:
            self.backoff.succeeded()
        self._opened_at = None
        return self.backoff.failed(
            retry_after=getattr(error, "retry_after", None),
            at_once=isinstance(error, ApiError) and error.status == 408,
        )

    def _plain(self, raws: list[bytes]) -> list[EventBatch]:
        """The hot path: one decode for all events of a chunk."""
        events = _decoded_lines(raws)
        if events is None:
            return self._each([ServerSentEvent("message", raw, "", len(raw)) for raw in raws])
        return self._take(events, raws)

    def _each(self, frames: list[ServerSentEvent]) -> list[EventBatch]:
        """The careful path: event by event."""
        batches: list[EventBatch] = []
        for frame in frames:
            if frame.event == "error":
                self.failure = frame_error(frame)
                break
            event = _decoded(frame)
            if event is None:
                continue
            if isinstance(event, Unreadable):
                batches += self._unreadable(event)
            else:
                batches += self._take([event], [frame.raw])
        return batches

    def _take(self, events: list[AxonEvent], raws: list[bytes]) -> list[EventBatch]:
        axon_id = self.axon_id
        if [*map(_AXON_ID, events)].count(axon_id) != len(events):
            own = [(e, r) for e, r in zip(events, raws, strict=True) if e.axon_id == axon_id]
            self.foreign += len(events) - len(own)
            events, raws = [e for e, _ in own], [r for _, r in own]
        for event in events:
            if event.sequence > self.cursor.after_sequence:
                break
            self._compare(event)
        return self._remember(self.cursor.take(events, raws))

    def _unreadable(self, item: Unreadable) -> list[EventBatch]:
        """Step over an event that cannot be decoded, if it is the next one."""
        if item.sequence == self.cursor.after_sequence + 1:
            self.cursor.after_sequence += 1
        self.backoff.succeeded()
        return [EventBatch([], [], unreadable=(item,))]

    def _remember(self, batches: list[EventBatch]) -> list[EventBatch]:
        if batches:
            self.backoff.succeeded()
            latest = batches[-1].events[-REMEMBERED:]
            # In a fast stream most are soon forgotten, so a fingerprint is made when it is needed.
            if len(latest) < REMEMBERED:
                self._fingerprint_latest()
            self._latest = latest
            if sum(map(len, map(_PAYLOAD, latest))) > KEPT_CHARACTERS:
                self._fingerprint_latest()
        return batches

    def _fingerprint_latest(self) -> None:
        """Keep no more than fingerprints of the newest events."""
        self._recent.extend((event.sequence, _fingerprint(event)) for event in self._latest)
        self._latest = []

    def _compare(self, event: AxonEvent) -> None:
        self._fingerprint_latest()
        for sequence, known in self._recent:
            if sequence == event.sequence and known != _fingerprint(event):
                raise StreamTruncated(
                    f"event {sequence} has another content than when it was read: the server's "
                    "history diverged; subscribe again to read what it has now",
                    cursor=self.cursor.after_sequence,
                    head=sequence,
                )


def _fingerprint(event: AxonEvent) -> int:
    return hash((event.timestamp_ms, event.origin, event.event_type, event.payload))


def _decoded_lines(raws: list[bytes]) -> list[AxonEvent] | None:
    """Return the event of each text; ``None`` if one is not exactly one event."""
    try:
        events = _EVENT.decode_lines(b"\n".join(raws))
        # A line may be empty or hold several objects; if each begins with one and the numbers
        # agree, each is one.
        each_is_one = len(events) == len(raws) and {*map(_FIRST_BYTE, raws)} == _OBJECT
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, IndexError):
        return None
    return events if each_is_one else None


def _decoded(frame: ServerSentEvent) -> AxonEvent | Unreadable | None:
    """Return the event of a frame; ``None`` for a block that carries none."""
    raw = frame.raw
    if not raw.strip() or (frame.event == "ping" and b'"sequence"' not in raw):
        return None
    found = _SEQUENCE.search(raw[:1000])
    sequence = int(found[1]) if found else None
    text = raw[:200].decode("utf-8", "replace")
    if frame.size > len(raw):
        return Unreadable(sequence, frame.size, text, f"the event has {frame.size} bytes")
    try:
        event = _EVENT.decode(frame.data)
    except (msgspec.DecodeError, RecursionError) as error:
        return Unreadable(sequence, frame.size, text, str(error))
    return event


def frame_error(frame: ServerSentEvent) -> ApiError:
    """Build the typed error of an ``event: error`` frame."""
    try:
        body = msgspec.json.decode(frame.raw, type=ErrorFrame)
        status = int(body.code)
    except (msgspec.DecodeError, ValueError):
        body, status = ErrorFrame(message=frame.data[:200]), 500
    kind = error_for_status(status)
    return kind(
        body.message or f"the stream ended with code {status}", status=status, body=frame.data
    )


def is_final(error: AxonError) -> bool:
    """Whether trying again cannot help."""
    if isinstance(error, ConnectionFailed):
        return error.permanent
    if isinstance(error, NotAnEventStream):
        return True
    if isinstance(error, ProtocolError | TransportError | RateLimited | ServerError):
        return isinstance(error, ProtocolError)
    return True
