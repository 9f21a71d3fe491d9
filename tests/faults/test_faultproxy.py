"""Each fault does to a stream what its name says, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

import httpx
import pytest

from axon_notebook.wire.sse import EventDecoder

from .faultproxy import (
    Bandwidth,
    Buffer,
    CutAt,
    DropEvent,
    DuplicateEvent,
    Fault,
    FaultProxy,
    Gzip,
    HalfOpenAt,
    Latency,
    ResetAt,
    Slicer,
    SwapEvents,
)
from .scripted_server import Answer, ScriptedServer, events_up_to, frames

STREAM = "/v1/axons/axn_1/subscribe/sse"
WHOLE = frames(events_up_to(4))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(events_up_to(4)) as server:
        yield server


@pytest.fixture
def proxy(server: ScriptedServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def http(proxy: FaultProxy) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=proxy.base_url, trust_env=False, timeout=300) as http:
        yield http


def finite(chunked: bool = True) -> Answer:
    """All events and then a clean end."""
    return Answer(steps=[WHOLE[:100], WHOLE[100:]], chunked=chunked)


def sequences(body: bytes) -> list[int]:
    return [int(event.raw.split(b":")[1].split(b",")[0]) for event in EventDecoder().feed(body)]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    "faults",
    [[], [Latency(0.001)], [Slicer(3)], [Bandwidth(1_000_000)], [Buffer(300)], [Gzip()]],
    ids=str,
)
def test_delays_and_codings_change_no_byte(
    server: ScriptedServer,
    proxy: FaultProxy,
    http: httpx.Client,
    faults: Sequence[Fault],
    chunked: bool,
) -> None:
    """Whatever is lost behind these faults, the client lost."""
    server.streams(finite(chunked))
    proxy.plan(faults)

    assert http.get(STREAM).content == WHOLE
    assert proxy.streams == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (DuplicateEvent(2), [1, 2, 2, 3, 4]),
        (DropEvent(3), [1, 2, 4]),
        (SwapEvents(2), [1, 3, 2, 4]),
    ],
    ids=str,
)
def test_events_are_repeated_dropped_and_swapped_by_number(
    server: ScriptedServer,
    proxy: FaultProxy,
    http: httpx.Client,
    fault: Fault,
    expected: list[int],
) -> None:
    """The neighbours of the event in question must arrive untouched."""
    server.streams(finite())
    proxy.plan([Slicer(11), fault])

    assert sequences(http.get(STREAM).content) == expected


def test_a_stream_is_cut_at_the_byte(
    server: ScriptedServer, proxy: FaultProxy, http: httpx.Client
) -> None:
    """FIN after half an event is the commonest end of a stream there is."""
    proxy.plan([CutAt(150)])

    assert http.get(STREAM).content == WHOLE[:150]


@pytest.mark.parametrize("fault", [ResetAt(150), HalfOpenAt(150)], ids=str)
def test_a_reset_and_a_silence_let_the_bytes_before_pass(
    server: ScriptedServer, proxy: FaultProxy, fault: Fault
) -> None:
    """What was complete before the fault must reach the client."""
    proxy.plan([fault])
    got, end = b"", ""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.3) as raw:
        raw.sendall(b"GET " + STREAM.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        while not end:
            try:
                piece = raw.recv(4096)
                got, end = got + piece, "" if piece else "fin"
            except ConnectionResetError:
                end = "rst"
            except TimeoutError:
                end = "silence"

    assert got.partition(b"\r\n\r\n")[2] == WHOLE[:150]
    assert end == ("rst" if isinstance(fault, ResetAt) else "silence")


def test_a_burst_is_answered_by_the_proxy_alone(
    server: ScriptedServer, proxy: FaultProxy, http: httpx.Client
) -> None:
    """The server behind must not count requests it never saw."""
    proxy.burst(503, 2, headers="Retry-After: 1\r\n")

    answers = [http.get("/v1/axons/axn_1") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].headers["retry-after"] == "1"
    assert (proxy.refused, len(server.requests)) == (2, 1)


def test_posts_pass_with_their_body(http: httpx.Client) -> None:
    """Back-filling a gap goes through the same proxy."""
    answer = http.post("/v1/axons/axn_1/sql/query", json={"sql": "SELECT 1 AS one"})

    assert answer.json()["rows"] == [[1]]


def test_the_end_of_the_block_ends_every_connection(server: ScriptedServer) -> None:
    """A neighbour that lingers would disturb the tests after it."""
    with FaultProxy(server.port) as proxy:
        raw = socket.create_connection(("127.0.0.1", proxy.port), timeout=300)
        raw.sendall(b"GET " + STREAM.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        raw.recv(4096)
    with raw:
        while last := raw.recv(4096):  # a socket left open would time out here
            pass

    assert last == b""
