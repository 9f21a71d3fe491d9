"""What two runs did differently: turns and tool calls, aligned.

The steps of a run are its turns and tool calls in their order; :mod:`.alignment` pairs those of
two runs.  A pair differs where one run lacks the step, where it moved, where its input
changed, or where the same input led to another result.  Times alone are no difference.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from .agents.model import Entry, Tool, Turn
from .agents.parts import Part, Text
from .alignment import Pair, Placement, align, normalised
from .visible import visible

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunComparison", "Traced", "call_matrix", "differing", "steps_of", "what_of"]

#: A placement in words; the first run is *a*, the second *b*.
WORDS: Final[dict[Placement, str]] = {
    "same": "other result",
    "changed": "input changed",
    "moved": "moved",
    "only_a": "only in a",
    "only_b": "only in b",
}

COLUMNS: Final = (
    "what",
    "step",
    "name",
    "differs",
    "input_a",
    "input_b",
    "output_a",
    "output_b",
    "status_a",
    "status_b",
    "seconds_a",
    "seconds_b",
    "tokens_a",
    "tokens_b",
    "cost_a",
    "cost_b",
    "sequence_a",
    "sequence_b",
)


class Traced(Protocol):
    """An axon or a recording."""

    @property
    def name(self) -> str | None:
        """What people call it."""

    def trace(self) -> HasEntries:
        """Read its trace."""


class HasEntries(Protocol):
    """A trace."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, in the order of their first appearance."""


class RunStep(NamedTuple):
    """A turn or a tool call, as it is compared."""

    kind: str  # turn or tool call
    name: str
    input: str
    output: str
    status: str
    seconds: float | None
    tokens: int | None
    cost: float | None
    sequence: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Equal for steps that do the same."""
        return self.kind, self.name, self.input


class RunComparison:
    """The differences of two runs.

    Attributes:
        names: What the runs are called.
        pairs: All aligned steps, also those that are the same.
    """

    def __init__(self, a: Sequence[RunStep], b: Sequence[RunStep], names: tuple[str, str]) -> None:
        self.pairs: list[Pair[RunStep]] = align(a, b)
        self.names = names

    @property
    def differences(self) -> list[Pair[RunStep]]:
        """The pairs that differ in more than time and cost, in reading order."""
        return [pair for pair in self.pairs if differing(pair)]

    def frame(self, *, all: bool = False) -> pd.DataFrame:
        """Return one row per difference, or per pair with *all*; ``_a`` and ``_b`` are the runs.

        ``what`` is ``only in a``, ``only in b``, ``moved``, ``input changed`` or ``other result``
        (``same`` where nothing differs); ``differs`` names the columns that differ.
        """
        from .sql.frames import rows_frame

        chosen = self.pairs if all else self.differences
        return rows_frame([_row(pair) for pair in chosen], COLUMNS)

    def diff(self, place: int) -> str:
        """Return the texts of difference *place* (a row of :meth:`frame`) as a unified diff."""
        pair = self.differences[place]
        parts = []
        for field in ("input", "output"):
            a, b = _text(pair.a, field), _text(pair.b, field)
            if a != b:
                lines = difflib.unified_diff(
                    a.splitlines(), b.splitlines(), f"{field} a", f"{field} b", lineterm="", n=2
                )
                parts.append("\n".join(lines))
        return visible("\n\n".join(parts), keep="\n\t")

    def __repr__(self) -> str:
        counts = Counter(what_of(pair) for pair in self.pairs)
        same = counts.pop("same", 0)
        told = " · ".join(f"{n:,} {what}" for what, n in counts.most_common()) or "no difference"
        a, b = (visible(name) for name in self.names)
        totals = [
            f"{name} of turns: {a_sum:,.6g} → {b_sum:,.6g} ({b_sum - a_sum:+,.6g})"
            for name, a_sum, b_sum in self.totals()
            if a_sum != b_sum
        ]
        return "\n".join([f"{a} against {b}: {same:,} steps the same · {told}", *totals])

    def totals(self) -> list[tuple[str, float, float]]:
        """Return seconds, tokens and cost of the turns of both runs, where both are known."""
        sums = (
            (column, _total(self.pairs, "a", column), _total(self.pairs, "b", column))
            for column in ("seconds", "tokens", "cost")
        )
        return [(name, a, b) for name, a, b in sums if a is not None and b is not None]


def call_matrix(runs: Sequence[tuple[str, Sequence[Entry]]]) -> pd.DataFrame:
    """Return one row per tool call (name and input) with a column of counts per run."""
    from .sql.frames import rows_frame

    counts = [
        Counter(step.key[1:] for step in steps_of(entries) if step.kind == "tool call")
        for _, entries in runs
    ]
    keys = list(dict.fromkeys(key for count in counts for key in count))
    rows = [[*key, sum(key in c for c in counts), *(c[key] for c in counts)] for key in keys]
    return rows_frame(rows, ["name", "input", "runs", *(name for name, _ in runs)])


def steps_of(entries: Iterable[Entry]) -> list[RunStep]:
    """Return turns and tool calls in their order; a turn's output is what the agent said in it."""
    entries = list(entries)
    answers: dict[str, list[str]] = {}
    for entry in entries:
        if entry.kind == "message" and getattr(entry, "role", "") == "agent" and entry.text:
            answers.setdefault(entry.turn_id, []).append(entry.text)
    steps = []
    for entry in entries:
        if isinstance(entry, Turn):
            steps.append(_turn_step(entry, "\n\n".join(answers.get(entry.turn_id, ()))))
        elif isinstance(entry, Tool):
            steps.append(_tool_step(entry))
    return steps


