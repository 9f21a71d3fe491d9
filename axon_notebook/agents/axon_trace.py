"""The trace of one axon as frames: what an agent did, how long it took, what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..errors import ParameterError
from ..exports.spans import spans
from ..exports.trajectory import trajectory
from ..models import EVENT_COLUMNS, EVENTS_SELECT, AxonEvent, Redact, redacted
from .model import Revision
from .trace import Trace
from .trace_card import card_html, card_text
from .trace_frames import TraceFrames
from .trace_tables import TABLES, begun_turns, table_columns

if TYPE_CHECKING:
    import pandas as pd

    from ..exports.otlp import Sent
    from ..wire.api import ApiClient

__all__ = ["AxonTrace", "TraceUsage", "history", "history_rows", "trace_of_axon", "trace_of_events"]

EVENTS_PER_PAGE: Final = 5000


class TraceUsage(msgspec.Struct, frozen=True):
    """Totals over all turns; ``None`` is unknown.

    Attributes:
        turns: How many turns there are.
        seconds: Time in turns, of those that have ended.
        input_tokens: Without cache; the others likewise, where agents tell.
        cost: By currency.
        unknown_cost: Turns whose cost is unknown; ``unknown_tokens`` likewise.
    """

    turns: int
    seconds: float
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    thought_tokens: int | None
    cost: dict[str, float]
    unknown_cost: int
    unknown_tokens: int


class AxonTrace(TraceFrames, Trace):
    """A trace that reads its events itself, with frames; made by :meth:`Axon.trace`.

    Frames are made when they are asked for, and kept until the trace changes.

    Args:
        source: Returns the events after a sequence, oldest first; ``None`` if there are none to
            come.
        protocol: Of the agent; found by the events if it is not given.
        as_of: Read events up to this sequence only.
        title: Of what it is the trace.
    """

    def __init__(
        self,
        source: Callable[[int], Iterable[AxonEvent]] | None = None,
        protocol: str | None = None,
        *,
        as_of: int | None = None,
        title: str = "",
    ) -> None:
        super().__init__(protocol)
        self.title = title
        self.as_of = as_of
        self._source = source
        #: How many events were read.
        self.events_read = 0
        #: The axon the events come from; empty before the first.
        self.axon_id = ""
        #: The time of the newest event in milliseconds; ``None`` before the first.
        self.newest_ms: int | None = None
        self._frames: dict[str, pd.DataFrame] = {}

    def __repr__(self) -> str:
        return card_text(self.title, self.entries)

    def _repr_html_(self) -> str:
        return card_html(self.title, self.entries)

    def refresh(self) -> int:
        """Read what is new; return how many events that were."""
        if self._source is None:
            return 0
        count = 0
        for event in self._source(self.position):
            if self.as_of is not None and event.sequence > self.as_of:
                break
            self.feed(event)
            count += 1
        return count

    def feed(self, event: AxonEvent) -> list[Revision]:
        """Read *event*; return what it changes."""
        if self._frames:
            self._frames = {}
        self.events_read += 1
        self.axon_id = self.axon_id or event.axon_id
        self.newest_ms = max(self.newest_ms or 0, event.timestamp_ms)
        return super().feed(event)

    # -- frames

    def frame(self, table: str) -> pd.DataFrame:
        """Return one of the tables as a DataFrame; see :data:`.trace_tables.TABLES`."""
        from ..sql.frames import typed_frame

        found = self._frames.get(table)
        if found is None:
            found = typed_frame(TABLES[table], self.columns(table))
            self._frames[table] = found
        return found.copy(deep=False)

    def columns(self, table: str) -> dict[str, list[object]]:
        """Return one of the tables by columns; times are milliseconds, ``None`` is unknown."""
        return table_columns(self.entries, table)

    # -- other formats

    def to_atif(self) -> dict[str, Any]:
        """Return the run as a document of the Agent Trajectory Interchange Format (v1.8)."""
        return trajectory(self.entries, session_id=self.axon_id or None)

    def to_otlp(self, *, content: bool = False) -> Any:
        """Return the ended turns as an OTLP ``ExportTraceServiceRequest``.  Experimental.

        Args:
            content: Include prompts, answers, arguments and results.

        Raises:
            ParameterError: opentelemetry-proto is not installed.
        """
        from ..exports.otlp import encode

        return encode(spans(self.entries, self.axon_id, content=content))

    def send(
        self,
        endpoint: str,
        *,
        headers: Mapping[str, str] | None = None,
        redact: Redact | None = None,
        content: bool = False,
    ) -> Sent:
        """Send the ended turns to an OpenTelemetry receiver over OTLP/HTTP.  Experimental.

        Spans have stable ids: what is sent twice is there once.

        Args:
            endpoint: The receiver's URL, ``https://`` except on this machine; ``/v1/traces``
                is added to one without a path.
            headers: For authentication.
            redact: Called with every event, which is read again for this; returns what to
                read instead, or ``None`` to leave it out.
            content: Include prompts, answers, arguments and results.

        Raises:
            ParameterError: The endpoint cannot be used, a package is missing, or *redact* is
                given for a trace of events that it cannot read again.
            AxonError: The receiver did not answer, or refused; says how many spans it has.
                *redact* failed; nothing was sent.
        """
        from ..exports.otlp import send

        entries = self.entries if redact is None else self._redacted(redact).entries
        return send(spans(entries, self.axon_id, content=content), endpoint, headers=headers)

    def _redacted(self, redact: Redact) -> Trace:
        """Return the trace of what *redact* leaves of the same events."""
        if self._source is None:
            raise ParameterError(
                "this trace has not kept its events: redact them before making it, or make it"
                " from an axon or a recording"
            )
        trace = Trace(self._fixed)
        for event in self._source(0):
            if event.sequence > self.position:
                break
            kept = redacted(redact, event)
            if kept is not None:
                trace.feed(kept)
        return trace

    @property
    def usage(self) -> TraceUsage:
        """Tokens by kind, cost by currency and time, over all turns."""
        turns = begun_turns(self.entries)
        costs: dict[str, float] = {}
        for turn in turns:
            if turn.cost is not None:
                costs[turn.currency] = costs.get(turn.currency, 0.0) + turn.cost

        def total(name: str) -> int | None:
            known = [n for turn in turns if (n := getattr(turn.usage, name)) is not None]
            return sum(known) if known else None

        spans = [
            (turn.ended_ms - turn.running_ms) / 1000
            for turn in turns
            if turn.ended_ms is not None and turn.running_ms is not None
        ]
        return TraceUsage(
            turns=len(turns),
            seconds=round(sum(spans, 0.0), 3),
            input_tokens=total("input"),
            output_tokens=total("output"),
            cache_read_tokens=total("cache_read"),
            cache_write_tokens=total("cache_write"),
            thought_tokens=total("thought"),
            cost={currency: round(cost, 10) for currency, cost in costs.items()},
            unknown_cost=sum(turn.cost is None for turn in turns),
            unknown_tokens=sum(turn.usage.input is None for turn in turns),
        )


def trace_of_axon(
    api: ApiClient,
    axon_id: str,
    *,
    protocol: str | None = None,
    as_of: int | None = None,
    title: str = "",
) -> AxonTrace:
    """Return the trace of an axon's history."""
    trace = AxonTrace(
        lambda after: history(api, axon_id, after, as_of),
        protocol,
        as_of=as_of,
        title=title or axon_id,
    )
    trace.refresh()
    return trace


