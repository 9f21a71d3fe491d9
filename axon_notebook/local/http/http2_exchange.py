"""One request of an HTTP/2 connection and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes

from ..refusals import Refusal
from .answers import BASE_HEADERS, JSON, Scope, error_body, send_refusal
from .http_exchange import App, BodyReader
from .http_heads import Head, check_form, check_size, request_scope
from .http_limits import BODY_TIME, WRITE_TIME
from .server_state import ServerState

__all__ = ["Connection", "Exchange"]

#: A stream's window is opened again when so much of a body was read.
CREDIT: Final = 32 * 1024

#: Fields of HTTP/1.1 that must not be sent (RFC 9113, section 8.2.2).
_CONNECTION_FIELDS: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)


class Connection(Protocol):
    """What an exchange needs of its connection."""

    h2: H2Connection
    loop: asyncio.AbstractEventLoop
    state: ServerState
    writable: asyncio.Event
    server: tuple[Any, ...]

    def flush(self) -> None:
        """Write the frames that wait."""

    def finished(self, exchange: Exchange) -> None:
        """Forget the exchange."""


class Exchange(BodyReader):
    """One stream; lives on the event loop.

    Args:
        connection: Its connection.
        stream_id: Its number.
        headers: The head of its request.
        ended: Whether the request has no body.

    Attributes:
        window: Set when the client has opened a window to write into.
    """

    def __init__(
        self,
        connection: Connection,
        stream_id: int,
        headers: Iterable[tuple[bytes, bytes]],
        *,
        ended: bool,
    ) -> None:
        self._pseudo, self._fields, self._size = _split(headers)
        expect = (b"expect", b"100-continue")
        super().__init__(
            ended=ended, continues=any((n, v.lower()) == expect for n, v in self._fields)
        )
        self.stream_id = stream_id
        self.window = asyncio.Event()
        self._connection = connection
        self._credit = 0
        self._head_only = self._pseudo.get(b":method") == b"HEAD"
        self._timer = None if ended else connection.loop.call_later(BODY_TIME, self._too_late)

    async def run(self, app: App) -> None:
        """Answer the request by *app*."""
        try:
            try:
                scope = self._scope()
            except Refusal as refusal:
                await send_refusal(self.receive, self.send, refusal)
                return
            await app(scope, self.receive, self.send)
        finally:
            if not self.complete:
                self._reset(ErrorCodes.INTERNAL_ERROR)

    # What the connection calls ------------------------------------------------------------

    def body_received(self, data: bytes, length: int) -> None:
        """Keep *data* until it is asked for; *length* is what it takes of the window."""
        if self.complete or self.gone:
            return
        self._credit += length - len(data)  # padding
        self.body += data
        self.changed()

    def body_ended(self) -> None:
        """The request is complete."""
        self.ended = True
        self._stop_timer()
        self.changed()

    def disconnect(self) -> None:
        """The client has gone."""
        if not self.gone:
            self.gone = True
            self._stop_timer()
            self.changed()
            self.window.set()
            self._connection.finished(self)

    # What the application calls -------------------------------------------------------------

    async def send(self, message: Any) -> None:
        """Send the head of the answer, or a part of its body; waits for a slow client."""
        if self.gone or self.complete:
            return
        if message["type"] == "http.response.start":
            kept = [(n, v) for n, v in message["headers"] if n not in _CONNECTION_FIELDS]
            status = (b":status", b"%d" % message["status"])
            head = [status, self._connection.state.date_header(), *kept]
            self.started = True
            self._connection.h2.send_headers(self.stream_id, head)
            if "body" not in message:
                self._connection.flush()
                return
        more = message.get("more_body", False)
        await self._write(b"" if self._head_only else message.get("body", b""), end=not more)

    def say_continue(self) -> None:
        """Tell the client to send the body."""
        self._connection.h2.send_headers(self.stream_id, [(b":status", b"100")])
        self._connection.flush()

    def was_read(self, size: int) -> None:
        """Open the stream's window again."""
        self._credit += size
        if self._credit >= CREDIT and not self.ended:
            self._connection.h2.increment_flow_control_window(self._credit, self.stream_id)
            self._connection.flush()
            self._credit = 0

    def abort(self) -> None:
        """Reset the stream, whatever is still unsent."""
        self._reset(ErrorCodes.CANCEL)

    # ----------------------------------------------------------------------------------------

    async def _write(self, data: bytes, *, end: bool) -> None:
        h2, place = self._connection.h2, 0
        while not self.gone:
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
        if not self.gone:
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
                while not self.gone and h2.local_flow_control_window(self.stream_id) <= 0:
                    self.window.clear()
                    await self.window.wait()
        except TimeoutError:
            self.abort()

    def _finish(self) -> None:
        self.complete = True
        self._stop_timer()
        self.changed()
        if not self.ended:
            # The rest of the body is not wanted (RFC 9113, section 8.1).
            self._connection.h2.reset_stream(self.stream_id, ErrorCodes.NO_ERROR)
        self._connection.flush()
        self._connection.finished(self)

    def _reset(self, code: ErrorCodes) -> None:
        if self.gone or self.complete:
            return
        self._connection.h2.reset_stream(self.stream_id, code)
        self._connection.flush()
        self.disconnect()

    def _too_late(self) -> None:
        if self.started:
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

    def _scope(self) -> Scope:
        """Return what the application is told of the request; refuse what HTTP/1.1 would."""
        method, path = self._pseudo.get(b":method", b""), self._pseudo.get(b":path", b"")
        check_size(len(path), self._size, len(self._fields))
        check_form(method, path, self._fields)
        # h2 has refused a request whose Host is another than its :authority.
        if host := self._pseudo.get(b":authority") or self._pseudo.get(b"host"):
            self._fields.insert(0, (b"host", host))
        return request_scope(
            method,
            path,
            self._fields,
            version="2",
            server=self._connection.server,
            abort=self.abort,
        )

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _split(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], Head, int]:
    """Return the pseudo-headers and the host, the other headers, and the size of all."""
    pseudo: dict[bytes, bytes] = {}
    fields: Head = []
    size = 0
    for name, value in headers:
        size += len(name) + len(value) + 4
        if name.startswith(b":") or name == b"host":
            pseudo[name] = value
        else:
            fields.append((name, value))
    return pseudo, fields, size
