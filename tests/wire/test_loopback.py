"""The client's connection to the embedded service: what a server can do to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import httpx
import pytest

from axon_notebook.config import Secret
from axon_notebook.wire.loopback import LoopbackConnection, Reply

from ..waiting import wait_until

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\n{}"
Serve = Callable[[Callable[[socket.socket], None]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Run a function with each connection, one after the other; return the address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept(handle: Callable[[socket.socket], None]) -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                with sock:
                    handle(sock)

        def start(handle: Callable[[socket.socket], None]) -> str:
            threading.Thread(target=accept, args=(handle,), daemon=True).start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}"

        yield start
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def connection() -> Iterator[LoopbackConnection]:
    with closing(LoopbackConnection()) as connection:
        yield connection


def ask(connection: LoopbackConnection, url: str, body: bytes = b"", **more: float) -> Reply:
    options = {"timeout": 60.0, "connect_timeout": 60.0, **more}
    return connection.request(url, "POST", "/x", {"A": "b"}, body, key=Secret("k"), **options)


def test_a_connection_that_the_server_has_closed_is_opened_again(
    serve: Serve, connection: LoopbackConnection
) -> None:
    """It closes idle ones after 30 seconds, and says nothing."""
    requests = []

    def once(sock: socket.socket) -> None:
        requests.append(sock.recv(65536))
        sock.sendall(ANSWER)

    url = serve(once)
    replies = []
    for n in range(3):
        replies.append(ask(connection, url, b"%d" % n))
        wait_until(lambda: connection.is_stale)

    assert {(r.status_code, r.content, r.headers["X-A"]) for r in replies} == {(200, b"{}", "b")}
    assert [request.rpartition(b"\r\n\r\n")[2] for request in requests] == [b"0", b"1", b"2"]
    assert all(b"\r\nAuthorization: Bearer k\r\n" in request for request in requests)


def test_a_refusal_is_read_although_the_body_could_not_be_sent(
    serve: Serve, connection: LoopbackConnection
) -> None:
    """It says why."""

    def refuse(sock: socket.socket) -> None:
        sock.recv(1000)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass

    assert ask(connection, serve(refuse), b"x" * 30_000_000).status_code == 413


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", httpx.ReadError),
        (b"nonsense\r\n\r\n", httpx.ReadError),
        (ANSWER[:-1], httpx.ReadError),
    ],
)
def test_what_is_no_answer_is_an_error_of_the_connection(
    serve: Serve, connection: LoopbackConnection, answer: bytes, error: type[Exception]
) -> None:
    """And what comes later belongs to no other request: the next one has its own connection."""
    answers = [answer, ANSWER]

    def broken(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answers.pop(0))

    url = serve(broken)
    with pytest.raises(error):
        ask(connection, url)

    assert ask(connection, url).status_code == 200


def test_silence_is_not_waited_for_for_ever(serve: Serve, connection: LoopbackConnection) -> None:
    """The limit is the caller's."""
    done = threading.Event()

    def silent(sock: socket.socket) -> None:
        done.wait(60)

    url = serve(silent)
    try:
        with pytest.raises(httpx.ReadTimeout):
            ask(connection, url, timeout=0.2)
    finally:
        done.set()


def test_a_server_that_is_not_there_is_said_so(connection: LoopbackConnection) -> None:
    """The client then looks for the service again."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(httpx.ConnectError):
        ask(connection, url)


def test_a_target_cannot_begin_another_request(
    serve: Serve, connection: LoopbackConnection
) -> None:
    """Parts of paths are quoted; this is the second lock."""
    with pytest.raises(httpx.InvalidURL):
        connection.request(
            serve(lambda sock: None),
            "GET",
            "/x HTTP/1.1\r\nHost: y",
            {},
            None,
            key=Secret("k"),
            timeout=60,
            connect_timeout=60,
        )
