"""A client that speaks HTTP/2 frame by frame, so that a test can also do what no client should."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)


class Reply:
    """What has come of one answer."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.reset: int | None = None


class Peer:
    """One connection to the service; requests by number, answers as they come."""

    def __init__(self, sock: socket.socket, port: int, token: str) -> None:
        self.sock = sock
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
        self.replies: dict[int, Reply] = {}
        self.gone_away: int | None = None
        self.unread: set[int] = set()  # streams whose windows stay shut
        self._port, self._token = port, token
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        with suppress(ConnectionError):  # what the service said before it closed can be read still
            self.sock.sendall(self.h2.data_to_send())

    def head(self, method: str, path: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
        """Return the headers of a proper request."""
        return [
            (":method", method),
            (":scheme", "http"),
            (":authority", f"127.0.0.1:{self._port}"),
            (":path", path),
            ("authorization", f"Bearer {self._token}"),
            *more,
        ]

    def ask(self, method: str, path: str, body: bytes | None = None, *more: Any) -> int:
        """Send a request; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        kind = () if body is None else (("content-type", "application/json"),)
        self.h2.send_headers(stream, self.head(method, path, *kind, *more), end_stream=body is None)
        self.replies[stream] = Reply()
        if body is not None:
            self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def pump(self) -> bool:
        """Take what the service sends next; return whether the connection is still open."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            return False
        for event in self.h2.receive_data(data):
            reply = self.replies.get(getattr(event, "stream_id", 0) or 0, Reply())
            if isinstance(event, ResponseReceived):
                headers = {str(name): str(value) for name, value in event.headers}  # decoded by h2
                reply.status, reply.headers = int(headers[":status"]), headers
            elif isinstance(event, DataReceived):
                reply.body += event.data
                if event.stream_id in self.unread:
                    self.h2.increment_flow_control_window(event.flow_controlled_length)
                else:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                reply.ended = True
            elif isinstance(event, StreamReset):
                reply.reset = int(event.error_code)
            elif isinstance(event, ConnectionTerminated):
                self.gone_away = int(event.error_code or 0)
        self.flush()
        return True

    def answer(self, stream: int) -> Reply:
        """Wait for the whole answer, or its reset."""
        reply = self.replies[stream]
        while not (reply.ended or reply.reset is not None):
            assert self.pump(), "the service closed the connection"
        return reply

    def until_closed(self) -> int | None:
        """Wait for the end of the connection; return the code of its GOAWAY."""
        while self.pump():
            pass
        return self.gone_away


@contextmanager
def connected(wire: Any) -> Iterator[Peer]:
    """Open a connection to the service of *wire*."""
    with wire.connect(60.0) as sock:
        yield Peer(sock, wire.port, wire.token)
