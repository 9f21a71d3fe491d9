"""The bridge from a reader's thread to an asyncio event loop.

A thread reads; a coroutine takes.  The thread only says that there is something to take, so
nothing is handed over that a cancelled coroutine could lose.
"""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["LoopSignal"]


class LoopSignal:
    """Wakes one coroutine of the running loop; :meth:`notify` may be called in any thread."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._notified = False  # a callback is on its way; set and cleared around each wait

    def notify(self) -> None:
        """Wake the coroutine, now or when it next waits; does not block."""
        if self._notified:
            return
        self._notified = True
        # The loop may have been closed; then there is no waiter any more.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._event.set)

    def reset(self) -> None:
        """Forget earlier notifications; look for something to take after this, then wait."""
        self._event.clear()
        self._notified = False

    async def wait(self) -> None:
        """Wait for a notification after the last :meth:`reset`."""
        await self._event.wait()
