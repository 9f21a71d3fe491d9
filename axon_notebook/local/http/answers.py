"""What the service answers: JSON bodies, and refusals in one shape.

Every answer that is not a success has the body ``{"code": "<status>", "message": …}``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from ..refusals import Refusal

__all__ = [
    "BASE_HEADERS",
    "JSON",
    "OCTETS",
    "Answer",
    "Headers",
    "Receive",
    "Scope",
    "Send",
    "error_body",
    "json_answer",
    "send_answer",
    "send_refusal",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

#: On every answer: a browser must neither store it nor guess.
BASE_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)

JSON: Final = b"application/json"
OCTETS: Final = b"application/octet-stream"

#: Seconds to go on reading a refused body, so that the sender sees the answer and no reset.
LATE_BODY_TIME: Final = 2.0

_encode = msgspec.json.Encoder().encode


class Answer(NamedTuple):
    """A complete answer.

    Attributes:
        body: Its body.
        media_type: The body's type.
        headers: More headers, lower-case names.
        kept: An object that lives until the body is sent.
    """

    body: bytes
    media_type: bytes = JSON
    headers: Headers = ()
    kept: object = None


def json_answer(value: object) -> Answer:
    """Return *value*, a struct or what JSON knows, as an answer.

    It is kept until the answer is sent: to free the rows of a large result takes longer than
    to encode them.
    """
    return Answer(_encode(value), kept=value)


def error_body(status: int, message: str) -> bytes:
    """Return the body of an error answer, which is also the data of an error frame."""
    return _encode({"code": str(status), "message": message})


async def send_answer(send: Send, answer: Answer, *, status: int = 200) -> None:
    """Send *answer*, head and body at once.

    Other than in ASGI the first message has the body: the answer is then complete.
    """
    start = _start(status, answer.body, answer.headers, answer.media_type)
    start["body"] = answer.body
    await send(start)


async def send_refusal(receive: Receive, send: Send, refusal: Refusal) -> None:
    """Send *refusal*; where the connection ends, first read on for a moment.

    A close while the request body still arrives would reset the connection,
    and the sender would never see why it was refused.
    """
    body = error_body(refusal.status, refusal.message)
    if not refusal.close:
        answer = Answer(body, headers=refusal.headers)
        await send_answer(send, answer, status=refusal.status)
        return
    await send(_start(refusal.status, body, (*refusal.headers, (b"connection", b"close"))))
    await send({"type": "http.response.body", "body": body, "more_body": True})
    try:
        async with asyncio.timeout(LATE_BODY_TIME):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass  # the sender had time enough
    await send({"type": "http.response.body", "body": b""})


def _start(status: int, body: bytes, headers: Headers, media_type: bytes = JSON) -> dict[str, Any]:
    about = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    return {
        "type": "http.response.start",
        "status": status,
        "headers": [*BASE_HEADERS, *about, *headers],
    }
