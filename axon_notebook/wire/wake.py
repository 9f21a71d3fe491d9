"""Notices that the machine slept, so that streams do not wait for a dead connection.

After a closed lid the sockets are gone, but nothing tells: a reader would wait
out its idle limit.  One thread per process looks at two clocks, as long as there
is a stream to wake.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["WakeWatch", "watching"]

TICK_SECONDS: Final = 5.0
SLEPT_SECONDS: Final = 30.0  # away for longer, a connection is not trusted any more

Clocks = tuple[float, float]


def _clocks() -> Clocks:
    """Return seconds of a clock that stops while the machine sleeps, and of one that does not."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    awake = time.monotonic()
    return awake, awake if boottime is None else time.clock_gettime(boottime)


class WakeWatch:
    """Calls every registered ``reconnect`` when this process was away.

    Away means that the machine slept, or that the process was stopped: the
    watching thread, which wakes every *tick* seconds, was late by more than 30.

    Args:
        tick: Seconds between two looks at the clocks.
        clocks: The clocks, for tests.
    """

    def __init__(
        self, *, tick: float = TICK_SECONDS, clocks: Callable[[], Clocks] = _clocks
    ) -> None:
        self._tick = tick
        self._clocks = clocks
        self._changed = threading.Condition()  # guards everything below
        self._reconnects: list[Callable[[], None]] = []
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def watching(self, reconnect: Callable[[], None]) -> Iterator[None]:
        """Call *reconnect*, in the watching thread, whenever the process was away."""
        with self._changed:
            self._reconnects.append(reconnect)
            if self._thread is None:
                # Daemon: it owns nothing that would have to be closed.
                self._thread = threading.Thread(
                    target=self._run, name="axon_notebook wake watch", daemon=True
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._reconnects.remove(reconnect)
                self._changed.notify_all()

    def _run(self) -> None:
        before = self._clocks()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._reconnects, timeout=self._tick)
                if not self._reconnects:
                    self._thread = None
                    return
                waiting = list(self._reconnects)
            now = self._clocks()
            # The sleeping clock shows a stopped process, the other a sleeping machine too.
            if max(now[0] - before[0], now[1] - before[1]) - self._tick > SLEPT_SECONDS:
                for reconnect in waiting:
                    reconnect()
            before = now


watching = WakeWatch().watching
