"""The resuming stream against servers and networks that fail, over real sockets.

The numbers in the names are the rows of the failure model: one row, one fault,
one promise.  The promise behind all of them: every event once, in order, or
declared missing.
"""

from __future__ import annotations

import json
import ssl
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme

from axon_notebook.config import Secret
from axon_notebook.errors import (
    ApiError,
    AuthenticationError,
    AxonError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    NotAnEventStream,
    NotFound,
    ProtocolError,
    StreamFailed,
    StreamTruncated,
)
from axon_notebook.models import AxonEvent
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.backoff import Backoff
from axon_notebook.wire.client import Endpoint
from axon_notebook.wire.cursor import EventBatch
from axon_notebook.wire.sse import encode_comment, encode_event
from axon_notebook.wire.stream import EventStream, StreamState

from ..faults.faultproxy import (
    Buffer,
    CutAt,
    DropEvent,
    DuplicateEvent,
    Fault,
    FaultProxy,
    Gzip,
    HalfOpenAt,
    ResetAt,
    Slicer,
    SwapEvents,
)
from ..faults.scripted_server import (
    AXON,
    HOLD,
    Answer,
    ScriptedServer,
    Wait,
    events_up_to,
    frames,
)

HTTP_CASES = json.loads(Path(__file__).with_name("sse_cases.json").read_text("utf-8"))["http_cases"]
KEY = "ak_secret"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(events_up_to(10)) as server:
        yield server


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def client(server: ScriptedServer) -> Iterator[ApiClient]:
    with closing(client_of(server.base_url)) as client:
        yield client


@pytest.fixture
def far_client(proxy: FaultProxy) -> Iterator[ApiClient]:
    """A client whose way to the server leads through the proxy."""
    with closing(client_of(proxy.base_url)) as client:
        yield client


def client_of(url: str) -> ApiClient:
    return ApiClient(lambda start, failed: Endpoint(url, Secret(KEY)))


def at_once() -> Backoff:
    return Backoff(base=0, cap=0, floor=0)


class Reading:
    """What a stream delivered until *count* events were there, or until it failed."""

    def __init__(self, client: ApiClient, count: int = 10, **options: Any) -> None:
        self.batches: list[EventBatch] = []
        self.states: list[StreamState] = []
        self.error: AxonError | None = None
        self._on_state = options.pop("on_state", None)
        self._on_batch = options.pop("on_batch", None)
        options = {"backoff": at_once(), "max_failures": 50, **options}
        with EventStream(client, AXON, on_state=self._note, **options) as stream:
            self.stream = stream
            try:
                self._read(stream, count)
            except AxonError as error:
                self.error = error

    def _note(self, state: StreamState) -> None:
        self.states.append(state)
        if self._on_state is not None:
            self._on_state(state)

    def _read(self, stream: EventStream, count: int) -> None:
        with closing(iter(stream)) as batches:  # type: ignore[type-var]
            for batch in batches:
                self.batches.append(batch)
                if self._on_batch is not None:
                    self._on_batch(batch)
                if sum(len(b.events) for b in self.batches) >= count:
                    return

    @property
    def events(self) -> list[AxonEvent]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def sequences(self) -> list[int]:
        return [event.sequence for event in self.events]

    @property
    def missing(self) -> list[tuple[int, int]]:
        return [span for batch in self.batches for span in batch.missing]

    @property
    def unreadable(self) -> list[int | None]:
        return [item.sequence for batch in self.batches for item in batch.unreadable]

    def is_whole(self, last: int = 10) -> bool:
        """Every event once, in order, nothing declared missing."""
        if self.error is not None:
            raise self.error
        return self.sequences == [*range(1, last + 1)] and not self.missing


def whole_stream() -> bytes:
    return frames(events_up_to(10))


