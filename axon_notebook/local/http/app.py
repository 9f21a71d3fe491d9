"""The service as one ASGI application.

:func:`build_app` is where the parts meet: checks, the axon endpoints, further
routes (devboxes, executions), and the service's own three endpoints::

    GET  /healthz        who answers here, and is it busy
    POST /stop           end the service
    GET  /openapi.json   the API as it is served
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable

import msgspec

from ...config import Secret
from ...version import __version__
from ..refusals import Refusal
from ..storage.broadcast import Broadcast
from ..storage.store import Store
from .answers import Answer, Receive, Scope, Send, json_answer, send_answer, send_refusal
from .axon_routes import axon_routes
from .checks import Guard
from .import_routes import import_routes
from .openapi import document
from .requests import Disconnected, Request
from .routing import Route, Router, get, post
from .slots import Slots
from .streams import EventStream, Streams

__all__ = ["Health", "ServiceApp", "build_app"]

log = logging.getLogger(__name__)

Busy = Callable[[], bool]


class Health(msgspec.Struct, frozen=True):
    """What ``GET /healthz`` answers.

    ``busy`` tells whether ending the service would interrupt a client.
    """

    service: str
    pid: int
    version: str
    home: str
    started_at_ms: int
    axons: int
    streams: int
    busy: bool


def build_app(
    store: Store,
    *,
    token: Secret,
    home: str = "",
    routes: Iterable[Route] = (),
    busy: Iterable[Busy] = (),
    streams: Streams | None = None,
    on_stop: Callable[[], None] = lambda: None,
) -> ServiceApp:
    """Put the service together.

    Args:
        store: Where axons live; its ``on_published`` is taken over here.
        token: What every request must bear.
        home: Fingerprint of the served directory, shown by ``/healthz``.
        routes: Further endpoints.
        busy: Asked before the idle end: is something still running?
        streams: Shared with ``routes`` that stream; made here if not given.
        on_stop: Called by ``POST /stop``, on the event loop.
    """
    return ServiceApp(
        store,
        streams or Streams(),
        token=token,
        home=home,
        routes=routes,
        busy=busy,
        on_stop=on_stop,
    )


class ServiceApp:
    """The ASGI callable; use :func:`build_app`.  ``close`` ends what it started."""

    def __init__(
        self,
        store: Store,
        streams: Streams,
        *,
        token: Secret,
        home: str,
        routes: Iterable[Route],
        busy: Iterable[Busy],
        on_stop: Callable[[], None],
    ) -> None:
        self.store = store
        self.streams = streams
        self.broadcast = Broadcast(store)
        store.on_published = self.broadcast.published
        self._guard = Guard(token)
        self._home = home
        own = [
            get("/healthz", self._health),
            post("/stop", self._stop),
            get("/openapi.json", self._openapi),
        ]
        self._router = Router(
            [*own, *axon_routes(store, self.broadcast), *import_routes(store), *routes]
        )
        self._busy = tuple(busy)
        self._on_stop = on_stop
        self._slots = Slots()
        self._started_at_ms = time.time_ns() // 1_000_000
        self._last_request = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._last_request = time.monotonic()
        try:
            await self._answer(scope, receive, send)
        except Disconnected:
            pass  # the client has gone
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes an answer
            refusal = error if isinstance(error, Refusal) else _internal(error)
            await send_refusal(receive, send, refusal)

    def idle_seconds(self) -> float:
        """Return for how long nothing was asked, streamed or run; 0 while busy."""
        return 0.0 if self.busy() else time.monotonic() - self._last_request

    def busy(self) -> bool:
        """Whether a stream is open or something is running."""
        if not len(self.streams) and not any(busy() for busy in self._busy):
            return False
        self._last_request = time.monotonic()
        return True

    async def close(self) -> None:
        """End all streams and the reading threads."""
        await self.streams.stop()
        self.broadcast.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._guard.check(scope)
        route, path_params = self._router.match(scope["method"], scope["raw_path"])
        request = Request(scope, receive, path_params)
        if route.waits:
            result = await route.handler(request)
        else:
            await self._slots.begin()
            try:
                result = await route.handler(request)
            finally:
                self._slots.end()
        if isinstance(result, EventStream):
            await self.streams.serve(scope, receive, send, result.pump)
            return
        answer = result if isinstance(result, Answer) else json_answer(result)
        self._slots.hold(size := len(answer.body))
        try:
            await send_answer(send, answer)
        finally:
            self._slots.release(size)

    async def _health(self, _: Request) -> Health:
        page = await self.store.list_axons(limit=1, include_total_count=True)
        return Health(
            service="axon-notebook",
            pid=os.getpid(),
            version=__version__,
            home=self._home,
            started_at_ms=self._started_at_ms,
            axons=page.total_count or 0,
            streams=len(self.streams),
            busy=self.busy(),
        )

    async def _stop(self, _: Request) -> Answer:
        self._on_stop()
        return Answer(b"{}", headers=[(b"connection", b"close")])

    async def _openapi(self, _: Request) -> Answer:
        return Answer(document())


def _internal(error: Exception) -> Refusal:
    mark = secrets.token_hex(4)
    log.error("request failed, %s", mark, exc_info=error)
    return Refusal(500, f"Internal error {mark}.")
