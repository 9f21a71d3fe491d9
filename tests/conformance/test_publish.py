"""Publishing with Runloop's own SDK, retries included."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import httpx
import pytest
from runloop_api_client import (
    APIStatusError,
    BadRequestError,
    ConflictError,
    DefaultHttpxClient,
    NotFoundError,
    Runloop,
)
from runloop_api_client.types import AxonView

TEXTS = [
    '{"text": "plain"}',
    "not JSON at all",
    "",
    "line\nbreaks\r\nand\ttabs",
    "é ☃ 😀 中文",
    "separators \u2028 \u2029 \u0085 \x0b \x0c \x1c",
    "nul \x00 and bell \x07",
    'quotes " \\ \\" / </script>',
    "data: not a frame\n\n: no comment\nid: 7",
    json.dumps({"deep": {"er": [1, 2.5, None, True, {"x": "y"}]}}),
]


def test_the_first_event_is_number_one(axon: AxonView, publish: Any) -> None:
    """Sequences are 1-based; total_count equals the highest."""
    assert publish(axon).sequence == 1


def test_sequences_have_no_holes(axon: AxonView, publish: Any) -> None:
    """A hole would mean a lost event to every reader."""
    assert [publish(axon).sequence for _ in range(20)] == list(range(1, 21))


def test_sequences_belong_to_their_axon(client: Runloop, publish: Any) -> None:
    """Publishing elsewhere makes no hole here."""
    one, other = client.axons.create(), client.axons.create()

    assert [publish(axon).sequence for axon in (one, other, one, other)] == [1, 1, 2, 2]


def test_an_event_is_stamped_with_the_servers_time(axon: AxonView, publish: Any) -> None:
    """Milliseconds since 1970, never going back."""
    stamps = [publish(axon).timestamp_ms for _ in range(5)]

    assert abs(stamps[0] - time.time() * 1000) < 60_000
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("text", TEXTS)
def test_a_payload_comes_back_to_the_character(
    client: Runloop, axon: AxonView, publish: Any, text: str
) -> None:
    """The service stores text; it neither parses nor repairs it."""
    publish(axon, text)

    assert client.axons.events.list(axon.id).events[0].payload == text
    with client.axons.subscribe_sse(axon.id) as stream:
        assert next(iter(stream)).payload == text


@pytest.mark.parametrize("origin", ["EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT"])
def test_each_origin_of_a_publisher_is_kept(
    client: Runloop, axon: AxonView, publish: Any, origin: str
) -> None:
    """Who speaks decides how an agent's log is read."""
    publish(axon, origin=origin)

    assert client.axons.events.list(axon.id).events[0].origin == origin


def test_nobody_can_pose_as_the_system(axon: AxonView, publish: Any) -> None:
    """Brokers trust what is marked as the system's."""
    with pytest.raises(BadRequestError, match="origin must be"):
        publish(axon, origin="SYSTEM_EVENT")


@pytest.mark.parametrize("text", ["", "ünï ☃ 😀", "a\nb", "x" * 1000])
def test_source_and_type_are_free_text(
    client: Runloop, axon: AxonView, publish: Any, text: str
) -> None:
    """The names in the document, github and slack, are examples."""
    publish(axon, source=text, event_type=text)

    event = client.axons.events.list(axon.id).events[0]
    assert (event.source, event.event_type) == (text, text)


def test_a_payload_of_four_mebibytes_is_taken(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """The documented limit, to the byte."""
    largest = "x" * (4 * 1024 * 1024)
    publish(axon, largest)

    assert client.axons.events.list(axon.id).events[0].payload == largest


def test_a_payload_over_four_mebibytes_is_413(axon: AxonView, publish: Any) -> None:
    """RAS turns exactly this status into its PayloadTooLargeError."""
    with pytest.raises(APIStatusError) as caught:
        publish(axon, "x" * (4 * 1024 * 1024 + 1))

    assert caught.value.status_code == 413


def test_publishing_to_an_unknown_axon_is_not_found(client: Runloop) -> None:
    """Callers take a 4xx as: the axon is gone."""
    event = {"source": "s", "event_type": "t", "payload": "{}"}
    with pytest.raises(NotFoundError):
        client.axons.publish("axn_unknown", origin="USER_EVENT", **event)


def test_the_same_idempotency_key_stores_one_event(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """The second answer is the first one again."""
    first = publish(axon, "once", idempotency_key="key-1")
    second = publish(axon, "once", idempotency_key="key-1")

    assert second == first
    assert client.axons.events.list(axon.id).total_count == 1


def test_the_same_idempotency_key_on_another_axon_is_another_event(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Keys are remembered for their axon."""
    other = client.axons.create()
    publish(axon, "once", idempotency_key="key-2")

    assert publish(other, "once", idempotency_key="key-2").sequence == 1
    assert client.axons.events.list(other.id).total_count == 1


def test_an_idempotency_key_with_another_event_is_a_conflict(
    client: Runloop, axon: AxonView
) -> None:
    """The first answer would be a lie about the second event."""
    once = client.with_options(max_retries=0)
    event = {"source": "s", "event_type": "t", "idempotency_key": "key-3"}
    once.axons.publish(axon.id, origin="USER_EVENT", payload="1", **event)

    with pytest.raises(ConflictError):
        once.axons.publish(axon.id, origin="USER_EVENT", payload="2", **event)


class LosesAnswers(httpx.HTTPTransport):
    """Delivers requests, and loses the first answers."""

    def __init__(self, losses: int) -> None:
        super().__init__()
        self.losses = losses

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "POST" and self.losses:
            self.losses -= 1
            response.close()
            raise httpx.ReadError("lost", request=request)
        return response


def test_a_retry_after_a_lost_answer_stores_one_event(
    environment: None, client: Runloop, axon: AxonView
) -> None:
    """The SDK cannot know that its first attempt arrived; the service does."""
    transport = LosesAnswers(1)
    with DefaultHttpxClient(transport=transport) as http, Runloop(http_client=http) as clumsy:
        event = {"source": "s", "event_type": "t", "payload": "{}"}
        result = clumsy.axons.publish(axon.id, origin="USER_EVENT", **event)

    assert transport.losses == 0
    assert result.sequence == 1
    assert client.axons.events.list(axon.id).total_count == 1


def test_a_retry_after_a_lost_answer_makes_one_axon(environment: None, client: Runloop) -> None:
    """Otherwise every hiccup would leave a twin in the list."""
    transport = LosesAnswers(1)
    name = f"retried-{time.time_ns()}"
    with DefaultHttpxClient(transport=transport) as http, Runloop(http_client=http) as clumsy:
        axon = clumsy.axons.create(name=name)

    assert transport.losses == 0
    assert [found.id for found in client.axons.list(name=name)] == [axon.id]


def test_concurrent_publishers_get_each_sequence_once(
    client: Runloop, axon: AxonView, publish: Any
) -> None:
    """Four threads, one history without holes."""
    sequences: list[int] = []

    def work() -> None:
        sequences.extend(publish(axon).sequence for _ in range(25))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sequences) == list(range(1, 101))