# --- Connections that end ----------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "to the end"])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_f1_a_cut_at_any_byte_loses_and_repeats_nothing(
    server: ScriptedServer, client: ApiClient, how: str, chunked: bool
) -> None:
    """The one promise everything else stands on, tried at every place it could break."""
    body = whole_stream()
    framing = len(b"2a5\r\n\r\n2a5\r\n\r\n") * chunked
    for byte in range(how == "rst", len(body) + framing, 2):
        server.requests.clear()
        server.streams(Answer(cut_after=byte, how=how, chunked=chunked))

        reading = Reading(client)

        assert reading.is_whole(), f"cut after byte {byte}"
        first, *resumed = [request.after_sequence for request in server.asked()]
        least, most = (body[: max(0, n)].count(b"\n\n") for n in (byte - framing, byte))
        assert first == 0
        assert all(least <= after <= most for after in resumed)
        assert len(resumed) == 1 or most == 10


def test_f2_a_clean_end_is_not_the_end_of_the_axon(
    server: ScriptedServer, client: ApiClient
) -> None:
    """Idle axons are put away by the server, which closes their streams."""
    server.streams(
        *[Answer(steps=[frames(events_up_to(n, first=n))], chunked=True) for n in (1, 2)]
    )
    server.streams(*[Answer(steps=[])] * 3)

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 1, 2, 2, 2, 2]
    assert "the server closed the stream" in {state.reason for state in reading.states}


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["inside a line", "before the blank line"])
def test_f3_an_event_without_its_blank_line_is_not_shown(
    server: ScriptedServer, client: ApiClient, end: bytes
) -> None:
    """Half an event may be valid JSON with half its meaning."""
    half = frames(events_up_to(1)).rstrip() + end
    server.streams(Answer(steps=[half], chunked=True))

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 0]


def test_f4_a_cut_inside_a_character_shows_no_replacement(
    server: ScriptedServer, client: ApiClient
) -> None:
    """The rest of the character is on the server; it need not be guessed."""
    event = msgspec.structs.replace(events_up_to(1)[0], payload="日本語")
    server.replace([event])
    for byte in range(1, len(frames([event]))):
        server.streams(Answer(cut_after=byte, how="fin"))

        assert [e.payload for e in Reading(client, 1).events] == ["日本語"]


@pytest.mark.parametrize("garbage", [b"\xff", b"\xed\xa0\x80", b"\xc3"])
def test_f5_invalid_utf8_replaces_a_character_and_ends_nothing(
    server: ScriptedServer, client: ApiClient, garbage: bytes
) -> None:
    """One bad byte in one payload must not take the stream down."""
    first, *rest = events_up_to(10)
    bad = msgspec.structs.replace(first, payload="a?b")
    body = b": " + garbage + b"\n\n" + frames([bad]).replace(b"?", garbage) + frames(rest)
    server.streams(Answer(steps=[body, HOLD]))

    reading = Reading(client)

    assert reading.is_whole()
    assert reading.events[0].payload.replace("�", "") == "ab"
    assert len(server.asked()) == 1


@pytest.mark.parametrize("byte", [0, 150, 500])
def test_f6_a_connection_that_went_silent_is_replaced(
    proxy: FaultProxy, far_client: ApiClient, byte: int
) -> None:
    """A half-open socket never says that it is dead."""
    proxy.plan([HalfOpenAt(byte)])

    reading = Reading(far_client, idle=0.2)

    assert reading.is_whole()
    assert proxy.streams == 2
    assert any("silent" in state.reason for state in reading.states)


def test_f17_a_slow_server_is_not_a_dead_one(server: ScriptedServer, client: ApiClient) -> None:
    """Every byte is a sign of life, however long the event takes as a whole."""
    line = frames(events_up_to(1))
    slow = [step for byte in line for step in (bytes([byte]), Wait(0.005))]
    server.streams(Answer(steps=[*slow, frames(events_up_to(10, first=2)), HOLD]))

    reading = Reading(client, idle=0.25)

    assert reading.is_whole()
    assert len(server.asked()) == 1


def test_f38_a_stream_through_a_proxy_that_cuts_every_time_arrives_whole(
    proxy: FaultProxy, far_client: ApiClient
) -> None:
    """Some proxies allow no long answer; the stream then comes in many short ones."""
    proxy.plan(*[[CutAt(200)], [ResetAt(130)]] * 12)

    reading = Reading(far_client)

    assert reading.is_whole()
    assert proxy.streams >= 10


