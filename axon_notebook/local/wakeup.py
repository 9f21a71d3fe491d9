"""Waking the coroutines of one loop from any thread."""

from __future__ import annotations

import asyncio

__all__ = ["Wakeup"]


class Wakeup:
    """Made on its loop; ``notify()`` from any thread, ``wait()`` on the loop.

    Many notifications before the loop gets to it wake the waiters once.  Nothing is
    remembered: look at the state, then wait, without an ``await`` between.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()
        self._on_its_way = False

    def notify(self) -> None:
        """Wake all who wait now."""
        if self._on_its_way or self._loop.is_closed():
            return
        self._on_its_way = True
        self._loop.call_soon_threadsafe(self._wake)

    async def wait(self) -> None:
        """Wait for a notification."""
        waiter = self._loop.create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _wake(self) -> None:
        self._on_its_way = False
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
