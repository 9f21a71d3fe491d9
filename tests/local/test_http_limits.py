"""Sizes, times and malformed requests: what the service does not let happen to itself."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, stop_service

from ..waiting import at_rest, wait_until

EVENT = {"source": "s", "event_type": "t", "origin": "USER_EVENT", "payload": "{}"}
ENDLESS = 64 * 1024 * 1024  # far more than the sockets' buffers hold
ENDLESS_SQL = (
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"
)


def test_a_declared_body_over_the_limit_is_refused_before_it_is_read(wire: Any, axon: str) -> None:
    """Nobody should have to send 7 MiB to learn that."""
    head = wire.head("POST", f"/v1/axons/{axon}/sql/query", length=6 * 1024 * 1024 + 1)
    with wire.connect() as sock:
        sock.sendall(head)
        answer = wire.read(sock)

    assert (answer.status, answer.message) == (413, "Request body is larger than 6291456 bytes.")


def test_a_sender_of_too_much_sees_why(wire: Any, axon: str) -> None:
    """A close while the body still arrives would be a reset instead of an answer."""
    body = b" " * (7 * 1024 * 1024)
    answer = wire.ask("POST", f"/v1/axons/{axon}/sql/query", body=body)

    assert answer.status == 413


def test_a_chunked_body_is_refused_when_it_grows_past_the_limit(wire: Any, axon: str) -> None:
    """It declares no length; only counting helps."""
    head = wire.head(
        "POST",
        f"/v1/axons/{axon}/sql/query",
        "Transfer-Encoding: chunked",
        "Content-Type: application/json",
    )
    chunk = b"%x\r\n" % 65536 + b" " * 65536 + b"\r\n"
    with wire.connect() as sock:
        sock.sendall(head)
        for _ in range(97):
            sock.sendall(chunk)
        answer = wire.read(sock)

    assert (answer.status, answer.message) == (413, "Request body is larger than 6291456 bytes.")
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_is_taken(wire: Any, axon: str) -> None:
    """Streaming clients send no length."""
    body = json.dumps({"name": "chunked"}).encode()
    head = wire.head(
        "POST", "/v1/axons", "Transfer-Encoding: chunked", "Content-Type: application/json"
    )
    pieces = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"

    assert wire.exchange(head + pieces).json["name"] == "chunked"


def test_the_largest_payload_is_taken_and_one_byte_more_is_not(wire: Any) -> None:
    """4 MiB is the documented limit, counted in UTF-8 bytes after the JSON escapes."""
    axon_id = wire.create()
    largest = "é" * (2 * 1024 * 1024)

    assert wire.publish(axon_id, largest).status == 200
    answer = wire.publish(axon_id, largest + "x")
    assert (answer.status, answer.message) == (413, "payload is larger than 4194304 bytes.")


@pytest.mark.parametrize("letter", ['"', "\x00", "\n"])
def test_escapes_do_not_count_towards_the_limit_of_a_payload(wire: Any, letter: str) -> None:
    """JSON writes a quote as two bytes and a NUL as six: the documented limit decides."""
    axon_id = wire.create()
    largest = letter * (4 * 1024 * 1024)

    assert wire.publish(axon_id, largest).status == 200
    answer = wire.publish(axon_id, largest + "x")
    assert (answer.status, answer.message) == (413, "payload is larger than 4194304 bytes.")


def test_a_publish_that_no_escaping_explains_is_refused_unread(wire: Any, axon: str) -> None:
    """Six bytes for each of the payload's, and a mebibyte for the rest: more is not read."""
    head = wire.head("POST", f"/v1/axons/{axon}/publish", length=25 * 1024 * 1024 + 1)
    with wire.connect() as sock:
        sock.sendall(head)
        answer = wire.read(sock)

    assert (answer.status, answer.message) == (413, "Request body is larger than 26214400 bytes.")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/axons HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"GET /v1/axons HTTP/1.1\r\nHost: 127.0.0.1\r\n folded\r\n\r\n",
        b"GET /v1/axons HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"GET /v1/axons HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /v1/axons HTTP/2.0\r\nHost: a\r\n\r\n",
        b"get /v1/axons HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-client\r\n\r\n",
    ],
)
def test_a_malformed_request_is_answered_and_cut(wire: Any, request_bytes: bytes) -> None:
    """Two readings of one request are how requests are smuggled."""
    with wire.connect() as sock:
        sock.sendall(request_bytes)
        answer = wire.read(sock)
        rest = sock.recv(1)

    assert (answer.status, answer.message, rest) == (400, "Malformed request.", b"")


def test_a_bad_chunk_size_is_malformed(wire: Any, axon: str) -> None:
    """The body's end would be anybody's guess."""
    head = wire.head(
        "POST",
        f"/v1/axons/{axon}/publish",
        "Transfer-Encoding: chunked",
        "Content-Type: application/json",
    )

    answer = wire.exchange(head + b"zz\r\n{}\r\n")

    assert (answer.status, answer.message) == (400, "Malformed request.")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["X-Long: " + "x" * 20_000], 431),
        ([f"X-{n}: x" for n in range(200)], 431),
        (["X-Long: " + "x" * 15_000], 200),
        ([f"X-{n}: x" for n in range(90)], 200),
    ],
)
def test_the_head_of_a_request_is_bounded(wire: Any, lines: list[str], status: int) -> None:
    """Memory is the server's, not the caller's."""
    assert wire.ask("GET", "/v1/axons", *lines).status == status


