"""Waiting for a condition instead of for a time: the limit only ends a hang."""

from __future__ import annotations

import asyncio
import faulthandler
import sys
import time
from collections.abc import Callable

import psutil

__all__ = ["LIMIT", "at_rest", "becomes", "until", "wait_until"]

#: Seconds; no test is judged by them, so a busy machine may take as long as it needs.
LIMIT = 120.0


def wait_until(happened: Callable[[], object], what: object = "the condition") -> None:
    """Return once *happened* is true; fail with *what* after :data:`LIMIT` seconds."""
    deadline = time.monotonic() + LIMIT
    while not happened():
        if time.monotonic() >= deadline:
            faulthandler.dump_traceback(sys.__stderr__)  # where the threads are that it waits for
            raise AssertionError(f"{what} did not come true in {LIMIT:.0f} s")
        time.sleep(0.005)


def becomes(read: Callable[[], object], expected: object) -> None:
    """Wait until *read* returns *expected*; after the limit fail with the difference."""
    deadline = time.monotonic() + LIMIT
    while (found := read()) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == expected, f"{found!r} is not {expected!r}, which was waited for"


async def until(happened: Callable[[], object], what: object = "the condition") -> None:
    """:func:`wait_until`, while the event loop goes on."""
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not come true in {LIMIT:.0f} s"
        await asyncio.sleep(0.005)


def at_rest(process: psutil.Process) -> bool:
    """Whether *process* uses next to no time of the processor; what spins never rests."""
    used = process.cpu_times().user
    time.sleep(0.3)
    return process.cpu_times().user - used < 0.05
