"""Comparing two runs: exactly what was done differently is told."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from axon_notebook.agents.model import Entry, Message, Tool, Turn
from axon_notebook.agents.parts import Text, Usage
from axon_notebook.comparison import steps_of
from axon_notebook.widgets.comparison_view import Comparison, compare


class Run(NamedTuple):
    """A run without a service, as :func:`compare` takes it."""

    name: str
    entries: Sequence[Entry]

    def trace(self) -> Run:
        return self


def a_run(calls: int = 20, **turn: Any) -> list[Entry]:
    """One turn with *calls* tool calls of three names, and an answer."""
    chosen = random.Random(4)
    entries: list[Entry] = [
        Turn(
            id=1,
            kind="turn",
            turn_id="t",
            status="completed",
            started_ms=0,
            ended_ms=9000,
            pieces=["count the files"],
            first_sequence=1,
            **turn,
        )
    ]
    for n in range(calls):
        entries.append(
            Tool(
                id=n + 2,
                kind="tool",
                turn_id="t",
                call_id=f"c{n}",
                name=f"tool{chosen.randrange(3)}",
                input={"path": f"{n}.py", "line": n},
                status="completed",
                parts=[Text("fine")],
                started_ms=n,
                ended_ms=n + 250,
                first_sequence=n + 2,
            )
        )
    said = Message(id=calls + 2, kind="message", turn_id="t", pieces=["There are 20."])
    return [*entries, said]


def told(a: Sequence[Entry], b: Sequence[Entry]) -> list[tuple[str, str, str]]:
    frame = compare(Run("a", a), Run("b", b)).frame()
    return list(zip(frame["what"], frame["step"], frame["differs"], strict=True))


def changed(entry: Entry, **fields: Any) -> Entry:
    return msgspec.structs.replace(entry, **fields)


def test_a_run_against_itself_differs_in_nothing() -> None:
    """Times differ between any two runs: they do not count as differences."""
    a = a_run()
    b = [changed(entry, started_ms=77, ended_ms=7777) for entry in a]

    assert told(a, b) == []
    assert "22 steps" not in repr(compare(Run("monday", a), Run("tuesday", b)))
    assert repr(compare(Run("monday", a), Run("tuesday", a))) == (
        "monday against tuesday: 21 steps the same · no difference"
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"input": {"path": "other"}}, ("input changed", "tool call", "input")),
        ({"parts": [Text("worse")]}, ("other result", "tool call", "output")),
        ({"status": "failed"}, ("other result", "tool call", "status")),
    ],
)
def test_one_changed_call_is_all_that_is_told(
    fields: dict[str, Any], expected: tuple[str, str, str]
) -> None:
    a = a_run()
    b = [*a[:9], changed(a[9], **fields), *a[10:]]

    assert told(a, b) == [expected]


def test_one_removed_and_one_moved_call_are_all_that_is_told() -> None:
    a = a_run()

    assert told(a, [*a[:9], *a[10:]]) == [("only in a", "tool call", "presence")]
    assert told([*a[:9], *a[10:]], a) == [("only in b", "tool call", "presence")]
    assert told(a, [*a[:9], *a[10:15], a[9], *a[15:]]) == [("moved", "tool call", "place")]


def test_the_order_of_arguments_is_no_difference() -> None:
    a = a_run()
    b = [*a[:9], changed(a[9], input=dict(reversed(a[9].input.items()))), *a[10:]]  # type: ignore[attr-defined]

    assert told(a, b) == []


def test_another_answer_of_a_turn_is_shown_as_a_diff() -> None:
    a = a_run()
    b = [*a[:-1], changed(a[-1], pieces=["There are 21."])]
    found = compare(Run("a", a), Run("b", b))

    assert found.diff(0).splitlines()[-2:] == ["-There are 20.", "+There are 21."]


def test_the_summary_tells_what_the_turns_cost_in_both_runs() -> None:
    a = a_run(cost=0.25, usage=Usage(input=100, output=20))
    b = a_run(cost=0.75, usage=Usage(input=100, output=80))
    found = Comparison(steps_of(a), steps_of(b), ("a", "b"))

    assert repr(found).splitlines()[1:] == [
        "tokens of turns: 120 → 180 (+60)",
        "cost of turns: 0.25 → 0.75 (+0.5)",
    ]
    frame = found.frame(all=True)
    assert frame["tokens_b"].tolist()[0] == 180
    assert frame["what"].unique().tolist() == ["same"]


def test_a_call_without_a_name_is_called_by_its_kind() -> None:
    """As ACP has it: other arguments are another title, and still the same call."""
    calls = [
        changed(entry, name="", tool_kind="execute", title=f"Run {entry.input}")
        for entry in a_run()
        if isinstance(entry, Tool)
    ]
    other = changed(calls[5], input={"path": "other"}, title="Run other")

    assert told(calls, [*calls[:5], other, *calls[6:]]) == [("input changed", "tool call", "input")]
