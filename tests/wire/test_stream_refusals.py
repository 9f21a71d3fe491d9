"""The resuming stream against servers that refuse: error frames, statuses, wrong answers.

Row numbers as in ``test_stream_faults.py``.
"""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.config import Secret
from axon_notebook.errors import (
    ApiError,
    AuthenticationError,
    BadRequest,
    Conflict,
    NotAnEventStream,
    NotFound,
    ProtocolError,
    StreamFailed,
)
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.backoff import Backoff
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.http import Endpoint
from axon_notebook.wire.resuming import StreamState
from axon_notebook.wire.sse import encode_event

from ..faults.reading import KEY, Reading, at_once
from ..faults.scripted_server import (
    AXON,
    HOLD,
    Answer,
    Request,
    ScriptedServer,
    events_up_to,
    frames,
)

HTTP_CASES = json.loads(Path(__file__).with_name("sse_cases.json").read_text("utf-8"))["http_cases"]


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


# --- Answers that are not streams ---------------------------------------------------------------


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


# --- A token that is too old -------------------------------------------------------------------

REFUSED = Answer(
    status=401,
    headers={"Content-Type": "application/json"},
    steps=[b'{"code":"401","message":"Missing or wrong bearer token."}'],
)


def renewing_client(server: ScriptedServer) -> ApiClient:
    """A client of a service that was started again on its old port."""
    old, new = (Endpoint(server.base_url, Secret(key)) for key in ("old", "new"))
    return ApiClient(lambda start, failed: old if failed is None else new)


def keys(requests: list[Request]) -> list[str]:
    return [request.headers["authorization"] for request in requests]


def test_a_stream_takes_the_new_token_of_a_service_on_its_old_port(server: ScriptedServer) -> None:
    """The embedded service has a new token after each start; nobody typed the old one."""
    server.streams(REFUSED)
    with closing(renewing_client(server)) as client:
        reading = Reading(client)

    assert reading.is_whole()
    assert keys(server.asked()) == ["Bearer old", "Bearer new"]


def test_a_request_takes_the_new_token_too(server: ScriptedServer) -> None:
    """It was refused before anything was done, so that even a publish is sent again."""
    server.answers("events", REFUSED)
    with closing(renewing_client(server)) as client:
        page = client.list_events(AXON, limit=1)

    assert [event.sequence for event in page.events] == [10]
    assert keys(server.asked("events")) == ["Bearer old", "Bearer new"]


def test_a_new_token_that_is_refused_as_well_ends_it(server: ScriptedServer) -> None:
    """Two requests are the most: a client that is not let in does not knock for ever."""
    server.answers("events", REFUSED, REFUSED)
    with closing(renewing_client(server)) as client, pytest.raises(AuthenticationError):
        client.list_events(AXON, limit=1)

    assert keys(server.asked("events")) == ["Bearer old", "Bearer new"]
