"""The HTTP server with another application, and with limits short enough to reach."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from axon_notebook.local.http import http1_protocol
from axon_notebook.local.http.answers import Answer, Receive, Scope, Send, send_answer
from axon_notebook.local.http.app import ServiceApp
from axon_notebook.local.http.http_server import HttpServer
from axon_notebook.local.http.streams import Streams

from .scenario import scenario

LARGE = 64 * 1024 * 1024  # more than the sockets' buffers hold


class App:
    """Answers, or fails to."""

    def __init__(self) -> None:
        self.streams = Streams()
        self.ended: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["raw_path"]
        try:
            if path == b"/broken":
                raise RuntimeError("broken")
            if path == b"/short":
                headers = [(b"content-length", b"10")]
                start = {"type": "http.response.start", "status": 200, "headers": headers}
                await send(start)
                await send({"type": "http.response.body", "body": b"short"})
            await send_answer(send, Answer(b"x" * LARGE if path == b"/large" else b"{}"))
        finally:
            self.ended.append(path)


@asynccontextmanager
async def served(app: App) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = HttpServer(cast(ServiceApp, app), listener)
        await server.start()
        try:
            yield listener.getsockname()[1]
        finally:
            await server.stop()


async def connect(port: int, *paths: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return reader, writer


async def eventually(app: App, path: bytes) -> None:
    async with asyncio.timeout(60):
        while path not in app.ended:
            await asyncio.sleep(0.01)


@scenario
async def test_an_answer_that_nobody_takes_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else its memory would be held for as long as the client likes."""
    monkeypatch.setattr(http1_protocol, "WRITE_TIME", 0.2)
    app = App()
    async with served(app) as port:
        reader, writer = await connect(port, "/large")
        await eventually(app, b"/large")
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(LARGE)
        writer.close()


@scenario
async def test_empty_lines_do_not_keep_an_idle_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser skips them; they are no request."""
    monkeypatch.setitem(http1_protocol._LIMITS, "idle", 0.3)
    async with served(App()) as port, asyncio.timeout(60):
        reader, writer = await connect(port, "/")
        await reader.readuntil(b"{}")
        while not reader.at_eof():
            writer.write(b"\r\n")
            await asyncio.sleep(0.05)
            if writer.is_closing() or reader.at_eof():
                break
        writer.close()


@scenario
@pytest.mark.parametrize(
    ("path", "status"), [("/broken", b"500 Internal Server Error"), ("/short", b"200 OK")]
)
async def test_an_application_that_fails_ends_the_connection(path: str, status: bytes) -> None:
    """Before the head it is a 500; afterwards the missing end tells."""
    async with served(App()) as port:
        reader, writer = await connect(port, path, "/")
        answer = b""
        async with asyncio.timeout(60):
            while data := await reader.read(1000):
                answer += data
        writer.close()

    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1") == 1


@scenario
async def test_pipelined_requests_wait_for_each_other() -> None:
    """A thousand of them at once: each is answered, and the connection is read on."""
    async with served(App()) as port, asyncio.timeout(60):
        reader, writer = await connect(port, *["/"] * 1000)
        for _ in range(1000):
            await reader.readuntil(b"{}")
        writer.close()
