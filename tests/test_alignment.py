"""Aligning two runs: exactly what was done to one of them is told."""

from __future__ import annotations

import random
from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.alignment import Pair, align, normalised


class Step(NamedTuple):
    name: str
    argument: int

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.argument


def run(length: int, names: int = 5) -> list[Step]:
    chosen = random.Random(7)
    return [Step(f"tool{chosen.randrange(names)}", n) for n in range(length)]


def told(pairs: list[Pair[Step]]) -> list[Pair[Step]]:
    return [pair for pair in pairs if pair.placement != "same"]


STEPS = st.lists(st.builds(Step, st.sampled_from("rwx"), st.integers(0, 4)), max_size=30)


@given(STEPS)
def test_a_run_is_the_same_as_itself(steps: list[Step]) -> None:
    assert told(align(steps, steps)) == []


@given(STEPS, STEPS)
def test_every_step_of_both_runs_is_told_once(a: list[Step], b: list[Step]) -> None:
    """No step is lost and none is counted twice, whatever the runs are."""
    pairs = align(a, b)

    assert Counter(pair.a for pair in pairs if pair.a) == Counter(a)
    assert [pair.b for pair in pairs if pair.b] == b
    for pair in pairs:
        if pair.placement in ("same", "moved"):
            assert pair.a == pair.b
        if pair.placement == "changed":
            assert pair.a is not None
            assert pair.b is not None
            assert pair.a.name == pair.b.name


@given(STEPS, STEPS)
def test_a_key_is_never_only_in_both(a: list[Step], b: list[Step]) -> None:
    """What one run lost and the other gained with equal input has moved."""
    pairs = align(a, b)
    lost = {pair.a for pair in pairs if pair.placement == "only_a"}
    gained = {pair.b for pair in pairs if pair.placement == "only_b"}

    assert lost & gained == set()


def test_a_removed_step_is_all_that_is_told() -> None:
    a = run(2000)
    b = a[:700] + a[701:]

    assert told(align(a, b)) == [Pair("only_a", a[700], None)]


def test_a_changed_step_is_all_that_is_told() -> None:
    a = run(2000)
    changed = Step(a[700].name, -1)
    b = [*a[:700], changed, *a[701:]]

    assert told(align(a, b)) == [Pair("changed", a[700], changed)]


def test_a_moved_step_is_all_that_is_told() -> None:
    a = run(2000)
    b = [*a[:700], *a[701:1500], a[700], *a[1500:]]

    assert told(align(a, b)) == [Pair("moved", a[700], a[700])]


def test_forty_changes_in_two_thousand_steps_of_five_names_are_forty() -> None:
    """Difflib's default heuristic reported 1,906."""
    a = run(2000)
    places = random.Random(3).sample(range(2000), 40)
    b = [Step(step.name, -n) if n in places else step for n, step in enumerate(a)]

    assert [pair.placement for pair in told(align(a, b))] == ["changed"] * 40


def test_the_order_of_keys_in_an_input_does_not_matter() -> None:
    assert normalised({"a": 1, "b": [1, None]}) == normalised({"b": [1, None], "a": 1})
    assert normalised({"a": 1}) != normalised({"a": "1"})
