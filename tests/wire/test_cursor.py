"""Each event once, in order, or declared missing."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import AxonEvent
from axon_notebook.wire.cursor import Cursor, EventBatch


def event(sequence: int) -> AxonEvent:
    return AxonEvent(sequence, "axn_1", 1000 + sequence, "USER_EVENT", "test", "t", f"{sequence}")


def take(cursor: Cursor, *sequences: int) -> list[EventBatch]:
    return cursor.take([event(s) for s in sequences], [b"%d" % s for s in sequences])


def shown(batches: list[EventBatch]) -> list[int]:
    for batch in batches:
        assert [int(raw) for raw in batch.raws] == [e.sequence for e in batch.events]
    return [e.sequence for batch in batches for e in batch.events]


def test_contiguous_events_pass_untouched() -> None:
    """The usual case hands the very list on, without looking at each event again."""
    cursor = Cursor(4)
    events = [event(5), event(6)]

    (batch,) = cursor.take(events, [b"5", b"6"])

    assert batch.events is events
    assert cursor.after_sequence == 6


def test_what_was_seen_is_dropped_and_counted() -> None:
    """A resume may repeat what was in flight."""
    cursor = Cursor(6)

    delivered = shown(take(cursor, 5, 6, 7, 7, 8))

    assert delivered == [7, 8]
    assert cursor.duplicates == 3


def test_events_behind_a_hole_wait_for_it() -> None:
    """Order is what makes a log readable; the hole is named so that it can be fetched."""
    cursor = Cursor()

    assert shown(take(cursor, 1, 4, 5)) == [1]
    assert cursor.gap == (2, 3)
    assert shown(take(cursor, 3, 2)) == [2, 3, 4, 5]
    assert cursor.gap is None


def test_a_hole_that_cannot_be_filled_is_declared() -> None:
    """Never silently skipped."""
    cursor = Cursor(5)
    take(cursor, 9, 12)

    (first, *rest) = cursor.settle(11)

    assert first.missing == ((6, 8), (10, 11))
    assert shown([first, *rest]) == [9, 12]
    assert cursor.missing == [(6, 8), (10, 11)]
    assert cursor.after_sequence == 12


def test_an_event_that_comes_after_all_is_late_and_no_longer_missing() -> None:
    """Declared missing is a statement about now, and is taken back when it was wrong."""
    cursor = Cursor()
    take(cursor, 5)
    cursor.settle(4)

    (late,) = take(cursor, 3)

    assert late.late
    assert shown([late]) == [3]
    assert cursor.missing == [(1, 2), (4, 4)]
    assert shown(take(cursor, 3)) == []


def test_what_is_held_back_comes_again_after_a_resume() -> None:
    """The next connection starts at the hole, so the held events are not kept beside it."""
    cursor = Cursor()
    take(cursor, 1, 3)

    cursor.forget_held()

    assert cursor.gap is None
    assert shown(take(cursor, 2, 3)) == [2, 3]


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8), max_size=6), st.data())
def test_any_order_any_cut_any_repetition_comes_out_once_in_order(
    order: list[int], again: list[int], data: st.DataObject
) -> None:
    """Whatever the network does to eight events, the reader sees eight events."""
    cursor = Cursor()
    arriving = [*order, *again]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arriving)), max_size=5)))
    edges = [0, *cuts, len(arriving)]

    delivered = [
        sequence
        for a, b in itertools.pairwise(edges)
        for sequence in shown(take(cursor, *arriving[a:b]))
    ]

    assert delivered == list(range(1, 9))
    assert cursor.duplicates == len(again)
