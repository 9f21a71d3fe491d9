"""One request of an HTTP/2 connection and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import unquote

from h2.connection import H2Connection
from h2.errors import ErrorCodes

from ..refusals import Refusal
from .answers import (
    BASE_HEADERS,
    JSON,
    WHOLE,
    Receive,
    Scope,
    Send,
    error_body,
    send_refusal,
)
from .http_limits import BODY_TIME, HEAD_LIMIT, HEADER_COUNT, WRITE_TIME
from .streams import ABORT

__all__ = ["Connection", "Exchange"]

#: A stream's window is opened again when so much of a body was read.
CREDIT: Final = 32 * 1024

#: Fields of HTTP/1.1 that must not be sent (RFC 9113, section 8.2.2).
_CONNECTION_FIELDS: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_NOT_IN_PATHS: Final = frozenset((*range(0x21), 0x23, *range(0x7F, 0x100)))

Headers = Iterable[tuple[bytes, bytes]]


class Connection(Protocol):
    """What an exchange needs of its connection."""

    h2: H2Connection
    loop: asyncio.AbstractEventLoop
    writable: asyncio.Event
    server: tuple[Any, ...]
    client: tuple[Any, ...]

    @property
    def date_headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of every answer."""

    def flush(self) -> None:
        """Write the frames that wait."""

    def finished(self, exchange: Exchange) -> None:
        """Forget the exchange."""