def test_f38_a_restarted_server_is_found_again(server: ScriptedServer) -> None:
    """Updates happen; whoever watches need not notice."""
    old = ScriptedServer(events_up_to(5))
    with old, FaultProxy(server.port) as proxy, closing(client_of(proxy.base_url)) as client:
        proxy.upstream = old.port

        def restart(batch: EventBatch) -> None:
            if batch.events[-1].sequence == 5:
                old.stop()
                proxy.upstream = server.port

        reading = Reading(client, on_batch=restart)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [5]


# --- Error frames and statuses -----------------------------------------------------------------


def error_frame(data: bytes) -> bytes:
    return encode_event(data, event="error")


@pytest.mark.parametrize("code", [b'"408"', b"408"])
def test_f7_the_end_of_an_idle_stream_is_no_error(
    server: ScriptedServer, client: ApiClient, code: bytes
) -> None:
    """Runloop ends every silent stream so; it happens all day."""
    idle = error_frame(b'{"code":%b,"message":"idle"}' % code)
    server.streams(Answer(steps=[frames(events_up_to(4)), idle, HOLD]), Answer(steps=[idle, HOLD]))

    reading = Reading(client, backoff=Backoff(base=1e-3, cap=1e-3, floor=1e-3))

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 4, 4]
    waits = [state.retry_in for state in reading.states if state.name == "reconnecting"]
    assert waits == [0, 1e-3]
    assert {s.reason for s in reading.states} == {"", "the server ended an idle stream"}


@pytest.mark.parametrize("data", [b'{"code":"500"}', b'{"code":503}', b'{"message":"?"}', b"oops"])
def test_f8_a_servers_trouble_is_waited_out(
    server: ScriptedServer, client: ApiClient, data: bytes
) -> None:
    """An error that no one can read is most likely the server's own."""
    server.streams(Answer(steps=[frames(events_up_to(4)), error_frame(data), HOLD]))

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.after_sequence for request in server.asked()] == [0, 4]


FINAL: list[tuple[int, type[ApiError]]] = [
    (401, AuthenticationError),
    (403, AuthenticationError),
    (404, NotFound),
    (410, NotFound),
    (400, BadRequest),
    (405, BadRequest),
    (406, BadRequest),
    (409, Conflict),
    (422, BadRequest),
    (451, BadRequest),
]


@pytest.mark.parametrize(("status", "kind"), FINAL)
def test_f8_an_error_frame_that_cannot_be_helped_ends_the_stream(
    server: ScriptedServer, client: ApiClient, status: int, kind: type[ApiError]
) -> None:
    """What came before the frame was sent by the server and is delivered."""
    frame = error_frame(b'{"code":"%d","message":"no more"}' % status)
    server.streams(Answer(steps=[frames(events_up_to(4)), frame, HOLD]))

    reading = Reading(client)

    assert type(reading.error) is kind
    assert "no more" in str(reading.error)
    assert reading.sequences == [1, 2, 3, 4]
    assert len(server.asked()) == 1


@pytest.mark.parametrize(("status", "kind"), FINAL)
@pytest.mark.parametrize("name", ["subscribe/sse", "events"])
def test_f11_to_f13_a_refusal_is_asked_for_once(
    server: ScriptedServer, client: ApiClient, status: int, kind: type[ApiError], name: str
) -> None:
    """Asking again with a wrong key gets an account locked, not opened."""
    body = b'{"code":"%d","message":"Go away."}' % status
    server.answers(name, Answer(steps=[body], status=status))

    reading = Reading(client)

    assert type(reading.error) is kind
    assert isinstance(reading.error, ApiError)
    assert reading.error.status == status
    assert "Go away." in str(reading.error)
    assert KEY not in str(reading.error)
    assert len(server.asked(name)) == 1
    assert reading.states[-1].name == "failed"


