"""Sending a single request again, where that cannot do harm.

A request that certainly was not processed (the connection was refused, or the
server said 429 or 503) is repeated whatever it does.  One that may have been
processed is repeated only if it changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType

from ..errors import ApiError, AxonError, ConnectionFailed, RateLimited, ServerError, TransportError
from .backoff import Backoff

__all__ = ["Attempts"]

LONGEST_WAIT = 5.0  # seconds; a server that wants more patience gets its error shown


class Attempts:
    """Iterate; each item is a context that swallows a failure worth repeating.

    Waits between the attempts, in the calling thread.  The last attempt
    swallows nothing.
    """

    def __init__(self, limit: int, *, repeatable: bool) -> None:
        self._left = limit
        self._repeatable = repeatable
        self._backoff = Backoff(base=0.2, cap=2.0, floor=0.05)
        self.server_gone = False  # the last failure was a refused or broken connection

    def __iter__(self) -> Iterator[Attempts]:
        while self._left > 0:
            self._left -= 1
            self.server_gone = False
            yield self

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, AxonError) or self._left == 0 or not self._worth(error):
            return False
        wait = self._backoff.failed(retry_after=getattr(error, "retry_after", None))
        if wait > LONGEST_WAIT:
            return False
        time.sleep(wait)
        return True

    def _worth(self, error: AxonError) -> bool:
        if isinstance(error, ConnectionFailed):
            self.server_gone = True
            return not error.permanent and (self._repeatable or not error.sent)
        if isinstance(error, RateLimited) or (isinstance(error, ApiError) and error.status == 503):
            return True
        return self._repeatable and isinstance(error, ServerError | TransportError)
