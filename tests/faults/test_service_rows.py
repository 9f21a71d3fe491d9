"""Rows of the failure model of the embedded service that have no file of their own.

The numbers in the names are the rows; ``docs/faults.md`` lists where the others are.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.config import Secret
from axon_notebook.local.http.app import ServiceApp, build_app

from ..local.stored import Home, opened

TOKEN = "t" * 40
ANSWERS = list[tuple[int, Any]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path / "home") as home:
        yield home


async def ask(app: ServiceApp, path: str) -> tuple[int, dict[bytes, bytes], Any]:
    """GET *path* from the application, without a socket between."""
    headers = [(b"host", b"127.0.0.1:1"), (b"authorization", b"Bearer " + TOKEN.encode())]
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": headers, "server": ("127.0.0.1", 1)}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(body)


def test_h33_an_unexpected_error_tells_its_number_and_nothing_else(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Paths and statements are for the log; the number finds them there."""

    async def broken(*_: object, **__: object) -> None:
        raise KeyError("/home/me/secret.db")

    async def scenario() -> tuple[int, dict[bytes, bytes], Any]:
        app = build_app(home.store, token=Secret(TOKEN))
        monkeypatch.setattr(home.store, "list_axons", broken)
        try:
            return await ask(app, "/v1/axons")
        finally:
            await app.close()

    status, headers, body = home.do(scenario())
    mark = re.fullmatch(r"Internal error ([0-9a-f]{8})\.", body["message"])

    assert (status, body["code"]) == (500, "500")
    assert headers[b"cache-control"] == b"no-store"
    assert mark is not None
    assert mark[1] in caplog.text
    assert "secret.db" in caplog.text


def test_h35_no_more_than_64_requests_are_worked_on_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others wait for a while, and are then told to come later; none is dropped."""
    monkeypatch.setattr("axon_notebook.local.http.slots.PATIENCE", 0.2)
    go_on = threading.Event()
    working = 0

    async def slow(*_: object, **__: object) -> Any:
        nonlocal working
        working += 1
        while not go_on.is_set():
            await asyncio.sleep(0.01)
        return await real(limit=1)

    async def scenario() -> tuple[ANSWERS, int]:
        app = build_app(home.store, token=Secret(TOKEN))
        monkeypatch.setattr(home.store, "list_axons", slow)
        asked = [asyncio.ensure_future(ask(app, "/v1/axons")) for _ in range(70)]
        while sum(task.done() for task in asked) < 6:
            await asyncio.sleep(0.01)
        at_once = working
        go_on.set()
        answers = [(status, body) for status, _, body in await asyncio.gather(*asked)]
        await app.close()
        return answers, at_once

    real = home.store.list_axons
    answers, at_once = home.do(scenario())
    refused = [body["message"] for status, body in answers if status == 503]

    assert at_once == 64
    assert sorted(status for status, _ in answers) == [200] * 64 + [503] * 6
    assert refused == ["Too many requests at once."] * 6
