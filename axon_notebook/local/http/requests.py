"""What the service is asked: path, query, headers and body of a request.

Limits are in bytes and seconds.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from ..refusals import Refusal
from .answers import Receive, Scope
from .json_bodies import decode_object

__all__ = [
    "BODY_LIMIT",
    "INT64_MAX",
    "Disconnected",
    "Query",
    "Request",
    "client_left",
    "hold_time",
]

T = TypeVar("T")

BODY_LIMIT: Final = 6 * 1024 * 1024
INT64_MAX: Final = 2**63 - 1
PAGE_LIMIT: Final = 5000
PAGE_DEFAULT: Final = 20


class Disconnected(Exception):
    """The client left before its request was complete; there is no one to answer."""


class Request:
    """One request, as its handler sees it.

    Attributes:
        scope: The ASGI scope.
        receive: The ASGI callable; for handlers that read the body piece by piece.
        path_params: The parts of the path that the route names, decoded.
    """

    def __init__(self, scope: Scope, receive: Receive, path_params: Mapping[str, str]) -> None:
        self.scope = scope
        self.receive = receive
        self.path_params = path_params

    @functools.cached_property
    def query(self) -> Query:
        """The query parameters."""
        return Query(self.scope["query_string"])

    @property
    def request_id(self) -> str | None:
        """The id under which a client would repeat this very request."""
        given = self.header(b"x-request-id")
        return given.decode("latin-1") if given else None

    @property
    def repeat_id(self) -> str | None:
        """The same, different for different paths; see :class:`~.repeats.Repeats`."""
        given = self.request_id
        return f"{self.scope['raw_path'].decode('latin-1')} {given}" if given else None

    def header(self, name: bytes) -> bytes | None:
        """Return the first header *name* (lower case), or ``None``."""
        for key, value in self.scope["headers"]:
            if key == name:
                return bytes(value)
        return None

    async def read(
        self,
        kind: type[T],
        decode: Callable[[bytes, type[T]], T] = decode_object,
        *,
        limit: int = BODY_LIMIT,
    ) -> T:
        """Return the whole body as *kind*.

        Raises:
            Refusal: 413 beyond *limit* bytes, 415 if it is not declared as JSON, 400 if it is
                not a *kind*.
            Disconnected: The client left in the middle.
        """
        body = await self.body(limit=limit)
        if body:
            self._check_media_type()
        return decode(body, kind)

    async def body(self, *, limit: int = BODY_LIMIT) -> bytes:
        """Return the whole body; refuse one over *limit*, by its declared length before reading it.

        Raises:
            Refusal: 413.
            Disconnected: The client left in the middle.
        """
        declared = self.header(b"content-length")
        if declared is not None and int(declared) > limit:
            raise _too_large(limit)
        message = await self.receive()
        if not message.get("more_body", False) and message["type"] == "http.request":
            body = bytes(message["body"])
            if len(body) > limit:
                raise _too_large(limit)
            return body
        gathered = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            gathered += message["body"]
            if len(gathered) > limit:
                raise _too_large(limit)
            if not message.get("more_body", False):
                return bytes(gathered)
            message = await self.receive()

    def _check_media_type(self) -> None:
        """Refuse a body that is not declared as JSON in UTF-8 (415)."""
        declared = (self.header(b"content-type") or b"").lower()
        if declared == b"application/json":
            return
        kind, *parameters = (part.strip() for part in declared.split(b";"))
        charsets = [
            p.split(b"=", 1)[1].strip(b' "') for p in parameters if p.startswith(b"charset=")
        ]
        if kind != b"application/json" or any(c not in (b"utf-8", b"utf8") for c in charsets):
            raise Refusal(415, "Content-Type must be application/json.")


def hold_time(seconds: float | None, longest: float) -> float:
    """Return for how long to hold a request that asks for *seconds*."""
    return longest if seconds is None else min(max(seconds, 0.0), longest)


async def client_left(receive: Receive) -> None:
    """Return when the client has closed the connection; the body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _too_large(limit: int) -> Refusal:
    return Refusal(413, f"Request body is larger than {limit} bytes.", close=True)


class Query:
    """The query parameters of a request; each reader refuses with 400 what it cannot take."""

    def __init__(self, raw: bytes) -> None:
        try:
            self.pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=64)
        except ValueError:
            raise Refusal(400, "Too many query parameters.") from None

    def text(self, name: str) -> str | None:
        """Return the last value of *name*; an empty one means it was not given."""
        return next((value for key, value in reversed(self.pairs) if key == name), None) or None

    def flag(self, name: str, default: bool) -> bool:
        """Return *name* as a boolean."""
        given = [value for key, value in self.pairs if key == name]
        if not given:
            return default
        if len(given) > 1 or given[0] not in ("true", "false"):
            raise Refusal(400, f"{name} must be true or false.")
        return given[0] == "true"

    def integer(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return *name* as an integer written in plain ASCII digits."""
        given = [value for key, value in self.pairs if key == name]
        if not given:
            return default
        text = given[0]
        plain = len(given) == 1 and text.isascii() and text.isdigit() and len(text) <= 19
        if not plain or not lowest <= int(text) <= highest:
            raise Refusal(400, f"{name} must be an integer from {lowest} to {highest}.")
        return int(text)

    def limit(self) -> int:
        """Return ``limit``: 1 to 5000, 20 if not given."""
        return self.integer("limit", PAGE_DEFAULT, 1, PAGE_LIMIT)
