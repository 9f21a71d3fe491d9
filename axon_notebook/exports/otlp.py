"""Spans as OTLP messages, and sending them to a receiver.

The official exporter is not used for sending: it does not read the receiver's report of
rejected spans (``partial_success``), and it logs failures instead of raising them
(``opentelemetry-exporter-otlp-proto-http`` 1.45.2).
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final

from ..errors import AxonError, ParameterError
from ..wire.otlp_post import OtlpPost
from .spans import Span, Value

__all__ = ["Sent", "SpanSender", "encode", "send"]

SPANS_PER_REQUEST: Final = 512
#: Receivers take 4 MiB by default; room is left for what is around the spans.
REQUEST_BYTES: Final = 3 * 1024 * 1024
SERVICE_NAME: Final = "axon_notebook"


class Sent:
    """What a receiver took.

    Attributes:
        spans: How many it accepted.
        rejected: How many it refused.
        reasons: Why, in its words.
    """

    def __init__(self) -> None:
        self.spans = 0
        self.rejected = 0
        self.reasons: list[str] = []

    def __repr__(self) -> str:
        why = f": {'; '.join(self.reasons)}" if self.reasons else ""
        rejected = f", {self.rejected:,} rejected{why}" if self.rejected else ""
        return f"<Sent {self.spans:,} spans{rejected}>"


def encode(spans: Iterable[Span]) -> Any:
    """Return the ``ExportTraceServiceRequest`` of *spans*.

    Raises:
        ParameterError: opentelemetry-proto is not installed.
    """
    trace, service = _messages()
    request = service.ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _set(resource.resource.attributes.add(), "service.name", SERVICE_NAME)
    scope = resource.scope_spans.add()
    scope.scope.name = SERVICE_NAME
    for span in spans:
        _encode_span(scope.spans.add(), span, trace)
    return request


def send(spans: Sequence[Span], endpoint: str, *, headers: Mapping[str, str] | None = None) -> Sent:
    """Send *spans* to *endpoint* in requests that the receiver takes.

    Args:
        spans: What to send.
        endpoint: The receiver's URL, ``https://`` except on this machine; ``/v1/traces`` is
            added to one without a path.
        headers: For authentication.

    Raises:
        ParameterError: The endpoint cannot be used, or a package is missing.
        AxonError: The receiver did not answer, or refused; says how many spans it has.
    """
    with SpanSender(endpoint, headers or {}) as sender:
        waiting = list(spans)
        try:
            sender.send(waiting)
        except AxonError as error:
            raise AxonError(
                f"{sender.done.spans:,} of {len(spans):,} spans were sent: {error}; sending all"
                " again creates nothing twice"
            ) from error
        return sender.done


class SpanSender:
    """Sends spans to one receiver; a context manager that owns its connection.

    Attributes:
        done: What the receiver has accepted and refused so far.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        _, self._service = _messages()
        self._post = OtlpPost(endpoint, headers)
        self.done = Sent()

    def __enter__(self) -> SpanSender:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._post.close()

    def send(self, waiting: list[Span]) -> None:
        """Send *waiting*, which keeps those that were not sent if this fails.

        Raises:
            AxonError: The receiver did not answer, or refused.
        """
        for batch, body in _requests(list(waiting)):
            answer = self._post.send(body)
            del waiting[: len(batch)]
            report = self._service.ExportTraceServiceResponse.FromString(answer).partial_success
            self.done.rejected += report.rejected_spans
            self.done.spans += len(batch) - report.rejected_spans
            if report.error_message:
                self.done.reasons.append(report.error_message)


def _requests(spans: Sequence[Span]) -> Iterator[tuple[Sequence[Span], bytes]]:
    """Cut *spans* into requests by count and size; a batch that is too large is halved."""
    waiting = [
        spans[first : first + SPANS_PER_REQUEST]
        for first in range(0, len(spans), SPANS_PER_REQUEST)
    ][::-1]
    while waiting:
        batch = waiting.pop()
        body = encode(batch).SerializeToString()
        if len(body) > REQUEST_BYTES and len(batch) > 1:
            middle = len(batch) // 2
            waiting += [batch[middle:], batch[:middle]]
            continue
        yield batch, gzip.compress(body, 6)


def _encode_span(message: Any, span: Span, trace: Any) -> None:
    message.trace_id = span.trace_id
    message.span_id = span.span_id
    message.parent_span_id = span.parent_id
    message.name = span.name
    message.kind = trace.Span.SPAN_KIND_INTERNAL
    message.start_time_unix_nano = span.started_ms * 1_000_000
    message.end_time_unix_nano = span.ended_ms * 1_000_000
    for name, value in span.attributes.items():
        _set(message.attributes.add(), name, value)
    if span.error is not None:
        message.status.code = trace.Status.STATUS_CODE_ERROR
        message.status.message = span.error


def _set(attribute: Any, name: str, value: Value) -> None:
    attribute.key = name
    _set_value(attribute.value, value)


def _set_value(message: Any, value: Value) -> None:
    if isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = value
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, list):
        for item in value:
            _set_value(message.array_value.values.add(), item)
    else:
        # Protobuf refuses lone surrogates, which JSON can carry.
        message.string_value = value.encode("utf-8", "replace").decode()


def _messages() -> tuple[object, Any]:
    """Return the modules of OTLP's messages: of traces, and of the trace service."""
    try:
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
        from opentelemetry.proto.trace.v1 import trace_pb2
    except ModuleNotFoundError:
        raise ParameterError(
            "OpenTelemetry spans need opentelemetry-proto: pip install 'axon-notebook[otel]'"
        ) from None
    return trace_pb2, trace_service_pb2
