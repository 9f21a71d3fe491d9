"""A bounded set of threads for work that blocks."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable

__all__ = ["Workers"]


class Workers:
    """Threads that take work from one queue; started when needed, never more than *size*.

    The threads are daemons: one that is stuck inside SQLite does not keep the
    process from ending.  Work must not raise.

    Args:
        name: Prefix of the threads' names.
        size: Most threads.
        nice: How much the threads give way to others in CPU time (Linux).
    """

    def __init__(self, name: str, size: int, *, nice: int = 0) -> None:
        self._name = name
        self._size = size
        self._nice = nice
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._unfinished = 0
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread call *work*; any thread may submit."""
        with self._lock:
            if self._closed:
                raise RuntimeError(f"{self._name} workers are closed; open a new store")
            self._unfinished += 1
            if len(self._threads) < min(self._unfinished, self._size):
                self._start()
            self._queue.put(work)

    def close(self, timeout: float = 2.0) -> None:
        """Let queued work finish, end the threads, wait up to *timeout* seconds for each."""
        with self._lock:
            threads, self._closed = [] if self._closed else self._threads, True
        for _ in threads:
            self._queue.put(None)
        for thread in threads:
            thread.join(timeout)

    def _start(self) -> None:
        name = f"{self._name}-{len(self._threads) + 1}"
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
