"""A bounded set of threads for work that blocks."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable

__all__ = ["Workers"]


class Workers:
    """Threads that take work from one queue; started when needed, never more than *size*.

    The threads are daemons: one that is stuck inside SQLite does not keep the
    process from ending.  Work must not raise.

    Args:
        name: Prefix of the threads' names.
        size: Most threads, besides those that are lost.
        spare: For how many lost threads others take over.
        nice: How much the threads give way to others in CPU time (Linux).
    """

    def __init__(self, name: str, size: int, *, spare: int = 0, nice: int = 0) -> None:
        self._name = name
        self._size = size
        self._spare = spare
        self._nice = nice
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._started = 0
        self._unfinished = 0
        self._lost = 0
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread call *work*; any thread may submit."""
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the {self._name} threads have ended: open a new store")
            self._unfinished += 1
            self._queue.put(work)
            self._fill()

    def lose(self) -> None:
        """Take note that a thread is stuck in its work, so that a spare one takes over."""
        with self._lock:
            self._lost += 1
            self._fill()

    def regain(self) -> None:
        """Take note that a lost thread came back."""
        with self._lock:
            self._lost -= 1

    def close(self, timeout: float = 1.0) -> None:
        """Let queued work finish, end the threads, wait up to *timeout* seconds for them all."""
        with self._lock:
            threads, self._closed = [] if self._closed else list(self._threads), True
        for _ in threads:
            self._queue.put(None)
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    @property
    def _most(self) -> int:
        return self._size + min(self._lost, self._spare)

    def _fill(self) -> None:
        if not self._closed and len(self._threads) < min(self._unfinished, self._most):
            self._started += 1
            name = f"{self._name}-{self._started}"
            thread = threading.Thread(target=self._loop, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _loop(self) -> None:
        if self._nice and sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
        while (work := self._queue.get()) is not None:
            work()
            with self._lock:
                self._unfinished -= 1
                if len(self._threads) > self._most:
                    self._threads.remove(threading.current_thread())
                    return
