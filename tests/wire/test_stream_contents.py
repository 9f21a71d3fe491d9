"""The resuming stream against what a server may send: repeated, swapped, missing, unreadable.

Row numbers as in ``test_stream_faults.py``.
"""

from __future__ import annotations

from contextlib import closing

import msgspec
import pytest

from axon_notebook.config import Secret
from axon_notebook.errors import StreamTruncated
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.cursor import EventBatch
from axon_notebook.wire.http import Endpoint
from axon_notebook.wire.resuming import StreamState
from axon_notebook.wire.sse import encode_comment, encode_event

from ..faults.faultproxy import DropEvent, DuplicateEvent, FaultProxy, SwapEvents
from ..faults.reading import KEY, Reading, whole_stream
from ..faults.scripted_server import AXON, HOLD, Answer, ScriptedServer, events_up_to, frames


@pytest.mark.parametrize("number", range(1, 10))
def test_f20_an_event_that_comes_twice_is_delivered_once(
    proxy: FaultProxy, far_client: ApiClient, number: int
) -> None:
    """The overlap of a replay is the server's right, and nobody's second event."""
    proxy.plan([DuplicateEvent(number)])

    reading = Reading(far_client)

    assert reading.is_whole()
    assert reading.stream.reception.cursor.duplicates == 1


@pytest.mark.parametrize("number", range(1, 10))
def test_f21_events_out_of_order_are_put_in_order(
    proxy: FaultProxy, far_client: ApiClient, number: int
) -> None:
    """A reader that sees the answer before the question draws wrong conclusions."""
    proxy.plan([SwapEvents(number)])

    reading = Reading(far_client)

    assert reading.is_whole()


@pytest.mark.parametrize("number", range(1, 10))
def test_f22_a_gap_is_filled_from_the_history(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient, number: int
) -> None:
    """What the stream left out is still in the log."""
    proxy.plan([DropEvent(number)])

    reading = Reading(far_client)

    assert reading.is_whole()
    assert len(server.asked("sql/query")) == 1
    assert reading.events[number - 1] == events_up_to(number)[-1]


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_f22_without_sql_a_gap_is_filled_from_the_list(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient, status: int
) -> None:
    """Two ways lead to an old event; one may be closed."""
    server.answers("sql/query", Answer(status=status, steps=[b'{"message":"no SQL"}']))
    proxy.plan([DropEvent(2)])

    reading = Reading(far_client)

    assert reading.is_whole()


@pytest.mark.parametrize("sql", [True, False], ids=["by SQL", "by list"])
def test_f22_a_huge_gap_is_declared_in_a_few_requests(
    server: ScriptedServer, client: ApiClient, sql: bool
) -> None:
    """A log whose old part was put away must not be asked for it page by page."""
    far = 2**62
    server.replace([*events_up_to(2), *events_up_to(far + 8, first=far + 1)])
    if not sql:
        server.answers("sql/query", *[Answer(status=400, steps=[b"{}"])] * 3)

    reading = Reading(client)

    assert reading.sequences == [1, 2, *range(far + 1, far + 9)]
    assert reading.missing == [(3, far)]
    assert len(server.requests) <= 5


@pytest.mark.parametrize("sql", [True, False], ids=["by SQL", "by list"])
def test_f22_a_gap_of_many_pages_is_filled_in_order(
    server: ScriptedServer, client: ApiClient, sql: bool
) -> None:
    """What a stream left out may be more than one answer can carry."""
    history = [e for e in events_up_to(12_000) if e.sequence != 7000]
    server.replace(history)
    server.streams(Answer(steps=[frames(history[-1:]), HOLD]))
    if not sql:
        server.answers("sql/query", *[Answer(status=400, steps=[b"{}"])] * 9)

    reading = Reading(client, len(history))

    assert reading.events == history
    assert reading.missing == [(7000, 7000)]
    assert len(server.asked()) == 1


