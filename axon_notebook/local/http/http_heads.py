"""The head of a request, the same for HTTP/1.1 and HTTP/2: what is refused, what handlers get."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from ..refusals import Refusal
from .answers import Scope
from .http_limits import HEAD_LIMIT, HEADER_COUNT
from .streams import ABORT

__all__ = ["Head", "check_form", "check_size", "request_scope"]

#: Headers of a request: lower-case names, and values.
Head = list[tuple[bytes, bytes]]

_NOT_IN_TARGETS: Final = re.compile(rb"[\x00-\x20#\x7f-\xff]")


def check_size(target: int, size: int, count: int) -> None:
    """Refuse a head whose target, all of it, or number of headers is beyond the limits.

    Raises:
        Refusal: 414 or 431.
    """
    if target > HEAD_LIMIT:
        raise Refusal(414, f"URL is longer than {HEAD_LIMIT} bytes.")
    if size > HEAD_LIMIT:
        raise Refusal(431, "Request head is too large.")
    if count > HEADER_COUNT:
        raise Refusal(431, f"Request has more than {HEADER_COUNT} headers.")


def check_form(method: bytes, target: bytes, headers: Head) -> None:
    """Refuse a head that two readers could understand differently.

    Raises:
        Refusal: 400.
    """
    hosts = lengths = 0
    right = target.startswith(b"/") and not _NOT_IN_TARGETS.search(target)
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths += 1
            right = right and value.isdigit()
        elif name == b"transfer-encoding":
            right = right and value.strip().lower() == b"chunked"
    if not (right and hosts <= 1 and lengths <= 1 and method.isalpha() and method.isupper()):
        raise Refusal(400, "Malformed request.")


def request_scope(
    method: bytes,
    target: bytes,
    headers: Head,
    *,
    version: str,
    server: tuple[Any, ...],
    abort: Callable[[], None],
) -> Scope:
    """Return what the application gets of a request, in the shape of ASGI.

    Args:
        method: In capitals.
        target: Path and query.
        headers: Checked by :func:`check_form`.
        version: Of HTTP.
        server: The address that was connected to.
        abort: Ends the answer, whatever is still unsent.
    """
    path, _, query = target.partition(b"?")
    return {
        "type": "http",
        "http_version": version,
        "server": server,
        "method": method.decode("ascii"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "extensions": {ABORT: abort},
    }
