"""What was published, listed by Runloop's own SDK."""

from __future__ import annotations

from typing import Any

import pytest
from runloop_api_client import BadRequestError, Runloop
from runloop_api_client.types import AxonView


def test_events_come_newest_first(client: Runloop, ten: AxonView) -> None:
    """The document says: ordered by sequence descending."""
    page = client.axons.events.list(ten.id)

    assert [event.sequence for event in page.events] == list(range(10, 0, -1))
    assert page.has_more is False


def test_an_event_says_everything_about_itself(client: Runloop, ten: AxonView) -> None:
    """All seven fields of the schema."""
    event = client.axons.events.list(ten.id).events[-1]

    assert event.model_dump(exclude={"timestamp_ms"}) == {
        "axon_id": ten.id,
        "sequence": 1,
        "origin": "USER_EVENT",
        "source": "sdk",
        "event_type": "odd",
        "payload": '{"number": 1}',
    }
    assert event.timestamp_ms >= ten.created_at_ms


def test_a_page_has_twenty_events_unless_asked_otherwise(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """The documented default."""
    for _ in range(21):
        publish(axon)
    page = client.axons.events.list(axon.id)

    assert [event.sequence for event in page.events] == list(range(21, 1, -1))
    assert page.has_more
    assert page.total_count == 21


def test_the_head_is_the_total_count_of_a_page_of_one(client: Runloop, ten: AxonView) -> None:
    """How Runloop's agent SDK finds where a replay ends."""
    page = client.axons.events.list(ten.id, limit=1, include_total_count=True)

    assert page.total_count == page.events[0].sequence == 10


def test_an_empty_axon_has_an_empty_page(client: Runloop, axon: AxonView) -> None:
    """With a count of nothing."""
    page = client.axons.events.list(axon.id)

    assert (page.events, page.has_more, page.total_count) == ([], False, 0)


def test_the_count_can_be_left_out(client: Runloop, ten: AxonView) -> None:
    """Then it is null."""
    assert client.axons.events.list(ten.id, include_total_count=False).total_count is None


@pytest.mark.parametrize("form", ["{sequence}", "{axon}:{sequence}"])
def test_the_next_page_starts_after_a_sequence(client: Runloop, ten: AxonView, form: str) -> None:
    """Events have no id; their sequence is the only name they have."""
    cursor = form.format(axon=ten.id, sequence=4)
    page = client.axons.events.list(ten.id, starting_after=cursor)

    assert [event.sequence for event in page.events] == [3, 2, 1]


def test_pages_by_cursor_cover_the_history_once(client: Runloop, ten: AxonView) -> None:
    """Page after page until there is no more."""
    seen: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.axons.events.list(ten.id, limit=3, **cursor)
        seen += [event.sequence for event in page.events]
        if not page.has_more:
            break
        cursor = {"starting_after": str(seen[-1])}

    assert seen == list(range(10, 0, -1))


def test_five_thousand_is_the_largest_page(client: Runloop, ten: AxonView) -> None:
    """One more is refused, with the rule."""
    assert len(client.axons.events.list(ten.id, limit=5000).events) == 10
    with pytest.raises(BadRequestError, match="limit must be an integer from 1 to 5000"):
        client.axons.events.list(ten.id, limit=5001)
