"""The log of a trace's revisions as pages read it: numbered records, bounded by bytes.

A record is a revision, or the Markdown blocks of a text as far as it has come.  Page,
snapshot and saved file read the same records.  Revisions are read in the pump thread,
so that a text that streams in is parsed once per message and not once per word.  Of a
long history the newest texts are parsed first, a little at each tick; until then a page
shows a text as it was written.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec

from ..agents.model import OPEN_TOOL, Entry, Message, Question, Revision, apply
from ..wire.resuming import IDLE_SECONDS, StreamState
from .feed import Outgoing
from .markdown import Block, Markdown
from .protocol import BATCH_BYTES, Range

__all__ = ["ReadRevisions", "TraceStore", "entry_record", "has_markdown"]

PULLED: Final = 5_000  # revisions that are read at a time
SLACK: Final = 0.9  # of the budget is left after dropping, so that dropping is rare
PARSE_SECONDS: Final = 0.03  # of Markdown between two messages to the page
SNAPSHOT_SECONDS: Final = 2.0  # the same, where a notebook is to be saved
HEAD_ENTRIES: Final = 50
HEAD_BYTES: Final = 256 * 1024
REFUSALS: Final = 20
SILENT_SECONDS: Final = 20.0  # a server with signs of life every 15 s never gets there
#: What only the kernel needs.
KERNEL_FIELDS: Final = ("request",)
_NULL: Final = b"null"
_KEPT_STATES: Final = frozenset({"running", "queued", "open", *OPEN_TOOL})

#: Revisions after the number given, at most so many, oldest first, and the number of the last.
ReadRevisions = Callable[[int, int], tuple[Sequence[Revision], int]]


class _Text:
    """The text of one entry, its Markdown, and the records that hold the blocks."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.markdown = Markdown()
        self.records: list[tuple[int, int]] = []  # first block, place of the record

    @property
    def text(self) -> str:
        if len(self.pieces) > 1:
            self.pieces[:] = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    def replace(self, text: str) -> None:
        if not text.startswith(self.text):
            self.markdown = Markdown()
        self.pieces[:] = [text]


