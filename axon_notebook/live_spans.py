"""Sending an agent's spans to an OpenTelemetry receiver as they end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, Protocol

from .agents.trace import Trace
from .errors import RateLimited, ServerError, TransportError
from .exports.otlp import SpanSender
from .exports.spans import EndedSpans, Span
from .models import Redact, redacted
from .wire.subscription import Subscription

__all__ = ["Followed", "LiveSpans"]

#: Seconds after which a receiver that did not answer is tried again.
RETRY_SECONDS: Final = 5.0
#: The receiver may come back, and the spans wait.
PASSING: Final = (TransportError, RateLimited, ServerError)


class Followed(Protocol):
    """An axon, as far as it is needed here."""

    @property
    def id(self) -> str:
        """Its identifier."""

    def subscribe(self, after_sequence: int | Literal["head"] = 0) -> Subscription:
        """Follow its events."""


class LiveSpans:
    """Follows an axon from its beginning and sends each span once it has ended.

    Starting it again sends all again, which creates nothing twice.  The stream resumes by
    itself; spans wait while the receiver cannot be reached.

    Args:
        axon: Whose runs; borrowed.
        endpoint: As in :meth:`.AxonTrace.send`, like *headers*, *redact* and *content*.
        tell: Called with a line on each failure that passes.
        retry_seconds: When to try again after one.

    Attributes:
        waiting: Spans that have ended and were not sent yet.
        position: The newest sequence that was read.
    """

    def __init__(
        self,
        axon: Followed,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        redact: Redact | None = None,
        content: bool = False,
        tell: Callable[[str], None] = lambda line: None,
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        self._axon = axon
        self._redact = redact
        self._tell = tell
        self._retry_seconds = retry_seconds
        self._trace = Trace()
        self._ended = EndedSpans(axon.id, content=content, live=True)
        self._sender = SpanSender(endpoint, headers or {})
        self.sent = self._sender.done
        self.waiting: list[Span] = []
        self.position = 0

    def run(self) -> None:
        """Send until the stream ends, which that of a live axon does not.

        Raises:
            AxonError: The receiver refuses the spans, or the events cannot be read.
            KeyboardInterrupt: It was stopped.
        """
        with self._sender, self._axon.subscribe(0) as subscription:
            while True:
                batch = subscription.next_batch(self._retry_seconds if self.waiting else None)
                if batch is None and subscription.state.name == "ended":
                    self._sender.send(self.waiting)
                    return
                changed: dict[int, None] = {}
                for original in batch.events if batch is not None else ():
                    self.position = original.sequence
                    event = original if self._redact is None else redacted(self._redact, original)
                    if event is not None:
                        changed |= dict.fromkeys(r.entry for r in self._trace.feed(event))
                entries = self._trace.entries
                self.waiting += self._ended.take(entries[number - 1] for number in changed)
                self._try()

    def _try(self) -> None:
        try:
            self._sender.send(self.waiting)
        except PASSING as error:
            self._tell(f"{error}; {len(self.waiting):,} spans wait")
