"""Axons that come later: who asks for them, how often, and who ends that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..errors import AxonError

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["POLL_SECONDS", "Joining"]

POLL_SECONDS: Final = 5.0  # between two looks at the list of axons


class Joining:
    """Looks every five seconds for new axons; owns its thread until :meth:`close`.

    Args:
        find: Returns the axons that match and were not in the set, from the server.
        joined: Called with them in the thread, known ones included.
        failed: Called in the thread with why the server could not be asked, or with an empty text
            when it answered again.
    """

    def __init__(
        self,
        find: Callable[[], Sequence[Axon]],
        joined: Callable[[Sequence[Axon]], None],
        failed: Callable[[str], None],
    ) -> None:
        self._find = find
        self._joined = joined
        self._failed = failed
        self._ended = threading.Event()
        # Daemon: a viewer that was not closed must not keep the kernel from exiting.
        self._thread = threading.Thread(target=self._run, name="axon-joining", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; idempotent, waits at most two seconds for a request that is running."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            try:
                axons = self._find()
            except AxonError as error:
                self._failed(str(error).partition("\n")[0])
                continue
            if not self._ended.is_set():
                self._failed("")
                self._joined(axons)
