"""Waiting between attempts: long enough for the server, short enough for the user."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from axon_notebook.wire.backoff import Backoff, retry_after_seconds


def test_the_upper_bound_doubles_up_to_thirty_seconds() -> None:
    """A server that is down for long must not be asked twice a second."""
    backoff = Backoff(draw=lambda: 1.0)

    waits = [backoff.failed() for _ in range(9)]

    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_no_wait_is_shorter_than_the_floor() -> None:
    """Full jitter may draw zero; hundreds of connections a second must not come of it."""
    backoff = Backoff(draw=lambda: 0.0)

    assert [backoff.failed() for _ in range(3)] == [0.25, 0.25, 0.25]


def test_a_success_starts_anew() -> None:
    """Yesterday's trouble must not slow down today's reconnect."""
    backoff = Backoff(draw=lambda: 1.0)
    for _ in range(6):
        backoff.failed()

    backoff.succeeded()

    assert backoff.failed() == 0.5


def test_only_the_first_failure_in_a_row_is_repeated_at_once() -> None:
    """An idle stream that was ended resumes at once; a server that always ends it does not spin."""
    backoff = Backoff(draw=lambda: 1.0)

    assert [backoff.failed(at_once=True) for _ in range(3)] == [0.0, 1.0, 2.0]


def test_the_servers_wish_is_obeyed_up_to_five_minutes() -> None:
    """Coming back earlier than asked prolongs the trouble."""
    backoff = Backoff(draw=lambda: 0.0)

    assert [backoff.failed(retry_after=s) for s in (7, 120, 1e9)] == [7, 120, 300]


def test_a_thousand_clients_do_not_return_in_the_same_moment() -> None:
    """A restarted server must not be knocked over by everybody's first attempt."""
    draw = Random(1).random
    waits = []
    for _ in range(1000):
        backoff = Backoff(draw=draw)
        waits.append(sum(backoff.failed() for _ in range(5)))

    busiest = Counter(int(wait * 100) for wait in waits).most_common(1)[0][1]

    assert busiest <= 50


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1000000000", 300.0),
        ("9" * 400, 300.0),
        ("-1", None),
        ("soon", None),
        ("1.5", None),
        ("１２", None),
        ("", None),
        (None, None),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:59:00 GMT", None),
        ("Mon, 23 Nov 2026 12:00:00 GMT", 300.0),
        ("Sun, 22 Nov 2026 12:00:30", None),
    ],
)
def test_retry_after_is_read_as_the_standard_has_it(
    value: str | None, seconds: float | None
) -> None:
    """A date is measured against the server's clock; nonsense falls back to the jitter."""
    assert retry_after_seconds(value, date="Sun, 22 Nov 2026 12:00:00 GMT") == seconds
