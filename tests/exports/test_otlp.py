"""Traces as OpenTelemetry spans, received by an OTLP endpoint on this machine."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

from axon_notebook.errors import AxonError, ParameterError
from axon_notebook.exports import otlp
from axon_notebook.exports.otlp import encode, send
from axon_notebook.exports.spans import EndedSpans, Span, spans

from .runs import a_run


class Receiver:
    """A receiver in a process of its own, and what it has."""

    def __init__(self, certificate: Path | None = None) -> None:
        command = [sys.executable, str(Path(__file__).with_name("otlp_receiver.py"))]
        more = [str(certificate)] if certificate is not None else []
        self._process = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        port = int(self._process.stdout.readline())
        scheme = "https" if certificate is not None else "http"
        self.url = f"{scheme}://127.0.0.1:{port}"

    def answer(self, *answers: tuple[int, bytes]) -> None:
        """Let the next requests be answered with these."""
        listed = [(status, base64.b64encode(body).decode()) for status, body in answers]
        httpx.put(self.url, json=listed).raise_for_status()

    @property
    def received(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(self.url).json()
        return found

    @property
    def requests(self) -> list[Any]:
        read = service.ExportTraceServiceRequest.FromString
        return [read(base64.b64decode(one["message"])) for one in self.received]

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
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


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
    headers = receiver.received[0]["headers"]
    assert (headers["path"], headers["x-key"]) == ("/v1/traces", "k")


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
    receiver.answer((200, partial.SerializeToString()))
    sent = send(spans(a_run(), "axn_1"), receiver.url)

    assert (sent.rejected, sent.reasons) == (2, ["too old"])
    assert "2 rejected: too old" in repr(sent)


def test_a_busy_receiver_is_asked_again_and_a_refusal_is_an_error(receiver: Receiver) -> None:
    receiver.answer((503, b"busy"), (429, b"slow"))
    assert send(spans(a_run(), "axn_1"), receiver.url).spans == len(receiver.spans)

    receiver.answer((401, b"who are you"))
    with pytest.raises(AxonError, match=r"0 of \d+ spans were sent: .* \(401\): who are you"):
        send(spans(a_run(), "axn_1"), receiver.url)


def test_only_a_protected_endpoint_is_used() -> None:
    with pytest.raises(ParameterError, match="use https://"):
        send([], "http://otel.example")
    with pytest.raises(ParameterError, match="is not an http"):
        send([], "otel.example:4318")


def test_spans_go_over_tls_to_a_receiver_that_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And to no other: the certificate is checked."""
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "server.pem"
    )
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    opened = Receiver(tmp_path / "server.pem")
    try:
        with pytest.raises(AxonError, match=r"0 of \d+ spans were sent"):
            send(spans(a_run(), "axn_1"), opened.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        sent = send(spans(a_run(), "axn_1"), opened.url)
        assert sent.spans == len(opened.spans) > 0
    finally:
        opened.close()


def test_spans_are_made_once_each_as_they_end() -> None:
    """Calls with their result, messages when the next thing begins, turns at their end."""
    ended = EndedSpans("axn_1", live=True)
    entries = a_run()
    session, turn, *rest = entries
    running = msgspec.structs.replace(turn, status="running", ended_ms=None)
    first = ended.take([session, running, *rest[:3]])
    again = ended.take([rest[2]])
    last = ended.take([turn, *rest])

    assert [span.name for span in first] == ["chat opus", "chat opus", "execute_tool Task"]
    assert again == []
    assert "invoke_agent claude-code" in [span.name for span in last]
    made = [span.span_id for span in [*first, *last]]
    assert len(set(made)) == len(made)
    assert set(made) == {span.span_id for span in spans(entries, "axn_1")}


def test_a_text_that_is_not_unicode_is_sent_with_a_replacement() -> None:
    one = msgspec.structs.replace(spans(a_run(), "axn_1")[0], attributes={"a": "x\ud800"})
    (span,) = encode([one]).resource_spans[0].scope_spans[0].spans

    assert span.attributes[0].value.string_value == "x?"
