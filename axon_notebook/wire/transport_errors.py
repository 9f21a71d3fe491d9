"""httpx's exceptions turned into this package's."""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx

from .. import errors

__all__ = ["CONNECT_SECONDS", "translated"]

#: Seconds for a new connection.
CONNECT_SECONDS: Final = 10.0


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Turn httpx's exceptions into this package's, most specific first."""
    host = urlsplit(url).netloc
    try:
        yield
    except httpx.ReadTimeout as error:
        raise errors.ReadTimedOut(f"{host} was connected but silent for too long") from error
    except httpx.ConnectTimeout as error:
        raise errors.ConnectionFailed(
            f"{host} did not answer within {CONNECT_SECONDS:g} s: check the network",
            sent=False,
        ) from error
    except httpx.ConnectError as error:
        if isinstance(_root(error), ssl.SSLCertVerificationError):
            raise errors.ConnectionFailed(
                f"the certificate of {host} is not valid: {_root(error).verify_message}",  # type: ignore[attr-defined]
                permanent=True,
                sent=False,
            ) from error
        raise errors.ConnectionFailed(
            f"cannot connect to {host}: {_reason(error)}", sent=False
        ) from error
    except httpx.TransportError as error:
        raise errors.ConnectionFailed(
            f"the connection to {host} broke: {_reason(error)}"
        ) from error
    except (httpx.DecodingError, zlib.error) as error:
        raise errors.ProtocolError(f"{host} sent a body that does not decode: {error}") from error
    except httpx.InvalidURL as error:
        raise errors.ConfigError(f"{url!r} is not a valid URL: {error}") from error


def _root(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
