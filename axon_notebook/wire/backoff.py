"""How long to wait before the next attempt: pure, no clock, no sleep.

Full jitter: the wait before attempt *n* is drawn evenly from 0 to
``base * 2**n`` seconds, so that a thousand clients of a restarted server do
not return in the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["Backoff", "retry_after_seconds"]

LONGEST_RETRY_AFTER = 300.0  # seconds; a larger value from the server is cut to this


class Backoff:
    """Seconds to wait after each failure in a row.

    Args:
        base: Upper bound of the first wait, in seconds.
        cap: Upper bound of every wait, in seconds.
        floor: Lower bound of every wait, in seconds.
        draw: A number from 0 to 1 for each wait.
    """

    def __init__(
        self,
        *,
        base: float = 0.5,
        cap: float = 30.0,
        floor: float = 0.25,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self.base, self.cap, self.floor = base, cap, floor
        self.failures = 0  # in a row
        self._draw = draw

    def failed(self, *, retry_after: float | None = None, at_once: bool = False) -> float:
        """Count a failure; return the seconds to wait before the next attempt.

        *retry_after* is what the server asks for, in seconds, and is obeyed (plus up
        to a tenth, so that clients spread).  With *at_once* the first failure
        in a row waits nothing.
        """
        self.failures += 1
        if retry_after is not None:
            return min(retry_after, LONGEST_RETRY_AFTER) * (1 + 0.1 * self._draw())
        if at_once and self.failures == 1:
            return 0.0
        ceiling = min(self.cap, self.base * 2.0 ** min(self.failures - 1, 30))
        return max(min(self.floor, self.cap), ceiling * self._draw())

    def succeeded(self) -> None:
        """Start counting anew: an event came, or the connection held."""
        self.failures = 0


def retry_after_seconds(value: str | None, *, date: str | None = None) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for, at most 300.

    A date is measured against the server's own ``Date`` header where there is
    one, so that a wrong local clock changes nothing.  ``None`` for a missing,
    negative or unreadable value.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        seconds = (until - now).total_seconds()
    except (ValueError, TypeError):  # no date, or one with and one without a time zone
        return None
    return min(seconds, LONGEST_RETRY_AFTER) if seconds >= 0 else None
