"""Aligning the steps of two runs: what is the same, changed, moved, or only in one.

A step is a turn or a tool call; its key is its name and its normalised input.  The
longest common subsequence of keys is what stayed in place (RapidFuzz computes it bit-parallel,
2,000 against 2,000 steps in milliseconds; difflib's default heuristic drops frequent keys and
is wrong here).  Of the rest, equal keys have moved, and steps of one name in the same gap between
two unmoved steps are one step whose input changed.

Pure: no I/O, no pandas.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from .errors import ParameterError

__all__ = ["Pair", "Placement", "Step", "align", "normalised"]

Placement = Literal["same", "changed", "moved", "only_a", "only_b"]


class Step(Protocol):
    """What is aligned."""

    @property
    def name(self) -> str:
        """The tool's name, or ``turn``."""

    @property
    def key(self) -> Hashable:
        """Name and normalised input: steps with equal keys do the same."""


S = TypeVar("S", bound=Step)


class Pair(NamedTuple, Generic[S]):
    """A step of each run; ``None`` where one run has none."""

    placement: Placement
    a: S | None
    b: S | None


#: A stretch of the two sequences: positions in a from, to; in b from, to; whether they are equal.
_Stretch = tuple[int, int, int, int, bool]


def normalised(value: object) -> str:
    """Return *value* as JSON with sorted keys, so that equal arguments are equal texts."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def align(a: Sequence[S], b: Sequence[S]) -> list[Pair[S]]:
    """Return pairs in reading order: *b*'s order, with what only *a* has where it stood.

    A moved step stands at its place in *b*.

    Raises:
        ParameterError: RapidFuzz is not installed.
    """
    stretches = list(_stretches([step.key for step in a], [step.key for step in b]))
    moved = _moves(a, b, stretches)
    gone = set(moved.values())
    pairs: list[Pair[S]] = []
    for a_from, a_to, b_from, b_to, equal in stretches:
        if equal:
            both = zip(a[a_from:a_to], b[b_from:b_to], strict=True)
            pairs += [Pair("same", x, y) for x, y in both]
            continue
        left = [place for place in range(a_from, a_to) if place not in gone]
        pairs += _gap(a, b, left, range(b_from, b_to), moved)
    return pairs


def _stretches(a: Sequence[Hashable], b: Sequence[Hashable]) -> Iterator[_Stretch]:
    """Return equal stretches and the gaps between them, in order."""
    numbers: dict[Hashable, int] = {}
    a_ids = [numbers.setdefault(key, len(numbers)) for key in a]
    b_ids = [numbers.setdefault(key, len(numbers)) for key in b]
    gap_a = gap_b = 0
    for tag, a_from, a_to, b_from, b_to in _opcodes(a_ids, b_ids):
        if tag != "equal":
            continue
        if (a_from, b_from) != (gap_a, gap_b):
            yield gap_a, a_from, gap_b, b_from, False
        yield a_from, a_to, b_from, b_to, True
        gap_a, gap_b = a_to, b_to
    if (gap_a, gap_b) != (len(a), len(b)):
        yield gap_a, len(a), gap_b, len(b), False


def _opcodes(a: list[int], b: list[int]) -> Iterator[tuple[str, int, int, int, int]]:
    try:
        from rapidfuzz.distance import Indel
    except ModuleNotFoundError:
        raise ParameterError(
            "comparing runs needs RapidFuzz: pip install 'axon-notebook[datasets]'"
        ) from None
    for code in Indel.opcodes(a, b):
        yield code.tag, code.src_start, code.src_end, code.dest_start, code.dest_end


def _moves(a: Sequence[S], b: Sequence[S], stretches: list[_Stretch]) -> dict[int, int]:
    """Return where in *a* each moved step of *b* was: position in *b* → position in *a*."""
    free: defaultdict[Hashable, deque[int]] = defaultdict(deque)
    for a_from, a_to, _, _, equal in stretches:
        if not equal:
            for place in range(a_from, a_to):
                free[a[place].key].append(place)
    moved = {}
    for _, _, b_from, b_to, equal in stretches:
        if not equal:
            for place in range(b_from, b_to):
                if waiting := free.get(b[place].key):
                    moved[place] = waiting.popleft()
    return moved


def _gap(
    a: Sequence[S], b: Sequence[S], left: list[int], places: range, moved: dict[int, int]
) -> Iterator[Pair[S]]:
    """Pair what lies between two unmoved steps: moved, changed, only in one."""
    arrived = [place for place in places if place not in moved]
    partner = _same_names([a[i].name for i in left], [b[j].name for j in arrived])
    changed = {arrived[j]: left[i] for i, j in partner}
    taken = set(changed.values())
    waiting = deque(left)
    for place in places:
        if place in moved:
            yield Pair("moved", a[moved[place]], b[place])
        elif place in changed:
            while waiting and waiting[0] <= changed[place]:
                first = waiting.popleft()
                if first not in taken:
                    yield Pair("only_a", a[first], None)
            yield Pair("changed", a[changed[place]], b[place])
        else:
            yield Pair("only_b", None, b[place])
    for place in waiting:
        if place not in taken:
            yield Pair("only_a", a[place], None)


def _same_names(a: list[str], b: list[str]) -> list[tuple[int, int]]:
    """Return the positions of a longest common subsequence of names."""
    pairs = []
    for a_from, a_to, b_from, _, equal in _stretches(a, b):
        if equal:
            pairs += [(a_from + n, b_from + n) for n in range(a_to - a_from)]
    return pairs
