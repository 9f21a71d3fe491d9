"""The structs of the API: one frozen struct per schema of the OpenAPI documents.

Field names are the wire's.  Times are milliseconds since the Unix epoch (UTC),
durations milliseconds, offsets bytes, as the API has them.  Parsing is
tolerant: unknown fields are ignored, enumerations are plain strings, and what
the API calls optional may be missing.

Source: Runloop OpenAPI documents (axons, executions) and the types of
``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec

from .errors import AxonError

__all__ = [
    "NO_SUCH_ENDPOINT",
    "EVENTS_SELECT",
    "EVENT_COLUMNS",
    "AxonEvent",
    "AxonEventList",
    "AxonInfo",
    "AxonList",
    "DevboxInfo",
    "DevboxList",
    "ErrorFrame",
    "EventDraft",
    "ExecutionInfo",
    "MAX_PAYLOAD_BYTES",
    "ORIGINS",
    "OutputChunk",
    "OutputFrame",
    "PUBLISH_ORIGINS",
    "PublishBatchResult",
    "PublishResult",
    "Redact",
    "SqlBatchResult",
    "SqlColumn",
    "SqlColumns",
    "SqlMeta",
    "SqlResult",
    "SqlStep",
    "SqlStepError",
    "origin_name",
    "redacted",
]

# Decoded as tuples, because the garbage collector lets go of tuples of plain values: 10,000
# lists made it scan all objects of the process, for 40 ms, at every tenth result.
if TYPE_CHECKING:
    Row = Any  # indexed by place everywhere but in by_columns()
else:
    Row = tuple[Any, ...] | dict[str, Any]

#: ``origin`` by the integer that ``rl_axon_events`` stores.
ORIGINS: Final = {1: "EXTERNAL_EVENT", 2: "AGENT_EVENT", 3: "USER_EVENT", 4: "SYSTEM_EVENT"}

#: The columns of ``rl_axon_events`` and their types, in the order of :meth:`AxonEvent.from_row`.
EVENT_COLUMNS: Final[Mapping[str, str]] = {
    "sequence": "INTEGER PRIMARY KEY",
    "timestamp_ms": "INTEGER",
    "origin": "INTEGER",
    "source": "TEXT",
    "event_type": "TEXT",
    "payload": "TEXT",
}

#: Selects rows for :meth:`AxonEvent.from_row`; a condition may follow.
EVENTS_SELECT: Final = f"SELECT {', '.join(EVENT_COLUMNS)} FROM rl_axon_events"

#: How a server without one of the embedded service's own endpoints may refuse it.
NO_SUCH_ENDPOINT: Final = frozenset({403, 404, 405, 501})

#: What a publisher may claim to be; ``SYSTEM_EVENT`` is the server's own.
PUBLISH_ORIGINS: Final = ("EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT")


#: The most that an event's payload may have, in UTF-8.
MAX_PAYLOAD_BYTES: Final = 4 * 1024 * 1024


def origin_name(value: int | str) -> str:
    """Return the API's name of an origin given by name or by stored number."""
    return ORIGINS.get(value, str(value)) if isinstance(value, int) else value


class AxonEvent(msgspec.Struct, frozen=True, gc=False):
    """One event of an axon (``AxonEventView``).

    ``sequence`` is per axon, starts at 1 and has no holes; decoding refuses what
    is not a positive signed 64-bit number.  ``payload`` is the text that was
    published, usually JSON; :meth:`json` decodes it.
    """

    sequence: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    axon_id: str
    timestamp_ms: int
    origin: str
    source: str
    event_type: str
    payload: str

    @classmethod
    def from_row(cls, axon_id: str, row: Sequence[Any]) -> AxonEvent:
        """Return the event of a row that has the values of :data:`EVENT_COLUMNS`, unchecked."""
        return cls(row[0], axon_id, row[1], origin_name(row[2]), *row[3:])

    def json(self) -> Any:
        """Decode the payload; raise ``ValueError`` if it is not JSON."""
        return msgspec.json.decode(self.payload)


class AxonEventList(msgspec.Struct, frozen=True):
    """A page of events, newest first (``AxonEventListView``)."""

    events: list[AxonEvent]
    has_more: bool = False
    total_count: int | None = None


class AxonInfo(msgspec.Struct, frozen=True):
    """What the registry knows of an axon (``AxonView``)."""

    id: str
    created_at_ms: int
    name: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    deleted_at_ms: int | None = None


class AxonList(msgspec.Struct, frozen=True):
    """A page of axons (``AxonListView``)."""

    axons: list[AxonInfo]
    has_more: bool = False
    total_count: int | None = None


class EventDraft(msgspec.Struct, frozen=True, gc=False):
    """An event as it is published (``PublishParams``)."""

    source: str
    event_type: str
    origin: str
    payload: str


class PublishResult(msgspec.Struct, frozen=True):
    """Where a published event stands (``PublishResultView``)."""

    sequence: int
    timestamp_ms: int


class PublishBatchResult(msgspec.Struct, frozen=True):
    """Where the events of a batch stand: sequences without holes, one time for all.

    The embedded service's own addition to the API.
    """

    first_sequence: int
    last_sequence: int
    timestamp_ms: int


class SqlColumn(msgspec.Struct, frozen=True):
    """A result column; ``type`` is the declared type, empty for expressions."""

    name: str
    type: str = ""


class SqlMeta(msgspec.Struct, frozen=True):
    """How a statement ran (``SqlResultMetaView``); ``duration_ms`` on the server."""

    duration_ms: float = 0.0
    changes: int = 0
    rows_read_limit_reached: bool = False


