"""HTTP/1.1: one connection, its requests answered one after the other.

The parser (llhttp, by httptools) is strict: bare line feeds, folded headers, contradicting
lengths and bad chunks are errors.  This module adds a server's limits: the size of a head, how
long a request may take to arrive, how long a connection may be idle or a client may not read,
requests that arrive before the one in front of them is answered.

A connection that begins as HTTP/2 does is handed over to :mod:`.http2_protocol`.

Everything lives on the service's event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import httptools

from ..refusals import Refusal
from .http1_exchange import Exchange, whole_answer
from .http2_protocol import PREFACE, Http2Protocol
from .http_exchange import App
from .http_heads import Head, check_form, check_size, request_scope
from .http_limits import BODY_TIME, CONNECTIONS, HEAD_LIMIT, HEAD_TIME, IDLE_TIME, WRITE_TIME
from .server_state import ServerState

__all__ = ["Http1Protocol"]

#: For how long a connection may be in a phase.
_LIMITS: Final = {"head": HEAD_TIME, "body": BODY_TIME, "idle": IDLE_TIME}
#: Bytes of a body that wait to be read; beyond it the connection is not read.
UNREAD: Final = 64 * 1024


class Http1Protocol(asyncio.Protocol):
    """One connection.

    Args:
        app: Answers each request.
        state: Where connections and tasks are counted.
        loop: The loop it lives on.
    """

    transport: asyncio.Transport

    def __init__(self, app: App, state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self.state = state
        self.loop = loop
        self.writable = asyncio.Event()
        self.writable.set()
        self._app = app
        self._parser = httptools.HttpRequestParser(self)
        self._undecided: bytes | None = b""  # of a connection that may become HTTP/2
        self._refusal: Refusal | None = None
        self._ignores_input = False  # what still arrives belongs to no request
        self._reading = True
        self._url = b""
        self._headers: Head = []
        self._continues = False
        self._head_size = 0
        self._began = False  # whether a request began in the bytes that are being parsed
        self._phase = "head"  # what the parser is in: "idle", "head" or "body"
        self._arriving: Exchange | None = None
        self._exchanges: deque[Exchange] = deque()  # the first one is being answered
        self._running = False
        self._deadline: float | None = None
        self._timed = ""  # the phase that the deadline is for
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._write_timer: asyncio.TimerHandle | None = None

    # What the transport calls ---------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse beyond the limit; otherwise the head is due now."""
        self.transport = transport
        self.server = tuple(transport.get_extra_info("sockname")[:2])
        self.state.connections.add(self)
        if len(self.state.connections) > CONNECTIONS:
            self._refuse(Refusal(503, "Too many connections."))
            return
        self._watch_phase()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request that the client has gone."""
        self.state.connections.discard(self)
        for timer in (self._timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        for exchange in self._exchanges:
            exchange.disconnect()
        self._exchanges.clear()
        self.writable.set()

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
        if self._ignores_input:
            return
        self._began = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._ignores_input = True  # answered as HTTP/1.1, and the last
        except httptools.HttpParserError:
            self._refuse(self._refusal or Refusal(400, "Malformed request."))
        else:
            self._bound_head(len(data))
        self._start_next()  # also what came before a malformed request
        self._watch_phase()
        self._watch_room()

    def eof_received(self) -> None:
        """Close: a client that has closed its half has left."""

    def pause_writing(self) -> None:
        """Wait with answers, but not for ever."""
        self.writable.clear()
        self._write_timer = self.loop.call_later(WRITE_TIME, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self.writable.set()
        if self._write_timer is not None:
            self._write_timer.cancel()

    # What the parser calls --------------------------------------------------------------

    def on_message_begin(self) -> None:
        """Start to count."""
        self._url, self._headers, self._continues = b"", [], False
        self._phase, self._timed = "head", ""
        self._began = True
        self._head_size = 0

    def on_url(self, url: bytes) -> None:
        """Collect the target, up to the limit."""
        self._url += url
        self._head_size += len(url)
        self._check(len(self._url), 0, 0)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header, up to the limits."""
        name = name.lower()
        self._headers.append((name, value))
        self._head_size += len(name) + len(value) + 4
        self._check(0, self._head_size, len(self._headers))
        if name == b"expect" and value.lower() == b"100-continue":
            self._continues = True

    def on_headers_complete(self) -> None:
        """The head is here: line the request up."""
        version, method = self._parser.get_http_version(), self._parser.get_method()
        try:
            if version not in ("1.0", "1.1"):
                raise Refusal(400, "Malformed request.")
            check_form(method, self._url, self._headers)
        except Refusal as refusal:
            self._refusal = refusal
            raise
        scope = request_scope(
            method,
            self._url,
            self._headers,
            version=version,
            server=self.server,
            abort=self.transport.abort,
        )
        upgrades = self._parser.should_upgrade()
        self._arriving = Exchange(
            self,
            scope,
            keep_alive=version == "1.1" and not upgrades and self._parser.should_keep_alive(),
            continues=self._continues,
        )
        self._exchanges.append(self._arriving)
        self._phase = "body"

    def on_body(self, data: bytes) -> None:
        """Keep a part of the body."""
        if self._arriving is not None:
            self._arriving.body_received(data)

    def on_message_complete(self) -> None:
        """The request is here."""
        self._phase = "idle"
        if self._arriving is not None:
            self._arriving.body_ended()
            self._arriving = None

    # What the server and exchanges call -------------------------------------------------

    def shutdown(self) -> None:
        """Take no more requests, finish the one that is being answered, then close."""
        if not self._exchanges:
            self.transport.close()
        else:
            self._exchanges[0].keep_alive = False

    def body_read(self) -> None:
        """Go on reading if there is room."""
        self._watch_room()

    def finished(self, exchange: Exchange) -> None:
        """Begin with the next request, or close."""
        self._running = False
        if self.transport.is_closing():
            return
        if not exchange.keep_alive:
            self.transport.close()
            return
        self._exchanges.popleft()
        self._start_next()
        self._watch_phase()
        self._watch_room()

    # ------------------------------------------------------------------------------------

    def _become_http2(self, data: bytes) -> None:
        """Hand the connection over; *data* is what has arrived."""
        if self._timer is not None:
            self._timer.cancel()
        self.state.connections.discard(self)
        protocol = Http2Protocol(self._app, self.state, self.loop)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        protocol.data_received(data)

    def _start_next(self) -> None:
        if self._running or not self._exchanges or self.transport.is_closing():
            return
        self._running = True
        task = self.loop.create_task(self._exchanges[0].run(self._app))
        self.state.tasks.add(task)
        task.add_done_callback(self.state.tasks.discard)

    def _check(self, target: int, size: int, count: int) -> None:
        try:
            check_size(target, size, count)
        except Refusal as refusal:
            self._refusal = refusal  # the parser replaces the exception by its own
            raise

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and close, unless an answer is already on its way."""
        self._ignores_input = True
        self._deadline = None
        current = self._exchanges[0] if self._exchanges else None
        if current is not None and (current is not self._arriving or current.started):
            # The refused bytes follow a request that is being answered: end after that.
            current.keep_alive = False
            return
        if current is not None:
            current.disconnect()
        if not self.transport.is_closing():
            self.transport.write(whole_answer(refusal.status, refusal.message))
            self.transport.close()

    def _bound_head(self, size: int) -> None:
        """Count a header without an end: it is kept inside the parser, where no callback does."""
        if self._phase == "head" and not self._began:
            self._head_size += size
            if self._head_size > 2 * HEAD_LIMIT:
                self._refuse(Refusal(431, "Request head is too large."))

    def _watch_room(self) -> None:
        """Read only while there is room for it."""
        waiting = self._exchanges
        reading = not (len(waiting) > 1 or (waiting and len(waiting[0].body) > UNREAD))
        if reading != self._reading and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def _watch_phase(self) -> None:
        """Set the time at which the connection has been in its phase for too long.

        The timer is not moved for each request: when it fires it looks what is due.
        """
        phase = "work" if self._phase == "idle" and self._exchanges else self._phase
        if phase == self._timed or self._ignores_input:
            return
        self._timed = phase
        if phase == "work":
            self._deadline = None
            return
        self._deadline = self.loop.time() + _LIMITS[phase]
        if self._timer is None or self._timer_at > self._deadline:
            self._start_timer(self._deadline)

    def _start_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = self.loop.call_at(at, self._look_at_the_time), at

    def _look_at_the_time(self) -> None:
        self._timer = None
        if self._deadline is None or self.transport.is_closing():
            return
        if self.loop.time() < self._timer_at or self._timer_at < self._deadline:
            self._start_timer(self._deadline)
        elif self._timed == "idle":
            self.transport.close()
        else:
            self._refuse(Refusal(408, "Request took too long to arrive."))
