"""The syntax of patterns: from their text to a tree; ``docs/filters.md`` describes it.

``js/src/filter/pattern-syntax.ts`` is this file in the page.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

from .case import fold

__all__ = ["CharacterSet", "Either", "Node", "Parser", "Repeat"]

_LAST: Final = 0x10FFFF

Ranges: TypeAlias = tuple[tuple[int, int], ...]


class CharacterSet(NamedTuple):
    """One character out of ranges of code points, or out of all others."""

    ranges: Ranges
    negated: bool
    single: int | None = None  # the one character it stands for, in any case


class Repeat(NamedTuple):
    """A node at least and at most so many times; without a limit if *most* is ``None``."""

    inner: Node
    least: int
    most: int | None


class Either(NamedTuple):
    """One of several nodes."""

    branches: list[Node]


# A text is an assertion, a list is one node after the other.
Node: TypeAlias = "CharacterSet | Repeat | Either | str | list[Node]"


def _others(ranges: Ranges) -> Ranges:
    edges = [-1, *(edge for low, high in ranges for edge in (low, high)), _LAST + 1]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return tuple((low + 1, high - 1) for low, high in pairs if low + 1 <= high - 1)


_DIGIT: Final[Ranges] = ((48, 57),)
WORD: Final[Ranges] = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE: Final[Ranges] = (
    (9, 13), (32, 32), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000), (0xFEFF, 0xFEFF),
)  # fmt: skip
_CLASSES: Final = {"d": _DIGIT, "w": WORD, "s": _SPACE}
_CLASSES_ALL: Final = {**_CLASSES, **{name.upper(): _others(r) for name, r in _CLASSES.items()}}
_CONTROLS: Final = {"n": 10, "r": 13, "t": 9, "f": 12, "v": 11}
_NUMBERED: Final = re.compile(
    r"x([\da-fA-F]{2})|u([\da-fA-F]{4})|u\{([\da-fA-F]{1,6})\}|(0)(?!\d)", re.ASCII
)
_QUANTIFIER: Final = re.compile(r"([*+?]|\{(\d{1,4})(,(\d{0,4}))?\})\??", re.ASCII)
_GROUP: Final = re.compile(r"\((?:\?:|\?<[A-Za-z_]\w*>|(?!\?))", re.ASCII)


class Parser:
    """Reads a pattern from left to right."""

    def __init__(self, source: str, flags: str) -> None:
        self._source = source
        self._flags = flags
        self._at = 0
        self._depth = 0

    def parse(self) -> Node:
        """Read the whole pattern.

        Raises:
            ValueError: If it is malformed; the message is for the user.
        """
        node = self._either()
        if self._at < len(self._source):
            raise ValueError(") without a (")
        return node

    def _either(self) -> Node:
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Either(branches)

    def _sequence(self) -> Node:
        nodes: list[Node] = []
        while self._at < len(self._source) and self._source[self._at] not in "|)":
            nodes.append(self._repeated(self._atom()))
        return nodes

    def _repeated(self, node: Node) -> Node:
        found = _QUANTIFIER.match(self._source, self._at)
        if found is None:
            return node
        if isinstance(node, str):
            raise ValueError(f"{found[0]} repeats nothing")
        self._at = found.end()
        if found[2] is None:
            return Repeat(node, int(found[1] == "+"), 1 if found[1] == "?" else None)
        least = int(found[2])
        most = least if found[3] is None else int(found[4]) if found[4] else None
        if most is not None and most < least:
            raise ValueError(f"{found[1]} counts backwards")
        return Repeat(node, least, most)

    def _atom(self) -> Node:
        if _QUANTIFIER.match(self._source, self._at):
            raise ValueError(f"{self._source[self._at]} repeats nothing")
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return self._set()
        if char == "\\":
            return self._escape()
        if char in "^$":
            return char
        if char == ".":
            return CharacterSet((), True) if "s" in self._flags else CharacterSet(((10, 10),), True)
        return self._one(ord(char))

    def _one(self, code: int) -> CharacterSet:
        ranges: Ranges = ((code, code),)
        if "i" in self._flags:
            ranges += ((ord(fold(chr(code))),) * 2,)
        return CharacterSet(ranges, False, code)

    def _group(self) -> Node:
        found = _GROUP.match(self._source, self._at - 1)
        if found is None:
            kind = re.match(r"\?<?.?", self._source[self._at :], re.DOTALL)
            raise ValueError(f"({kind[0] if kind else ''} cannot be used in a filter")
        self._at = found.end()
        self._depth += 1
        if self._depth > 50:
            raise ValueError("its groups are nested too deeply")
        node = self._either()
        self._depth -= 1
        if not self._take(")"):
            raise ValueError("( without a )")
        return [node]

    def _escape(self) -> Node:
        char = self._source[self._at : self._at + 1]
        if char in ("b", "B"):
            self._at += 1
            return char
        if char in _CLASSES_ALL and char:
            self._at += 1
            return CharacterSet(_CLASSES_ALL[char], False)
        return self._one(self._escaped_code())

    def _escaped_code(self) -> int:
        """Read what follows a backslash, as one character."""
        found = _NUMBERED.match(self._source, self._at)
        if found:
            self._at = found.end()
            code = int(found[1] or found[2] or found[3] or found[4], 16)
            if code > _LAST or 0xD800 <= code <= 0xDFFF:
                raise ValueError(f"\\{found[0]} is not a character")
            return code
        if self._at == len(self._source):
            raise ValueError("\\ at the end")
        char = self._next()
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isascii() and char.isalnum():
            raise ValueError(f"\\{char} cannot be used in a filter")
        return ord(char)

    def _set(self) -> Node:
        negated = self._take("^")
        if self._source.startswith("]", self._at):
            raise ValueError("[] holds nothing: write \\] for the bracket")
        ranges: Ranges = ()
        while not self._take("]"):
            low = self._member()
            if not isinstance(low, int):
                ranges += low
            elif self._source.startswith("-", self._at) and not self._source.startswith(
                "-]", self._at
            ):
                ranges += self._range(low)
            else:
                ranges += ((low, low),)
        return CharacterSet(ranges, negated)

    def _range(self, low: int) -> Ranges:
        self._at += 1
        high = self._member()
        if not isinstance(high, int):
            return ((low, low), (45, 45), *high)
        if high < low:
            raise ValueError(f"{chr(low)}-{chr(high)} in [] counts backwards")
        return ((low, high),)

    def _member(self) -> int | Ranges:
        """Read one character or class within brackets."""
        if self._at == len(self._source):
            raise ValueError("[ without a ]")
        char = self._next()
        if char != "\\":
            return ord(char)
        named = self._source[self._at : self._at + 1]
        if named and named in _CLASSES_ALL:
            self._at += 1
            return _CLASSES_ALL[named]
        if self._take("b"):
            return 8
        return self._escaped_code()

    def _next(self) -> str:
        self._at += 1
        return self._source[self._at - 1]

    def _take(self, char: str) -> bool:
        found = self._source.startswith(char, self._at)
        self._at += found
        return found
