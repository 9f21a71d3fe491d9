"""All exceptions of this package, as one tree.

::

    AxonError
    ├── ConfigError              the settings cannot work (URL, key, home)
    ├── TransportError           no answer came
    │   ├── ConnectionFailed     refused, DNS, TLS, reset
    │   └── ReadTimedOut         connected, but silent for too long
    ├── ApiError                 the server answered with an error status
    │   ├── BadRequest           400, 405, 406, 413, 415, 422 …: the request is wrong
    │   ├── AuthenticationError  401, 403
    │   ├── NotFound             404, 410
    │   ├── Conflict             409
    │   ├── RateLimited          429; ``retry_after`` in seconds
    │   └── ServerError          408 and 5xx; trying again may help
    ├── SqlError                 SQLite refused a statement
    ├── ParameterError           a value cannot be bound, or a name is unknown
    ├── RecordingError           a recording cannot be read or written; names the line
    ├── PublishError             publish_many stopped; says where, keeps what was published
    ├── ProtocolError            the peer broke the protocol
    │   └── NotAnEventStream     a 200 answer that is not ``text/event-stream``
    ├── StreamTruncated          the server's history is shorter than what was read
    ├── StreamFailed             a stream gave up; chained to the last reason
    ├── ClosedError              used after ``close()``
    ├── ServiceError             the embedded service cannot start, stop or answer
    ├── ExecutionError           an execution cannot be followed or controlled
    └── AgentError               the agent behind a broker
        ├── TurnFailed           the turn ended in an error
        └── TurnTimedOut         no end of the turn within the time given

Every message says which two values disagree and ends with the way out.
In a notebook an :class:`AxonError` shows as its message, without a Python
traceback; ``%tb`` still shows everything.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from typing import Any, Final

from .visible import visible

__all__ = [
    "AgentError",
    "ApiError",
    "AuthenticationError",
    "AxonError",
    "BadRequest",
    "ClosedError",
    "ConfigError",
    "Conflict",
    "ConnectionFailed",
    "ExecutionError",
    "NotAnEventStream",
    "NotFound",
    "ParameterError",
    "ProtocolError",
    "PublishError",
    "RateLimited",
    "ReadTimedOut",
    "RecordingError",
    "ServerError",
    "ServiceError",
    "SqlError",
    "StreamFailed",
    "StreamTruncated",
    "TransportError",
    "TurnFailed",
    "TurnTimedOut",
    "error_for_status",
    "WaitTimedOut",
]

#: Characters of a line that a cell's error shows; names and messages of others have no bound.
LINE: Final = 1000


class AxonError(Exception):
    """The root of all errors raised by this package.

    ``str(error)`` is what the user reads.  ``detail`` holds further lines
    (a caret under the culprit, a suggestion); they follow the message in a
    notebook and stay out of ``str``.
    """

    detail: Sequence[str] = ()
    shown: bool = False

    def __init__(self, message: str, *, detail: Sequence[str] = ()) -> None:
        super().__init__(message)
        if detail:
            self.detail = tuple(detail)

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: the cell fails for real, and shows these lines instead of frames.

        Asked a second time, as ``%tb`` does, or with ``shown`` set: everything.
        """
        if self.shown:
            lines = "".join(traceback.format_exception(self)).splitlines()
        else:
            self.shown = True
            lines = [f"{type(self).__name__}: {self}", *self.detail]
            lines = [x if len(x) <= LINE else f"{x[:LINE]}… (%tb shows all)" for x in lines]
        # Servers and statements are quoted in them; a terminal would obey what it is told.
        return [visible(line, keep="\n\t") for line in lines]


class ConfigError(AxonError):
    """The settings cannot work: base URL, key or home."""


class TransportError(AxonError):
    """No complete answer came from the server."""


class ConnectionFailed(TransportError):
    """The connection could not be made, or broke.

    ``permanent`` is true where trying again cannot help (TLS verification),
    ``sent`` is false where the request certainly never reached the server.
    """

    def __init__(self, message: str, *, permanent: bool = False, sent: bool = True) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.sent = sent


