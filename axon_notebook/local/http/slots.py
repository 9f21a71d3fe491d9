"""How much the service works on at once."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from ..refusals import RETRY_SOON, Refusal

__all__ = ["Slots"]

#: Requests worked on at once; each may hold a body of 6 MiB.
WORKING: Final = 64
#: Bytes of answers that slow clients have not taken yet, of all connections together.
UNSENT: Final = 256 * 1024 * 1024
#: Seconds that a request waits before it is refused.
PATIENCE: Final = 5.0


class Slots:
    """Bounds requests that are worked on, and answers that are not sent yet, separately.

    A client that does not read its answers cannot keep the others from being answered: what it
    leaves unread counts as memory, not as work.  Lives on the service's loop.

    ``begin`` and ``end`` enclose the work, ``hold`` and ``release`` the sending: plain calls,
    since context managers cost a tenth of a short request.
    """

    def __init__(self) -> None:
        self._working = 0
        self._unsent = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def begin(self) -> None:
        """Take a slot; ``end`` gives it back.

        Raises:
            Refusal: 503 if none becomes free in time.
        """
        if not self._is_free():
            await self._wait()
        self._working += 1

    def end(self) -> None:
        """Give the slot back."""
        self._working -= 1
        self._wake()

    def hold(self, size: int) -> None:
        """Count *size* bytes as unsent."""
        self._unsent += size

    def release(self, size: int) -> None:
        """Count them as sent."""
        self._unsent -= size
        self._wake()

    def _is_free(self) -> bool:
        return self._working < WORKING and self._unsent < UNSENT

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PATIENCE):
                while not self._is_free():
                    turn: asyncio.Future[None] = loop.create_future()
                    self._waiting.append(turn)
                    await turn
        except TimeoutError:
            raise Refusal(503, "Too many requests at once.", headers=RETRY_SOON) from None

    def _wake(self) -> None:
        """Let the first that waits look again; one that has left is skipped."""
        while self._waiting and self._is_free():
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                break
