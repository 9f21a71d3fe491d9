"""A way to end a request that blocks in another thread."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from typing import Any

__all__ = ["Interrupt"]


class Interrupt:
    """Ends a blocking request from another thread, whatever it waits for.

    ``response.close()`` does not wake a reader blocked in ``recv``; shutting the
    socket down does, within milliseconds.
    """

    def __init__(self) -> None:
        self._sockets: list[Any] = []
        self._fired = False
        self._guard = threading.Lock()  # serialises fire() with a connection being made

    def fire(self) -> None:
        """Shut the request's socket down; safe from any thread, at any time."""
        with self._guard:
            self._fired = True
            for sock in self._sockets:
                with contextlib.suppress(OSError):  # already gone
                    sock.shutdown(socket.SHUT_RDWR)

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Learn of the socket as soon as it exists: httpx's ``trace`` extension."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        with self._guard:
            self._sockets = [sock for sock in self._sockets if sock.fileno() >= 0]
            self._sockets.append(info["return_value"].get_extra_info("socket"))
        if self._fired:
            self.fire()
