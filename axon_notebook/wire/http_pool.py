"""httpx clients, each used by one thread at a time.

A connection pool that threads share may close a connection that it has already assigned to
another thread's request: that one then hangs, or fails with "Bad file descriptor"
(encode/httpcore#1110).  So a request borrows a whole client, with the one connection in it,
and no version of httpcore has anything to share.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Iterator
from typing import Final

import httpx

from ..errors import ClosedError

__all__ = ["HttpPool"]

#: Clients that wait to be used again; more than that are closed after their request.
IDLE: Final = 32


class HttpPool:
    """The connections to one server; safe to use from several threads.

    Args:
        secure: Whether the server speaks TLS.
        trust_env: Whether to use the proxies that the environment names.
    """

    def __init__(self, *, secure: bool, trust_env: bool) -> None:
        # Made once: reading the certificates takes 20 ms.  The bare one trusts nobody.
        self._tls = (
            httpx.create_ssl_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        self._trust_env = trust_env
        self._idle: list[httpx.Client] = []
        self._closed = False
        self._lock = threading.Lock()  # guards the two above; held for no request

    @contextlib.contextmanager
    def borrowed(self) -> Iterator[httpx.Client]:
        """Lend a client to this thread for one request.

        The one that was used last: its connection is the least likely to have expired.
        """
        with self._lock:
            client = self._idle.pop() if self._idle else None
        client = client or self.fresh()
        try:
            yield client
        finally:
            self._take_back(client)

    def fresh(self) -> httpx.Client:
        """Return a client; the caller owns and closes it."""
        if self._closed:
            raise ClosedError("this client is closed: make a new one with connect()")
        return httpx.Client(verify=self._tls, trust_env=self._trust_env)

    def close(self) -> None:
        """Close the idle clients; those in use are closed after their request."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for client in idle:
            client.close()

    def _take_back(self, client: httpx.Client) -> None:
        with self._lock:
            kept = not self._closed and len(self._idle) < IDLE
            if kept:
                self._idle.append(client)
        if not kept:
            client.close()
