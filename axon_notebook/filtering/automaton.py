"""Patterns as automata: every character of a text costs one look-up, whatever the pattern.

States are made when they are first needed.  ``js/src/filter/automaton.ts`` is this file in the
page.
"""

from __future__ import annotations

from functools import reduce
from operator import getitem
from typing import Final, TypeAlias

from .case import fold, lower
from .pattern_syntax import CharacterSet, Either, Node

__all__ = ["Automaton"]

#: Steps of a pattern when its repetitions are written out.
MOST_STEPS: Final = 2_000
#: Nodes that are looked at to find them: a repetition of nothing makes no step.
MOST_WORK: Final = 10 * MOST_STEPS
#: States that are kept; made anew beyond that.
MOST_STATES: Final = 1_000
_TOO_LARGE: Final = "it has more than 2,000 steps when its repetitions are written out"

_Step: TypeAlias = tuple[CharacterSet, tuple[int, ...]]


class _State(dict[str, "_State"]):
    """A state: character → the next one, filled in when it is first asked for."""

    __slots__ = ("automaton", "before", "places")

    def __init__(self, automaton: Automaton, places: tuple[int, ...], before: str) -> None:
        self.automaton = automaton
        self.places = places
        self.before = before

    def __missing__(self, char: str) -> _State:
        found = self[char] = self.automaton.following(self, char)
        return found


class _Found(_State):
    """Where a text goes once the pattern was found in it; it stays there."""

    def __missing__(self, char: str) -> _State:
        return self


class Automaton:
    """A pattern as steps (a character, a fork, an assertion), and the states over them.

    A state holds the steps that are reached before the next character, and what stood before:
    ``w`` a word character, ``n`` a line feed, ``o`` another, ``e`` the edge of the text.
    """

    def __init__(self, node: Node, flags: str) -> None:
        self._ignores_case = "i" in flags
        self._lines = "m" in flags
        self._steps: list[tuple[CharacterSet | str | None, tuple[int, ...]]] = [(None, ())]
        self._work = 0
        self._first = self._add(node, 0)
        self._sets = list({step for step, _ in self._steps if isinstance(step, CharacterSet)})
        self._states: dict[tuple[tuple[int, ...], str, int], _State] = {}
        self._kinds: dict[str, tuple[str, int]] = {}
        self._found = _Found(self, (), "e")
        self._start = _State(self, (), "e")

    def test(self, text: str) -> bool:
        """Whether the pattern is found anywhere in *text*."""
        state = reduce(getitem, text, self._start)
        return state is self._found or self._reached(state, "e") is None

    def following(self, state: _State, char: str) -> _State:
        """Return the state after *char*."""
        if char not in self._kinds:
            self._kinds[char] = (_kind(char), sum(
                self._matches(found, char) << bit for bit, found in enumerate(self._sets)
            ))  # fmt: skip
        kind, matched = self._kinds[char]
        steps = self._reached(state, kind)
        if steps is None:
            return self._found
        places = tuple(sorted({
            follower
            for found, followers in steps
            if matched >> self._sets.index(found) & 1
            for follower in followers
        }))  # fmt: skip
        key = (places, kind, 0)
        if key not in self._states:
            if len(self._states) >= MOST_STATES:
                self._states.clear()
                self._start = _State(self, (), "e")
            self._states[key] = _State(self, places, kind)
        return self._states[key]

    def _reached(self, state: _State, after: str) -> list[_Step] | None:
        """Return the character steps that forks and assertions lead to; ``None``: the end."""
        left = [self._first, *state.places]
        seen = set(left)
        found: list[_Step] = []
        while left:
            place = left.pop()
            step, followers = self._steps[place]
            if place == 0:
                return None
            if isinstance(step, CharacterSet):
                found.append((step, followers))
            elif step is None or self._holds(step, state.before, after):
                left += [follower for follower in followers if follower not in seen]
                seen.update(followers)
        return found

    def _holds(self, assertion: str, before: str, after: str) -> bool:
        if assertion in "bB":
            return ((before == "w") != (after == "w")) == (assertion == "b")
        edge = before if assertion == "^" else after
        return edge == "e" or (self._lines and edge == "n")

    def _matches(self, found: CharacterSet, char: str) -> bool:
        codes = {ord(char)}
        if self._ignores_case:
            codes |= {ord(fold(char)), ord(lower(fold(char)))}
        inside = any(low <= code <= high for low, high in found.ranges for code in codes)
        return inside != found.negated

    def _add(self, node: Node, after: int) -> int:
        """Add the steps of *node* in front of the step *after*; return the first."""
        self._work += 1
        if self._work > MOST_WORK:
            raise ValueError(_TOO_LARGE)
        if isinstance(node, CharacterSet | str):
            return self._step(node, (after,))
        if isinstance(node, list):
            for part in reversed(node):
                after = self._add(part, after)
            return after
        if isinstance(node, Either):
            return self._step(None, tuple(self._add(branch, after) for branch in node.branches))
        if node.most is None:
            loop = self._step(None, ())
            self._steps[loop] = (None, (self._add(node.inner, loop), after))
            after = loop
        for _ in range((node.most or node.least) - node.least):
            after = self._step(None, (self._add(node.inner, after), after))
        for _ in range(node.least):
            after = self._add(node.inner, after)
        return after

    def _step(self, step: CharacterSet | str | None, followers: tuple[int, ...]) -> int:
        if len(self._steps) > MOST_STEPS:
            raise ValueError(_TOO_LARGE)
        self._steps.append((step, followers))
        return len(self._steps) - 1


def _kind(char: str) -> str:
    if char == "\n":
        return "n"
    return "w" if char == "_" or (char.isascii() and char.isalnum()) else "o"
