"""What crosses between the kernel and the page.

Mirror of ``js/src/kernel/protocol.ts``: the same names, fields and order;
``tests/widgets/test_protocol_mirror.py`` compares the two files.

Rules:

* The kernel pushes and never waits for the page: a busy kernel does not answer.
* ``ev``, ``log`` and ``rev`` messages are numbered (``batch``), so a hole is seen; what
  is missing is asked for with ``need`` and comes back in ``snap``, ``log`` or ``rev``
  messages, which do not advance the numbering.
* An event's identity is its axon and its sequence, a log byte's is its offset in its stream, a
  record's of a trace its number: what arrives twice is dropped by looking, not by counting.
* ``axon`` is a place in the ``axons`` of a ``stat``; an axon keeps its place for the epoch.
* Raw event texts travel in ``buffers[0]`` as one JSON array, UTF-8; log bytes as
  they are.
* Times are milliseconds since the Unix epoch, on the kernel's clock unless said
  otherwise.
"""

from __future__ import annotations

from typing import Final, Literal, NotRequired, TypeAlias, TypedDict

#: Both say it; a page with another version is answered with "failed": reload the page.
PROTOCOL_VERSION: Final = 1
#: The pump sends at most once in this time on average, and a few times at once after a silence.
TICK_MS: Final = 50
#: A message is cut at this many events.
BATCH_EVENTS: Final = 1000
#: A message is cut at this many bytes; the pump may grow it to BATCH_BYTES_BEHIND when behind.
BATCH_BYTES: Final = 262144
BATCH_BYTES_BEHIND: Final = 1048576
#: A ``stat`` goes out at least this often; half as often where many feeds share a kernel.
HEARTBEAT_MS: Final = 5000
#: After this time without a message the page says that the kernel is silent.
SILENT_MS: Final = 15000
#: The page acknowledges at most once in this time,
ACK_MS: Final = 500
#: once ACK_BYTES have come, and fewer bytes after ACK_LATE_MS: each answer costs the kernel more.
ACK_BYTES: Final = 65536
ACK_LATE_MS: Final = 4000
#: Events in a ``snap`` with reason "head".
HEAD_EVENTS: Final = 50

#: Inclusive: [first, last] sequence, or [first, last] byte offset.
Range: TypeAlias = tuple[int, int]
#: Inclusive: [axon, first, last] sequence.
AxonRange: TypeAlias = tuple[int, int, int]

#: Where the kernel stands with the source of the stream.
StateName: TypeAlias = Literal[
    "connecting", "replaying", "live", "reconnecting", "paused", "ended", "failed"
]


class ConnectionState(TypedDict):
    """Where the kernel stands with the source of the stream."""

    name: StateName
    #: replaying: events read so far.
    done: NotRequired[int]
    #: replaying: events to read until the stream is live.
    total: NotRequired[int]
    #: Why it is so, for people; of a live stream, that nothing comes.
    reason: NotRequired[str]
    #: failed: what the user can do about it.
    way_out: NotRequired[str]
    #: reconnecting: time until the next attempt, counted from ``sent_ms``.
    retry_in_ms: NotRequired[int]
    #: reconnecting: number of the attempt to come, from 1.
    attempt: NotRequired[int]


class Mark(TypedDict):
    """A labelled divider: a reconnect, a restart, a word of the user."""

    #: The divider stands before this sequence.
    sequence: int
    label: str
    at_ms: int


# ---- kernel → page -------------------------------------------------------------------------


class Header(TypedDict):
    """Every message of the kernel starts like this."""

    #: Random per feed: another value means another stream with its own sequences.
    epoch: str
    #: ``ev``, ``log``, ``rev``: number of this message, from 1 without holes.
    #: Others: the last one sent.
    batch: int
    sent_ms: int


class EventsPart(TypedDict):
    """Events of one axon, ``first`` and those after it, in order."""

    axon: int
    first: int
    count: int
    #: A digit per event: what it is about, as a place in KINDS.
    kinds: str


class EventsMessage(Header):
    """The next events of some axons; ``buffers[0]`` holds those of all parts, in their order."""

    kind: Literal["ev"]
    parts: list[EventsPart]
    #: The buffer is zlib data.
    deflated: bool


