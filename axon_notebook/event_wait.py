"""Waiting for an event that a filter lets through."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal, Protocol

from .agents.kinds import kind_of
from .errors import AxonError, WaitTimedOut
from .filtering.event_filter import EventFilter
from .models import AxonEvent
from .wire.subscription import Subscription

if TYPE_CHECKING:
    from .wire.api import ApiClient

__all__ = ["Subscribable", "wait_for", "wait_for_async"]


class Subscribable(Protocol):
    """An axon, as far as it is needed here."""

    @property
    def api(self) -> ApiClient:
        """Its connection."""

    @property
    def id(self) -> str:
        """Its identifier."""

    def subscribe(self, after_sequence: int | Literal["head"] = 0) -> Subscription:
        """Follow its events."""


def wait_for(
    axon: Subscribable, event_filter: str, after_sequence: int | None, timeout: float | None
) -> AxonEvent:
    """Return the first event that passes; see :meth:`.axon.Axon.wait_for`."""
    compiled = EventFilter(event_filter, kind_of=kind_of)
    start, last = _start(axon, after_sequence)
    with axon.subscribe(start) as subscription:
        return _first(subscription, compiled, timeout, last)


async def wait_for_async(
    axon: Subscribable,
    event_filter: str,
    after_sequence: int | None,
    timeout: float | None,  # noqa: ASYNC109 - as in wait_for
) -> AxonEvent:
    """Do the same in a worker thread; cancelling the task ends the thread."""
    compiled = EventFilter(event_filter, kind_of=kind_of)
    start, last = await asyncio.to_thread(_start, axon, after_sequence)
    subscription = axon.subscribe(start)
    try:
        return await asyncio.to_thread(_first, subscription, compiled, timeout, last)
    finally:
        # The waiting thread sees the end of the subscription and returns.
        subscription.close()


def _start(axon: Subscribable, after_sequence: int | None) -> tuple[int, AxonEvent | None]:
    """Return where to begin, and the last event before it, if that is known.

    "The next event" is the one after the newest of this moment.
    """
    if after_sequence is not None:
        return after_sequence, None
    events = axon.api.list_events(axon.id, limit=1).events
    return (events[0].sequence, events[0]) if events else (0, None)


def _first(
    subscription: Subscription,
    compiled: EventFilter,
    timeout: float | None,
    last: AxonEvent | None,
) -> AxonEvent:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        batch = subscription.next_batch(left)
        if batch is None and subscription.state.name in ("ended", "failed"):
            raise AxonError("the stream ended before an event passed the filter")
        for event in batch.events if batch is not None else ():
            if compiled.test(event):
                return event
            last = event
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitTimedOut(_timed_out(compiled, timeout, last))


def _timed_out(compiled: EventFilter, timeout: float | None, last: AxonEvent | None) -> str:
    seen = "none has come" if last is None else f"the last one is {last.sequence} {last.event_type}"
    return f"no event passed {compiled.text!r} within {timeout:g} s ({seen}): wait longer"
