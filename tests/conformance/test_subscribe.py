"""Following an axon with Runloop's own SDK."""

from __future__ import annotations

import threading
from itertools import islice
from typing import Any

import pytest
from runloop_api_client import APIStatusError, BadRequestError, NotFoundError, Runloop
from runloop_api_client.types import AxonView


def follow(client: Runloop, axon: AxonView, number: int, **options: Any) -> list[Any]:
    """Read *number* events from the stream."""
    with client.axons.subscribe_sse(axon.id, **options) as stream:
        return list(islice(stream, number))


def test_a_stream_replays_from_the_beginning(client: Runloop, ten: AxonView) -> None:
    """Without after_sequence, everything."""
    assert [event.sequence for event in follow(client, ten, 10)] == list(range(1, 11))


def test_a_stream_begins_after_the_sequence_given(client: Runloop, ten: AxonView) -> None:
    """Exclusive: the sequence one has is not sent again."""
    events = follow(client, ten, 3, after_sequence=7)

    assert [event.sequence for event in events] == [8, 9, 10]


def test_a_streamed_event_equals_the_listed_one(client: Runloop, ten: AxonView) -> None:
    """One event, one view, whichever way it is read."""
    listed = client.axons.events.list(ten.id).events

    assert follow(client, ten, 10) == listed[::-1]


def test_an_event_published_later_arrives(client: Runloop, axon: AxonView, publish: Any) -> None:
    """The live half of the stream."""
    with client.axons.subscribe_sse(axon.id) as stream:
        publish(axon, "live")

        assert next(iter(stream)).payload == "live"


def test_replay_goes_over_into_live_without_a_seam(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Publishing goes on while the stream replays."""
    for _ in range(50):
        publish(axon)
    publisher = threading.Thread(target=lambda: [publish(axon) for _ in range(150)])
    with client.axons.subscribe_sse(axon.id) as stream:
        publisher.start()
        sequences = [event.sequence for event in islice(stream, 200)]
    publisher.join()

    assert sequences == list(range(1, 201))


def test_two_subscribers_get_the_same_events(client: Runloop, axon: AxonView, publish: Any) -> None:
    """None takes anything away from the other."""
    with client.axons.subscribe_sse(axon.id) as one, client.axons.subscribe_sse(axon.id) as other:
        for _ in range(5):
            publish(axon)

        assert list(islice(one, 5)) == list(islice(other, 5))


def test_a_stream_after_the_head_waits_for_what_comes(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """How one follows without the past."""
    head = publish(axon).sequence
    with client.axons.subscribe_sse(axon.id, after_sequence=head) as stream:
        publish(axon, "next")

        assert next(iter(stream)).payload == "next"


def test_a_stream_far_after_the_head_skips_up_to_there(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Anyone who asks for events after 3 gets none below 4."""
    with client.axons.subscribe_sse(axon.id, after_sequence=3) as stream:
        for _ in range(5):
            publish(axon)

        assert [event.sequence for event in islice(stream, 2)] == [4, 5]


def test_a_stream_ends_with_404_when_its_axon_is_deleted(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Silence would leave the reader waiting for ever."""
    publish(axon)
    with client.axons.subscribe_sse(axon.id) as stream:
        events = iter(stream)
        next(events)
        client.axons.delete(axon.id)
        with pytest.raises(APIStatusError) as caught:
            next(events)

    assert caught.value.status_code == 404
    assert caught.value.body == {"code": "404", "message": "Axon not found."}


def test_an_unknown_axon_cannot_be_followed(client: Runloop) -> None:
    """404 before the stream begins."""
    with pytest.raises(NotFoundError), client.axons.subscribe_sse("axn_unknown"):
        pass


def test_a_negative_place_is_refused(client: Runloop, ten: AxonView) -> None:
    """400 before the stream begins."""
    with (
        pytest.raises(BadRequestError, match="after_sequence"),
        client.axons.subscribe_sse(ten.id, after_sequence=-1),
    ):
        pass


def test_a_stream_is_one_of_server_sent_events(client: Runloop, ten: AxonView) -> None:
    """What proxies and browsers need to know, in the headers."""
    with client.axons.with_streaming_response.subscribe_sse(ten.id) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert "content-length" not in response.headers


def test_closing_a_stream_in_the_middle_leaves_the_service_well(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Readers leave without a word; that must cost nothing."""
    for _ in range(30):
        publish(axon)
    for _ in range(10):
        follow(client, axon, 1)

    assert len(follow(client, axon, 30)) == 30
