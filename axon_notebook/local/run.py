"""One run of a user's SQL: its turn, its time, and the means to stop it.

``sqlite3_interrupt`` from a timer of the loop stops a statement.  A progress
handler would do it too, but takes Python's lock thousands of times a second.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar, cast

import apsw

from .limits import Limits, Refused
from .sql import SqlConnection, refusal_for

__all__ = ["Run"]

T = TypeVar("T")

#: Seconds that an interrupted statement gets before its caller stops waiting for it.
GRACE: Final = 0.3


class Run(Generic[T]):
    """Work of a user that a thread does, made and awaited on the loop.

    Args:
        call: What the thread calls, with this run.
        limits: How long it may wait for its turn, and then take.
    """

    def __init__(self, call: Callable[[Run[T]], T], limits: Limits) -> None:
        self._call = call
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[T] = self._loop.create_future()
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._stopped: Refused | None = None
        self._on_abandoned: Callable[[], None] | None = None
        self._timer = self._loop.call_later(limits.sql_wait_seconds, self._wait_ended)

    async def result(self, *, on_abandoned: Callable[[], None] | None = None) -> T:
        """Wait for the result; being cancelled interrupts the statement.

        Args:
            on_abandoned: Called if the statement does not react to the interrupt
                and its thread has to be left to it.
        """
        self._on_abandoned = on_abandoned
        try:
            return await self._answer
        except asyncio.CancelledError:
            self._stop(Refused(499, "Nobody waits for this SQL any more."))
            raise

    # On the thread ---------------------------------------------------------------

    def work(self) -> None:
        """Do the work, unless it was given up before its turn."""
        with self._lock:
            if self._stopped is not None:
                return
        self._loop.call_soon_threadsafe(self._began)
        try:
            result = self._call(self)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            self.fail(error)
        else:
            self._loop.call_soon_threadsafe(self._finish, result, None)

    def fail(self, error: Exception) -> None:
        """End with *error*."""
        self._loop.call_soon_threadsafe(self._finish, None, error)

    @contextmanager
    def using(self, sql: SqlConnection) -> Iterator[None]:
        """Let this run's statement on *sql* be interrupted; translate SQLite's errors."""
        with self._lock:
            if self._stopped is not None:
                raise self._stopped
            self._connection = sql.connection
        try:
            yield
        except apsw.InterruptError:
            raise (self._stopped or _too_slow(self._limits)) from None
        except (apsw.Error, UnicodeError, OverflowError) as error:
            raise refusal_for(error, sql.reason) from None
        finally:
            with self._lock:
                self._connection = None

    # On the loop -----------------------------------------------------------------

    def _began(self) -> None:
        self._timer.cancel()
        if not self._answer.done():
            self._timer = self._loop.call_later(self._limits.sql_seconds, self._expire)

    def _wait_ended(self) -> None:
        busy = Refused(503, "SQL is busy.", headers={"Retry-After": "1"})
        if self._stop(busy) and not self._answer.done():
            self._answer.set_exception(busy)

    def _expire(self) -> None:
        self._stop(_too_slow(self._limits))
        self._timer = self._loop.call_later(GRACE, self._abandon)

    def _abandon(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(_too_slow(self._limits))
        if self._on_abandoned is not None:
            self._on_abandoned()

    def _stop(self, why: Refused) -> bool:
        with self._lock:
            self._stopped = self._stopped or why
            if self._connection is not None:
                self._connection.interrupt()
        return self._stopped is why

    def _finish(self, result: T | None, error: Exception | None) -> None:
        self._timer.cancel()
        if self._answer.done():
            return
        if error is not None:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(cast(T, result))


def _too_slow(limits: Limits) -> Refused:
    return Refused(400, f"SQL took longer than {limits.sql_seconds * 1000:.0f} ms.")