def _turn_step(turn: Turn, answer: str) -> RunStep:
    usage = turn.usage
    known = [n for n in (usage.input, usage.output) if n is not None]
    return RunStep(
        "turn",
        "turn",
        turn.text,
        "\n".join(part for part in (answer, turn.error) if part),
        turn.status,
        _seconds(turn),
        sum(known) if known else None,
        turn.cost,
        turn.first_sequence,
    )


def _tool_step(tool: Tool) -> RunStep:
    """Where a call has no name (ACP), its kind is it: the title holds arguments."""
    output = [tool.error, *map(_part_text, tool.parts)]
    if not tool.parts and tool.raw_output is not None:
        output.append(normalised(msgspec.to_builtins(tool.raw_output)))
    no_input = tool.input is None and not tool.name
    return RunStep(
        "tool call",
        tool.name or tool.tool_kind or tool.title,
        tool.title if no_input else normalised(msgspec.to_builtins(tool.input)),
        "\n".join(part for part in output if part),
        tool.status,
        _seconds(tool),
        None,
        None,
        tool.first_sequence,
    )


def _part_text(part: Part) -> str:
    """Return a text as it is, anything else as JSON."""
    return part.text if isinstance(part, Text) else normalised(msgspec.to_builtins(part))


def _seconds(entry: Entry) -> float | None:
    return None if entry.ended_ms is None else (entry.ended_ms - entry.started_ms) / 1000


def differing(pair: Pair[RunStep]) -> list[str]:
    """Return what differs, times and costs apart."""
    if pair.a is None or pair.b is None:
        return ["presence"]
    fields = [f for f in ("input", "output", "status") if getattr(pair.a, f) != getattr(pair.b, f)]
    return [*(["place"] if pair.placement == "moved" else []), *fields]


def what_of(pair: Pair[RunStep]) -> str:
    """Return in words how *pair* differs; ``same`` where it does not."""
    return WORDS[pair.placement] if differing(pair) else "same"


def _row(pair: Pair[RunStep]) -> list[Any]:
    a, b = pair.a, pair.b
    step = b or a
    assert step is not None
    fields = ("input", "output", "status", "seconds", "tokens", "cost", "sequence")
    values = [getattr(side, field, None) for field in fields for side in (a, b)]
    return [what_of(pair), step.kind, step.name, ", ".join(differing(pair)), *values]


def _text(step: RunStep | None, field: str) -> str:
    return getattr(step, field) if step is not None else ""


def _total(pairs: Iterable[Pair[RunStep]], side: str, column: str) -> float | None:
    steps = [getattr(pair, side) for pair in pairs]
    known = [
        value
        for step in steps
        if step is not None and step.kind == "turn" and (value := getattr(step, column)) is not None
    ]
    return sum(known) if known else None