@pytest.mark.parametrize(
    ("header", "wait"), [("7", (7, 7.7)), ("120", (120, 132)), ("1000000000", (300, 330))]
)
def test_f9_the_servers_wish_for_patience_is_obeyed(
    server: ScriptedServer, client: ApiClient, header: str, wait: tuple[float, float]
) -> None:
    """Coming back sooner prolongs the ban; coming back in 30 years helps no one."""
    server.streams(Answer(status=429, steps=[b"{}"], headers={"Retry-After": header}))
    states: list[StreamState] = []

    def close_while_waiting(state: StreamState) -> None:
        states.append(state)
        if state.name == "reconnecting":
            stream.close()

    with EventStream(client, AXON, backoff=at_once(), on_state=close_while_waiting) as stream:
        assert list(stream) == []

    waits = [state.retry_in for state in states if state.retry_in is not None]
    assert wait[0] <= waits[0] <= wait[1]
    assert len(server.asked()) == 1


@pytest.mark.parametrize("header", ["0", "-1", "soon", ""])
def test_f9_a_wish_that_means_nothing_is_waited_out_as_usual(
    server: ScriptedServer, client: ApiClient, header: str
) -> None:
    """A server that cannot say when must not stop the stream for good."""
    server.streams(*[Answer(status=429, steps=[b""], headers={"Retry-After": header})] * 2)

    reading = Reading(client)

    assert reading.is_whole()
    assert len(server.asked()) == 3


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_f10_a_burst_of_errors_is_survived(
    server: ScriptedServer, client: ApiClient, status: int
) -> None:
    """A deployment takes longer than two retries."""
    server.streams(*[Answer(status=status, steps=[b"<html>busy</html>"])] * 20)

    reading = Reading(client)

    assert reading.is_whole()
    assert len(server.asked()) == 21
    assert max(state.failures for state in reading.states) == 20


