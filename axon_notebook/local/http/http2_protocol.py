"""HTTP/2 over cleartext with prior knowledge: one connection, many requests at a time.

The `h2` library reads and writes frames and keeps the state of streams; this module adds
the server's part: one task per request, flow control in both directions, time limits, and
bounds on everything that a client can cause without sending a request.

Everything lives on the service's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from typing import Final

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, H2Connection, H2ConnectionStateMachine
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    UnknownFrameReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

from .http2_exchange import Exchange
from .http_exchange import App
from .http_limits import CONNECTIONS, HEAD_LIMIT, HEAD_TIME, IDLE_TIME, WRITE_TIME
from .server_state import ServerState

__all__ = ["PREFACE", "Http2Protocol"]

log = logging.getLogger(__name__)

#: The first bytes of a client that speaks HTTP/2 (RFC 9113, section 3.4).
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Requests at a time, and tasks: a request that was reset may still be worked on.
STREAMS: Final = 1024
#: Bytes of a request's body that wait to be read.  The connection's own window is no bound:
#: it is opened again at once, so that a request which is not read yet cannot stop the others.
STREAM_WINDOW: Final = 128 * 1024
CONNECTION_WINDOW: Final = 16 * 1024 * 1024
#: Bytes parsed before the budget is looked at again.
SLICE: Final = 16 * 1024
#: Frames that cost work and carry no request (SETTINGS, PING, RST_STREAM, PRIORITY, empty DATA,
#: unknown types): so many at once, and so many more per second.  Well above what clients send,
#: well below the floods of CVE-2019-9512, -9515, -9518 and CVE-2023-44487.
BUDGET: Final = 2000
BUDGET_PER_SECOND: Final = 100

_COSTLY: Final = (
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    StreamReset,
    UnknownFrameReceived,
)


class _OpenAfterGoAway(H2ConnectionStateMachine):
    """Goes on with the streams that are there after GOAWAY, sent or received.

    RFC 9113, section 6.8; h2 4.4 ends the connection at once (python-hyper/h2#1181).
    """

    def process_input(self, input_: ConnectionInputs) -> list[Event]:
        """Ignore GOAWAY; who handles the event decides when the connection ends."""
        if input_ in (ConnectionInputs.SEND_GOAWAY, ConnectionInputs.RECV_GOAWAY):
            return []
        return super().process_input(input_)


class Http2Protocol(asyncio.Protocol):
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
        self.h2 = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.h2.state_machine = _OpenAfterGoAway()
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_LIMIT,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 0,
            },
        )
        # What is announced is refused with 431; only beyond this is the connection ended.
        self.h2.decoder.max_header_list_size = 4 * HEAD_LIMIT
        self._exchanges: dict[int, Exchange] = {}
        self._running = 0
        self._credit = 0  # bytes received since the connection's window was opened last
        self._budget = float(BUDGET)
        self._budget_at = loop.time()
        self._ending = False
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # What the transport calls ---------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Greet the client; its own settings are due now."""
        self.transport = transport
        self.server = tuple(transport.get_extra_info("sockname")[:2])
        self.state.connections.add(self)
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_WINDOW)
        self.flush()
        if len(self.state.connections) > CONNECTIONS:
            self._go_away(ErrorCodes.ENHANCE_YOUR_CALM)
            return
        self._start_timer(HEAD_TIME)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request that the client has gone."""
        self._ending = True
        self.state.connections.discard(self)
        for timer in (self._timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        self._disconnect_all()

    def data_received(self, data: bytes) -> None:
        """Parse, in slices: a flood of small frames is noticed before all of it is parsed."""
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing():
                return
            try:
                events = self.h2.receive_data(data[start : start + SLICE])
            except ProtocolError as error:
                log.info("HTTP/2 connection ended: %s", error)
                self._end_now()
                return
            for event in events:
                self._handle(event)
            if self._budget < 0:
                log.info("HTTP/2 connection ended: too many frames without a request")
                self._go_away(ErrorCodes.ENHANCE_YOUR_CALM)
                return
            self.flush()

    def eof_received(self) -> None:
        """Close: a client that has closed its half can acknowledge nothing."""

    def pause_writing(self) -> None:
        """Wait with answers, and with reading: what is read could cause more to be written."""
        self.writable.clear()
        self.transport.pause_reading()
        self._write_timer = self.loop.call_later(WRITE_TIME, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        self.writable.set()
        if self._write_timer is not None:
            self._write_timer.cancel()
        self.transport.resume_reading()

    # What the server calls --------------------------------------------------------------

    def shutdown(self) -> None:
        """Take no more requests, finish those that are there, then close."""
        if self._ending or self.transport.is_closing():
            return
        self._ending = True
        self.h2.close_connection()
        self.flush()
        self._close_if_done()

    # What exchanges call ----------------------------------------------------------------

    def flush(self) -> None:
        """Write the frames that wait."""
        if (data := self.h2.data_to_send()) and not self.transport.is_closing():
            self.transport.write(data)

    def received(self, size: int) -> None:
        """Open the connection's window again for *size* bytes that have arrived."""
        self._credit += size
        if self._credit >= CONNECTION_WINDOW // 4:
            self.h2.increment_flow_control_window(self._credit)
            self._credit = 0

    def finished(self, exchange: Exchange) -> None:
        """Forget an exchange that was answered or reset."""
        if self._exchanges.pop(exchange.stream_id, None) and not self._exchanges:
            self._start_timer(IDLE_TIME)
        self._close_if_done()

    # ------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._begin(event)
        elif isinstance(event, DataReceived):
            self._take(event)
        elif isinstance(event, WindowUpdated):
            self._window_opened(event.stream_id)
        elif isinstance(event, StreamEnded):
            if exchange := self._exchanges.get(event.stream_id):
                exchange.body_ended()
        elif isinstance(event, ConnectionTerminated):
            # Without an error it only says that the client takes no pushed streams any more; it
            # still waits for its answers, and closes the connection itself.
            if event.error_code != ErrorCodes.NO_ERROR:
                self._end_now()
        elif isinstance(event, _COSTLY):
            self._charge()
            if isinstance(event, StreamReset):
                if exchange := self._exchanges.get(event.stream_id):
                    exchange.disconnect()
            elif isinstance(event, RemoteSettingsChanged):
                self._settings_changed()

    def _begin(self, event: RequestReceived) -> None:
        if self._ending or self._running >= STREAMS:
            self._charge()
            with contextlib.suppress(StreamClosedError):  # the client has reset it already
                self.h2.reset_stream(event.stream_id, ErrorCodes.REFUSED_STREAM)
            return
        self._stop_timer()
        ended = event.stream_ended is not None
        exchange = Exchange(self, event.stream_id, event.headers, ended=ended)
        self._exchanges[event.stream_id] = exchange
        self._running += 1
        task = self.loop.create_task(exchange.run(self._app))
        self.state.tasks.add(task)
        task.add_done_callback(self._ran)

    def _ran(self, task: asyncio.Task[None]) -> None:
        self._running -= 1
        self.state.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("an HTTP/2 request failed", exc_info=error)

    def _take(self, event: DataReceived) -> None:
        self.received(event.flow_controlled_length)
        if not event.data and event.stream_ended is None:
            self._charge()
        if exchange := self._exchanges.get(event.stream_id):
            exchange.body_received(event.data, event.flow_controlled_length)

    def _window_opened(self, stream_id: int) -> None:
        if stream_id:
            if exchange := self._exchanges.get(stream_id):
                exchange.window.set()
            return
        for exchange in tuple(self._exchanges.values()):
            exchange.window.set()

    def _settings_changed(self) -> None:
        self._window_opened(0)
        if not self._exchanges:
            self._start_timer(IDLE_TIME)  # in place of the one for the settings

    def _charge(self) -> None:
        now = self.loop.time()
        self._budget += (now - self._budget_at) * BUDGET_PER_SECOND
        self._budget = min(self._budget, float(BUDGET)) - 1
        self._budget_at = now

    def _close_if_done(self) -> None:
        if self._ending and not self._exchanges and not self.transport.is_closing():
            self.flush()
            self.transport.close()

    def _go_away(self, code: ErrorCodes) -> None:
        self.h2.close_connection(code)
        self._end_now()

    def _end_now(self) -> None:
        """Send the frames that h2 has prepared, then close."""
        self._ending = True
        self.flush()
        self.transport.close()
        self._disconnect_all()

    def _disconnect_all(self) -> None:
        for exchange in tuple(self._exchanges.values()):
            exchange.disconnect()

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        end = functools.partial(self._go_away, ErrorCodes.NO_ERROR)
        self._timer = self.loop.call_later(seconds, end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
