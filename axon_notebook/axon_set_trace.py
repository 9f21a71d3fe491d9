"""The traces of many axons as one: the same frames, and one row per run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from .agents.axon_trace import AxonTrace
from .agents.model import Notice, Tool, Turn
from .agents.trace_frames import TraceFrames
from .agents.trace_tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from .axon import Axon

__all__ = ["SUMMARY", "AxonSetTrace", "run_summary"]

#: Columns of :meth:`AxonSet.summary` after ``axon`` and ``axon_name``, and their types.
SUMMARY: Final = {
    "agent": "text",
    "state": "text",
    "started": "time",
    "seconds": "real",
    "turns": "integer",
    "failed_turns": "integer",
    "tool_calls": "integer",
    "failed_calls": "integer",
    "input_tokens": "integer",
    "output_tokens": "integer",
    "cost": "real",
    "currency": "text",
    "warnings": "integer",
    "last_event": "time",
    "last_sequence": "integer",
}


class AxonSetTrace(TraceFrames):
    """What the agents of many axons did; made by :meth:`AxonSet.trace`.

    Frames have the columns of :class:`~axon_notebook.agents.axon_trace.AxonTrace`'s, after
    ``axon`` (id) and ``axon_name``; ``attrs["axon"]["failed"]`` names the axons that could not be
    read.

    Args:
        traces: One per axon that could be read.
        failed: Why the others could not, by their ids.
        refresh: Reads what is new in each of *traces*.
    """

    def __init__(
        self,
        traces: Sequence[tuple[Axon, AxonTrace]],
        failed: Mapping[str, str],
        refresh: Callable[[Sequence[AxonTrace]], int],
    ) -> None:
        self._traces = list(traces)
        self._failed = dict(failed)
        self._refresh = refresh

    def __len__(self) -> int:
        return len(self._traces)

    def __repr__(self) -> str:
        turns = sum(trace.usage.turns for _, trace in self._traces)
        failed = f", {len(self._failed):,} failed" if self._failed else ""
        return f"<AxonSetTrace of {len(self):,} axons, {turns:,} turns{failed}>"

    def __getitem__(self, axon_id: str) -> AxonTrace:
        """Return the trace of one axon, by its id."""
        return next(trace for axon, trace in self._traces if axon.id == axon_id)

    def __contains__(self, axon_id: str) -> bool:
        return any(axon.id == axon_id for axon, _ in self._traces)

    def refresh(self) -> int:
        """Read what is new in every axon; return how many events that were."""
        return self._refresh([trace for _, trace in self._traces])

    def frame(self, table: str) -> pd.DataFrame:
        """Return one of the tables over all axons."""
        parts = [(axon, trace.columns(table)) for axon, trace in self._traces]
        return self._frame(TABLES[table], parts)

    def summary(self) -> pd.DataFrame:
        """Return one row per axon: agent, state, times, turns, calls, tokens, cost.

        ``state`` is that of the newest turn, empty where there is none; ``seconds`` the time in
        turns that have ended; sums leave out what is unknown, and are NA where all is.  ``cost`` is
        NA where turns were paid in several currencies.
        """
        rows = [(axon, run_summary(trace)) for axon, trace in self._traces]
        parts = [(axon, {name: [value] for name, value in row.items()}) for axon, row in rows]
        return self._frame(SUMMARY, parts)

    def _frame(
        self, types: Mapping[str, str], parts: Sequence[tuple[Axon, Mapping[str, list[Any]]]]
    ) -> pd.DataFrame:
        from .sql.frames import set_typed_frame

        frame = set_typed_frame(types, parts)
        frame.attrs["axon"] = {"failed": self._failed}
        return frame


def run_summary(trace: AxonTrace) -> dict[str, Any]:
    """Return one run's values of the columns of :data:`SUMMARY`."""
    turns = [e for e in trace.entries if isinstance(e, Turn) and e.status != "queued"]
    calls = [e for e in trace.entries if isinstance(e, Tool)]
    usage = trace.usage
    currency, cost = next(iter(usage.cost.items())) if len(usage.cost) == 1 else ("", None)
    values = (
        trace.session.agent,
        turns[-1].status if turns else "",
        min((turn.started_ms for turn in turns), default=None),
        usage.seconds if turns else None,
        len(turns),
        sum(turn.status == "failed" for turn in turns),
        len(calls),
        sum(call.status == "failed" for call in calls),
        usage.input_tokens,
        usage.output_tokens,
        cost,
        currency,
        sum(isinstance(e, Notice) and e.level in ("warning", "error") for e in trace.entries),
        trace.newest_ms,
        trace.position or None,
    )
    return dict(zip(SUMMARY, values, strict=True))
