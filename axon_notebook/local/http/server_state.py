"""What the connections of a server share: who they are, their tasks, the date."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Protocol

__all__ = ["Connection", "ServerState"]


class Connection(Protocol):
    """A connection, as the server that stops sees it."""

    transport: asyncio.Transport

    def shutdown(self) -> None:
        """Take no more requests, finish those that are there, then close."""


class ServerState:
    """Lives on the service's loop.

    Attributes:
        connections: Those that are open.
        tasks: One for each request that is being answered.
    """

    def __init__(self) -> None:
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._second = 0
        self._date: tuple[bytes, bytes] = (b"date", b"")

    def date_header(self) -> tuple[bytes, bytes]:
        """Return the header that says when an answer was made."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = (b"date", formatdate(second, usegmt=True).encode("ascii"))
        return self._date
