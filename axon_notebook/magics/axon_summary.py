"""``%axon summary``: one row per run."""

from __future__ import annotations

from typing import Any, Final

from .command_requests import request
from .options import Option
from .registry import OUT, Call, Magic
from .set_cell import SINCE, UNTIL, axons_of
from .status import StatusLine

__all__ = ["MAGICS"]


def _summary(call: Call) -> Any:
    axons = request(call, lambda: axons_of(call, call.words, call.options.get("limit")))
    if call.options.get("table"):
        from ..widgets.runs_table import RunsTable

        return RunsTable(axons)
    frame = axons.summary(progress=call.magics.feedback)
    failed = frame.attrs["axon"]["failed"]
    why = f" · {len(failed):,} failed: {next(iter(failed.values()))}" if failed else ""
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    line.done(f"{'⚠' if failed else '✓'} {len(frame):,} runs{why}")
    return frame


MAGICS: Final = (
    Magic(
        "axon summary",
        "one row per run: agent, state, turns, calls, tokens, cost",
        _summary,
        (
            Option("--limit", "-n", "integer", "N", "at most the N newest"),
            Option("--table", "", "flag", "", "a table to sort, which opens runs below it"),
            SINCE,
            UNTIL,
            OUT,
        ),
        arguments="[PATTERN …]",
        completes="axon",
        most=100,
    ),
)
