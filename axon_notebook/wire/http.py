"""Requests to one server, their errors translated and their streams interruptible.

httpx's responses stay behind :class:`ByteStream`; :mod:`.http_pool` makes its clients, and
:mod:`.transport_errors` turns its exceptions into this package's.

Source: Runloop OpenAPI documents (axons, executions, devboxes).
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import uuid
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from httpx_sse import connect_sse

from .. import errors
from ..closing import Closing
from ..config import Secret, is_loopback
from .decoding import api_error, decoded
from .http_pool import Pool, httpx_clients
from .interrupt import Interrupt
from .loopback import LoopbackConnection, Reply
from .retry import Attempts
from .transport_errors import CONNECT_SECONDS, translated

__all__ = ["HttpClient", "ByteStream", "Endpoint", "Interrupt", "Locate"]

T = TypeVar("T")

READ_SECONDS: Final = 60.0
MAX_REDIRECTS: Final = 5
INFLATE_BYTES: Final = 256 * 1024
#: How the paths of requests end that the embedded service stores once.
PUBLISHING: Final = ("/publish", "/publish/batch")


class Endpoint(NamedTuple):
    """A server and the key for it.

    ``embedded`` says that it is this package's own on this machine: it stores a publish with
    the same ``x-request-id`` once, so that repeating one is harmless (Runloop does not document
    that), and no proxy stands before it.
    """

    base_url: str
    api_key: Secret
    embedded: bool = False


#: Finds the server.  With *failed* (an endpoint that just refused or went
#: away) it looks again; with *start* it may start the embedded service.
Locate = Callable[[bool, Endpoint | None], Endpoint]


class ByteStream(Closing):
    """An open response body; iterate its chunks of bytes in one thread.

    Owns *http* and closes it: the connection is used for nothing else.
    """

    def __init__(
        self, http: httpx.Client, url: str, *, interrupt: Interrupt, **request: Any
    ) -> None:
        self._url = url
        self._open = contextlib.ExitStack()
        self._open.callback(http.close)
        opening = connect_sse(http, "GET", url, extensions={"trace": interrupt.watch}, **request)
        with contextlib.ExitStack() as undone, translated(url):
            undone.callback(self._open.close)
            self._response = self._open.enter_context(opening).response
            undone.pop_all()
        self.status = self._response.status_code
        self.headers: Mapping[str, str] = self._response.headers

    def __iter__(self) -> Iterator[bytes]:
        # A stream asks for no coding; a proxy may use one all the same.
        coding = self._response.headers.get("content-encoding", "identity").lower()
        raw = self._response.iter_raw()
        with translated(self._url):
            yield from _inflated(raw) if coding in ("gzip", "x-gzip", "deflate") else raw

    def read(self, limit: int) -> bytes:
        """Return the first *limit* bytes of the body."""
        body = b""
        with contextlib.suppress(errors.TransportError):  # what came is all there is to show
            for chunk in self:
                body += chunk
                if len(body) >= limit:
                    break
        return body[:limit]

    def close(self) -> None:
        """Give the connection back; only from the iterating thread."""
        self._open.close()


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress in small pieces: 64 KiB of gzip can be 64 MiB of text."""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: gzip or zlib, as it comes
    for chunk in chunks:
        while True:
            piece = inflate.decompress(chunk, INFLATE_BYTES)
            yield piece
            chunk = inflate.unconsumed_tail
            if len(piece) < INFLATE_BYTES:
                break