def test_a_header_without_end_is_cut(wire: Any) -> None:
    """The parser keeps it until its end, which never comes."""
    with wire.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        sent = 0
        with contextlib.suppress(OSError):
            while sent < ENDLESS:
                sent += sock.send(b"x" * 65536)

    assert sent < ENDLESS


def test_a_long_url_is_refused(wire: Any) -> None:
    """10 KB ids are looked up; beyond 16 KB nothing is."""
    answer = wire.ask("GET", "/v1/axons?search=" + "x" * 17_000)

    assert (answer.status, answer.message) == (414, "URL is longer than 16384 bytes.")


def test_http_1_0_is_served_and_closed(wire: Any) -> None:
    """Old probes speak it."""
    request = wire.head("GET", "/v1/axons").replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with wire.connect() as sock:
        sock.sendall(request)
        answer = wire.read(sock)

        assert answer.status == 200
        assert sock.recv(1) == b""


def test_pipelined_requests_are_answered_in_order(wire: Any, axon: str) -> None:
    """A client may send before it has read."""
    paths = ["/v1/axons?limit=1", "/none", f"/v1/axons/{axon}", "/healthz"]
    with wire.connect() as sock:
        sock.sendall(b"".join(wire.head("GET", path) for path in paths))
        file = sock.makefile("rb")
        statuses = []
        for _ in paths:
            statuses.append(int(file.readline().split()[1]))
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.startswith(b"content-length"):
                    length = int(line.split(b":")[1])
            file.read(length)
        file.close()

    assert statuses == [200, 404, 200, 200]


def test_what_came_before_a_malformed_request_is_answered(wire: Any, axon: str) -> None:
    """Then the connection ends: nobody knows where the next request begins."""
    with wire.connect() as sock:
        sock.sendall(wire.head("GET", f"/v1/axons/{axon}") + b"nonsense\r\n\r\n")
        answer = wire.read(sock)

        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert sock.recv(100) == b""


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_upgrade_is_not_taken_and_the_request_is_answered(wire: Any, protocol: str) -> None:
    """Java's client asks for h2c with its first request, whatever that is."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk")
    for method, path, body in (("GET", "/healthz", None), ("POST", "/v1/axons", b'{"name":"u"}')):
        answer = wire.ask(method, path, *upgrade, f"Upgrade: {protocol}", body=body)

        assert (answer.status, answer.headers["connection"]) == (200, "close")


def test_a_client_that_asks_first_is_told_to_continue(wire: Any) -> None:
    """Some clients (curl) do so with large bodies."""
    body = b'{"name":"patient"}'
    with wire.connect() as sock:
        sock.sendall(wire.head("POST", "/v1/axons", "Expect: 100-continue", length=len(body)))

        assert sock.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n")
        sock.sendall(body)
        assert wire.read(sock).status == 200


def test_nothing_is_stored_of_a_request_that_breaks_off(wire: Any) -> None:
    """Half an event is not an event."""
    axon_id = wire.create()
    body = json.dumps(EVENT).encode()
    with wire.connect() as sock:
        sock.sendall(
            wire.head("POST", f"/v1/axons/{axon_id}/publish", length=len(body)) + body[:-1]
        )
        sock.shutdown(socket.SHUT_RDWR)

    assert wire.publish(axon_id).json["sequence"] == 1


def test_a_query_whose_client_has_left_is_stopped(
    wire: Any, service: ServiceAddress, axon: str
) -> None:
    """Four of them would keep everybody else's queries waiting until their time is up."""
    body = json.dumps({"sql": ENDLESS_SQL}).encode()
    process = psutil.Process(service.pid)

    wait_until(lambda: at_rest(process))  # after what the tests before have left
    before = process.cpu_times().user
    for _ in range(4):
        with wire.connect() as sock:
            began = process.cpu_times().user
            sock.sendall(wire.head("POST", f"/v1/axons/{axon}/sql/query", length=len(body)) + body)
            wait_until(lambda began=began: process.cpu_times().user - began > 0.05)
    wait_until(lambda: at_rest(process))

    # Time of the processor, not of the clock: two cores give four queries 10 s of it in 5 s.
    assert process.cpu_times().user - before < 4


def test_stop_does_not_wait_for_a_query(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """It may have seconds left; the service must be gone before."""
    address = ensure_service(home)
    wire = wire_to(address)
    axon_id = wire.create()
    body = json.dumps({"sql": ENDLESS_SQL}).encode()
    with wire.connect() as sock:
        began = psutil.Process(address.pid).cpu_times().user
        sock.sendall(wire.head("POST", f"/v1/axons/{axon_id}/sql/query", length=len(body)) + body)
        process = psutil.Process(address.pid)
        wait_until(lambda: process.cpu_times().user > began + 0.05)  # the query runs

        assert stop_service(home)
    log = (home / "service.log").read_text()
    assert "Traceback" not in log
    assert log.rstrip().endswith("ended")


def test_a_head_that_trickles_is_cut_after_five_seconds(wire: Any) -> None:
    """Slow senders must not hold connections for ever."""
    with wire.connect() as sock:
        sock.sendall(b"GET /v1/axons HTTP/1.1\r\nX-Slow: ")
        answer = wire.read(sock)

    assert (answer.status, answer.message) == (408, "Request took too long to arrive.")
