"""Server-sent events as answers: counted, kept alive, ended with the reason.

A *pump* is a coroutine that gets a :class:`Stream` and writes whole frames to
it.  :class:`Streams` runs the pump, watches whether the client leaves,
sends comments over silent lines, gives up on clients that stopped reading, and
ends every stream when the service stops.  Frames are plain ``data:`` lines and
comments; never ``id:`` or ``retry:``, which break the official Python SDK.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from ..refusals import Refusal
from .answers import Receive, Scope, Send, error_body
from .requests import client_left

__all__ = ["EventStream", "KEEP_ALIVE_FRAME", "Pump", "Stream", "Streams", "error_frame"]

log = logging.getLogger(__name__)

KEEP_ALIVE_FRAME: Final = b": keep-alive\n\n"

#: Extension key under which the HTTP protocol hands out a way to cut the connection.
ABORT: Final = "axon_notebook.abort"

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"connection", b"close"),
    (b"x-content-type-options", b"nosniff"),
]


class Streams:
    """The open streams of a service.

    Args:
        limit: Streams at once; one more is answered with 503.
        keep_alive: Seconds of silence before a comment is sent.
        patience: Seconds that a write may be blocked by a client that does not read.
    """

    def __init__(
        self, *, limit: int = 1024, keep_alive: float = 15.0, patience: float = 60.0
    ) -> None:
        self.limit = limit
        self.stopping = False
        self._keep_alive = keep_alive
        self._patience = patience
        self._open: set[Stream] = set()
        self._ticker: asyncio.TimerHandle | None = None
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    async def serve(self, scope: Scope, receive: Receive, send: Send, pump: Pump) -> None:
        """Answer a request with what *pump* writes, until it returns or the client leaves.

        An exception from *pump* becomes an ``event: error`` frame.

        Raises:
            Refusal: 503, before anything was sent, when there are too many streams.
        """
        self._admit()
        stream = Stream(send, scope.get("extensions", {}).get(ABORT))
        self._open.add(stream)
        self._empty.clear()
        self._start_ticking()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            last = b"" if scope["method"] == "HEAD" else await _run(stream, receive, pump)
            if last is not None:
                await send({"type": "http.response.body", "body": last})
        finally:
            self._open.discard(stream)
            if not self._open:
                self._empty.set()

    async def stop(self, grace: float = 0.7) -> None:
        """End every stream with a 503 frame; cut those that do not take it in *grace* seconds."""
        self.stopping = True
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None
        for stream in tuple(self._open):
            stream.end(error_frame(503, "Server is stopping."))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._empty.wait()
        for stream in tuple(self._open):
            stream.abort()

    def _admit(self) -> None:
        if self.stopping:
            raise Refusal(503, "Server is stopping.", close=True)
        if len(self._open) >= self.limit:
            raise Refusal(503, "Too many streams.", headers=[(b"retry-after", b"5")])

    def _start_ticking(self) -> None:
        if self._ticker is None:
            pause = min(1.0, self._keep_alive / 4)
            self._ticker = asyncio.get_running_loop().call_later(pause, self._tick)

    def _tick(self) -> None:
        self._ticker = None
        now = asyncio.get_running_loop().time()
        for stream in self._open:
            if stream.blocked_for(now) > self._patience:
                log.info("a subscriber has not read for %.0f s: cut", self._patience)
                stream.abort()
            elif stream.silent_for(now) >= self._keep_alive:
                stream.send_keep_alive()
        if self._open:
            self._start_ticking()


class Stream:
    """One open stream; lives on the service's event loop."""

    def __init__(self, send: Send, abort: Callable[[], None] | None) -> None:
        self._send = send
        self._abort = abort
        self._loop = asyncio.get_running_loop()
        self._wrote_at = self._loop.time()
        self._writing_since: float | None = None
        self.comment: asyncio.Task[None] | None = None
        self.ended: asyncio.Future[bytes] = self._loop.create_future()

    async def write(self, frames: bytes) -> None:
        """Send whole *frames*; waits while the client's buffer (64 KiB) is full."""
        self._writing_since = self._loop.time()
        try:
            await self._send({"type": "http.response.body", "body": frames, "more_body": True})
        finally:
            self._writing_since = None
        self._wrote_at = self._loop.time()
        # The server's send may not suspend; without this a pump could starve the loop.
        await asyncio.sleep(0)

    def end(self, frame: bytes) -> None:
        """End the stream with *frame*; later calls change nothing."""
        if not self.ended.done():
            self.ended.set_result(frame)

    def abort(self) -> None:
        """Cut the connection, whatever is still unsent."""
        self.end(b"")
        if self._abort is not None:
            self._abort()

    def blocked_for(self, now: float) -> float:
        """Seconds that the current write has been waiting for the client."""
        return now - self._writing_since if self._writing_since is not None else 0.0

    def silent_for(self, now: float) -> float:
        """Seconds since the last frame."""
        return now - self._wrote_at

    def send_keep_alive(self) -> None:
        """Send a comment, unless a write is under way."""
        if self._writing_since is None and not self.ended.done():
            self.comment = self._loop.create_task(self.write(KEEP_ALIVE_FRAME))


Pump = Callable[[Stream], Awaitable[None]]


class EventStream(NamedTuple):
    """What a handler returns to answer with a stream: *pump* writes its frames."""

    pump: Pump


def error_frame(status: int, message: str) -> bytes:
    """Return the frame that tells a subscriber why its stream ends."""
    return b"event: error\ndata: " + error_body(status, message) + b"\n\n"


async def _run(stream: Stream, receive: Receive, pump: Pump) -> bytes | None:
    """Run *pump* to its end; return the last frame, or ``None`` if the client has gone."""
    work = asyncio.ensure_future(pump(stream))
    leaving = asyncio.ensure_future(client_left(receive))
    outcomes: list[asyncio.Future[Any]] = [work, leaving, stream.ended]
    try:
        await asyncio.wait(outcomes, return_when=asyncio.FIRST_COMPLETED)
    finally:
        comment = stream.comment
        tasks = [work, leaving, *([comment] if comment else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if stream.ended.done():
        return stream.ended.result()
    if not leaving.cancelled():
        return None
    return _last_frame(work)


def _last_frame(work: asyncio.Future[None]) -> bytes:
    error = work.exception()
    if error is None:
        return b""
    if isinstance(error, Refusal):
        return error_frame(error.status, error.message)
    mark = secrets.token_hex(4)
    log.error("stream failed, %s", mark, exc_info=error)
    return error_frame(500, f"Internal error {mark}.")
