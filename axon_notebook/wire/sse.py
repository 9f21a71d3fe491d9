"""Server-sent events: bytes to events and back, without any input or output.

:class:`EventDecoder` follows the HTML standard (section 9.2, "Server-sent
events") to the letter.  Feed it the body of a ``text/event-stream`` answer in
pieces of any size; an event comes back from the very call that brings its last
byte.  Of 144 byte streams with a known reading, httpx-sse 0.4.3 reads 125 right
and in time, the SDK ``runloop-api-client`` 3.0.0 reads 120; this decoder reads
all of them, in a fifth (64 KiB chunks) to a half (1,460 bytes) of the SDK's time
(``benchmarks/decoder.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

__all__ = ["EventDecoder", "ServerSentEvent", "encode_comment", "encode_event"]

#: What is kept of an event that is larger than ``max_event_bytes``.
CUT_BYTES: Final = 64 * 1024

_BOM: Final = b"\xef\xbb\xbf"
_PREFIX: Final = b"data: "
# Larger pieces are taken in slices: a line table costs 8 bytes per line, 64 MiB of LF 512 MiB.
_SLICE_BYTES: Final = 256 * 1024
# 10**40 ms is longer than any wait, and CPython refuses to parse much longer numbers.
_RETRY_DIGITS: Final = 40


class ServerSentEvent(msgspec.Struct, frozen=True, gc=False):
    """One dispatched event.

    Attributes:
        event: The event type; ``"message"`` when the stream names none.
        raw: The data exactly as received, lines joined by LF, in UTF-8 if the
            server obeys the standard.  Fit for forwarding without re-encoding.
        id: The last event ID of the stream at this event, ``""`` for none.
        size: Bytes of data as sent.  Larger than ``len(raw)`` only for an event
            over the decoder's limit; ``raw`` then holds its beginning.
    """

    event: str
    raw: bytes
    id: str
    size: int

    @property
    def data(self) -> str:
        """The data as text, with U+FFFD for bytes that are not UTF-8."""
        return self.raw.decode("utf-8", "replace")


class EventDecoder:
    """Cuts a byte stream into events; one decoder per response.

    Time is linear in the input however it is cut into pieces.  Memory is at
    most about five times *max_event_bytes*, whatever the server sends.  Not
    safe for use by two threads at once.

    Args:
        last_event_id: What the previous connection of the same stream ended with.
        max_event_bytes: Data beyond this is skipped.  The event is still
            dispatched, with the first 64 KiB of ``raw`` and its true ``size``,
            and the stream goes on.  ``id``, ``event`` and ``retry`` lines longer
            than this are ignored.

    Attributes:
        last_event_id: The ID of the last complete block: what a reconnect may
            send.  The ID of a block that was cut off is not adopted.
        retry: The reconnection time the server asked for, in milliseconds and
            unchecked; ``None`` if it named none.
    """

    def __init__(self, *, last_event_id: str = "", max_event_bytes: int = 16 * 1024 * 1024) -> None:
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self._max = max_event_bytes
        self._cut = min(max_event_bytes, CUT_BYTES)
        # The start of the stream, until it is known not to be a byte order mark.
        self._start: bytes | None = b""
        self._after_cr = False
        self._line = bytearray()
        self._skipped = 0
        self._fields_seen = False
        self._data = bytearray()
        self._size = 0
        self._type = b""
        self._id = last_event_id

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next piece of the body; return the events it completes.

        Never raises on any content.  At the end of the body nothing needs to be
        called: an unfinished event is to be discarded.
        """
        if len(chunk) > _SLICE_BYTES:
            slices = (chunk[i : i + _SLICE_BYTES] for i in range(0, len(chunk), _SLICE_BYTES))
            return [event for piece in slices for event in self.feed(piece)]
        if (raws := self.feed_data(chunk)) is not None:
            last_id = self.last_event_id
            return [ServerSentEvent("message", raw, last_id, len(raw)) for raw in raws]
        chunk = self._without_bom(chunk)
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        return self._feed_lines(chunk) if chunk else []

    def feed_data(self, chunk: bytes) -> list[bytes] | None:
        r"""Take *chunk* if it is nothing but ``data: …\n\n`` blocks, else refuse it.

        The quick way for what axons send: no object per event, no work per line.
        The caller that wants speed decodes all of them in one go::

            raws = decoder.feed_data(chunk)
            if raws is None:
                events = decoder.feed(chunk)  # types, comments, CR, several data lines, …
            else:
                ...  # every one is a plain "message" under decoder.last_event_id

        The first block may have begun, and the last may end, in another chunk.

        Returns:
            The data of each event the chunk completes, at least one; or ``None``
            if the chunk needs :meth:`feed`.  Then nothing was taken from it.
        """
        if self._fields_seen or self._after_cr or self._skipped or self._start:
            return None
        end = chunk.rfind(b"\n\n")
        tail = chunk[end + 2 :]
        if end < 0 or b"\n" in tail or b"\r" in chunk:
            return None
        body = b"".join((self._line, chunk[:end]))
        if not body.startswith(_PREFIX) or len(body) > self._max:
            return None
        raws = body[len(_PREFIX) :].split(b"\n\n" + _PREFIX)
        if b"\n" in b"".join(raws):
            return None
        self._start = None
        self._line = bytearray(tail)
        return raws

    def _without_bom(self, chunk: bytes) -> bytes:
        if self._start is None:
            return chunk
        start = self._start + chunk
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _feed_lines(self, chunk: bytes) -> list[ServerSentEvent]:
        # bytes.splitlines knows CRLF, LF and CR and, unlike str.splitlines, nothing else.
        lines = chunk.splitlines()
        self._after_cr = chunk.endswith(b"\r")
        tail = b"" if chunk.endswith((b"\r", b"\n")) else lines.pop()
        events: list[ServerSentEvent] = []
        if lines and self._line:
            self._append_to_line(lines[0])
            lines[0], self._line = bytes(self._line), bytearray()
        for line in lines:
            if line:
                self._take_line(line)
            elif self._fields_seen:
                self._end_block(events)
        if tail:
            self._append_to_line(tail)
        return events

    def _append_to_line(self, piece: bytes) -> None:
        line = self._line
        line += piece
        if line[0] == ord(":"):
            del line[1:]
        elif len(line) > self._max + len(_PREFIX):
            # The kept beginning may grow and be cut again; what it lost is counted.
            kept = self._cut + len(_PREFIX)
            self._skipped += len(line) - kept
            del line[kept:]

    def _take_line(self, line: bytes) -> None:
        skipped, self._skipped = self._skipped, 0
        if line.startswith(_PREFIX):
            self._append_data(line[len(_PREFIX) :], skipped)
            return
        colon = line.find(b":")
        name = line if colon < 0 else line[:colon]
        value = b"" if colon < 0 else line[colon + 1 :].removeprefix(b" ")
        if name == b"data":
            self._append_data(value, skipped)
        elif len(line) + skipped <= self._max + len(_PREFIX):
            self._set_field(name, value)

    def _set_field(self, name: bytes, value: bytes) -> None:
        if name == b"event":
            self._type = value
            self._fields_seen = True
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
            self._fields_seen = True
        elif name == b"retry" and value.isdigit():
            self.retry = int(value.lstrip(b"0")[:_RETRY_DIGITS] or b"0")

    def _append_data(self, value: bytes, skipped: int) -> None:
        self._fields_seen = True
        self._size += len(value) + skipped + 1
        if self._size - 1 <= self._max:
            self._data += value
            self._data += b"\n"
        else:
            self._data += value[: self._cut]
            del self._data[self._cut :]

    def _end_block(self, events: list[ServerSentEvent]) -> None:
        self.last_event_id = self._id
        if self._size:
            size = self._size - 1
            if size <= self._max:
                del self._data[-1]
            event = self._type.decode("utf-8", "replace") or "message"
            events.append(ServerSentEvent(event, bytes(self._data), self._id, size))
            self._data = bytearray()
            self._size = 0
        self._type = b""
        self._fields_seen = False


def encode_event(data: bytes, *, event: str | None = None) -> bytes:
    """Return *data* as one event of a stream, ready to send.

    Line ends in *data* (CRLF, LF, CR) become separate ``data:`` lines, so that a
    reader gets each as LF.  *event* is the type; without it readers see
    ``message``.

    Raises:
        ValueError: If *event* contains a line end.
    """
    head = b"" if event is None else _field(b"event: ", event)
    if b"\n" not in data and b"\r" not in data:
        return b"%bdata: %b\n\n" % (head, data)
    return head + _as_lines(_PREFIX, data) + b"\n"


def encode_comment(text: str) -> bytes:
    """Return *text* as a comment: readers ignore it, proxies see a living stream."""
    return _as_lines(b": ", text.encode()) + b"\n"


def _field(prefix: bytes, value: str) -> bytes:
    if "\n" in value or "\r" in value:
        raise ValueError(f"event type {value!r} contains a line end: use a name of one line")
    return b"%b%b\n" % (prefix, value.encode())


def _as_lines(prefix: bytes, data: bytes) -> bytes:
    lines: Iterable[bytes] = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return b"".join(b"%b%b\n" % (prefix, line) for line in lines)