class SnapMessage(Header):
    """Events out of turn: an answer to ``need``, or the newest for a page that does not answer."""

    kind: Literal["snap"]
    parts: list[EventsPart]
    deflated: bool
    reason: Literal["need", "head"]
    #: need: asked-for ranges that the feed no longer keeps.
    missing: list[AxonRange]


class SpansMessage(Header):
    """Spans of a timeline as they are after the changes ``first`` … ``last``: JSON of a list."""

    kind: Literal["spans"]
    first: int
    last: int
    #: The buffer is zlib data.
    deflated: bool


class LogPart(TypedDict):
    """Bytes of one stream that arrived together."""

    stream: Literal["stdout", "stderr"]
    offset: int
    length: int
    #: Arrival at the kernel, with fractions: over both streams, the order of arrival.
    at_ms: float
    #: Bytes directly before ``offset`` that can no longer be delivered.
    missing: int


class LogMessage(Header):
    """Output of a command, in the order of arrival; ``buffers[0]`` holds the parts' bytes."""

    kind: Literal["log"]
    parts: list[LogPart]
    deflated: bool


class RevisionsMessage(Header):
    """Records ``first`` … ``first + count - 1`` of a trace's log: the next ones, or an answer."""

    kind: Literal["rev"]
    first: int
    count: int
    deflated: bool


class EntriesMessage(Header):
    """The newest entries as they are after record ``number``, for a page without the records."""

    kind: Literal["entries"]
    number: int
    deflated: bool


class RawEventsMessage(Header):
    """Events that a page asked for with the command ``raw``; a JSON array."""

    kind: Literal["raw"]
    #: The command's ``id``.
    id: str
    deflated: bool


class AxonStat(TypedDict):
    """How the stream of one axon stands."""

    id: str
    #: Empty for none.
    name: str
    state: ConnectionState
    #: The first sequence this viewer was asked to show.
    start: int
    head: int
    #: Highest sequence that was sent in an ``ev`` or ``snap``; 0 before the first.
    pushed: int
    #: The feed keeps ``kept_from`` … ``kept_to``; both 0 while it is empty.
    kept_from: int
    kept_to: int
    #: Events read from the server since the feed began.
    received: int
    #: Events the feed let go to stay within ``max_bytes``.
    dropped: int
    #: Events the server could not deliver.
    lost: int
    #: The ranges behind ``lost``, the newest 100.
    gaps: list[Range]
    #: Dividers, the newest 100.
    marks: list[Mark]


class StatMessage(Header):
    """The heartbeat of an event feed; what it says replaces what the one before said."""

    kind: Literal["stat"]
    #: Of all streams together.
    state: ConnectionState
    axons: list[AxonStat]
    #: Bytes in the feed.
    bytes: int
    max_bytes: int
    #: A timeline: number of the newest change that was sent.
    changes: NotRequired[int]
    #: A timeline: the time of the newest event; 0 before the first.
    newest_ms: NotRequired[int]


class Refusal(TypedDict):
    """A button of a page that the kernel could not carry out."""

    #: What the page called it: the ``id`` in the command's value.
    id: str
    reason: str


class ChatStatMessage(Header):
    """The heartbeat of an agent's chat."""

    kind: Literal["chatstat"]
    state: ConnectionState
    #: Number of the newest record that was sent in a ``rev``.
    pushed: int
    #: Entries that the feed let go to stay within ``max_bytes``.
    dropped: int
    #: Writing is not possible: a recording, or an axon without a session.
    read_only: bool
    #: The newest 20.
    refusals: list[Refusal]


class LogStatMessage(Header):
    """The heartbeat of an execution log."""

    kind: Literal["logstat"]
    state: ConnectionState
    #: ``queued``, ``running`` or ``completed``.
    status: str
    exit_status: int | None
    started_ms: int | None
    ended_ms: int | None
    #: Bytes per stream that the kernel has received, and the first offset it still keeps.
    stdout_bytes: int
    stderr_bytes: int
    stdout_from: int
    stderr_from: int
    #: Offset behind the last byte that went out in a numbered ``log``.
    stdout_sent: int
    stderr_sent: int
    #: Bytes that could not be delivered.
    lost: int
    bytes: int
    max_bytes: int
    #: Why the last button failed; empty for nothing.
    note: str


class ByeMessage(Header):
    """The feed was closed; nothing follows."""

    kind: Literal["bye"]
    reason: Literal["closed", "replaced", "ended"]


