"""An OTLP/HTTP receiver: ``python otlp_receiver.py [CERTIFICATE]`` prints its port.

Keeps what it is sent and answers with what it was told to, then with success.  The official
messages decode what comes.  ``GET /`` returns what it has, ``PUT /`` takes answers: JSON with
base64 of bodies.
"""

from __future__ import annotations

import base64
import gzip
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

RECEIVED: list[dict[str, object]] = []
ANSWERS: list[tuple[int, bytes]] = []


class Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        self._answer(200, json.dumps(RECEIVED).encode())

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ANSWERS.extend((status, base64.b64decode(text)) for status, text in json.loads(body))
        self._answer(200, b"")

    def do_POST(self) -> None:
        body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = ANSWERS.pop(0) if ANSWERS else (200, b"")
        message = service.ExportTraceServiceRequest.FromString(body)
        if status == 200:
            text = base64.b64encode(message.SerializeToString()).decode()
            headers = {**dict(self.headers), "path": self.path}
            RECEIVED.append({"headers": headers, "message": text})
        self._answer(status, answer)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "0")
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