class _Bearer(httpx.Auth):
    """Puts the key into the request at the last moment, and for its own origin only.

    As an argument it would stand in every frame of a traceback that shows locals.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if _origin(str(request.url)) == _origin(self._endpoint.base_url):
            request.headers["Authorization"] = f"Bearer {self._endpoint.api_key.reveal()}"
        yield request


class HttpClient:
    """Requests and streams to one server; lives until :meth:`close`.

    Safe to use from several threads.

    Args:
        locate: Finds the server at the first request, and again when it is gone.
        timeout: Seconds of silence after which a request is given up.
    """

    def __init__(self, locate: Locate, *, timeout: float = READ_SECONDS) -> None:
        self._locate = locate
        self._timeout = timeout
        self._endpoint: Endpoint | None = None
        self._pool: Pool[httpx.Client] | None = None
        self._loopback = Pool(LoopbackConnection)  # to the embedded service
        self._used = False
        self._guard = threading.Lock()  # serialises locating the server and making the pool
        self._closed = False

    @property
    def endpoint(self) -> Endpoint:
        """The server in use; finds (or starts) it at the first call."""
        with self._guard:
            if self._endpoint is None:
                self._endpoint = self._locate(True, None)
            return self._endpoint

    @property
    def connected(self) -> bool:
        """Whether connections may be open."""
        return self._used and not self._closed

    def close(self) -> None:
        """Close every idle connection; streams are closed by who opened them."""
        with self._guard:
            self._closed = True
            pool = self._pool
        self._loopback.close()
        if pool is not None:
            pool.close()

    def _relocate(self, failed: Endpoint, *, start: bool) -> Endpoint:
        with self._guard:
            if self._endpoint in (None, failed):
                self._endpoint = self._locate(start, failed)
            return self._endpoint

    def _renewed(self, refused: Endpoint) -> Endpoint | None:
        """Return another endpoint than the one that answered 401, if there is one by now.

        The embedded service has a new token after each start, and may have the old port.
        """
        found = self._relocate(refused, start=False)
        return found if found != refused else None

    @contextlib.contextmanager
    def _looking_again(self, endpoint: Endpoint) -> Iterator[None]:
        """The embedded service may run elsewhere by now; it is not started for this."""
        try:
            yield
        except errors.ConnectionFailed:
            self._relocate(endpoint, start=False)
            raise

    def _connections(self, endpoint: Endpoint) -> Pool[httpx.Client]:
        with self._guard:
            if self._closed:
                raise errors.ClosedError("this client is closed: make a new one with connect()")
            if self._pool is None:
                self._used = True
                url = urlsplit(endpoint.base_url)
                # A proxy set for the outside world would be handed the token of a loopback server.
                self._pool = httpx_clients(
                    secure=url.scheme == "https", trust_env=not is_loopback(url.hostname)
                )
            return self._pool

    def send(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        query: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | msgspec.Struct | None = None,
        lines: Callable[[], Iterable[bytes]] | None = None,
        timeout: float | None = None,
        attempts: int = 4,
        interrupt: Interrupt | None = None,
    ) -> T:
        """Send one request, decode its answer as *kind*.

        *lines* makes a body that is sent piece by piece.
        With *interrupt* the request can be ended from another thread: it is sent
        once, over a connection of its own, and never starts the service.
        """
        own = interrupt is not None
        content = None if json is None else msgspec.json.encode(json)
        media_type = "application/x-ndjson" if lines else "application/json" if content else None
        headers = _headers(method, media_type)
        exchange: Callable[[Endpoint], httpx.Response | Reply]
        if self.endpoint.embedded and not own and lines is None:
            target = path if not query else f"{path}?{urlencode(_query(query) or {})}"
            request = (method, target, headers, content)
            exchange = functools.partial(self._exchange_here, request, timeout or self._timeout)
        else:
            body: Callable[[], Any] = lines or (lambda: content)
            options = self._options(query, headers, timeout or self._timeout, interrupt)
            exchange = functools.partial(self._exchange, method, path, body, options, own=own)
        endpoint = self.endpoint
        repeatable = method == "GET" or (endpoint.embedded and path.endswith(PUBLISHING))
        for attempt in Attempts(1 if own else attempts, repeatable=repeatable):
            with attempt, self._looking_again(endpoint):
                url = endpoint.base_url + path
                response = exchange(endpoint)
                if response.status_code == 401 and (other := self._renewed(endpoint)):
                    endpoint, url = other, other.base_url + path
                    response = exchange(endpoint)
                if response.status_code == 200:
                    return decoded(response.content, kind, url)
                raise api_error(
                    response.status_code, response.headers, response.content, endpoint.base_url
                )
            if attempt.server_gone:
                endpoint = self._relocate(endpoint, start=True)
        raise AssertionError("unreachable: the last attempt raises")

    def _options(
        self,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        timeout: float,
        interrupt: Interrupt | None,
    ) -> dict[str, Any]:
        return {
            "params": _query(query or {}),
            "headers": headers,
            "timeout": httpx.Timeout(timeout, connect=CONNECT_SECONDS),
            "extensions": None if interrupt is None else {"trace": interrupt.watch},
        }

    def _exchange(
        self,
        method: str,
        path: str,
        body: Callable[[], Any],
        options: dict[str, Any],
        endpoint: Endpoint,
        *,
        own: bool,
    ) -> httpx.Response:
        """Send once; *own* over a connection of its own."""
        pool = self._connections(endpoint)
        url = endpoint.base_url + path
        with pool.fresh() if own else pool.borrowed() as http, translated(url):
            return http.request(method, url, content=body(), auth=_Bearer(endpoint), **options)

    def _exchange_here(
        self,
        request: tuple[str, str, Mapping[str, str], bytes | None],
        timeout: float,
        endpoint: Endpoint,
    ) -> Reply:
        """Send once to the embedded service: method, target, headers and body."""
        self._used = True
        with self._loopback.borrowed() as connection, translated(endpoint.base_url):
            return connection.request(
                endpoint.base_url,
                *request,
                key=endpoint.api_key,
                timeout=timeout,
                connect_timeout=CONNECT_SECONDS,
            )

    def open(
        self, path: str, query: Mapping[str, Any], idle: float, interrupt: Interrupt
    ) -> ByteStream:
        """Open an event stream; follow redirects on the same origin only."""
        endpoint = self.endpoint
        stream, url = self._follow(endpoint, path, query, idle, interrupt)
        if stream.status == 401 and (other := self._renewed(endpoint)):
            stream.close()
            endpoint = other
            stream, url = self._follow(endpoint, path, query, idle, interrupt)
        return self._checked(stream, endpoint, url)

    def _follow(
        self,
        endpoint: Endpoint,
        path: str,
        query: Mapping[str, Any],
        idle: float,
        interrupt: Interrupt,
    ) -> tuple[ByteStream, str]:
        url, params = endpoint.base_url + path, _query(query)
        limit = httpx.Timeout(CONNECT_SECONDS, read=idle)
        for _ in range(MAX_REDIRECTS + 1):
            with self._looking_again(endpoint):
                stream = ByteStream(
                    self._connections(endpoint).fresh(),
                    url,
                    interrupt=interrupt,
                    params=params,
                    headers={"User-Agent": _user_agent(), "Accept-Encoding": "identity"},
                    auth=_Bearer(endpoint),
                    timeout=limit,
                )
            if stream.status not in (301, 302, 303, 307, 308):
                return stream, url
            with stream:
                url = _redirect(url, stream.headers.get("location"), endpoint)
            params = None
        raise errors.ProtocolError(
            f"{urlsplit(url).netloc} redirects more than {MAX_REDIRECTS} times"
        )

    def _checked(self, stream: ByteStream, endpoint: Endpoint, url: str) -> ByteStream:
        kind = stream.headers.get("content-type", "").partition(";")[0].strip().lower()
        if stream.status == 200 and kind == "text/event-stream":
            return stream
        with stream:
            head = stream.read(4096)
            if stream.status >= 400:
                raise api_error(stream.status, stream.headers, head, endpoint.base_url)
        shown = head.decode("utf-8", "replace")[:200]
        if stream.status == 204:
            raise errors.NotAnEventStream("the server asked to stop (204 No Content)")
        raise errors.NotAnEventStream(
            f"{urlsplit(url).netloc} answered {stream.status} with {kind or 'no content type'} "
            f"where text/event-stream was expected: {shown!r}"
        )


def _query(values: Mapping[str, Any]) -> dict[str, str] | None:
    given = {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in values.items()
        if value is not None
    }
    return given or None  # httpx would drop the URL's own query for an empty mapping


def _headers(method: str, media_type: str | None) -> dict[str, str]:
    headers = {"User-Agent": _user_agent(), "Accept": "application/json"}
    if media_type is not None:
        headers["Content-Type"] = media_type
    if method != "GET":
        # The same id on every attempt: a server that knows it stores the request once.
        headers["x-request-id"] = f"axon-notebook-{uuid.uuid4()}"
    return headers


@functools.cache
def _user_agent() -> str:
    from ..version import __version__

    return f"axon-notebook/{__version__} Python/{sys.version_info[0]}.{sys.version_info[1]}"


def _origin(url: str) -> tuple[str, str | None, int]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _redirect(url: str, location: str | None, endpoint: Endpoint) -> str:
    if not location:
        raise errors.ProtocolError(f"{urlsplit(url).netloc} redirects without a Location header")
    target = str(httpx.URL(url).join(location))
    if _origin(target) != _origin(endpoint.base_url):
        raise errors.ProtocolError(
            f"{urlsplit(url).netloc} redirects to another origin, {urlsplit(target).netloc}: "
            "the key is not sent there; set the base URL to it if you trust it"
        )
    return target
