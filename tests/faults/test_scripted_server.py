"""The scripted server does what its script says; the fault tests stand on that."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from axon_notebook.models import AxonEvent, AxonEventList
from axon_notebook.wire.sse import EventDecoder

from .scripted_server import HOLD, Answer, ScriptedServer, Wait, events_up_to, frames

STREAM = "/v1/axons/axn_1/subscribe/sse"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(events_up_to(3)) as server:
        yield server


@pytest.fixture
def http(server: ScriptedServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, trust_env=False, timeout=5) as http:
        yield http


def read_events(http: httpx.Client, count: int, after: int = 0) -> list[AxonEvent]:
    decoder, found = EventDecoder(), []
    with http.stream("GET", STREAM, params={"after_sequence": after}) as response:
        for chunk in response.iter_raw():
            found += [msgspec.json.decode(e.raw, type=AxonEvent) for e in decoder.feed(chunk)]
            if len(found) >= count:
                break
    return found


def test_without_a_script_the_server_replays_and_follows(
    server: ScriptedServer, http: httpx.Client
) -> None:
    """Resuming is only tested if a good connection follows the bad one."""
    threading.Timer(0.05, server.publish, events_up_to(5, first=4)).start()

    events = read_events(http, 4, after=1)

    assert [event.sequence for event in events] == [2, 3, 4, 5]
    assert [request.after_sequence for request in server.asked()] == [1]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_cut_falls_on_the_named_byte(
    server: ScriptedServer, http: httpx.Client, chunked: bool, how: str
) -> None:
    """A cut that is one byte off would leave a corner untested."""
    server.streams(Answer(chunked=chunked, cut_after=7, how=how))
    got = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        raw.sendall(b"GET " + STREAM.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            while piece := raw.recv(4096):
                got += piece
            ended = "fin"
        except ConnectionResetError:
            ended = "rst"

    wire = got.partition(b"\r\n\r\n")[2]

    assert ended == how
    assert len(wire) == 7
    assert frames(events_up_to(3)).startswith(wire.partition(b"\r\n")[2] if chunked else wire)


def test_a_script_is_followed_step_by_step(server: ScriptedServer, http: httpx.Client) -> None:
    """Status, headers, pauses and silence are the test's to choose."""
    server.streams(Answer(status=503, steps=[b"busy"], headers={"Retry-After": "7"}))
    server.streams(Answer(steps=[b"a", Wait(0.01), b"b", HOLD]))

    refused = http.get(STREAM)
    with http.stream("GET", STREAM) as response:
        pieces = response.iter_raw()
        held = next(pieces) + next(pieces)

    assert (refused.status_code, refused.text) == (503, "busy")
    assert refused.headers["retry-after"] == "7"
    assert held == b"ab"


def test_the_history_can_be_listed_and_queried(server: ScriptedServer, http: httpx.Client) -> None:
    """A client fills its gaps from here, by either way."""
    page = http.get("/v1/axons/axn_1/events", params={"limit": 2})
    older = http.get("/v1/axons/axn_1/events", params={"limit": 2, "starting_after": "2"})
    sql = {"sql": "SELECT sequence, origin FROM rl_axon_events WHERE sequence > ?", "params": [2]}
    rows = http.post("/v1/axons/axn_1/sql/query", json=sql)
    wrong = http.post("/v1/axons/axn_1/sql/query", json={"sql": "SELEC"})

    listed = msgspec.json.decode(page.content, type=AxonEventList)

    assert [event.sequence for event in listed.events] == [3, 2]
    assert (listed.has_more, listed.total_count) == (True, 3)
    assert [event["sequence"] for event in older.json()["events"]] == [1]
    assert rows.json()["rows"] == [[3, 3]]
    assert wrong.status_code == 400


def test_a_broken_neighbour_fails_its_test() -> None:
    """A mistake in the script must not look like a fault that the client survived."""
    server = ScriptedServer()

    def play() -> None:
        with server:
            server.streams(Answer(steps=["text is not a step"]))
            httpx.get(server.base_url + STREAM, trust_env=False)

    with pytest.raises(ExceptionGroup, match="a neighbour failed"):
        play()
    assert "text is not a step" in str(server.problems[0])