def test_f22_what_the_server_does_not_have_is_declared_missing(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A silent hole is the one thing an event log may never have."""
    server.replace([e for e in events_up_to(10) if e.sequence not in (1, 4, 5, 9)])

    reading = Reading(client, 6)

    assert reading.sequences == [2, 3, 6, 7, 8, 10]
    assert reading.missing == [(1, 1), (4, 5), (9, 9)]


def test_f23_an_event_over_the_limit_is_named_and_stepped_over(
    server: ScriptedServer, client: ApiClient
) -> None:
    """One payload of 17 MiB must not end the view of all others."""
    events = events_up_to(10)
    events[3] = msgspec.structs.replace(events[3], payload="x" * (17 * 1024 * 1024))
    server.replace(events)

    reading = Reading(client, 9)

    assert reading.sequences == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert reading.unreadable == [4]
    assert len(server.asked()) == 1


def test_f24_a_history_that_went_back_is_reported(
    server: ScriptedServer, client: ApiClient
) -> None:
    """Waiting for event 11 of a server that restarted at 3 would take for ever."""
    server.streams(Answer(steps=[whole_stream()]))

    def lose(state: StreamState) -> None:
        if state.name == "reconnecting":
            server.replace(events_up_to(3))

    reading = Reading(client, 11, on_state=lose)

    assert isinstance(reading.error, StreamTruncated)
    assert (reading.error.cursor, reading.error.head) == (10, 3)
    assert reading.sequences == [*range(1, 11)]


@pytest.mark.parametrize("last", [10, 12], ids=["as long", "longer"])
def test_f25_a_history_that_was_rewritten_is_reported(last: int) -> None:
    """A restored backup may have grown past the cursor with other events."""
    other = [msgspec.structs.replace(e, payload="other") for e in events_up_to(last)]
    old, new = ScriptedServer(events_up_to(10)), ScriptedServer(other)

    def locate(start: bool, failed: Endpoint | None) -> Endpoint:
        return Endpoint((new if failed else old).base_url, Secret(KEY))

    def restart(batch: EventBatch) -> None:
        if batch.events[-1].sequence == 10:
            old.stop()

    with old, new, closing(ApiClient(locate)) as client:
        reading = Reading(client, 11, on_batch=restart)

    assert type(reading.error) is StreamTruncated
    assert "event 10 has another content" in str(reading.error)
    assert reading.sequences == [*range(1, 11)]


BAD_DATA = [
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b'{"sequence":4}',
    frames(events_up_to(4, first=4))[6:-2].replace(b'"sequence":4', b'"sequence":"4"'),
    frames(events_up_to(4, first=4))[6:-2].replace(b'"sequence":4', b'"sequence":4.5'),
    frames(events_up_to(4, first=4))[6:-2].replace(b'"sequence":4', b'"sequence":-4'),
    frames(events_up_to(4, first=4))[6:-2].replace(b'"sequence":4', b'"sequence":%d' % 2**63),
    frames(events_up_to(4, first=4))[6:-2] + b"," + frames(events_up_to(5, first=5))[6:-2],
    b"[" * 100_000,
]


@pytest.mark.parametrize("data", BAD_DATA, ids=range(len(BAD_DATA)))
def test_f40_an_event_that_cannot_be_read_is_shown_and_fetched(
    server: ScriptedServer, client: ApiClient, data: bytes
) -> None:
    """A stub and the readable rest are worth more than an exception."""
    body = frames(events_up_to(3)) + encode_event(data) + frames(events_up_to(10, first=5))
    server.streams(Answer(steps=[body, HOLD]))

    reading = Reading(client, 9)

    assert reading.error is None
    assert len(reading.unreadable) == 1
    assert sorted({*reading.sequences, 4}) == [*range(1, 11)]
    assert len(server.asked()) == 1


def test_f41_unknown_fields_and_origins_are_taken_as_they_are(
    server: ScriptedServer, client: ApiClient
) -> None:
    """The API grows; an old notebook must go on."""
    event = frames(events_up_to(1)).replace(b"USER_EVENT", b"ROBOT_EVENT")
    event = event.replace(b"}\n\n", b',"mood":{"deep":[1]}}\n\n')
    server.streams(Answer(steps=[event, frames(events_up_to(10, first=2)), HOLD]))

    reading = Reading(client)

    assert reading.is_whole()
    assert reading.events[0].origin == "ROBOT_EVENT"
    assert b'"mood"' in reading.batches[0].raws[0]


GHOSTS = [
    b"id: 1\n\n",
    b"retry: 1000\n\n",
    b"data:\n\n",
    b"id: 7\ndata:\n\n",
    encode_comment("keep-alive"),
    b"event: ping\ndata: {}\n\n",
    b"\xef\xbb\xbf",
    b"\n\n\n\r\n",
]


@pytest.mark.parametrize("ghost", GHOSTS, ids=repr)
def test_f42_blocks_that_carry_no_event_are_ignored(
    server: ScriptedServer, client: ApiClient, ghost: bytes
) -> None:
    """Priming, pings and ids are housekeeping; sequences alone decide where to resume."""
    head = ghost + frames(events_up_to(3))
    middle = b"" if ghost.startswith(b"\xef") else ghost
    server.streams(Answer(steps=[head + middle, frames(events_up_to(5, first=4)) + middle]))

    reading = Reading(client)

    assert reading.is_whole()
    assert reading.unreadable == []
    assert [request.after_sequence for request in server.asked()] == [0, 5]
    assert "last-event-id" not in server.asked()[1].headers


def test_t15_events_of_another_axon_are_no_events_of_this_one(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A mix-up on the server must not show one customer's events to another."""
    strange = frames(events_up_to(4, first=4, axon_id="axn_2"))
    body = frames(events_up_to(3)) + strange + frames(events_up_to(10, first=4)) + strange
    server.streams(Answer(steps=[body, HOLD]))

    reading = Reading(client)

    assert reading.is_whole()
    assert {event.axon_id for event in reading.events} == {AXON}
    assert reading.stream.reception.foreign >= 1