def trace_of_events(
    events: Iterable[AxonEvent],
    *,
    protocol: str | None = None,
    as_of: int | None = None,
    title: str = "",
) -> AxonTrace:
    """Return the trace of *events*, without an axon: what a test or a file of your own holds.

    Args:
        events: Those of one axon, in their order.
        protocol: ``"acp"``, ``"claude"``, ``"codex"`` or ``"pi"``; found in the events if ``None``.
        as_of: Leave out events after this sequence.
        title: What the summary card says it is of.

    Returns:
        The same as :meth:`Axon.trace`, but :meth:`AxonTrace.refresh` has nothing to read.
    """
    trace = AxonTrace(None, protocol, as_of=as_of, title=title)
    for event in events:
        if as_of is None or event.sequence <= as_of:
            trace.feed(event)
    return trace


def history(
    api: ApiClient, axon_id: str, after: int = 0, as_of: int | None = None
) -> Iterator[AxonEvent]:
    """Yield the events after a sequence, page by page."""
    for row in history_rows(api, axon_id, after, as_of):
        yield AxonEvent.from_row(axon_id, row)


def history_rows(
    api: ApiClient, axon_id: str, after: int = 0, as_of: int | None = None
) -> Iterator[Sequence[Any]]:
    """Yield the rows of the event history; the first column is the sequence."""
    last = 2**63 - 1 if as_of is None else as_of
    query = f"{EVENTS_SELECT} WHERE sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?"
    while True:
        result = api.query(axon_id, query, [after, last, EVENTS_PER_PAGE]).by_rows()
        for row in result.rows:
            # A server that keeps to the published schema sends mappings.
            values = [row[name] for name in EVENT_COLUMNS] if isinstance(row, Mapping) else row
            after = values[0]
            yield values
        full = len(result.rows) == EVENTS_PER_PAGE
        if not result.rows or not (full or result.meta.rows_read_limit_reached):
            return
