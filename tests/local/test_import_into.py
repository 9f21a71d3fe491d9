"""`POST /v1/axons/{id}/import`: recorded events into an axon that has none yet."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.errors import ApiError
from axon_notebook.local.process.launcher import ServiceAddress

from ..waiting import wait_until


@pytest.fixture
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(service.base_url, api_key=service.token) as opened:
        yield opened


@pytest.fixture
def axon(client: an.Client) -> an.Axon:
    return client.create_axon("filled")


def lines_of(count: int, **changes: object) -> list[bytes]:
    event = {"timestamp_ms": 5, "origin": "SYSTEM_EVENT", "source": "s", "event_type": "t"}
    rows = [{**event, "sequence": n, "payload": f"{n}"} for n in range(1, count + 1)]
    rows[-1] |= changes
    return [json.dumps(row).encode() + b"\n" for row in rows]


def sequences(axon: an.Axon) -> list[int]:
    return sorted(axon.events(5000)["sequence"])


def test_subscribers_get_the_imported_events_and_what_follows(axon: an.Axon) -> None:
    """Those that were there before, too: each event once, in order."""
    lines = lines_of(2000)
    with axon.subscribe() as events:
        wait_until(lambda: events.state.name == "live")
        stored = axon.api.import_events(axon.id, lambda: lines)
        assert (stored.sequence, stored.timestamp_ms) == (2000, 5)
        assert axon.publish("next").sequence == 2001
        got = [next(events).sequence for _ in range(2001)]

    assert got == list(range(1, 2002))


def test_an_axon_with_events_keeps_what_it_has(axon: an.Axon) -> None:
    """409, also the second time."""
    axon.api.import_events(axon.id, lambda: lines_of(2))
    with pytest.raises(ApiError, match="has events already") as refused:
        axon.api.import_events(axon.id, lambda: lines_of(3))

    assert refused.value.status == 409
    assert sequences(axon) == [1, 2]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (lines_of(3, sequence=2), "Event 3 of the import has sequence 2 after 2"),
        (lines_of(3, origin="x"), "Event 3 of the import is wrong"),
        ([b""], "no event to import"),
    ],
)
def test_what_is_wrong_leaves_the_axon_empty(axon: an.Axon, lines: list[bytes], words: str) -> None:
    """And usable."""
    with pytest.raises(ApiError, match=words):
        axon.api.import_events(axon.id, lambda: lines)

    assert sequences(axon) == []
    assert axon.publish("first").sequence == 1


@pytest.mark.parametrize("into", ["a new axon", "an empty axon"])
def test_holes_in_sequences_end_pages_where_the_events_end(
    client: an.Client, axon: an.Axon, into: str
) -> None:
    """A recording of a part of a run begins late, and may leave events out."""
    lines = [line for n, line in enumerate(lines_of(9), 1) if n in (3, 4, 8, 9)]
    if into == "a new axon":
        info = axon.api.import_axon(lambda: [b'{"name": "holes"}\n', *lines])
        axon = client.axon(info.id)
    else:
        axon.api.import_events(axon.id, lambda: lines)
    axon.publish("next")

    pages: list[tuple[list[int], bool, int | None]] = []
    cursor: str | None = None
    for _ in range(3):
        page = axon.api.list_events(axon.id, limit=2, starting_after=cursor)
        pages.append(([e.sequence for e in page.events], page.has_more, page.total_count))
        cursor = str(page.events[-1].sequence)

    assert pages == [([10, 9], True, 5), ([8, 4], True, 5), ([3], False, 5)]