class Exchange:
    """One stream; lives on the event loop.

    Args:
        connection: Its connection.
        stream_id: Its number.
        ended: Whether the request has no body.

    Attributes:
        window: Set when the client has opened a window to write into.
    """

    def __init__(self, connection: Connection, stream_id: int, *, ended: bool) -> None:
        self.stream_id = stream_id
        self.window = asyncio.Event()
        self._connection = connection
        self._body = bytearray()
        self._ended = ended
        self._delivered = False
        self._credit = 0
        self._gone = False
        self._started = False
        self._complete = False
        self._head_only = False
        self._continue = False
        self._changed = asyncio.Event()
        self._timer = None if ended else connection.loop.call_later(BODY_TIME, self._too_late)

    async def run(
        self, app: Callable[[Scope, Receive, Send], Awaitable[None]], headers: Any
    ) -> None:
        """Answer the request by *app*."""
        try:
            try:
                scope = self._scope(headers)
            except Refusal as refusal:
                await send_refusal(self.receive, self.send, refusal)
                return
            await app(scope, self.receive, self.send)
        finally:
            if not self._complete:
                self._reset(ErrorCodes.INTERNAL_ERROR)

    # What the connection calls ------------------------------------------------------------

    def body_received(self, data: bytes, length: int) -> None:
        """Keep *data* until it is asked for; *length* is what it takes of the window."""
        if self._complete or self._gone:
            return
        self._credit += length - len(data)  # padding
        self._body += data
        self._changed.set()

    def body_ended(self) -> None:
        """The request is complete."""
        self._ended = True
        self._stop_timer()
        self._changed.set()

    def disconnect(self) -> None:
        """Nobody waits for the answer any more."""
        if not self._gone:
            self._gone = True
            self._stop_timer()
            self._changed.set()
            self.window.set()
            self._connection.finished(self)

    # What the application calls -------------------------------------------------------------

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the body, or that the client has left."""
        if self._continue and not self._started and not self._gone:
            self._continue = False
            self._connection.h2.send_headers(self.stream_id, [(b":status", b"100")])
            self._connection.flush()
        while not (self._gone or self._complete):
            if self._body or (self._ended and not self._delivered):
                break
            self._changed.clear()
            await self._changed.wait()
        if self._gone or self._complete:
            return {"type": "http.disconnect"}
        body = bytes(self._body)
        self._body.clear()
        self._delivered = self._ended
        self._read(len(body))
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    async def send(self, message: Any) -> None:
        """Send the head of the answer, or a part of its body; waits for a slow client."""
        if self._gone or self._complete:
            return
        if message["type"] == "http.response.start":
            kept = [(n, v) for n, v in message["headers"] if n not in _CONNECTION_FIELDS]
            head = [(b":status", b"%d" % message["status"]), *self._connection.date_headers, *kept]
            self._started = True
            self._connection.h2.send_headers(self.stream_id, head)
            if WHOLE not in message:
                self._connection.flush()
            return
        more = message.get("more_body", False)
        await self._write(b"" if self._head_only else message.get("body", b""), end=not more)

    def abort(self) -> None:
        """Reset the stream, whatever is still unsent."""
        self._reset(ErrorCodes.CANCEL)

    # ----------------------------------------------------------------------------------------

    async def _write(self, data: bytes, *, end: bool) -> None:
        h2, place = self._connection.h2, 0
        while not self._gone:
            room = min(h2.local_flow_control_window(self.stream_id), h2.max_outbound_frame_size)
            part = data[place : place + max(room, 0)]
            place += len(part)
            done = place == len(data)
            if part or (done and end):
                h2.send_data(self.stream_id, part, end_stream=done and end)
            if done:
                break
            if room <= 0 or not self._connection.writable.is_set():
                self._connection.flush()
                await self._until_writable()
        if not self._gone:
            if end:
                self._finish()
            else:
                self._connection.flush()
            await self._connection.writable.wait()

    async def _until_writable(self) -> None:
        """Wait until the connection takes bytes and the client has opened its windows."""
        try:
            async with asyncio.timeout(WRITE_TIME):
                await self._connection.writable.wait()
                h2 = self._connection.h2
                while not self._gone and h2.local_flow_control_window(self.stream_id) <= 0:
                    self.window.clear()
                    await self.window.wait()
        except TimeoutError:
            self.abort()

    def _finish(self) -> None:
        self._complete = True
        self._stop_timer()
        self._changed.set()
        if not self._ended:
            # The rest of the body is not wanted (RFC 9113, section 8.1).
            self._connection.h2.reset_stream(self.stream_id, ErrorCodes.NO_ERROR)
        self._connection.flush()
        self._connection.finished(self)

    def _reset(self, code: ErrorCodes) -> None:
        if self._gone or self._complete:
            return
        self._connection.h2.reset_stream(self.stream_id, code)
        self._connection.flush()
        self.disconnect()

    def _read(self, size: int) -> None:
        self._credit += size
        if self._credit >= CREDIT and not self._ended:
            self._connection.h2.increment_flow_control_window(self._credit, self.stream_id)
            self._connection.flush()
            self._credit = 0

    def _too_late(self) -> None:
        if self._started:
            self._reset(ErrorCodes.CANCEL)
            return
        self._answer(408, "Request took too long to arrive.")
        self.disconnect()

    def _answer(self, status: int, message: str) -> None:
        """Send a whole answer without waiting; only its head where no window is open."""
        h2, body = self._connection.h2, error_body(status, message)
        head = [*BASE_HEADERS, (b"content-type", JSON), (b"content-length", b"%d" % len(body))]
        h2.send_headers(self.stream_id, [(b":status", b"%d" % status), *head])
        if h2.local_flow_control_window(self.stream_id) >= len(body):
            h2.send_data(self.stream_id, body, end_stream=True)
        h2.reset_stream(self.stream_id, ErrorCodes.NO_ERROR)
        self._connection.flush()

    def _scope(self, headers: Headers) -> Scope:
        """Return what the application is told of the request; refuse what HTTP/1.1 would."""
        pseudo: dict[bytes, bytes] = {}
        fields: list[tuple[bytes, bytes]] = []
        size = 0
        for name, value in headers:
            size += len(name) + len(value) + 4
            if name.startswith(b":") or name == b"host":
                pseudo[name] = value
            else:
                fields.append((name, value))
        path = pseudo.get(b":path", b"")
        _check_head(pseudo.get(b":method", b""), path, fields, size)
        # h2 has refused a request whose Host is another than its :authority.
        if host := pseudo.get(b":authority") or pseudo.get(b"host"):
            fields.insert(0, (b"host", host))
        method = pseudo[b":method"].decode("ascii")
        raw_path, _, query = path.partition(b"?")
        self._head_only = method == "HEAD"
        self._continue = any(n == b"expect" and v.lower() == b"100-continue" for n, v in fields)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "server": self._connection.server,
            "client": self._connection.client,
            "scheme": "http",
            "root_path": "",
            "method": method,
            "path": unquote(raw_path.decode("ascii")),
            "raw_path": raw_path,
            "query_string": query,
            "headers": fields,
            "extensions": {ABORT: self.abort},
            "state": {},
        }

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _check_head(
    method: bytes, path: bytes, fields: Sequence[tuple[bytes, bytes]], size: int
) -> None:
    if len(path) > HEAD_LIMIT:
        raise Refusal(414, f"URL is longer than {HEAD_LIMIT} bytes.")
    if size > HEAD_LIMIT:
        raise Refusal(431, "Request head is too large.")
    if len(fields) > HEADER_COUNT:
        raise Refusal(431, f"Request has more than {HEADER_COUNT} headers.")
    lengths = [value for name, value in fields if name == b"content-length"]
    if (
        not path.startswith(b"/")
        or not _NOT_IN_PATHS.isdisjoint(path)
        or not (method.isalpha() and method.isupper())
        or len(lengths) > 1
        or not all(length.isdigit() for length in lengths)
    ):
        raise Refusal(400, "Malformed request.")
