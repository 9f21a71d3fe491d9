"""Connections to one server, each used by one thread at a time.

A connection pool that threads share may close a connection that it has already assigned to
another thread's request: that one then hangs, or fails with "Bad file descriptor"
(encode/httpcore#1110).  So a request borrows a whole client, with the one connection in it,
and no version of httpcore has anything to share.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

import httpx

from ..errors import ClosedError

__all__ = ["Pool", "httpx_clients"]

#: Connections that wait to be used again; more than that are closed after their request.
IDLE: Final = 32


class Closable(Protocol):
    """What a pool can lend."""

    def close(self) -> None:
        """Close the connection."""


T = TypeVar("T", bound=Closable)


class Pool(Generic[T]):
    """The connections of one kind to one server; safe to use from several threads.

    Args:
        make: Makes one more.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._idle: list[T] = []
        self._closed = False
        self._lock = threading.Lock()  # guards the two above; held for no request

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[T]:
        """Lend a connection to this thread for one request.

        The one that was used last: it is the least likely to have expired.
        """
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = self.fresh()
        try:
            yield connection
        finally:
            self._take_back(connection)

    def fresh(self) -> T:
        """Return a new connection; the caller owns and closes it."""
        if self._closed:
            raise ClosedError("this client is closed: make a new one with connect()")
        return self._make()

    def close(self) -> None:
        """Close the idle connections; those in use are closed after their request."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take_back(self, connection: T) -> None:
        with self._lock:
            kept = not self._closed and len(self._idle) < IDLE
            if kept:
                self._idle.append(connection)
        if not kept:
            connection.close()


def httpx_clients(*, secure: bool, trust_env: bool) -> Pool[httpx.Client]:
    """Return a pool of httpx's clients.

    Args:
        secure: Whether the server speaks TLS.
        trust_env: Whether to use the proxies that the environment names.
    """
    # Made once: reading the certificates takes 20 ms.  The bare one trusts no certificate.
    tls = httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Pool(lambda: httpx.Client(verify=tls, trust_env=trust_env))
