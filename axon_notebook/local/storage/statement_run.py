"""One run of a user's SQL: its turn, its time, and the means to stop it.

``sqlite3_interrupt`` from a timer of the loop stops a statement.  A progress
handler would do it too, but takes Python's lock thousands of times a second.

Some functions of SQLite ignore interrupts (``instr``, ``replace``, ``trim``,
``json_patch`` of megabytes).  Their caller is answered in time, their thread is
given up, and a spare one takes its place, up to as many as there were.

Measured on two busy cores, eight callers repeating one hostile query: the 99th
percentile of a durable publish was 12 ms (endless recursion), 29 ms (cross
joins), 17 ms (sorting), 41 ms (``instr`` of 8 MB in 4 MB), 39 ms (``replace``),
12 ms (``printf`` of 8 MB), 15 ms (``json_patch``), where it was 6 ms without
them; the loop's own delay stayed under 10 ms.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Generic, TypeVar, cast

import apsw

from ..refusals import RETRY_SOON, Refusal
from .limits import Limits
from .statements import SqlConnection, refusal_for
from .workers import Workers

__all__ = ["Run"]

T = TypeVar("T")

#: Seconds that an interrupted statement gets before its caller stops waiting for it.
GRACE: Final = 0.3

#: Seconds between two interrupts of the same statement.
PRESS: Final = 0.05


class Run(Generic[T]):
    """Work of a user that a thread does, made and awaited on the loop.

    Args:
        call: What the thread calls, with this run.
        limits: How long it may wait for its turn, and then take.
        workers: Where the thread comes from.
        on_stuck: Called with ``True`` if the statement does not react to its
            interrupt, so that its thread has to be left to it, and with
            ``False`` when it ends after all.
    """

    def __init__(
        self,
        call: Callable[[Run[T]], T],
        limits: Limits,
        workers: Workers,
        on_stuck: Callable[[bool], None] | None = None,
    ) -> None:
        self._call = call
        self._limits = limits
        self._workers = workers
        self._thread_id = 0
        self._on_stuck = on_stuck or (lambda stuck: None)
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[T] = self._loop.create_future()
        self._lock = threading.Lock()
        self._connection: apsw.Connection | None = None
        self._stopped: Refusal | None = None
        self._began = self._ended = self._stuck = False
        self._timer = self._loop.call_later(limits.sql_wait_seconds, self._wait_ended)

    async def result(self) -> T:
        """Wait for the result; being cancelled interrupts the statement."""
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.stop(Refusal(499, "The client of this SQL has gone."))
            raise

    # On the thread ---------------------------------------------------------------

    def work(self) -> None:
        """Do the work, unless it was given up before its turn; never raises."""
        with self._lock:
            self._began = self._stopped is None
        if not self._began:
            return
        self._thread_id = threading.get_native_id()
        self._tell(self._limit_time)
        result: T | None = None
        error: Exception | None = None
        try:
            result = self._call(self)
        except apsw.Error as problem:
            error = refusal_for(problem)
        except Exception as problem:  # noqa: BLE001 - handed to the waiting request
            error = problem
        self._tell(self._finish, result, error)

    def _tell(self, callback: Callable[..., None], *args: object) -> None:
        # A statement that ignores interrupts may outlive the loop.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback, *args)

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
        except (apsw.Error, UnicodeError) as error:
            raise refusal_for(error, sql.reason) from None
        finally:
            with self._lock:
                self._connection = None

    # On the loop -----------------------------------------------------------------

    def _limit_time(self) -> None:
        if self._stopped is None and not self._ended:
            self._timer.cancel()
            self._timer = self._loop.call_later(self._limits.sql_seconds, self._expire)

    def _wait_ended(self) -> None:
        with self._lock:
            began = self._began
        if not began:
            self.stop(Refusal(503, "SQL is busy.", headers=RETRY_SOON))

    def _expire(self) -> None:
        self.stop(_too_slow(self._limits))

    def stop(self, why: Refusal) -> None:
        """Interrupt the statement, or keep it from starting; *why* is its answer."""
        with self._lock:
            self._stopped = self._stopped or why
            began = self._began
        self._timer.cancel()
        if not began and not self._answer.done():
            self._answer.set_exception(why)
        if began and not self._ended:
            self._press(self._loop.time() + GRACE)

    def _press(self, patience: float) -> None:
        """Interrupt again and again: between two statements SQLite forgets it."""
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()
        if self._loop.time() > patience and not self._stuck:
            self._stuck = True
            if not self._answer.done():
                self._answer.set_exception(_too_slow(self._limits))
            self._workers.lose(self._thread_id)
            self._on_stuck(True)
        self._timer = self._loop.call_later(PRESS, self._press, patience)

    def _finish(self, result: T | None, error: Exception | None) -> None:
        self._ended = True
        self._timer.cancel()
        if self._stuck:
            self._on_stuck(False)
        if self._answer.done():
            return
        if error is not None:
            self._answer.set_exception(error)
        else:
            self._answer.set_result(cast(T, result))


def _too_slow(limits: Limits) -> Refusal:
    return Refusal(400, f"SQL took longer than {limits.sql_seconds * 1000:.0f} ms.")
