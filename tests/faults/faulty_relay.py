"""A relay before the service that answers chosen requests with a fault."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx

__all__ = ["FAULTS", "FaultyRelay"]

#: Status by fault; ``cut`` closes the connection within the body, ``slow`` answers late.
FAULTS: Final = {"404": 404, "429": 429, "503": 503, "cut": 200, "slow": 200}


class FaultyRelay:
    """Forwards everything to *target*, but for what *fault_of* names.

    Args:
        target: The service's base URL.
        fault_of: Given the path of a request, a key of :data:`FAULTS` or ``None``.
    """

    def __init__(self, target: str, fault_of: Callable[[str], str | None]) -> None:
        relay = self
        self.requests: list[str] = []
        self._client = httpx.Client(base_url=target, timeout=60)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                relay.serve(self, fault_of(self.path))

            do_POST = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> FaultyRelay:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, handler: BaseHTTPRequestHandler, fault: str | None) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.requests.append(handler.path)
        if fault in ("404", "429", "503"):
            self._answer(handler, FAULTS[fault], b'{"code":"x","message":"injected"}', {})
            return
        headers = {k: v for k, v in handler.headers.items() if k.lower() != "host"}
        answer = self._client.request(handler.command, handler.path, content=body, headers=headers)
        keep = {"content-type": answer.headers.get("content-type", "application/json")}
        if fault == "cut":
            handler.send_response(answer.status_code)
            handler.send_header("Content-Length", str(len(answer.content) + 10))
            handler.end_headers()
            handler.wfile.write(answer.content[: len(answer.content) // 2])
            handler.close_connection = True
            return
        self._answer(handler, answer.status_code, answer.content, keep)

    def _answer(
        self, handler: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
    ) -> None:
        handler.send_response(status)
        if status in (429, 503):
            handler.send_header("Retry-After", "0")
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
