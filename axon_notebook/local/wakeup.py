"""Waking the coroutines of one loop from any thread."""

from __future__ import annotations

import asyncio

__all__ = ["Bell"]


class Bell:
    """Made on its loop; ``ring()`` from any thread, ``wait()`` on the loop.

    Many rings before the loop gets to it wake the waiters once.  Nothing is
    remembered: look at the state, then wait, without an ``await`` between.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()
        self._on_its_way = False

    def ring(self) -> None:
        """Wake all who wait now."""
        if self._on_its_way or self._loop.is_closed():
            return
        self._on_its_way = True
        self._loop.call_soon_threadsafe(self._wake)

    async def wait(self) -> None:
        """Wait for a ring."""
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
