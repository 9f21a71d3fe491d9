"""Open SQLite connections that wait to be used again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar, cast

__all__ = ["Connections", "Source"]


class Closable(Protocol):
    """What can be kept: anything with ``close``."""

    def close(self) -> None:
        """Give the resources back."""


T = TypeVar("T", bound=Closable)


class Source(Generic[T]):
    """One kind of connection to one file, and how to open one more."""

    def __init__(self, connect: Callable[[], T]) -> None:
        self.connect = connect
        self.dropped = False


class Connections:
    """Lends each connection to one thread at a time, and keeps some of the idle ones.

    So thousands of axons share a bounded number of open files.

    Args:
        keep: Most idle connections; the one that waits longest is closed first.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._lock = threading.Lock()
        # In the order of use; short enough to be searched.
        self._idle: list[tuple[Source[Any], Closable]] = []

    @contextmanager
    def lend(self, source: Source[T]) -> Iterator[T]:
        """Lend an idle connection of *source*, or a new one."""
        connection = self._take(source) or source.connect()
        try:
            yield connection
        finally:
            self._give_back(source, connection)

    def drop(self, *sources: Source[Any]) -> None:
        """Close what is idle of *sources* now, and what is lent when it comes back."""
        with self._lock:
            for source in sources:
                source.dropped = True
            mine = [connection for source, connection in self._idle if source.dropped]
            self._idle = [pair for pair in self._idle if not pair[0].dropped]
        for connection in mine:
            connection.close()

    def close(self) -> None:
        """Close everything idle, and keep nothing from now on."""
        self._keep = 0
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()

    def _take(self, source: Source[T]) -> T | None:
        with self._lock:
            for i in range(len(self._idle) - 1, -1, -1):
                if self._idle[i][0] is source:
                    return cast(T, self._idle.pop(i)[1])
        return None

    def _give_back(self, source: Source[T], connection: T) -> None:
        surplus: Closable | None = connection
        with self._lock:
            if not source.dropped and self._keep:
                self._idle.append((source, connection))
                surplus = self._idle.pop(0)[1] if len(self._idle) > self._keep else None
        if surplus is not None:
            surplus.close()
