"""HTTP/1.1 as the service speaks it: uvicorn's httptools protocol, with limits.

A connection that begins as HTTP/2 does is handed over to :mod:`.http2_protocol`.

Added to uvicorn: the size of a request's head, how long a request may take to
arrive, how many connections there may be, refusals as JSON, and a way for a
stream to cut its connection.  The parser (llhttp) is strict already: bare line
feeds, folded headers, contradicting lengths and bad chunks are errors.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from .answers import BASE_HEADERS, JSON, WHOLE, Send, error_body
from .http2_protocol import PREFACE, Http2Protocol
from .http_limits import BODY_TIME, CONNECTIONS, HEAD_LIMIT, HEAD_TIME, HEADER_COUNT
from .streams import ABORT

__all__ = ["ServiceProtocol"]


class _Rejected(Exception):
    """Leaves the parser; what to answer is in the protocol's ``_verdict``."""


class ServiceProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._verdict = (400, "Malformed request.")
        self._phase = "head"  # what the parser is in: "idle", "head" or "body"
        self._timer: asyncio.TimerHandle | None = None
        self._timed = ""
        self._head_size = 0
        self._began = False
        self._undecided: bytes | None = b""  # of a connection that may become HTTP/2

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse beyond the limit; otherwise the head is due now."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS:
            self._refuse(503, "Too many connections.")
            return
        self._watch_phase()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse; then see that a request which is incomplete arrives in time and size."""
        if self._undecided is not None:
            data = self._undecided + data
            self._undecided = data
            if len(data) < len(PREFACE) and PREFACE.startswith(data):
                return
            self._undecided = None
            if data.startswith(PREFACE):
                self._become_http2(data)
                return
        self._began = False
        super().data_received(data)
        if self.parser is None or self.transport.is_closing():
            return
        if self._phase == "head" and not self._began:
            # A header without an end is kept inside the parser, where no callback counts it.
            self._head_size += len(data)
            if self._head_size > 2 * HEAD_LIMIT:
                self._refuse(431, "Request head is too large.")
        self._watch_phase()

    def _become_http2(self, data: bytes) -> None:
        """Hand the connection over; *data* is what has arrived."""
        self._stop_timer()
        self.connections.discard(self)
        protocol = Http2Protocol(self.app, self.server_state, self.loop)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def on_message_begin(self) -> None:
        """Start to count."""
        super().on_message_begin()
        self.scope["extensions"] = {ABORT: self.transport.abort}  # type: ignore[dict-item]
        self._phase, self._timed = "head", ""
        self._began = True
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        """Collect the target, up to the limit."""
        self._count(len(url), 414, f"URL is longer than {HEAD_LIMIT} bytes.")
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header, up to the limits."""
        self._count(len(name) + len(value) + 4, 431, "Request head is too large.")
        if len(self.headers) >= HEADER_COUNT:
            self._reject(431, f"Request has more than {HEADER_COUNT} headers.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Refuse what is well-formed but ambiguous; then let the application answer."""
        if not self.url.startswith(b"/") or self.parser.get_http_version() not in ("1.0", "1.1"):
            self._reject(400, "Malformed request.")
        names = [name for name, _ in self.headers]
        if names.count(b"host") > 1:
            self._reject(400, "Malformed request.")
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                self._reject(400, "Malformed request.")
        self._phase = "body"
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.send = _in_one_write(self.cycle)  # type: ignore[method-assign,assignment]

    def on_message_complete(self) -> None:
        """The request is here."""
        self._phase = "idle"
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused, in the service's own shape."""
        self._refuse(*self._verdict)

    def _count(self, size: int, status: int, message: str) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT:
            self._reject(status, message)

    def _reject(self, status: int, message: str) -> None:
        self._verdict = (status, message)
        raise _Rejected(message)

    def _refuse(self, status: int, message: str) -> None:
        """Answer and close, unless an answer is already on its way."""
        self._stop_timer()
        cycle = self.cycle
        answered = cycle is not None and (
            cycle.response_started if self._phase == "body" else not cycle.response_complete
        )
        if answered:
            # The refused bytes follow a request that is (being) answered: end after that.
            cycle.keep_alive = False
            if cycle.response_complete:
                self.transport.close()
            return
        body = error_body(status, message)
        lines = [STATUS_LINE[status], b"content-length: %d\r\nconnection: close\r\n" % len(body)]
        lines += [b"%b: %b\r\n" % header for header in (*BASE_HEADERS, (b"content-type", JSON))]
        self.transport.write(b"".join([*lines, b"\r\n", body]))
        self.transport.close()

    def _watch_phase(self) -> None:
        if self._phase == self._timed:
            return
        self._stop_timer()
        if self._phase != "idle":
            seconds = HEAD_TIME if self._phase == "head" else BODY_TIME
            self._timer = self.loop.call_later(seconds, self._too_late)
            self._timed = self._phase

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timed = None, ""

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, "Request took too long to arrive.")


def _in_one_write(cycle: RequestResponseCycle) -> Send:
    """Return a ``send`` for *cycle* that writes head and body of a whole answer at once.

    uvicorn writes them one after the other: two calls of the system here, and two
    packets for the client, a sixth of the time that a short answer takes.
    """
    send, transport = cycle.send, cycle.transport

    async def send_whole(message: Any) -> None:
        if WHOLE in message:
            cycle.transport = _Held(transport)  # type: ignore[assignment]
        try:
            await send(message)
        finally:
            if WHOLE not in message and isinstance(cycle.transport, _Held):
                cycle.transport.release()
                cycle.transport = transport

    return send_whole


class _Held:
    """Stands for a transport between the head and the body of an answer."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep *data*."""
        self._parts.append(data)

    def release(self) -> None:
        """Write what was kept."""
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.writelines(parts)

    def close(self) -> None:
        """Write what was kept, then close."""
        self.release()
        self._transport.close()
