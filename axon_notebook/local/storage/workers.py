"""A bounded set of threads for work that blocks."""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TypeVar, cast

__all__ = ["Workers"]

T = TypeVar("T")


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
        self._lost: set[int] = set()
        self._closed = False

    def submit(self, work: Callable[[], None]) -> None:
        """Have a thread call *work*; any thread may submit."""
        with self._lock:
            if self._closed:
                raise RuntimeError(f"the {self._name} threads have ended: open a new store")
            self._unfinished += 1
            self._queue.put(work)
            self._fill()

    async def call(self, function: Callable[[], T]) -> T:
        """Have a thread call *function*; return or raise what it does. For the loop."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: Exception | None) -> None:
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(cast(T, result))

        def work() -> None:
            try:
                result = function()
            except Exception as error:  # noqa: BLE001 - handed to the waiting request
                loop.call_soon_threadsafe(settle, None, error)
            else:
                loop.call_soon_threadsafe(settle, result, None)

        self.submit(work)
        return await answer

    def lose(self, thread_id: int) -> None:
        """Give up on a thread that is stuck in its work, so that a spare one takes over.

        It goes on with the lowest priority, and ends with that work.

        Args:
            thread_id: The thread's native id.
        """
        with self._lock:
            self._lost.add(thread_id)
            self._fill()
        _give_way(thread_id, 19)

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
        return self._size + min(len(self._lost), self._spare)

    def _fill(self) -> None:
        if not self._closed and len(self._threads) < min(self._unfinished, self._most):
            self._started += 1
            name = f"{self._name}-{self._started}"
            thread = threading.Thread(target=self._loop, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _loop(self) -> None:
        me = threading.get_native_id()
        if self._nice:
            _give_way(me, self._nice)
        while (work := self._queue.get()) is not None:
            work()
            with self._lock:
                self._unfinished -= 1
                if me in self._lost:
                    self._lost.remove(me)
                    self._threads.remove(threading.current_thread())
                    self._fill()
                    return


def _give_way(thread_id: int, nice: int) -> None:
    # Elsewhere a priority is the whole process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, thread_id, nice)
