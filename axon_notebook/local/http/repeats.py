"""Requests that are repeated: done once, answered each time.

Runloop's clients repeat a request whose answer got lost, under the same
``x-request-id``.  A command must not run twice for that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from ..refusals import Refusal

__all__ = ["Repeats"]

#: Seconds for which an answer is remembered, and how many are.
REMEMBERED_FOR: Final = 600.0
REMEMBERED: Final = 1000


class _Entry(NamedTuple):
    since: float
    request: object
    answer: asyncio.Task[Any]


class Repeats:
    """Remembers answers by request id; lives on the service's loop."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    async def once(
        self, request_id: str | None, request: object, work: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Return what *work* returns, without doing it again for the same *request_id*.

        A failure is not remembered.  The work goes on when the client leaves.

        Raises:
            Refusal: 409 if the id came before with another *request*.
        """
        if request_id is None:
            return await work()
        self._forget()
        entry = self._entries.get(request_id)
        if entry is not None and entry.request != request:
            raise Refusal(409, "x-request-id was used with another body.")
        if entry is None:
            task = asyncio.ensure_future(work())
            entry = self._entries[request_id] = _Entry(time.monotonic(), request, task)
            task.add_done_callback(lambda task: self._drop_failed(request_id, task))
        return await asyncio.shield(entry.answer)

    def _drop_failed(self, request_id: str, task: asyncio.Task[Any]) -> None:
        if task.cancelled() or task.exception() is not None:
            self._entries.pop(request_id, None)

    def _forget(self) -> None:
        horizon = time.monotonic() - REMEMBERED_FOR
        for request_id, entry in list(self._entries.items()):
            if entry.since > horizon and len(self._entries) <= REMEMBERED:
                break  # in order of age
            del self._entries[request_id]
