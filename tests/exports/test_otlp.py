"""Traces as OpenTelemetry spans, received by an OTLP endpoint on this machine."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

from axon_notebook.errors import AxonError, ParameterError
from axon_notebook.exports import otlp
from axon_notebook.exports.otlp import encode, send
from axon_notebook.exports.spans import Span, spans

from .runs import a_run


class Receiver:
    """Keeps what it is sent; answers with what ``answers`` says, then with success."""

    def __init__(self) -> None:
        receiver = self
        self.requests: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *arguments: Any) -> None:
                """Say nothing."""

            def do_POST(self) -> None:
                body = gzip.decompress(self.rfile.read(int(self.headers["Content-Length"])))
                receiver.headers.append({**dict(self.headers), "path": self.path})
                status, answer = receiver.answers.pop(0) if receiver.answers else (200, b"")
                if status == 200:
                    receiver.requests.append(service.ExportTraceServiceRequest.FromString(body))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(answer)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    opened = Receiver()
    yield opened
    opened.close()


def test_a_turn_is_a_trace_with_a_span_per_message_and_call() -> None:
    """A turn that has not ended is not sent: a span that was sent cannot change."""
    found = spans(a_run(), "axn_1")
    task = next(span for span in found if span.name == "execute_tool Task")
    bash = next(span for span in found if span.name == "execute_tool Bash")
    roots = [span for span in found if span.name == "invoke_agent claude-code"]

    assert [root.ended_ms for root in roots] == [9_000, 11_000]
    assert [root.error for root in roots] == [None, "rate limited"]
    assert len({span.trace_id for span in found}) == 2
    assert len({span.span_id for span in found}) == len(found)
    assert task.parent_id == roots[0].span_id
    assert bash.parent_id == task.span_id
    assert bash.error == "exit 1"


def test_tokens_and_names_are_the_conventions() -> None:
    root = next(span for span in spans(a_run(), "axn_1") if span.ended_ms == 9_000)

    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.usage.input_tokens"] == 100
    assert root.attributes["gen_ai.usage.cache_read.input_tokens"] == 50
    assert root.attributes["gen_ai.provider.name"] == "anthropic"
    assert root.attributes["gen_ai.response.finish_reasons"] == ["end_turn"]


def texts(found: list[Span]) -> bytes:
    return msgspec.json.encode([span.attributes for span in found])


def test_texts_are_left_out_unless_they_are_asked_for() -> None:
    without, included = (texts(spans(a_run(), "axn_1", content=wanted)) for wanted in (False, True))

    for secret in (b"count the files", b"There are three", b"inner words", b"prompt"):
        assert secret not in without
        assert secret in included


def test_a_run_that_is_sent_twice_has_the_same_ids(receiver: Receiver) -> None:
    for _ in range(2):
        sent = send(spans(a_run(), "axn_1"), receiver.url, headers={"x-key": "k"})
    ids = [span.span_id for span in receiver.spans]

    assert repr(sent) == f"<Sent {len(ids) // 2} spans>"
    assert ids[: len(ids) // 2] == ids[len(ids) // 2 :]
    assert receiver.headers[0]["path"] == "/v1/traces"
    assert receiver.headers[0]["x-key"] == "k"


def test_spans_are_sent_in_requests_that_a_receiver_takes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "SPANS_PER_REQUEST", 100)
    monkeypatch.setattr(otlp, "REQUEST_BYTES", 20_000)
    one = spans(a_run(), "axn_1")[0]
    many = [
        msgspec.structs.replace(one, span_id=n.to_bytes(8, "big"), name="x" * 400)
        for n in range(250)
    ]
    send(many, receiver.url)

    assert [span.span_id for span in receiver.spans] == [span.span_id for span in many]
    assert all(request.ByteSize() <= 20_000 for request in receiver.requests)


def test_rejected_spans_are_named(receiver: Receiver) -> None:
    partial = service.ExportTraceServiceResponse()
    partial.partial_success.rejected_spans = 2
    partial.partial_success.error_message = "too old"
    receiver.answers = [(200, partial.SerializeToString())]
    sent = send(spans(a_run(), "axn_1"), receiver.url)

    assert (sent.rejected, sent.reasons) == (2, ["too old"])
    assert "2 rejected: too old" in repr(sent)


def test_a_busy_receiver_is_asked_again_and_a_refusal_is_an_error(receiver: Receiver) -> None:
    receiver.answers = [(503, b"busy"), (429, b"slow")]
    assert send(spans(a_run(), "axn_1"), receiver.url).spans == len(receiver.spans)

    receiver.answers = [(401, b"who are you")]
    with pytest.raises(AxonError, match=r"0 of \d+ spans were sent: .* \(401\): who are you"):
        send(spans(a_run(), "axn_1"), receiver.url)


def test_only_a_protected_endpoint_is_used() -> None:
    with pytest.raises(ParameterError, match="use https://"):
        send([], "http://otel.example")
    with pytest.raises(ParameterError, match="is not an http"):
        send([], "otel.example:4318")


def test_a_text_that_is_not_unicode_is_sent_with_a_replacement() -> None:
    one = msgspec.structs.replace(spans(a_run(), "axn_1")[0], attributes={"a": "x\ud800"})
    (span,) = encode([one]).resource_spans[0].scope_spans[0].spans

    assert span.attributes[0].value.string_value == "x?"
