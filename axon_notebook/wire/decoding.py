"""From the answers of a server to structs and typed errors."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from .. import errors
from ..models import ErrorFrame
from .backoff import retry_after_seconds

__all__ = ["api_error", "decoded"]

T = TypeVar("T")


def decoded(body: bytes, kind: type[T], url: str) -> T:
    """Return *body* as *kind*.

    Raises:
        ProtocolError: If it is not one.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = body[:200].decode("utf-8", "replace")
        raise errors.ProtocolError(
            f"{urlsplit(url).netloc} sent an answer that is not a valid {kind.__name__}: {error}; "
            f"{shown!r}"
        ) from error


def api_error(
    status: int, headers: Mapping[str, str], body: bytes, base_url: str
) -> errors.ApiError:
    """Build the typed error for an answer that is not a success."""
    shown: Any = body[:200].decode("utf-8", "replace")
    message = shown.strip() or f"HTTP {status} without a body"
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        message = msgspec.json.decode(body, type=ErrorFrame).message or message
        shown = msgspec.json.decode(body)
    kind = errors.error_for_status(status)
    if kind is errors.AuthenticationError:
        host = urlsplit(base_url).netloc
        message = f"{host} refused the key ({status}): {message} Check RUNLOOP_API_KEY."
    error = kind(message, status=status, body=shown, request_id=headers.get("x-request-id"))
    if isinstance(error, errors.RateLimited | errors.ServerError):
        error.retry_after = retry_after_seconds(
            headers.get("retry-after"), date=headers.get("date")
        )
    return error