class SqlResult(msgspec.Struct, frozen=True):
    """The result of one statement (``SqlQueryResultView``).

    ``rows`` are tuples in column order (mappings, from a server that keeps to the
    published schema).  Integers are exact over the whole signed 64-bit range.
    """

    columns: list[SqlColumn]
    rows: list[Row]
    meta: SqlMeta = SqlMeta()

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    def by_rows(self) -> SqlResult:
        """Return this."""
        return self

    def by_columns(self) -> SqlColumns:
        """Return the same with one list per column."""
        rows = self.rows
        if rows and isinstance(rows[0], Mapping):
            rows = [[row.get(column.name) for column in self.columns] for row in rows]
        # One flat list and strides through it: `zip(*rows)` makes one argument per row.
        flat, width = list(chain.from_iterable(rows)), len(self.columns)
        values = [flat[place::width] for place in range(width)]
        return SqlColumns(self.columns, values, self.meta)


class SqlColumns(msgspec.Struct, frozen=True):
    """A :class:`SqlResult` by columns, which is what a frame is made of.

    ``values`` are those of one column each, all of the same length.
    """

    columns: list[SqlColumn]
    values: list[list[Any]]
    meta: SqlMeta = SqlMeta()

    def __post_init__(self) -> None:
        lengths = set(map(len, self.values))
        if len(self.values) != len(self.columns) or len(lengths) > 1:
            raise ValueError(f"{len(self.columns)} columns have values of the lengths {lengths}")

    def by_rows(self) -> SqlResult:
        """Return the same with one tuple per row."""
        return SqlResult(self.columns, list(zip(*self.values, strict=True)), self.meta)

    def by_columns(self) -> SqlColumns:
        """Return this."""
        return self

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.values[0]) if self.values else 0


class SqlStepError(msgspec.Struct, frozen=True):
    """Why a step of a batch failed."""

    message: str


class SqlStep(msgspec.Struct, frozen=True):
    """One step of a batch: a result or an error."""

    success: SqlResult | None = None
    error: SqlStepError | None = None


class SqlBatchResult(msgspec.Struct, frozen=True):
    """The steps of a batch, in order (``SqlBatchResultView``)."""

    results: list[SqlStep]


class SqlAxonError(msgspec.Struct, frozen=True):
    """Why one of many axons did not answer."""

    status: int
    message: str


class SqlAxonResult(msgspec.Struct, frozen=True):
    """The answer of one of many axons: a result or an error."""

    axon_id: str
    success: SqlResult | None = None
    error: SqlAxonError | None = None


class SqlManyResult(msgspec.Struct, frozen=True):
    """The answers of many axons to one statement, in the order in which they were named."""

    results: list[SqlAxonResult]


class OutputFrame(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frame of a stdout or stderr stream (``ExecUpdateChunkView``).

    ``order`` comes from the embedded service alone: bytes of both streams that
    were written before.
    """

    output: str
    offset: int | None = None
    order: int | None = None


class OutputChunk(msgspec.Struct, frozen=True):
    """A piece of a command's output, each byte delivered once.

    Attributes:
        stream: ``"stdout"`` or ``"stderr"``.
        offset: Position of the first byte of ``text`` in that stream, in bytes.
        text: The output, decoded as UTF-8 with U+FFFD for what is not.
        missing: Bytes the server could not deliver directly before ``offset``.
        size: Bytes that ``text`` was; ``offset + size`` is where to go on.  Where
            something was no UTF-8 it may be too small, if the server names only
            the starts of its chunks.
        order: Bytes of both streams written before this, if the server knows.
    """

    stream: str
    offset: int
    text: str
    missing: int = 0
    size: int = 0
    order: int | None = None


class ExecutionInfo(msgspec.Struct, frozen=True):
    """State of a command in a devbox (``DevboxAsyncExecutionDetailView``).

    ``status`` is ``queued``, ``running`` or ``completed``; a killed command is
    completed with an ``exit_status`` other than 0.
    """

    devbox_id: str
    execution_id: str
    status: str
    exit_status: int | None = None
    stdout: str | None = None
    stderr: str | None = None
    stdout_truncated: bool | None = None
    stderr_truncated: bool | None = None
    shell_name: str | None = None


class DevboxInfo(msgspec.Struct, frozen=True):
    """A devbox (``DevboxView``, the fields this package uses).

    ``isolation``, ``directory`` and ``mounts`` come from the embedded service alone: what
    separates its commands from this machine (nothing), where they start, and what it was
    created with.
    """

    id: str
    status: str
    name: str | None = None
    create_time_ms: int | None = None
    end_time_ms: int | None = None
    failure_reason: str | None = None
    shutdown_reason: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    isolation: str | None = None
    directory: str | None = None
    mounts: list[dict[str, Any]] = msgspec.field(default_factory=list)

    def serves(self, axon_id: str) -> bool:
        """Whether it was created with a broker for this axon."""
        return any(mount.get("axon_id") == axon_id for mount in self.mounts)


class DevboxList(msgspec.Struct, frozen=True):
    """A page of devboxes."""

    devboxes: list[DevboxInfo]
    has_more: bool = False
    total_count: int | None = None


class ErrorFrame(msgspec.Struct, frozen=True):
    """The data of an ``event: error`` frame; ``code`` is a number or its text."""

    code: int | str = 500
    message: str = ""


#: Returns what to use instead of an event; ``None`` leaves it out.
Redact = Callable[[AxonEvent], AxonEvent | None]


def redacted(redact: Redact, event: AxonEvent) -> AxonEvent | None:
    """Return what *redact* leaves of *event*.

    Raises:
        AxonError: It failed; without its own words, which may hold what must not be seen.
    """
    try:
        return redact(event)
    except Exception as error:
        name = type(error).__name__
        raise AxonError(f"redact failed on event {event.sequence}: {name}") from error
