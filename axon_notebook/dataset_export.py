"""Writing a dataset: what is new in many axons, as Parquet files by day.

Rows are read and committed in steps of a few axons, so that memory is bounded and a killed
export has lost little.  Each step is one commit: its files and how far its axons were
read count together, so every event is in the dataset exactly once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .agents.axon_trace import trace_of_events
from .dataset_files import Commit, DatasetFiles, Reached, State
from .dataset_tables import KEYS, TABLES, Row, write_rows
from .errors import AxonError
from .fan_out import fan_out
from .models import EVENTS_SELECT, AxonEvent, Redact
from .progress import ProgressLine

if TYPE_CHECKING:
    from .axon import Axon

__all__ = ["Exported", "export"]

AXONS_PER_STEP: Final = 32
EVENTS_PER_REQUEST: Final = 5000
#: Of one axon in one step; a longer history takes several.
EVENTS_PER_AXON: Final = 20_000

#: Returns what to write of an event, or ``None`` to leave it out.

_EVENTS: Final = f"{EVENTS_SELECT} WHERE sequence > ? ORDER BY sequence LIMIT {EVENTS_PER_REQUEST}"


class Exported:
    """What an export did.

    Attributes:
        events: How many events were written.
        axons: How many axons had new ones.
        failed: Why an axon could not be read, by its id; the next export tries again.
    """

    def __init__(self) -> None:
        self.events = 0
        self.axons = 0
        self.failed: dict[str, str] = {}

    def __repr__(self) -> str:
        failed = f", {len(self.failed):,} axons failed" if self.failed else ""
        return f"<Exported {self.events:,} events of {self.axons:,} axons{failed}>"


def export(
    axons: Sequence[Axon],
    files: DatasetFiles,
    *,
    redact: Redact | None = None,
    progress: bool = True,
) -> Exported:
    """Add to the dataset what *axons* have and it has not; a killed export is continued.

    Raises:
        AxonError: Another export is writing, or every axon failed.
    """
    with files.writing() as renew:
        state = files.state()
        files.remove_orphans(state)
        exporter = _Exporter(files, state, redact, renew)
        line = ProgressLine("exported", len(axons), "axons", shown=progress)
        for first in range(0, len(axons), AXONS_PER_STEP):
            waiting = list(axons[first : first + AXONS_PER_STEP])
            while waiting:
                waiting = exporter.step(waiting)
            line.show(min(first + AXONS_PER_STEP, len(axons)))
        line.end()
    done = exporter.done
    if done.failed and len(done.failed) == len(axons):
        raise AxonError(f"no axon could be read; the first: {next(iter(done.failed.values()))}")
    return done


class _Part:
    """What is new in one axon: rows by table, and how far it was read."""

    def __init__(self, rows: dict[str, list[Row]], reached: Reached, *, more: bool) -> None:
        self.rows = rows
        self.reached = reached
        self.more = more


class _Exporter:
    """One export that runs; the writer of *files*."""

    def __init__(
        self,
        files: DatasetFiles,
        state: State,
        redact: Redact | None,
        renew: Callable[[], None],
    ) -> None:
        self._files = files
        self._state = state
        self._redact = redact
        self._renew = renew
        self._seen: set[str] = set()
        self.done = Exported()

    def step(self, axons: Sequence[Axon]) -> list[Axon]:
        """Write what is new in *axons* as one commit; return those that have more."""
        parts: dict[str, _Part] = {}
        for axon, outcome in zip(axons, fan_out(axons, self._new), strict=True):
            if outcome.error is not None:
                self.done.failed[axon.id] = str(outcome.error).partition("\n")[0]
            elif outcome.value is not None:
                parts[axon.id] = outcome.value
        if parts:
            self._commit(parts)
        return [axon for axon in axons if axon.id in parts and parts[axon.id].more]

    def _commit(self, parts: dict[str, _Part]) -> None:
        added = []
        for table in TABLES:
            rows = [row for part in parts.values() for row in part.rows.get(table, ())]
            added += write_rows(self._files, table, rows)
        reached = {axon: part.reached for axon, part in parts.items()}
        self._renew()
        commit = Commit(added, reached, at=datetime.now(UTC).isoformat(timespec="seconds"))
        self._files.commit(self._state.commits + 1, commit)
        self._state.apply(commit)
        self._seen |= parts.keys()
        self.done.axons = len(self._seen)
        self.done.events += sum(len(part.rows["events"]) for part in parts.values())

    def _new(self, axon: Axon) -> _Part | None:
        """Read what is new in *axon*; in a worker thread."""
        before = self._state.axons.get(axon.id, Reached(0))
        events = _events_after(axon, before.sequence, EVENTS_PER_AXON)
        if not events:
            return None
        newest, more = events[-1].sequence, len(events) == EVENTS_PER_AXON
        rows = {"events": [_event_row(axon, event) for event in self._kept(events)]}
        if not more:
            whole = events if before.sequence == 0 else None
            rows |= self._trace_rows(axon, before.traced, newest, whole)
        traced = before.traced if more else newest
        return _Part(rows, Reached(newest, axon.name, traced), more=more)

    def _kept(self, events: Iterable[AxonEvent]) -> Iterable[AxonEvent]:
        if self._redact is None:
            return events
        return [kept for event in events if (kept := self._redact(event)) is not None]

    def _trace_rows(
        self, axon: Axon, after: int, newest: int, history: list[AxonEvent] | None
    ) -> dict[str, list[Row]]:
        """Return the rows of the trace that changed after the event *after*.

        A trace is read from its beginning: what an event means depends on those before it.

        Args:
            axon: Whose trace.
            after: Up to which event its rows are in the dataset.
            newest: Up to which event to read.
            history: All its events, if they are at hand.
        """
        if history is None and self._redact is None:
            trace = axon.trace(as_of=newest)
        else:
            known = _events_after(axon, 0, None) if history is None else history
            trace = trace_of_events(self._kept(known), as_of=newest)
        found = {}
        for table, key in KEYS.items():
            columns = trace.columns(table)
            rows = [
                dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
            ]
            found[table] = _changed_rows(table, key, rows, axon, after, newest)
        return found


def _changed_rows(
    table: str,
    key: tuple[str, ...],
    rows: Iterable[dict[str, Any]],
    axon: Axon,
    after: int,
    newest: int,
) -> list[Row]:
    texts = [name for name, kind in TABLES[table].items() if kind == "json"]
    parts: Counter[tuple[object, ...]] = Counter()
    changed: list[Row] = []
    for row in rows:
        name = tuple(row[column] for column in key if column != "part")
        parts[name] += 1
        if (row["last_sequence"] or 0) <= after:
            continue
        for column in texts:
            row[column] = None if row[column] is None else _json(row[column])
        own = {"axon": axon.id, "axon_name": axon.name, "version": newest, "part": parts[name]}
        changed.append({**row, **own})
    return changed


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _events_after(axon: Axon, after: int, limit: int | None) -> list[AxonEvent]:
    found: list[AxonEvent] = []
    while limit is None or len(found) < limit:
        page = axon.execute(_EVENTS, [found[-1].sequence if found else after]).rows
        found += [AxonEvent.from_row(axon.id, row) for row in page]
        if not page:
            break
    return found[:limit]


def _event_row(axon: Axon, event: AxonEvent) -> Row:
    return {
        "axon": axon.id,
        "axon_name": axon.name,
        "sequence": event.sequence,
        "timestamp": event.timestamp_ms,
        "origin": event.origin,
        "source": event.source,
        "event_type": event.event_type,
        "payload": event.payload,
    }
