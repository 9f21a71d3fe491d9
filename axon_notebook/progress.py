"""One line of progress for work that takes a while: count, total and rate."""

from __future__ import annotations

import sys
import time
from typing import Final

__all__ = ["ProgressLine"]

QUIET_SECONDS: Final = 1.0  # nothing is shown before
STEP_SECONDS: Final = 0.2  # between two states of the line


class ProgressLine:
    """Rewrites one line in place; belongs to the thread that made it.

    ::

        published 1,200 of 5,000 events · 800/s

    Args:
        verb: What is done, in the past tense.
        total: How many things there are.
        noun: What they are, in the plural.
        shown: ``False`` writes nothing.
    """

    def __init__(self, verb: str, total: int, noun: str, *, shown: bool = True) -> None:
        self._verb, self._total, self._noun = verb, total, noun
        # Notebooks paint stderr as an alarm; scripts want progress out of their stdout.
        in_kernel = type(sys.stderr).__module__.startswith("ipykernel")
        self._out = sys.stdout if in_kernel else sys.stderr
        self._started = time.monotonic()
        self._next = self._started + QUIET_SECONDS if shown else float("inf")
        self._visible = False

    def show(self, done: int) -> None:
        """Say that *done* things are done; cheap to call for each of them."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next, self._visible = now + STEP_SECONDS, True
        rate = done / (now - self._started)
        self._write(f"{self._verb} {done:,} of {self._total:,} {self._noun} · {rate:,.0f}/s")

    def end(self) -> None:
        """Replace the line by how long it took, if it was ever shown."""
        if self._visible:
            seconds = time.monotonic() - self._started
            line = f"{self._verb} {self._total:,} {self._noun} in {seconds:.1f} s"
            self._write(f"{line}{' ' * 20}\n")

    def _write(self, text: str) -> None:
        self._out.write(f"\r{text} ")
        self._out.flush()
