"""``POST /v1/axons/{id}/publish/batch``: one request, one transaction."""

from __future__ import annotations

import json
from typing import Any

import pytest

EVENT = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}


def batch(wire: Any, axon_id: str, events: Any, *lines: str) -> Any:
    body = json.dumps({"events": events}, separators=(",", ":")).encode()
    return wire.ask("POST", f"/v1/axons/{axon_id}/publish/batch", *lines, body=body)


def stored(wire: Any, axon_id: str) -> list[str]:
    page = wire.ask("GET", f"/v1/axons/{axon_id}/events?limit=5000").json
    return [event["payload"] for event in page["events"]][::-1]


def test_events_are_stored_in_order_with_successive_sequences(wire: Any) -> None:
    """One time for all: they became durable together."""
    axon_id = wire.create()
    wire.publish(axon_id, "first")

    answer = batch(wire, axon_id, [{**EVENT, "payload": str(n)} for n in range(300)])

    assert (answer.json["first_sequence"], answer.json["last_sequence"]) == (2, 301)
    assert stored(wire, axon_id) == ["first", *(str(n) for n in range(300))]


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        ({"origin": "SYSTEM_EVENT"}, 400, "origin must be EXTERNAL_EVENT"),
        ({"payload": 7}, 400, "payload must be a string"),
        ({"payload": "x" * (4 * 1024 * 1024 + 1)}, 413, "payload is larger than 4194304 bytes."),
    ],
)
def test_one_event_that_cannot_be_stored_refuses_them_all(
    wire: Any, wrong: Any, status: int, message: str
) -> None:
    """Half a batch would leave the sender to find out which half."""
    axon_id = wire.create()

    answer = batch(wire, axon_id, [EVENT, {**EVENT, **wrong}, EVENT])

    assert answer.status == status
    assert message in answer.message
    assert stored(wire, axon_id) == []


@pytest.mark.parametrize("count", [0, 10_001])
def test_a_batch_has_bounds(wire: Any, count: int) -> None:
    """One transaction holds the axon's lock for its time."""
    answer = batch(wire, wire.create(), [EVENT] * count)

    assert (answer.status, answer.message) == (400, "events must have 1 to 10000 elements.")


def test_a_repeated_batch_is_stored_once(wire: Any) -> None:
    """The answer to the first may have been lost; with other events the id is a mistake."""
    axon_id, name = wire.create(), "X-Request-Id: batch-1"
    events = [{**EVENT, "payload": str(n)} for n in range(200)]

    answers = [batch(wire, axon_id, events, name) for _ in range(2)]
    other = batch(wire, axon_id, events[::-1], name)

    assert answers[0].json == answers[1].json
    assert (other.status, len(stored(wire, axon_id))) == (409, 200)


def test_a_subscriber_gets_every_event_of_a_batch(wire: Any) -> None:
    """Live events do not depend on how they were published."""
    axon_id = wire.create()
    with wire.connect() as sock:
        sock.sendall(wire.head("GET", f"/v1/axons/{axon_id}/subscribe/sse"))
        received = sock.recv(65536)
        batch(wire, axon_id, [{**EVENT, "payload": f"<{n}>"} for n in range(150)])
        while b"<149>" not in received:
            received += sock.recv(65536)

    places = [received.index(b"<%d>" % n) for n in range(150)]
    assert places == sorted(places)
