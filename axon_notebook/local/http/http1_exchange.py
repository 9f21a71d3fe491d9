"""One request of an HTTP/1.1 connection and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any, Final, Protocol

from .answers import BASE_HEADERS, JSON, Headers, Scope, error_body
from .http_exchange import App, BodyReader
from .server_state import ServerState

__all__ = ["Connection", "Exchange", "whole_answer"]

log = logging.getLogger(__name__)

#: Bodies above this are written without being joined to their head.
JOINED: Final = 64 * 1024

_STATUS_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_CLOSE: Final = (b"connection", b"close")


class Connection(Protocol):
    """What an exchange needs of its connection."""

    transport: asyncio.Transport
    writable: asyncio.Event

    state: ServerState

    def body_read(self) -> None:
        """Go on reading if there is room."""

    def finished(self, exchange: Exchange) -> None:
        """Begin with the next request, or close."""


class Exchange(BodyReader):
    """One request; lives on the event loop.

    Args:
        connection: Its connection.
        scope: What the application is told.
        keep_alive: Whether the connection may serve another request afterwards.
        continues: Whether the client waits for "100 Continue".

    Attributes:
        keep_alive: As above; the answer or the end of the service may change it.
    """

    def __init__(
        self, connection: Connection, scope: Scope, *, keep_alive: bool, continues: bool
    ) -> None:
        super().__init__(ended=False, continues=continues)
        self.keep_alive = keep_alive
        self._connection = connection
        self._scope = scope
        self._chunked = False
        self._left: int | None = None  # bytes of the announced length

    async def run(self, app: App) -> None:
        """Answer the request by *app*."""
        try:
            await app(self._scope, self.receive, self.send)
        except Exception:
            log.exception("an HTTP/1.1 request failed")
        finally:
            if not (self.complete or self.gone):
                self._break_off()

    # What the connection calls ------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        """Keep *data* until it is asked for."""
        if not (self.complete or self.gone):
            self.body += data
            self.changed()

    def body_ended(self) -> None:
        """The request is complete."""
        self.ended = True
        self.changed()

    def disconnect(self) -> None:
        """The client has gone."""
        self.gone = True
        self.changed()

    # What the application calls -------------------------------------------------------------

    async def send(self, message: Any) -> None:
        """Send the head of the answer, or a part of its body; waits for a slow client."""
        if self.gone or self.complete:
            return
        if message["type"] == "http.response.start":
            head = self._head(message["status"], message["headers"])
            self.started = True
            body = message.get("body")
            if body is None:
                self._connection.transport.write(head)
                return
            self._write(head, b"" if self._scope["method"] == "HEAD" else body)
        else:
            more = message.get("more_body", False)
            self._write(b"", self._framed(message.get("body", b""), last=not more))
            if more:
                if not self._connection.writable.is_set():
                    await self._connection.writable.wait()
                return
        if not self._connection.writable.is_set():
            await self._connection.writable.wait()
        if not self.gone:
            self._finish()

    def say_continue(self) -> None:
        """Tell the client to send the body."""
        self._connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def was_read(self, size: int) -> None:
        """Let the connection be read again."""
        self._connection.body_read()

    # ----------------------------------------------------------------------------------------

    def _head(self, status: int, headers: Headers) -> bytes:
        """Return the head of the answer, and settle how its body will end."""
        lines = [_STATUS_LINES[status], b"%b: %b\r\n" % self._connection.state.date_header()]
        for header in headers:
            if header == _CLOSE:
                self.keep_alive = False
                continue
            if header[0] == b"content-length":
                self._left = int(header[1])
            lines.append(b"%b: %b\r\n" % header)
        if self._left is None and self._scope["method"] != "HEAD":
            # HTTP/1.0 knows no chunks: there the end of the connection is the end of the body.
            self._chunked = self._scope["http_version"] == "1.1"
            if self._chunked:
                lines.append(b"transfer-encoding: chunked\r\n")
            else:
                self.keep_alive = False
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        head = b"".join(lines)
        if head.count(b"\n") != len(lines) or head.count(b"\r") != len(lines):
            raise ValueError("a header of the answer has a line break in it")
        return head + b"\r\n"

    def _framed(self, body: bytes, *, last: bool) -> bytes:
        if self._scope["method"] == "HEAD":
            return b""
        if self._chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            return chunk + b"0\r\n\r\n" if last else chunk
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                raise ValueError("the body of an answer has another length than announced")
        return body

    def _write(self, head: bytes, body: bytes) -> None:
        transport = self._connection.transport
        if len(body) <= JOINED:
            transport.write(head + body)
        else:
            transport.writelines([head, body])

    def _finish(self) -> None:
        self.complete = True
        self.changed()
        self._connection.finished(self)

    def _break_off(self) -> None:
        """End an answer that the application did not end."""
        self.gone = True
        transport = self._connection.transport
        if not self.started and not transport.is_closing():
            transport.write(whole_answer(500, "Internal error."))
        transport.close()


def whole_answer(status: int, message: str) -> bytes:
    """Return the bytes of a refusal after which the connection is closed."""
    body = error_body(status, message)
    lines = [_STATUS_LINES[status], b"content-length: %d\r\nconnection: close\r\n" % len(body)]
    lines += [b"%b: %b\r\n" % header for header in (*BASE_HEADERS, (b"content-type", JSON))]
    return b"".join([*lines, b"\r\n", body])