def test_f10_a_limit_of_failures_ends_with_the_last_reason(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A script that iterates would rather fail than wait for ever."""
    server.streams(*[Answer(status=503, steps=[b'{"message":"Still busy."}'])] * 5)

    reading = Reading(client, max_failures=3)

    assert type(reading.error) is StreamFailed
    assert "Still busy." in str(reading.error)
    assert len(server.asked()) == 4


def test_f10_one_event_makes_the_failures_count_anew(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A stream that moves on, however slowly, is not failing."""
    for n in range(1, 9):
        server.streams(Answer(steps=[frames(events_up_to(n, first=n))], cut_after=10_000))
        server.streams(Answer(status=503, steps=[b""]))

    reading = Reading(client, max_failures=2)

    assert reading.is_whole()
    assert max(state.failures for state in reading.states) == 2


# --- Answers that are no stream ----------------------------------------------------------------


def http_case(name: str) -> dict[str, Any]:
    return next(case for case in HTTP_CASES if case["name"] == name)


def answer_of(case: dict[str, Any]) -> Answer:
    return Answer(steps=[case["body"].encode()], status=case["status"], headers=case["headers"])


@pytest.mark.parametrize(
    "name",
    [
        "http-mime-bogus",
        "http-mime-valid-bogus",
        "http-mime-missing",
        "http-mime-html",
        "http-status-204",
        "http-status-210",
        "http-status-299",
    ],
)
def test_f14_and_f15_what_is_no_event_stream_is_named_and_left(
    server: ScriptedServer, client: ApiClient, name: str
) -> None:
    """A login page repeated for ever would look like a quiet axon."""
    case = http_case(name)
    server.streams(answer_of(case))

    reading = Reading(client)

    assert type(reading.error) is NotAnEventStream
    shown = case["headers"].get("Content-Type", "no content type")
    assert (shown if case["status"] == 200 else str(case["status"])) in str(reading.error)
    assert reading.events == []
    assert len(server.asked()) == 1


def test_f14_the_type_of_a_stream_is_read_as_the_standard_has_it(
    server: ScriptedServer, client: ApiClient
) -> None:
    """``Text/Event-Stream; Charset=…`` is an event stream."""
    case = http_case("http-mime-upper-case")
    body = frames(events_up_to(10))
    server.streams(Answer(steps=[body, HOLD], headers=case["headers"]))

    reading = Reading(client)

    assert reading.is_whole()
    assert len(server.asked()) == 1


@pytest.mark.parametrize("name", ["http-status-404", "http-status-503"])
def test_f12_and_f10_an_error_status_counts_whatever_its_type(
    server: ScriptedServer, client: ApiClient, name: str
) -> None:
    """An error page may claim to be an event stream."""
    case = http_case(name)
    server.streams(answer_of(case))

    reading = Reading(client)

    if case["status"] == 404:
        assert type(reading.error) is NotFound
    else:
        assert reading.is_whole()


def test_the_request_asks_for_an_event_stream_and_nothing_cached_or_coded(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A proxy that compresses or caches holds events back."""
    Reading(client)

    (request,) = server.asked()
    wanted = {"accept": "text/event-stream", "accept-encoding": "identity"}
    assert request.method == "GET"
    assert wanted.items() <= request.headers.items()
    assert request.headers["cache-control"] in ("no-store", "no-cache")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "last-event-id" not in request.headers


REDIRECTS = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", REDIRECTS)
def test_f16_a_redirect_on_the_same_server_is_followed(
    server: ScriptedServer, client: ApiClient, status: int
) -> None:
    """Load balancers and trailing slashes redirect."""
    location = f"/v1/axons/{AXON}/subscribe/sse?after_sequence=0&moved=1"
    server.streams(Answer(status=status, steps=[], headers={"Location": location}))

    reading = Reading(client)

    assert reading.is_whole()
    assert [request.query.get("moved") for request in server.asked()] == [None, "1"]


@pytest.mark.parametrize("status", REDIRECTS)
def test_f16_a_redirect_to_another_server_is_refused(
    server: ScriptedServer, client: ApiClient, status: int
) -> None:
    """The key must not travel to whomever an answer names."""
    with ScriptedServer() as other:
        location = f"{other.base_url}/v1/axons/{AXON}/subscribe/sse"
        server.streams(Answer(status=status, steps=[], headers={"Location": location}))

        reading = Reading(client)

        assert type(reading.error) is ProtocolError
        assert f"127.0.0.1:{other.port}" in str(reading.error)
        assert other.requests == []


@pytest.mark.parametrize("headers", [{}, {"Location": ""}])
def test_f16_a_redirect_to_nowhere_is_an_error(
    server: ScriptedServer, client: ApiClient, headers: dict[str, str]
) -> None:
    """Asking the same place again would be a loop."""
    server.streams(Answer(status=301, steps=[], headers=headers))

    reading = Reading(client)

    assert type(reading.error) is ProtocolError
    assert len(server.asked()) == 1


def test_f16_a_loop_of_redirects_ends(server: ScriptedServer, client: ApiClient) -> None:
    """Five hops are more than any honest set-up needs."""
    location = {"Location": f"/v1/axons/{AXON}/subscribe/sse"}
    server.streams(*[Answer(status=302, steps=[], headers=location)] * 20)

    reading = Reading(client)

    assert type(reading.error) is ProtocolError
    assert len(server.asked()) == 6


# --- What a stream contains --------------------------------------------------------------------


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


@pytest.mark.parametrize("faults", [[Gzip()], [Slicer(1)], [Buffer(400)], [Slicer(7), Gzip()]])
def test_f36_and_f37_codings_and_cuts_on_the_way_change_nothing(
    proxy: FaultProxy, far_client: ApiClient, faults: list[Fault]
) -> None:
    """Proxies compress, slice and buffer, asked or not."""
    proxy.plan([*faults[:1], *faults[1:]], faults)
    if isinstance(faults[0], Buffer):
        proxy._plan[0] = [*faults, CutAt(100_000)]

    reading = Reading(far_client, 8 if isinstance(faults[0], Buffer) else 10)

    assert reading.sequences == [*range(1, len(reading.sequences) + 1)]
    assert proxy.streams == 1


def test_f39_a_refused_connection_is_tried_again(client: ApiClient) -> None:
    """The server may be on its way up."""
    with FaultProxy(0) as gone:
        url = gone.base_url
    with closing(client_of(url)) as client:
        reading = Reading(client, max_failures=0)

    assert type(reading.error) is StreamFailed
    assert "cannot connect" in str(reading.error)


def test_f39_a_certificate_that_no_one_vouches_for_ends_the_stream() -> None:
    """Trying again cannot make it valid, and the key must not be sent."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    with ScriptedServer(tls=tls) as server, closing(client_of(server.base_url)) as client:
        reading = Reading(client)

    assert type(reading.error) is ConnectionFailed
    assert reading.error.permanent
    assert f"the certificate of 127.0.0.1:{server.port} is not valid" in str(reading.error)
    assert server.requests == []


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


def test_t18_a_bomb_of_compressed_bytes_takes_no_memory(
    server: ScriptedServer, client: ApiClient
) -> None:
    """A few hundred kilobytes on the wire can be a gigabyte in memory."""
    squeeze = zlib.compressobj(wbits=31)
    pieces = [squeeze.compress(b"data: " + b"x" * 1_000_000), squeeze.flush(zlib.Z_SYNC_FLUSH)]
    pieces += [squeeze.compress(b"x" * 1_000_000) for _ in range(200)]
    pieces += [squeeze.compress(b"\n\n" + whole_stream()), squeeze.flush(zlib.Z_SYNC_FLUSH)]
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    server.streams(Answer(steps=[b"".join(pieces), HOLD], headers=headers))
    tracemalloc.start()
    try:
        reading = Reading(client)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert reading.is_whole()
    assert reading.unreadable == [None]
    assert peak < 100_000_000


def test_t18_a_body_that_does_not_decompress_ends_the_stream(
    server: ScriptedServer, client: ApiClient
) -> None:
    """The next answer of the same proxy would be no better."""
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}
    server.streams(Answer(steps=[b"this is no gzip", HOLD], headers=headers))

    reading = Reading(client)

    assert type(reading.error) is ProtocolError
    assert "does not decode" in str(reading.error)


# --- Closing -----------------------------------------------------------------------------------

SILENT = Answer(steps=[HOLD])
BUSY = Answer(status=429, steps=[b""], headers={"Retry-After": "200"})


@pytest.mark.parametrize(
    ("blocked_in", "scripts"),
    [
        ("subscribe/sse", {"subscribe/sse": SILENT}),
        ("subscribe/sse", {"subscribe/sse": BUSY}),
        ("events", {"events": SILENT}),
        ("events", {"events": BUSY}),
        (
            "sql/query",
            {"subscribe/sse": Answer(steps=[frames(events_up_to(9, first=9)), HOLD])}
            | {"sql/query": SILENT},
        ),
    ],
    ids=["silent stream", "patience", "silent list", "patience for the list", "silent query"],
)
def test_f33_closing_ends_the_reader_whatever_it_waits_for(
    server: ScriptedServer, client: ApiClient, blocked_in: str, scripts: dict[str, Answer]
) -> None:
    """A closed viewer whose thread lives on holds a socket and a cell's output."""
    for name, answer in scripts.items():
        server.answers(name, answer)
    stream = EventStream(client, AXON, backoff=at_once())
    reader = threading.Thread(target=lambda: list(stream), daemon=True)
    reader.start()
    while not server.asked(blocked_in):
        reader.join(0.01)

    stream.close()
    reader.join(10)

    assert not reader.is_alive()
    assert len(server.asked(blocked_in)) == 1
    assert stream.state.name == "ended"


# --- From the head -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [CutAt(0), CutAt(50), ResetAt(137)], ids=repr)
def test_a_stream_from_the_head_keeps_its_place_over_cuts(
    server: ScriptedServer, proxy: FaultProxy, far_client: ApiClient, fault: Fault
) -> None:
    """Where "now" is, is decided once; a reconnect must not move it."""
    proxy.plan([fault])
    states: list[str] = []

    def publish_once(state: StreamState) -> None:
        states.append(state.name)
        if states.count("live") == 1 and state.name == "live":
            server.publish(*events_up_to(14, first=11))

    seen: list[int] = []
    with EventStream(
        far_client, AXON, after_sequence="head", backoff=at_once(), on_state=publish_once
    ) as stream:
        for batch in stream:
            seen += [event.sequence for event in batch.events]
            if len(seen) >= 4:
                break

    assert seen == [11, 12, 13, 14]
