"""One request and its answer, as the application sees them; the part that both HTTPs share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from .answers import Receive, Scope, Send

__all__ = ["App", "BodyReader"]

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyReader:
    """The body of a request, which arrives while the application may wait for it.

    Lives on the event loop.

    Args:
        ended: Whether the request has no body.
        continues: Whether the client waits for "100 Continue" before it sends the body.
    """

    def __init__(self, *, ended: bool, continues: bool = False) -> None:
        self.body = bytearray()
        self.ended = ended
        self.gone = False  # the client has gone
        self.started = False  # the head of the answer was sent
        self.complete = False  # all of the answer was
        self._continues = continues
        self._delivered = False
        self._changed: asyncio.Event | None = None  # made by the first who waits: few do

    async def receive(self) -> dict[str, Any]:
        """Return the next part of the body, or that the client has left."""
        if self._continues and not (self.started or self.gone):
            self._continues = False
            self.say_continue()
        while not (self.gone or self.complete):
            if self.body or (self.ended and not self._delivered):
                break
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        if self.gone or self.complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, bytearray()
        self._delivered = self.ended
        self.was_read(len(body))
        return {"type": "http.request", "body": bytes(body), "more_body": not self.ended}

    def changed(self) -> None:
        """Wake who waits in :meth:`receive`."""
        if self._changed is not None:
            self._changed.set()

    def say_continue(self) -> None:
        """Tell the client to send the body."""
        raise NotImplementedError

    def was_read(self, size: int) -> None:
        """Make room for more, since *size* bytes of the body were read."""
        raise NotImplementedError