KernelMessage: TypeAlias = (
    EventsMessage
    | SnapMessage
    | SpansMessage
    | LogMessage
    | RevisionsMessage
    | EntriesMessage
    | RawEventsMessage
    | StatMessage
    | ChatStatMessage
    | LogStatMessage
    | ByeMessage
)

# ---- page → kernel: best effort, none is needed for the push ---------------------------------


class HelloMessage(TypedDict):
    """First message of a page, repeated until the kernel answers."""

    kind: Literal["hello"]
    #: Random per page and model; acknowledgements are counted per page.
    page: str
    version: int
    #: The epoch the page has events of; empty for none.
    epoch: str
    #: The page's ``Date.getTimezoneOffset()``, for times of day in the filter.
    tz_offset_min: int


class AckMessage(TypedDict):
    """I have every batch up to this one; see ``ACK_MS``."""

    kind: Literal["ack"]
    page: str
    epoch: str
    batch: int
    #: Bytes of buffers taken in this epoch.
    bytes: int


class NeedMessage(TypedDict):
    """Send these again, in this order (newest first)."""

    kind: Literal["need"]
    page: str
    epoch: str
    #: Logs and spans: which stream; events: the axon, as a number.
    stream: str
    ranges: list[Range]


class CommandMessage(TypedDict):
    """A button that the kernel has to carry out."""

    kind: Literal["cmd"]
    page: str
    name: Literal[
        "retry",
        "close",
        "kill",
        "stdin",
        "stdin_eof",
        "prompt",
        "cancel",
        "answer",
        "set",
        "authenticate",
        "annotate",
        "raw",
    ]
    #: stdin: the text to write. Of a chat: JSON with an ``id`` of the page's choice; prompt:
    #: ``text``, and ``files`` with ``name`` and ``data`` (base64); answer: ``question``,
    #: ``value``, and ``durable`` where a secret is sent; set: ``setting`` and ``value``;
    #: authenticate: ``method``; raw: ``ranges`` of sequences; annotate: ``target`` (a sequence,
    #: or the id of a call), ``label``, ``note``, ``score``.
    value: str


class SelectMessage(TypedDict):
    """Which events are selected in the viewer."""

    kind: Literal["select"]
    page: str
    epoch: str
    #: By axon, then oldest first; at most 1000, ``truncated`` says that there were more.
    ranges: list[AxonRange]
    truncated: bool


PageMessage: TypeAlias = HelloMessage | AckMessage | NeedMessage | CommandMessage | SelectMessage

# ---- saved state ---------------------------------------------------------------------------


class Snapshot(TypedDict):
    """The deflated JSON in the ``_snapshot`` trait: what a viewer without a kernel shows."""

    version: int
    taken_ms: int
    #: True in an HTML file of its own.
    file: NotRequired[bool]
    state: ConnectionState
    axons: list[AxonStat]
    #: The newest events, as the API has them; those of an axon oldest first.
    events: list[EventRecord]
    #: A digit per event, as in an ``ev``.
    kinds: str


class LogSnapshot(TypedDict):
    """The same for an execution log."""

    version: int
    taken_ms: int
    #: True in an HTML file of its own.
    file: NotRequired[bool]
    state: ConnectionState
    status: str
    exit_status: int | None
    started_ms: int | None
    ended_ms: int | None
    stdout_bytes: int
    stderr_bytes: int
    #: The newest output, in order of arrival.
    pieces: list[LogPiece]


class LogPiece(TypedDict):
    """A part of a stream: ``text`` begins at byte ``offset``."""

    stream: Literal["stdout", "stderr"]
    offset: int
    at_ms: int
    text: str


class ChatSnapshot(TypedDict):
    """The same for an agent's chat."""

    version: int
    taken_ms: int
    #: True in an HTML file of its own.
    file: NotRequired[bool]
    state: ConnectionState
    #: Earlier entries that are not saved.
    dropped: int
    #: The newest entries, in order; ``js/src/trace/model.ts`` has the fields of each kind.
    entries: list[object]


class EventRecord(TypedDict):
    """An event as the API sends it (``AxonEventView``)."""

    sequence: int
    axon_id: str
    timestamp_ms: int
    origin: str
    source: str
    event_type: str
    payload: str
