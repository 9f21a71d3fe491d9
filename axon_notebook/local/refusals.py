"""How the service refuses: one exception for every part of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["RETRY_SOON", "Refusal"]

#: Headers of a refusal that is worth another attempt.
RETRY_SOON: Final = ((b"retry-after", b"1"),)


class Refusal(Exception):
    """What was asked for is not done; over HTTP, an answer that is not a success.

    Any part of the service raises it, on any thread; only ``http/`` turns it into an answer.

    Attributes:
        status: The HTTP status, also the ``code`` of the body.
        message: One sentence for the caller; without paths and secrets.
        headers: More headers of the answer, lower-case names.
        close: Whether the connection ends with this answer.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = tuple(headers)
        self.close = close
