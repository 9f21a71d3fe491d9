"""What a resuming stream delivered: the measure of every fault test."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from axon_notebook.config import Secret
from axon_notebook.errors import AxonError
from axon_notebook.models import AxonEvent
from axon_notebook.wire.api import ApiClient
from axon_notebook.wire.backoff import Backoff
from axon_notebook.wire.cursor import EventBatch
from axon_notebook.wire.events import EventStream
from axon_notebook.wire.http import Endpoint
from axon_notebook.wire.resuming import StreamState

from .scripted_server import AXON, events_up_to, frames

KEY = "ak_secret"


def client_of(url: str) -> ApiClient:
    return ApiClient(lambda start, failed: Endpoint(url, Secret(KEY)))


def at_once() -> Backoff:
    return Backoff(base=0, cap=0, floor=0)


class Reading:
    """What a stream delivered until *count* events were there, or until it failed."""

    def __init__(
        self,
        client: ApiClient,
        count: int = 10,
        *,
        on_state: Callable[[StreamState], None] | None = None,
        on_batch: Callable[[EventBatch], None] | None = None,
        **options: Any,
    ) -> None:
        self.batches: list[EventBatch] = []
        self.states: list[StreamState] = []
        self.error: AxonError | None = None
        self._on_state, self._on_batch = on_state, on_batch
        options = {"backoff": at_once(), "max_failures": 50, **options}
        with EventStream(client, AXON, on_state=self._note, **options) as stream:
            self.stream = stream
            try:
                self._read(stream, count)
            except AxonError as error:
                self.error = error

    def _note(self, state: StreamState) -> None:
        self.states.append(state)
        if self._on_state is not None:
            self._on_state(state)

    def _read(self, stream: EventStream, count: int) -> None:
        with closing(iter(stream)) as batches:  # type: ignore[type-var]
            for batch in batches:
                self.batches.append(batch)
                if self._on_batch is not None:
                    self._on_batch(batch)
                if sum(len(b.events) for b in self.batches) >= count:
                    return

    @property
    def events(self) -> list[AxonEvent]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def sequences(self) -> list[int]:
        return [event.sequence for event in self.events]

    @property
    def missing(self) -> list[tuple[int, int]]:
        return [span for batch in self.batches for span in batch.missing]

    @property
    def unreadable(self) -> list[int | None]:
        return [item.sequence for batch in self.batches for item in batch.unreadable]

    def is_whole(self, last: int = 10) -> bool:
        """Every event once, in order, nothing declared missing."""
        if self.error is not None:
            raise self.error
        return self.sequences == [*range(1, last + 1)] and not self.missing


def whole_stream() -> bytes:
    return frames(events_up_to(10))
