"""What the Starlette endpoints share: a body in, JSON out, a hold that ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from .answers import Receive, Scope, Send, send_json
from .requests import decode_object, read_body

__all__ = ["Handler", "held", "json_get", "json_post", "read", "request_id"]

T = TypeVar("T")

Handler = Callable[[Request], Awaitable[Any]]


async def read(request: Request, kind: type[T]) -> T:
    """Return the request's body as *kind*."""
    return decode_object(await read_body(request.scope, request.receive), kind)


def request_id(request: Request) -> str | None:
    """Return the id under which a client would repeat this very request."""
    given = request.headers.get("x-request-id")
    return f"{request.url.path} {given}" if given else None


def held(seconds: float | None, longest: float) -> float:
    """Return for how long to hold a request, in seconds."""
    return longest if seconds is None else min(max(seconds, 0.0), longest)


def json_get(path: str, handler: Handler) -> Route:
    """Return the route that answers GET with what *handler* returns."""
    return Route(path, JsonEndpoint(handler), methods=["GET"])


def json_post(path: str, handler: Handler) -> Route:
    """Return the route that answers POST with what *handler* returns."""
    return Route(path, JsonEndpoint(handler), methods=["POST"])


class JsonEndpoint:
    """An ASGI application that answers with what *handler* returns, as JSON."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; a HEAD request gets no body from the server."""
        result = await self._handler(Request(scope, receive))
        await send_json(send, msgspec.json.encode(result))