class TraceStore:
    """Records of one trace; a :class:`~.feed.Source`.

    Read by the pump and by the user's thread; one lock guards it all.

    Args:
        read: The revisions of the trace.
        state: How the stream of events stands.
        max_bytes: Of records to keep; the oldest entries go first.
        read_only: Told to the pages: there is no session to write with.
    """

    def __init__(
        self,
        read: ReadRevisions,
        state: Callable[[], StreamState],
        *,
        max_bytes: int,
        read_only: bool,
    ) -> None:
        self.max_bytes = max_bytes
        self.bytes = self.dropped = 0
        self.silent_seconds: Callable[[], float] = lambda: 0.0
        self._read, self._state, self._read_only = read, state, read_only
        self._lock = threading.Lock()  # guards everything here
        self._records: list[bytes] = []  # record n is at n − 1
        self._sent = 0  # records
        self._unsent_bytes = 0
        self._taken = 0  # revisions
        self._more = self._is_parsing = False
        self._entries: list[Entry] = []
        self._places: list[list[int]] = []  # of each entry's records
        self._texts: dict[int, _Text] = {}
        self._growing: set[int] = set()  # texts that are not parsed to their end
        self._first_kept = 0  # place of the first entry that may still be dropped
        self._raw_events: dict[str, bytes] = {}
        self._refusals: list[dict[str, str]] = []

    # -- any thread

    def entries(self) -> list[tuple[Entry, list[Block]]]:
        """Return all entries with the blocks of their texts; do not change them."""
        with self._lock:
            while self._pull():
                pass
            self._grow(set(), SNAPSHOT_SECONDS)
            return [(entry, self._blocks_of(entry)) for entry in self._entries]

    def refuse(self, command: str, reason: str) -> None:
        """Remember that *command* failed, for the next heartbeat."""
        with self._lock:
            self._refusals = [*self._refusals, {"id": command, "reason": reason}][-REFUSALS:]

    def keep_raw(self, command: str, events: bytes) -> None:
        """Keep the answer to a page's command until :meth:`answers` is asked for it."""
        with self._lock:
            self._raw_events[command] = events

    # -- the pump thread

    def next(self, max_bytes: int, max_items: int) -> Outgoing | None:
        """Return the next records as a ``rev`` message."""
        with self._lock:
            more = self._pull()
            self._more = more or self._is_parsing
            records = self._cut(self._sent, max_bytes, max_items)
            if not records:
                return None
            first = self._sent + 1
            self._sent += len(records)
            self._unsent_bytes -= sum(map(len, records))
            return {"kind": "rev", "first": first, "count": len(records)}, _array(records)

    def backlog(self) -> int:
        """Bytes of records not sent yet."""
        with self._lock:
            return self._unsent_bytes + self._more

    def newest(self) -> Outgoing | None:
        """Return the newest entries as a whole, for a page that does not answer."""
        with self._lock:
            found: list[bytes] = []
            size = 0
            for entry in reversed(self._entries):
                raw = msgspec.json.encode(entry_record(entry, self._blocks_of(entry)))
                size += len(raw)
                if size > HEAD_BYTES or len(found) == HEAD_ENTRIES:
                    break
                found.append(raw)
            number = len(self._records)
        return ({"kind": "entries", "number": number}, _array(found[::-1])) if found else None

    def answers(self, stream: str, ranges: list[Range]) -> Iterator[Outgoing]:
        """Return the records of *ranges* in chunks, or the events that were asked for."""
        if stream:
            with self._lock:
                events = self._raw_events.pop(stream, None)
            if events is not None:
                yield {"kind": "raw", "id": stream}, events
            return
        for first, last in ranges:
            at = max(1, first)
            while at <= last:
                with self._lock:
                    end = min(last, self._sent)
                    records = self._cut(at - 1, BATCH_BYTES, end - at + 1)
                if not records:
                    break
                yield {"kind": "rev", "first": at, "count": len(records)}, _array(records)
                at += len(records)

    def stat(self) -> dict[str, Any]:
        """Return the heartbeat's fields."""
        with self._lock:
            return {
                "kind": "chatstat",
                "state": self._connection(),
                "pushed": self._sent,
                "dropped": self.dropped,
                "read_only": self._read_only,
                "refusals": list(self._refusals),
            }

    # -- inside (the lock is held)

    def _pull(self) -> bool:
        """Read what is new; return whether there may be more."""
        before = self._taken
        revisions, self._taken = self._read(before, PULLED)
        changed = {id_ for revision in revisions if (id_ := self._take(revision))}
        self._grow(changed, PARSE_SECONDS)
        if self.bytes > self.max_bytes:
            self._drop()
        return self._taken - before >= PULLED

    def _take(self, revision: Revision) -> int:
        """Keep a revision; return its entry's id if its Markdown has changed."""
        known = len(self._entries)
        entry = apply(self._entries, revision)
        if len(self._entries) > known:
            self._places.append([])
        self._keep(entry.id, msgspec.json.encode(_for_page(revision)))
        state = revision.state or {}
        if not has_markdown(entry) or (revision.append is None and "text" not in state):
            return 0
        text = self._texts.setdefault(entry.id, _Text())
        if revision.append is not None:
            text.pieces.append(revision.append)
        else:
            text.replace(state["text"])
        return entry.id

    def _grow(self, changed: set[int], seconds: float) -> None:
        """Parse texts that have changed, and to their end those that stopped growing."""
        deadline = time.monotonic() + seconds
        self._growing |= changed
        self._is_parsing = False
        for id_ in sorted(self._growing, reverse=True):
            if time.monotonic() > deadline:
                self._is_parsing = True
                return
            text = self._texts[id_]
            over = id_ not in changed
            first = text.markdown.grow(text.text, final=over)
            if first is not None:
                self._keep_blocks(id_, text, first)
            if over:
                self._growing.discard(id_)

    def _keep_blocks(self, id_: int, text: _Text, first: int) -> None:
        while text.records and text.records[-1][0] >= first:
            self._forget(text.records.pop()[1])
        text.records.append((first, len(self._records)))
        blocks = text.markdown.blocks[first:]
        self._keep(id_, msgspec.json.encode({"entry": id_, "from": first, "blocks": blocks}))

    def _keep(self, id_: int, raw: bytes) -> None:
        self._places[id_ - 1].append(len(self._records))
        self._records.append(raw)
        self.bytes += len(raw)
        self._unsent_bytes += len(raw)

    def _forget(self, place: int) -> None:
        """Put null in a record's place: numbers stay."""
        saved = len(self._records[place]) - len(_NULL)
        self._records[place] = _NULL
        self.bytes -= saved
        if place >= self._sent:
            self._unsent_bytes -= saved

    def _drop(self) -> None:
        """Let the oldest entries go that cannot change any more."""
        newest = len(self._entries) - HEAD_ENTRIES
        while self._first_kept < newest and self.bytes > self.max_bytes * SLACK:
            entry = self._entries[self._first_kept]
            if entry.kind != "session" and entry.status not in _KEPT_STATES:
                for place in self._places[self._first_kept]:
                    self._forget(place)
                self._places[self._first_kept] = []
                self._texts.pop(entry.id, None)
                self._growing.discard(entry.id)
                self.dropped += 1
            self._first_kept += 1

    def _cut(self, at: int, max_bytes: int, max_items: int) -> list[bytes]:
        """Return records from place *at* on, at least one, up to the limits."""
        size, end = 0, at
        last = min(len(self._records), at + max_items)
        while end < last and (end == at or size + len(self._records[end]) <= max_bytes):
            size += len(self._records[end])
            end += 1
        return self._records[at:end]

    def _blocks_of(self, entry: Entry) -> list[Block]:
        text = self._texts.get(entry.id)
        return list(text.markdown.blocks) if text is not None else []

    def _connection(self) -> dict[str, Any]:
        stream = self._state()
        state: dict[str, Any] = {"name": stream.name}
        if stream.reason:
            state["reason"] = stream.reason
        silent = self.silent_seconds()
        if silent >= SILENT_SECONDS:
            state["reason"] = (
                f"No data for {silent:.0f} s. After {IDLE_SECONDS:.0f} s the server is asked again."
            )
        if stream.retry_in is not None:
            state["retry_in_ms"] = int(stream.retry_in * 1000)
            state["attempt"] = stream.failures
        return state


def entry_record(entry: Entry, blocks: Sequence[Block]) -> dict[str, Any]:
    """Return an entry as a page takes it: the fields that are not at their default."""
    record: dict[str, Any] = msgspec.to_builtins(entry)
    for name in ("pieces", *KERNEL_FIELDS):
        record.pop(name, None)
    record["text"] = entry.text
    if blocks:
        record["blocks"] = msgspec.to_builtins(blocks)
    return record


def _for_page(revision: Revision) -> Revision:
    state = revision.state
    if state is None or not any(name in state for name in KERNEL_FIELDS):
        return revision
    kept = {name: value for name, value in state.items() if name not in KERNEL_FIELDS}
    return msgspec.structs.replace(revision, state=kept)


def has_markdown(entry: Entry) -> bool:
    """Whether the text of an entry is Markdown."""
    if isinstance(entry, Message):
        return entry.role != "user"
    return isinstance(entry, Question) and entry.question_kind == "plan"


def _array(raws: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(raws)
