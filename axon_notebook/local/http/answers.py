"""What the service says: JSON bodies, and refusals in one shape.

Every answer that is no success has the body ``{"code": "<status>", "message": …}``.
A handler refuses by raising :class:`Refusal`; so may anything below it, with any
exception that carries a ``status`` (see :func:`refusal_of`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import msgspec

__all__ = [
    "JSON",
    "Receive",
    "Refusal",
    "Scope",
    "Send",
    "WHOLE",
    "error_body",
    "send_body",
    "refusal_of",
    "send_json",
    "send_refusal",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

#: On every answer, beside its type: a browser must neither store it nor guess.
BASE_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)

JSON: Final = b"application/json"

#: In the first message of an answer whose body follows at once; see :mod:`.protocol`.
WHOLE: Final = "axon_notebook.whole"

#: Seconds to keep reading a refused body, so that the sender sees the answer and no reset.
LINGER: Final = 2.0


class Refusal(Exception):
    """An answer that is no success.

    Attributes:
        status: The HTTP status, also the ``code`` of the body.
        message: One sentence for the caller; no path, nothing secret.
        headers: More headers of the answer, lower-case names.
        close: Whether the connection ends with this answer.
    """

    def __init__(
        self, status: int, message: str, *, headers: Headers = (), close: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = tuple(headers)
        self.close = close


def refusal_of(error: Exception) -> Refusal | None:
    """Return *error* as a refusal if it carries a status, else ``None``."""
    if isinstance(error, Refusal):
        return error
    status = getattr(error, "status", None)
    if not isinstance(status, int):
        return None
    named: Any = getattr(error, "headers", None) or ()
    pairs = named.items() if hasattr(named, "items") else named
    headers = [(_header(name).lower(), _header(value)) for name, value in pairs]
    return Refusal(status, str(getattr(error, "message", error)), headers=headers)


def error_body(status: int, message: str) -> bytes:
    """Return the body of an error answer, which is also the data of an error frame."""
    return msgspec.json.encode({"code": str(status), "message": message})


async def send_json(send: Send, body: bytes, *, status: int = 200, headers: Headers = ()) -> None:
    """Send *body*, which is JSON already, as a complete answer."""
    await send_body(send, body, JSON, status=status, headers=headers)


async def send_body(
    send: Send, body: bytes, media_type: bytes, *, status: int = 200, headers: Headers = ()
) -> None:
    """Send *body* as a complete answer."""
    await send(_start(status, body, headers, media_type) | {WHOLE: True})
    await send({"type": "http.response.body", "body": body})


async def send_refusal(receive: Receive, send: Send, refusal: Refusal) -> None:
    """Send *refusal*; where the connection ends, first read on for a moment.

    A close while the request body still arrives would reset the connection,
    and the sender would never see why it was refused.
    """
    body = error_body(refusal.status, refusal.message)
    if not refusal.close:
        await send_json(send, body, status=refusal.status, headers=refusal.headers)
        return
    await send(_start(refusal.status, body, (*refusal.headers, (b"connection", b"close"))))
    await send({"type": "http.response.body", "body": body, "more_body": True})
    try:
        async with asyncio.timeout(LINGER):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass  # the sender had its moment
    await send({"type": "http.response.body", "body": b""})


def _start(status: int, body: bytes, headers: Headers, media_type: bytes = JSON) -> dict[str, Any]:
    about = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [*BASE_HEADERS, *about, *headers],
    }


def _header(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("latin-1")
