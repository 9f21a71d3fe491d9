"""Raw bytes to the service and back: no client library smooths anything over."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from axon_notebook.local.process.launcher import ServiceAddress


class Answer(NamedTuple):
    """One answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of a refusal; its code is the status, or this fails."""
        assert self.json["code"] == str(self.status)
        return str(self.json["message"])


class Wire:
    """Speaks to one service in bytes; ``head`` builds what a proper client would send."""

    def __init__(self, address: ServiceAddress) -> None:
        parts = urlsplit(address.base_url)
        self.host, self.port = str(parts.hostname), int(parts.port or 0)
        self.token = address.token.reveal()

    def connect(self, timeout: float = 120.0) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout)

    def head(self, method: str, path: str, *lines: str, length: int | None = None) -> bytes:
        """Return a request head; a line ``Host:`` or ``Authorization:`` replaces the proper one."""
        proper = {
            "host": f"Host: 127.0.0.1:{self.port}",
            "authorization": f"Authorization: Bearer {self.token}",
        }
        given = {line.partition(":")[0].lower() for line in lines}
        kept = [line for name, line in proper.items() if name not in given]
        if length is not None:
            kept.append(f"Content-Length: {length}")
            if "content-type" not in given:
                kept.append("Content-Type: application/json")
        text = "\r\n".join([f"{method} {path} HTTP/1.1", *kept, *filter(None, lines), "", ""])
        return text.encode("utf-8", "surrogateescape")

    def exchange(self, request: bytes, method: str = "GET") -> Answer:
        """Send *request*, read one answer."""
        with self.connect() as sock:
            sock.sendall(request)
            return self.read(sock, method)

    def read(self, sock: socket.socket, method: str = "GET") -> Answer:
        response = http.client.HTTPResponse(sock, method=method)
        with response:
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())

    def ask(self, method: str, path: str, *lines: str, body: bytes | None = None) -> Answer:
        """Exchange a proper request, JSON body included, with *lines* as further headers."""
        length = None if body is None else len(body)
        return self.exchange(self.head(method, path, *lines, length=length) + (body or b""), method)

    def create(self, name: str = "test") -> str:
        """Create an axon; return its id."""
        return str(
            self.ask("POST", "/v1/axons", body=json.dumps({"name": name}).encode()).json["id"]
        )

    def publish(self, axon_id: str, payload: str = "{}", *lines: str, **fields: str) -> Answer:
        event = {"source": "test", "event_type": "tick", "origin": "USER_EVENT"}
        content = {**event, "payload": payload, **fields}
        body = json.dumps(content, ensure_ascii=False).encode()
        return self.ask("POST", f"/v1/axons/{axon_id}/publish", *lines, body=body)


@pytest.fixture(scope="session")
def wire(service: ServiceAddress) -> Wire:
    """Raw access to the session's service."""
    return Wire(service)


@pytest.fixture(scope="session")
def wire_to() -> Callable[[ServiceAddress], Wire]:
    """Raw access to any service."""
    return Wire


@pytest.fixture(scope="session")
def axon(wire: Wire) -> str:
    """The id of an axon with ten events, for tests that only read."""
    axon_id = wire.create("ten")
    for number in range(10):
        wire.publish(axon_id, json.dumps({"number": number}))
    return axon_id
