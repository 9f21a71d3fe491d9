"""Writing a dataset: what is new in many axons, as Parquet files by day.

Rows are read and committed in steps of a few axons, so that memory is bounded and a killed
export has lost little.  Each step is one commit: its files and how far its axons were
read count together, so every event is in the dataset exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .dataset_files import Commit, DatasetFiles, Reached, State
from .dataset_tables import Row, write_rows
from .errors import AxonError
from .fan_out import fan_out
from .models import EVENTS_SELECT, AxonEvent
from .progress import ProgressLine

if TYPE_CHECKING:
    from .axon import Axon

__all__ = ["Exported", "export"]

AXONS_PER_STEP: Final = 64
EVENTS_PER_REQUEST: Final = 5000
#: Of one axon in one step; a longer history takes several.
EVENTS_PER_AXON: Final = 50_000

#: Returns what to write of an event, or ``None`` to leave it out.
Redact = Callable[[AxonEvent], AxonEvent | None]

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
    done = Exported()
    with files.writing() as renew:
        state = files.state()
        files.remove_orphans(state)
        line = ProgressLine("exported", len(axons), "axons", shown=progress)
        for first in range(0, len(axons), AXONS_PER_STEP):
            waiting = list(axons[first : first + AXONS_PER_STEP])
            while waiting:
                waiting = _step(waiting, files, state, done, redact, renew)
            line.show(first + AXONS_PER_STEP)
        line.end()
    if done.failed and len(done.failed) == len(axons):
        raise AxonError(f"no axon could be read; the first: {next(iter(done.failed.values()))}")
    return done


def _step(
    axons: Sequence[Axon],
    files: DatasetFiles,
    state: State,
    done: Exported,
    redact: Redact | None,
    renew: Callable[[], None],
) -> list[Axon]:
    """Write what is new in *axons*; return those that have more."""

    def read(axon: Axon) -> list[AxonEvent]:
        reached = state.axons.get(axon.id)
        return _new_events(axon, reached.sequence if reached else 0)

    rows: list[Row] = []
    reached: dict[str, Reached] = {}
    more: list[Axon] = []
    for axon, outcome in zip(axons, fan_out(axons, read), strict=True):
        if outcome.error is not None:
            done.failed[axon.id] = str(outcome.error).partition("\n")[0]
            continue
        events = outcome.value or []
        if not events:
            continue
        done.axons += axon.id not in state.axons or state.axons[axon.id].sequence == 0
        reached[axon.id] = Reached(events[-1].sequence, axon.name)
        rows += [_event_row(axon, event) for event in _redacted(events, redact)]
        if len(events) == EVENTS_PER_AXON:
            more.append(axon)
    if reached:
        added = write_rows(files, "events", rows)
        renew()
        commit = Commit(added, reached, at=datetime.now(UTC).isoformat(timespec="seconds"))
        files.commit(state.commits + 1, commit)
        state.apply(commit)
        done.events += len(rows)
    return more


def _new_events(axon: Axon, after: int) -> list[AxonEvent]:
    found: list[AxonEvent] = []
    while len(found) < EVENTS_PER_AXON:
        page = axon.execute(_EVENTS, [found[-1].sequence if found else after]).rows
        found += [AxonEvent.from_row(axon.id, row) for row in page]
        if not page:
            break
    return found[:EVENTS_PER_AXON]


def _redacted(events: Iterable[AxonEvent], redact: Redact | None) -> Iterable[AxonEvent]:
    if redact is None:
        return events
    return [kept for event in events if (kept := redact(event)) is not None]


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
