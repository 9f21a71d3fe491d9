"""HTTP/2 on the same port: what clients do, and what attacks do."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon_notebook.local.http.http2_protocol import PREFACE
from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, stop_service

from .http2_peer import Peer, Reply, connected

EVENT = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}
CALM = ErrorCodes.ENHANCE_YOUR_CALM


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[httpx.Client]:
    """A well-kept client with prior knowledge."""
    headers = {"Authorization": f"Bearer {service.token.reveal()}"}
    with httpx.Client(
        http1=False, http2=True, base_url=service.base_url, headers=headers, timeout=60
    ) as client:
        yield client


@pytest.fixture
def peer(wire: Any) -> Iterator[Peer]:
    with connected(wire) as peer:
        yield peer


def assert_serves(wire: Any) -> None:
    assert wire.ask("GET", "/healthz").status == 200


# -- what clients do


def test_a_client_publishes_reads_and_queries(client: httpx.Client) -> None:
    """The same answers as over HTTP/1.1."""
    axon_id = client.post("/v1/axons", json={"name": "two"}).json()["id"]
    for number in range(20):
        client.post(f"/v1/axons/{axon_id}/publish", json={**EVENT, "payload": str(number)})

    answer = client.post(f"/v1/axons/{axon_id}/sql/query", json={"sql": "SELECT 6 * 7"})
    page = client.get(f"/v1/axons/{axon_id}/events")

    assert (answer.http_version, answer.json()["rows"]) == ("HTTP/2", [[42]])
    assert [event["payload"] for event in page.json()["events"]] == [
        str(number) for number in reversed(range(20))
    ]


def test_the_largest_payload_goes_both_ways(client: httpx.Client) -> None:
    """Many times the window, in both directions."""
    axon_id = client.post("/v1/axons", json={}).json()["id"]
    payload = "é" * (2 * 1024 * 1024)

    stored = client.post(f"/v1/axons/{axon_id}/publish", json={**EVENT, "payload": payload})
    more = client.post(f"/v1/axons/{axon_id}/publish", json={**EVENT, "payload": payload + "x"})
    page = client.get(f"/v1/axons/{axon_id}/events")

    assert (stored.status_code, more.status_code) == (200, 413)
    assert page.json()["events"][0]["payload"] == payload


def test_a_stream_replays_and_goes_on_live(client: httpx.Client) -> None:
    """Beside other requests on the same connection."""
    axon_id = client.post("/v1/axons", json={}).json()["id"]
    client.post(f"/v1/axons/{axon_id}/publish", json=EVENT)
    received = []

    with client.stream("GET", f"/v1/axons/{axon_id}/subscribe/sse") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                received.append(json.loads(line.removeprefix("data: "))["sequence"])
                client.post(f"/v1/axons/{axon_id}/publish", json=EVENT)
            if len(received) == 5:
                break

    assert received == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "message"),
    [
        ("GET", "/nope", {}, 404, "Not found."),
        ("GET", "/v1/axons/../x", {}, 404, "Not found."),
        ("PUT", "/v1/axons", {}, 405, "Method not allowed."),
        ("GET", "/v1/axons", {"authorization": "Bearer x"}, 401, "Missing or wrong bearer token."),
        ("GET", "/v1/axons", {"host": "evil.example"}, 421, "Host not allowed."),
        ("GET", "/v1/axons", {"origin": "http://a"}, 403, "Cross-origin requests are not allowed."),
        ("GET", "/v1/axons", {"x": "y" * 17_000}, 431, "Request head is too large."),
        ("GET", "/v1/axons?" + "q" * 17_000, {}, 414, "URL is longer than 16384 bytes."),
        (
            "GET",
            "/v1/axons",
            {f"x{n}": "" for n in range(120)},
            431,
            "Request has more than 100 headers.",
        ),
    ],
)
def test_refusals_are_those_of_http_1(
    client: httpx.Client, method: str, path: str, headers: Any, status: int, message: str
) -> None:
    """One set of rules, whatever carries the request."""
    answer = client.request(method, path, headers=headers)

    assert (answer.status_code, answer.json()) == (
        status,
        {"code": str(status), "message": message},
    )


def test_node_speaks_to_the_service(service: ServiceAddress) -> None:
    """Runloop's TypeScript SDK stands on it: a hundred requests at once, a stream, a goodbye."""
    here = Path(__file__)
    run = subprocess.run(
        [
            *(sys.executable, here.parents[2] / "hatch_build.py"),
            *(here.with_name("http2_client.mjs"), service.base_url, service.token.reveal()),
        ],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr

    said = json.loads(run.stdout)
    assert said == {"stored": list(range(1, 102)), "frames": 101, "total": 101}


def test_a_head_request_gets_no_body(client: httpx.Client) -> None:
    """Its headers say how long the body would be."""
    answer = client.head("/v1/axons")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize(
    "changed",
    [
        {":path": "*"},
        {":path": "/v1/axons#x"},
        {":path": "/v1/a xons"},
        {":method": "get"},
        {"content-length": "1_0"},
    ],
)
def test_a_malformed_head_is_refused(peer: Peer, changed: dict[str, str]) -> None:
    """What the parser of HTTP/1.1 would not let through."""
    head = dict(peer.head("GET", "/v1/axons")) | changed
    stream = peer.h2.get_next_available_stream_id()
    peer.h2.config.validate_outbound_headers = False
    peer.h2.send_headers(stream, list(head.items()))
    reply = peer.replies[stream] = Reply()
    peer.flush()
    while not reply.ended and peer.pump():
        pass

    assert reply.status == 400 or peer.gone_away == ErrorCodes.PROTOCOL_ERROR


def test_a_thousand_streams_share_a_connection(wire: Any, peer: Peer) -> None:
    """Each gets every event, and the connection carries the publish, too."""
    axon_id = wire.create()
    streams = [peer.ask("GET", f"/v1/axons/{axon_id}/subscribe/sse") for _ in range(1000)]
    while not all(peer.replies[stream].status for stream in streams):
        peer.pump()

    peer.answer(peer.ask("POST", f"/v1/axons/{axon_id}/publish", json.dumps(EVENT).encode()))
    while not all(b"\n\n" in peer.replies[stream].body for stream in streams):
        peer.pump()

    assert {peer.replies[stream].status for stream in streams} == {200}


def test_streams_that_nobody_reads_cost_no_memory_and_hold_no_other_up(
    service: ServiceAddress, wire: Any, peer: Peer
) -> None:
    """Ten of them, 60 MB behind each, on the connection of one that is read."""
    long, live = wire.create("long"), wire.create("live")
    for _ in range(30):
        wire.publish(long, "x" * 2_000_000)
    process = psutil.Process(service.pid)
    reader = peer.ask("GET", f"/v1/axons/{live}/subscribe/sse")
    before = process.memory_info().rss
    slow = [peer.ask("GET", f"/v1/axons/{long}/subscribe/sse") for _ in range(10)]
    peer.unread.update(slow)
    for number in range(1, 21):
        peer.answer(peer.ask("POST", f"/v1/axons/{live}/publish", json.dumps(EVENT).encode()))
        while peer.replies[reader].body.count(b"data:") < number:
            peer.pump()
    while not all(len(peer.replies[stream].body) == 65535 for stream in slow):
        peer.pump()

    assert process.memory_info().rss - before < 100 * 1024 * 1024
    peer.unread.discard(slow[0])
    peer.h2.increment_flow_control_window(65535, slow[0])
    peer.flush()
    while peer.replies[slow[0]].body.count(b"data:") < 3:
        peer.pump()
    assert len(peer.replies[slow[1]].body) == 65535


def test_a_reset_ends_a_stream(wire: Any, peer: Peer) -> None:
    """A reset is how an HTTP/2 client leaves."""
    axon_id = wire.create()
    before = wire.ask("GET", "/healthz").json["streams"]
    stream = peer.ask("GET", f"/v1/axons/{axon_id}/subscribe/sse")
    while not peer.replies[stream].status:
        peer.pump()
    assert wire.ask("GET", "/healthz").json["streams"] == before + 1

    peer.h2.reset_stream(stream, ErrorCodes.CANCEL)
    peer.flush()

    while wire.ask("GET", "/healthz").json["streams"] > before:
        time.sleep(0.01)


def test_answers_come_after_the_client_has_said_goodbye(wire: Any, peer: Peer) -> None:
    """Node's ``session.close()`` sends GOAWAY at once, and waits for what it has asked."""
    stream = peer.ask("GET", "/healthz")
    peer.sock.sendall(bytes.fromhex("000008 07 00 00000000 00000000 00000000"))

    assert peer.answer(stream).status == 200


def test_a_stop_ends_a_hundred_streams_with_a_reason(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """They hear 503 and then GOAWAY; the process ends by itself."""
    wire = wire_to(ensure_service(home))
    axon_id = wire.create()
    with connected(wire) as peer:
        streams = [peer.ask("GET", f"/v1/axons/{axon_id}/subscribe/sse") for _ in range(100)]
        while not all(peer.replies[stream].status for stream in streams):
            peer.pump()

        assert stop_service(home)
        code = peer.until_closed()

    ends = {(peer.replies[s].ended, b'"code":"503"' in peer.replies[s].body) for s in streams}
    assert (ends, code) == ({(True, True)}, ErrorCodes.NO_ERROR)


# -- what attacks do


def head_block(peer: Peer, *more: tuple[str, str]) -> bytes:
    return Encoder().encode(peer.head("GET", "/healthz", *more))


def flood(peer: Peer, *parts: bytes) -> int | None:
    """Send *parts* until the service has had enough; return why it went away.

    ``None`` if the connection was reset before that could be read.
    """
    received = b""
    try:
        for part in parts:
            peer.sock.sendall(part)
        while data := peer.sock.recv(65536):
            received += data
    except (BrokenPipeError, ConnectionResetError):
        return None
    codes = [frame.error_code for frame in frames_of(received) if isinstance(frame, GoAwayFrame)]
    assert codes, "the connection ended without a reason"
    return codes[-1]


def frames_of(data: bytes) -> Iterator[Frame]:
    while data:
        frame, length = Frame.parse_frame_header(memoryview(data[:9]))
        frame.parse_body(memoryview(data[9 : 9 + length]))
        yield frame
        data = data[9 + length :]


@pytest.mark.parametrize(
    "frame",
    [
        SettingsFrame(0, settings={SettingCodes.MAX_FRAME_SIZE: 16384}),
        PingFrame(0, opaque_data=b"8 bytes!"),
        PriorityFrame(1001, depends_on=3),
    ],
    ids=lambda frame: type(frame).__name__,
)
def test_a_flood_of_control_frames_ends_the_connection(wire: Any, peer: Peer, frame: Any) -> None:
    """Each costs work and none is a request (CVE-2019-9512, CVE-2019-9515)."""
    assert flood(peer, *[frame.serialize() * 100] * 200) in (CALM, None)
    assert_serves(wire)


def test_a_flood_of_empty_data_ends_the_connection(wire: Any, peer: Peer) -> None:
    """It takes nothing of a window (CVE-2019-9518)."""
    stream = peer.h2.get_next_available_stream_id()
    peer.h2.send_headers(stream, peer.head("POST", "/v1/axons"))
    peer.flush()

    assert flood(peer, *[DataFrame(stream).serialize() * 100] * 200) in (CALM, None)
    assert_serves(wire)


def test_a_rapid_reset_ends_the_connection(wire: Any, peer: Peer) -> None:
    """Requests that are taken back at once, tens of thousands of them (CVE-2023-44487)."""
    block = head_block(peer)
    taken_back = [
        HeadersFrame(number, block, flags=["END_HEADERS", "END_STREAM"]).serialize()
        + RstStreamFrame(number, error_code=8).serialize()
        for number in range(1, 20_000, 2)
    ]

    assert flood(peer, *taken_back) in (CALM, None)
    assert_serves(wire)


def test_headers_without_an_end_are_not_collected(wire: Any, peer: Peer) -> None:
    """A head goes on in CONTINUATION frames, for ever (CVE-2024-27316)."""
    frames = HeadersFrame(1, head_block(peer)).serialize()
    frames += ContinuationFrame(1, b"\x00" * 1000).serialize() * 100

    assert flood(peer, frames) in (ErrorCodes.PROTOCOL_ERROR, None)
    assert_serves(wire)


def test_a_small_head_that_decompresses_to_a_large_one_ends_the_connection(
    wire: Any, peer: Peer
) -> None:
    """One long value in the table, named a thousand times (an HPACK bomb)."""
    encoder = Encoder()
    block = encoder.encode([*peer.head("GET", "/healthz"), ("x", "y" * 3000)])
    block += encoder.encode([("x", "y" * 3000)]) * 5000

    head = HeadersFrame(1, block, flags=["END_HEADERS", "END_STREAM"]).serialize()

    assert flood(peer, head) in (CALM, None)
    assert_serves(wire)


def test_a_window_that_never_opens_holds_nobody_else_up(wire: Any, peer: Peer) -> None:
    """The answer waits for its reader; the next request is answered meanwhile."""
    peer.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
    peer.flush()
    stalled = [peer.ask("GET", "/openapi.json") for _ in range(200)]
    while not all(peer.replies[stream].status for stream in stalled):
        peer.pump()

    assert_serves(wire)
    peer.h2.increment_flow_control_window(1_000_000, stalled[0])
    peer.flush()
    assert json.loads(peer.answer(stalled[0]).body)["openapi"]
    assert peer.replies[stalled[1]].body == b""


def test_a_client_that_begins_and_says_no_more_is_cut(wire: Any) -> None:
    """As one is that begins a request of HTTP/1.1."""
    with contextlib.ExitStack() as stack:
        for part in (PREFACE[:10], PREFACE[:23], PREFACE + b"\x00\x00"):
            sock = stack.enter_context(wire.connect(60.0))
            sock.sendall(part)
            stack.callback(wait_for_end, sock)


def wait_for_end(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


@pytest.mark.parametrize("size", [1, 7, 23])
def test_the_preface_may_come_in_pieces(wire: Any, size: int) -> None:
    """How bytes are cut into packets is nobody's choice."""
    greeting = PREFACE + SettingsFrame(0).serialize()
    with wire.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(greeting), size):
            sock.sendall(greeting[start : start + size])
        assert sock.recv(9)[3] == 4  # SETTINGS


frame_bytes = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda kind, flags, stream, payload: (
            len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream + payload
        ),
        st.integers(0, 12),
        st.integers(0, 255),
        st.sampled_from([bytes(4), b"\0\0\0\1", b"\0\0\0\3", b"\xff\xff\xff\xff"]),
        st.binary(max_size=60),
    ),
)


@given(frames=st.lists(frame_bytes, max_size=8), cut=st.integers(1, 400))
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
def test_no_frames_break_the_service(wire: Any, frames: list[bytes], cut: int) -> None:
    """After a proper beginning anything may come: an answer, a refusal, or the end."""
    with connected(wire) as peer:
        data = b"".join([head_frame(peer), *frames])
        try:
            for start in range(0, len(data), cut):
                peer.sock.sendall(data[start : start + cut])
            peer.sock.shutdown(socket.SHUT_WR)
            while peer.sock.recv(65536):
                pass
        except OSError:
            pass
    assert_serves(wire)


def head_frame(peer: Peer) -> bytes:
    return HeadersFrame(1, head_block(peer), flags=["END_HEADERS", "END_STREAM"]).serialize()


def test_nothing_of_all_this_is_an_error_of_the_service(service: ServiceAddress) -> None:
    """A traceback in the log would be a case that nobody has thought of."""
    text = (Path(service.home) / "service.log").read_text("utf-8")

    assert "Traceback" not in text
