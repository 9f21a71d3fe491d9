"""The service as one ASGI application.

:func:`build_app` is where the parts meet: checks, the axon endpoints, further
routes (devboxes, executions), and the service's own three endpoints::

    GET  /healthz        who answers here, and is it busy
    POST /stop           end the service
    GET  /openapi.json   the API as it is served

The hot paths (publish, subscribe) are plain ASGI; further routes are Starlette's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from ...config import Secret
from ...version import __version__
from ..storage.broadcast import Broadcast
from ..storage.store import Store
from .answers import Receive, Refusal, Scope, Send, refusal_of, send_json, send_refusal
from .axon_routes import AxonRoutes
from .checks import Guard
from .openapi import document
from .requests import Disconnected, check_media_type, read_body
from .streams import Streams

__all__ = ["Health", "ServiceApp", "build_app"]

log = logging.getLogger(__name__)

#: Requests worked on at once (each may hold 6 MiB); streams are counted on their own.
WORKING: Final = 64
#: Seconds that a request waits for its turn before it is refused.
TURN: Final = 5.0

Handler = Callable[[Scope, Receive, Send, str], Awaitable[None]]
Methods = Mapping[str, Handler]
Busy = Callable[[], bool]


class Health(msgspec.Struct, frozen=True):
    """What ``GET /healthz`` answers.

    ``busy`` tells whether ending the service would cut somebody off.
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
    routes: Sequence[Route] = (),
    busy: Iterable[Busy] = (),
    streams: Streams | None = None,
    on_stop: Callable[[], None] = lambda: None,
) -> ServiceApp:
    """Put the service together.

    Args:
        store: Where axons live; its ``on_published`` is taken over here.
        token: What every request must bear.
        home: Fingerprint of the served directory, shown by ``/healthz``.
        routes: Further Starlette routes.  A body is read, limited and its media
            type checked before the endpoint runs; exceptions with ``status``
            and ``message`` become error answers.
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
        routes: Sequence[Route],
        busy: Iterable[Busy],
        on_stop: Callable[[], None],
    ) -> None:
        self.store = store
        self.streams = streams
        self.broadcast = Broadcast(store)
        store.on_published = self.broadcast.published
        self._guard = Guard(token)
        self._axons = AxonRoutes(store, self.broadcast, streams)
        self._home = home
        self._routes = tuple(routes)
        self._busy = tuple(busy)
        self._on_stop = on_stop
        self._turns = asyncio.Semaphore(WORKING)
        self._started_at_ms = time.time_ns() // 1_000_000
        self._last_request = time.monotonic()
        self._own: dict[bytes, Methods] = {
            b"/healthz": {"GET": self._health},
            b"/stop": {"POST": self._stop},
            b"/openapi.json": {"GET": self._openapi},
            b"/v1/axons": self._axons.collection,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._last_request = time.monotonic()
        try:
            await self._answer(scope, receive, send)
        except Disconnected:
            pass  # nobody is there to be answered
        except Exception as error:  # noqa: BLE001 - the one place where any error becomes an answer
            await send_refusal(receive, send, refusal_of(error) or _internal(error))

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
        methods, axon_id = self._methods(scope["raw_path"])
        if methods is None:
            await self._answer_further(scope, receive, send)
            return
        handler = _choose(methods, scope["method"])
        if handler == self._axons.subscribe:
            await handler(scope, receive, send, axon_id)
            return
        await self._take_turn()
        try:
            await handler(scope, receive, send, axon_id)
        finally:
            self._turns.release()

    def _methods(self, path: bytes) -> tuple[Methods | None, str]:
        """Find the handlers of *path* as it was sent: nothing is normalised."""
        if own := self._own.get(path):
            return own, ""
        if not path.startswith(b"/v1/axons/"):
            return None, ""
        segment, slash, rest = path[len(b"/v1/axons/") :].partition(b"/")
        methods = self._axons.item.get(rest.decode("latin-1"))
        axon_id = unquote(segment.decode("latin-1"), errors="replace")
        if methods is None or (slash and not rest) or not _plain(axon_id):
            raise Refusal(404, "Not found.")
        return methods, axon_id

    async def _answer_further(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, child = self._match(scope)
        scope.update(child)
        if scope["method"] == "POST" and not getattr(route.endpoint, "reads_body", False):
            body = await read_body(scope, receive)
            if body:
                check_media_type(scope)
            receive = _replay(body, receive)
        try:
            await route.handle(scope, receive, send)
        except HTTPException as error:
            raise Refusal(error.status_code, error.detail) from error

    def _match(self, scope: Scope) -> tuple[Route, Scope]:
        if b"%2f" in scope["raw_path"].lower() or not _plain(scope["path"].rpartition("/")[2]):
            raise Refusal(404, "Not found.")
        allowed: set[str] = set()
        for route in self._routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return route, child
            if match is Match.PARTIAL:
                allowed |= route.methods or set()
        if allowed:
            raise _not_allowed(allowed)
        raise Refusal(404, "Not found.")

    async def _take_turn(self) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(TURN):
                await self._turns.acquire()
        except TimeoutError:
            later = [(b"retry-after", b"1")]
            raise Refusal(503, "Too many requests at once.", headers=later) from None

    async def _health(self, scope: Scope, receive: Receive, send: Send, _: str) -> None:
        page = await self.store.list_axons(limit=1, include_total_count=True)
        health = Health(
            service="axon-notebook",
            pid=os.getpid(),
            version=__version__,
            home=self._home,
            started_at_ms=self._started_at_ms,
            axons=page.total_count or 0,
            streams=len(self.streams),
            busy=self.busy(),
        )
        await send_json(send, msgspec.json.encode(health))

    async def _stop(self, scope: Scope, receive: Receive, send: Send, _: str) -> None:
        await send_json(send, b"{}", headers=[(b"connection", b"close")])
        self._on_stop()

    async def _openapi(self, scope: Scope, receive: Receive, send: Send, _: str) -> None:
        await send_json(send, document())


def _choose(methods: Methods, method: str) -> Handler:
    handler = methods.get("GET" if method == "HEAD" else method)
    if handler is None:
        raise _not_allowed(methods)
    return handler


def _not_allowed(methods: Iterable[str]) -> Refusal:
    names = set(methods)
    if "GET" in names:
        names.add("HEAD")
    allow = ", ".join(sorted(names)).encode("ascii")
    return Refusal(405, "Method not allowed.", headers=[(b"allow", allow)])


def _plain(segment: str) -> bool:
    return segment not in ("", ".", "..") and segment.isprintable() and "/" not in segment


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a receive that hands over *body* first, then what follows: the disconnect."""
    waiting: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Any:
        return waiting.pop() if waiting else await receive()

    return replay


def _internal(error: Exception) -> Refusal:
    mark = secrets.token_hex(4)
    log.error("request failed, %s", mark, exc_info=error)
    return Refusal(500, f"Internal error {mark}.")
