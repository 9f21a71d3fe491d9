"""The same work for many things, a bounded number at a time.

At most 16 requests run at once.  A server that asks for patience (``Retry-After``) is obeyed
by all workers together.  A failure stays with its item; the others go on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final, Generic, TypeVar

from .errors import ApiError, RateLimited

__all__ = ["WORKERS", "Outcome", "fan_out"]

T = TypeVar("T")
R = TypeVar("R")

WORKERS: Final = 16
ATTEMPTS: Final = 4
LONGEST_PAUSE: Final = 60.0  # seconds; a server that asks for more gets its error shown
STEP: Final = 0.1  # seconds between looks at the stop button


class Outcome(Generic[R]):
    """What became of one item: ``value``, or ``error``."""

    __slots__ = ("error", "value")

    def __init__(self, value: R | None = None, error: Exception | None = None) -> None:
        self.value = value
        self.error = error


def fan_out(
    items: Sequence[T],
    work: Callable[[T], R],
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Outcome[R]]:
    """Call *work* with each of *items* in worker threads; return the outcomes in their order.

    Ctrl-C (the stop button) is noticed at once: what has not begun does not begin, what is
    on its way is abandoned.

    Args:
        items: What to work on.
        work: Called in a worker thread, at most 16 at once.  Any exception becomes the
            outcome's ``error``.
        on_progress: Called in this thread with how many are done.
    """
    pause = _Pause()
    # Not a `with`: leaving it waits for requests that were abandoned.
    pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="axon-set")
    try:
        futures = [pool.submit(_outcome, work, item, pause) for item in items]
        _watch(futures, on_progress)
        return [future.result() for future in futures]
    finally:
        pause.end()
        pool.shutdown(wait=False, cancel_futures=True)


def _watch(futures: Iterable[Future[Outcome[R]]], on_progress: Callable[[int], None]) -> None:
    done, left = 0, set(futures)
    while left:
        finished, left = wait(left, STEP)
        if finished:
            done += len(finished)
            on_progress(done)


def _outcome(work: Callable[[T], R], item: T, pause: _Pause) -> Outcome[R]:
    for attempt in range(1, ATTEMPTS + 1):
        pause.wait()
        try:
            return Outcome(work(item))
        except Exception as error:  # noqa: BLE001 - carried to the caller, with the item's name
            seconds = _retry_after(error)
            if seconds is None or seconds > LONGEST_PAUSE or attempt == ATTEMPTS:
                return Outcome(error=error)
            pause.extend(seconds)
    raise AssertionError("the last attempt returns")


def _retry_after(error: Exception) -> float | None:
    """How long the server asked to wait; ``None`` where waiting would not help."""
    if isinstance(error, RateLimited) or (isinstance(error, ApiError) and error.status == 503):
        return getattr(error, "retry_after", None)
    return None


class _Pause:
    """Until when no worker may send; shared by all of them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()  # guards the two fields below
        self._until = 0.0
        self._ended = False

    def wait(self) -> None:
        with self._changed:
            while not self._ended and (left := self._until - time.monotonic()) > 0:
                self._changed.wait(left)

    def extend(self, seconds: float) -> None:
        with self._changed:
            self._until = max(self._until, time.monotonic() + seconds)

    def end(self) -> None:
        """Let the workers end; they are not waited for any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
