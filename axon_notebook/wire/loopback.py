"""Short requests to the embedded service, over HTTP/1.1 of this machine.

Without proxies, TLS, redirects and compression, and with httpx's exceptions.  httpx spends
five times as much on such a request (0.35 against 0.07 ms), all of it under Python's lock:
24 threads that publish at once would stand in line for it.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import sys
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httpx

from ..config import Secret

__all__ = ["LoopbackConnection", "Reply"]


class Reply(NamedTuple):
    """A whole answer."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes


class LoopbackConnection:
    """One connection, for one thread at a time; made at the first request."""

    def __init__(self) -> None:
        self._base_url = ""
        self._sock: socket.socket | None = None

    @property
    def is_stale(self) -> bool:
        """Whether the service has closed it; the next request opens another one."""
        return self._sock is not None and _is_readable(self._sock)

    def close(self) -> None:
        """Close it; another request would open it again."""
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def request(
        self,
        base_url: str,
        method: str,
        target: str,
        headers: Mapping[str, str],
        content: bytes | None,
        *,
        key: Secret,
        timeout: float,
        connect_timeout: float,
    ) -> Reply:
        """Send one request, return its answer.

        Args:
            base_url: Of the service; a new one means that it runs elsewhere by now.
            method: In capitals.
            target: Path and query, percent-encoded.
            headers: All but the key.
            content: The body.
            key: Put into the request only when it is written.
            timeout: Seconds of silence.
            connect_timeout: Seconds for a new connection.

        Raises:
            httpx.TransportError: As httpx's own client would.
        """
        try:
            sock = self._connected(base_url, connect_timeout)
            sock.settimeout(timeout)
            # A refusal may come before the body is sent: then it says why it could not be.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                sock.sendall(_written(base_url, method, target, headers, content or b"", key))
            return self._reply(sock, method)
        except BaseException as error:
            self.close()  # what it still carries belongs to no other request
            if isinstance(error, TimeoutError):
                raise httpx.ReadTimeout(str(error)) from error
            if isinstance(error, OSError | http.client.HTTPException):
                raise httpx.ReadError(str(error) or type(error).__name__) from error
            raise

    def _connected(self, base_url: str, timeout: float) -> socket.socket:
        """Return the socket; a new one where the service has closed the last, or has moved."""
        if base_url == self._base_url and self._sock and not self.is_stale:
            return self._sock
        self.close()
        address = urlsplit(base_url)
        try:
            sock = socket.create_connection((address.hostname, address.port or 80), timeout)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._base_url, self._sock = base_url, sock
        return sock

    def _reply(self, sock: socket.socket, method: str) -> Reply:
        with http.client.HTTPResponse(sock, method=method) as answer:
            answer.begin()
            content = answer.read()
            if answer.will_close:
                self.close()
            return Reply(answer.status, cast(Mapping[str, str], answer.headers), content)


def _written(
    base_url: str,
    method: str,
    target: str,
    headers: Mapping[str, str],
    content: bytes,
    key: Secret,
) -> bytes:
    """Return a whole request, to be sent at once."""
    lines = [
        f"{method} {target} HTTP/1.1",
        f"Host: {urlsplit(base_url).netloc}",
        f"Authorization: Bearer {key.reveal()}",
        f"Content-Length: {len(content)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    head = "\r\n".join(lines).encode("latin-1")
    if head.count(b"\n") != len(lines) - 1 or target.count(" "):
        raise httpx.InvalidURL("a part of the request has a line break or a space in it")
    return head + b"\r\n\r\n" + content


def _is_readable(sock: socket.socket) -> bool:
    """Whether the service has closed an idle connection, or sent something without a request."""
    if sys.platform == "win32":
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()  # select() takes no descriptor above 1,023
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
