"""Posting OTLP messages to an OpenTelemetry receiver over HTTP.

Source: the OTLP specification, section OTLP/HTTP,
https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

from ..config import is_loopback
from ..errors import ParameterError, RateLimited, ServerError, error_for_status
from .backoff import retry_after_seconds
from .retry import Attempts
from .transport_errors import translated

__all__ = ["OtlpPost"]

ATTEMPTS: Final = 4
TIMEOUT_SECONDS: Final = 30.0
PATH: Final = "/v1/traces"
SHOWN: Final = 200  # bytes of a refusal


class OtlpPost:
    """Sends compressed messages over a connection of its own; who makes it, closes it.

    Args:
        endpoint: The receiver's URL.
        headers: For authentication; they go to this endpoint only, redirects are not followed.

    Raises:
        ParameterError: The URL is not one to send to.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        self._url = _checked(endpoint)
        self._host = urlsplit(self._url).netloc
        self._client = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            headers={
                **headers,
                "Content-Type": "application/x-protobuf",
                "Content-Encoding": "gzip",
            },
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(self, body: bytes) -> bytes:
        """Post the gzipped message *body*; return the answer's body.

        Repeated where the receiver asks for it, or the connection breaks: spans have stable
        ids, so that one that arrives twice is one.

        Raises:
            TransportError: No answer came.
            ApiError: The receiver refused it.
        """
        for attempt in Attempts(ATTEMPTS, repeatable=True):
            with attempt:
                return self._post(body)
        raise AssertionError("the last attempt raises")

    def _post(self, body: bytes) -> bytes:
        with translated(self._url):
            answer = self._client.post(self._url, content=body)
        if answer.is_success:
            return answer.content
        shown = answer.content[:SHOWN].decode("utf-8", "replace").strip()
        error = error_for_status(answer.status_code)(
            f"{self._host} refused the spans ({answer.status_code}): {shown}",
            status=answer.status_code,
        )
        if isinstance(error, RateLimited | ServerError):
            error.retry_after = retry_after_seconds(answer.headers.get("retry-after"))
        raise error


def _checked(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ParameterError(
            f"{endpoint!r} is not an http(s) URL: expected one like https://otel.example/v1/traces"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ParameterError(f"http:// to {parts.hostname} is not protected: use https://")
    return endpoint.rstrip("/") + PATH if parts.path in ("", "/") else endpoint