class ReadTimedOut(TransportError):
    """The server was connected but silent for longer than the limit."""


class ApiError(AxonError):
    """The server answered with an error status.

    Attributes:
        status: HTTP status, or the code of an ``event: error`` frame.
        body: The decoded JSON body, or the first 200 characters of any other.
        request_id: What to quote to support, when the server sent one.
    """

    def __init__(
        self, message: str, *, status: int, body: Any = None, request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        self.request_id = request_id


class BadRequest(ApiError):
    """The request is wrong; sending it again will not help."""


class AuthenticationError(ApiError):
    """401 or 403: no key, a wrong key, or a key without this permission."""


class NotFound(ApiError):
    """404 or 410: no such axon, devbox or execution (any more)."""


class Conflict(ApiError):
    """409: the request contradicts the state of the server."""


class RateLimited(ApiError):
    """429; ``retry_after`` is what the server asks for, in seconds, if it does."""

    retry_after: float | None = None


class ServerError(ApiError):
    """408 or 5xx: the server failed; trying again may help."""

    retry_after: float | None = None


class SqlError(AxonError):
    """SQLite refused a statement; nothing of its batch was kept.

    Attributes:
        sql: The statement that failed, as it was sent.
        statement_index: Its place in the batch, counted from 0.
    """

    def __init__(
        self,
        message: str,
        *,
        sql: str | None = None,
        statement_index: int = 0,
        detail: Sequence[str] = (),
    ) -> None:
        super().__init__(message, detail=detail)
        self.sql = sql
        self.statement_index = statement_index


class ParameterError(AxonError):
    """A name in a statement is unknown, or its value cannot be bound."""


class WaitTimedOut(AxonError):
    """No event has passed the filter in time."""


class RecordingError(AxonError):
    """A recording cannot be read or written.

    Attributes:
        path: The file.
        line: The line, counted from 1; ``None`` if it is not about one.
        events: How many events before it can be read.
    """

    def __init__(
        self, message: str, *, path: str = "", line: int | None = None, events: int = 0
    ) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.events = events


class PublishError(AxonError):
    """``publish_many`` stopped; chained to the reason.

    Attributes:
        index: Place of the event that failed, counted from 0.
        published: The :class:`~axon_notebook.models.PublishResult` of every event before it.
    """

    def __init__(self, message: str, *, index: int, published: Sequence[Any]) -> None:
        super().__init__(message)
        self.index = index
        self.published = tuple(published)


class ProtocolError(AxonError):
    """The peer sent something the protocol does not allow."""


class NotAnEventStream(ProtocolError):
    """A 200 answer that is not an event stream: a login page, a proxy's page."""


class StreamTruncated(AxonError):
    """The server's history went back or diverged from what was read.

    Attributes:
        cursor: The highest contiguous sequence that was read.
        head: The highest sequence the server has now.
    """

    def __init__(self, message: str, *, cursor: int, head: int) -> None:
        super().__init__(message)
        self.cursor = cursor
        self.head = head


class StreamFailed(AxonError):
    """A stream gave up after its limit of failures in a row."""


class ClosedError(AxonError):
    """The object was closed; make a new one."""


class ServiceError(AxonError):
    """The embedded service cannot start, stop or answer."""


class ExecutionError(AxonError):
    """An execution cannot be followed or controlled."""


class AgentError(AxonError):
    """The agent behind the axon's broker failed, or answered with an error."""


class TurnFailed(AgentError):
    """The turn ended in an error; the session stays usable."""


class TurnTimedOut(AgentError):
    """The turn did not end within the time given; it may still be running."""


def error_for_status(status: int) -> type[ApiError]:
    """Return the class for an HTTP *status* that is not a success."""
    if status in (401, 403):
        return AuthenticationError
    if status in (404, 410):
        return NotFound
    if status == 409:
        return Conflict
    if status == 429:
        return RateLimited
    if status == 408 or status >= 500:
        return ServerError
    return BadRequest
