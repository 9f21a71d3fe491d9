r"""Regular expressions written by a user and run on hostile text.

A running pattern cannot be stopped, and it holds the interpreter.  So what may
take exponential time is refused, and where the time may grow with a high power of
the length, growing prefixes are tried first: as soon as the next one might take
too long, the text counts as not matching.

``js/src/filter/pattern.ts`` is this file in the page: a filter means the same on both
sides, or is refused by both.
"""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Shape", "pattern", "shape_of"]

#: Characters of a text that a pattern sees.
CUT: Final = 16384
_MOST_REPETITIONS: Final = 6
_MOST_CHOICES: Final = 8
#: CPU seconds for one text.
_PATIENCE: Final = 0.03
#: First prefix, by number of open repetitions: some hundred thousand steps at most.
_FIRST: Final = (CUT, 512, 96, 40, 24, 16, 12)
#: An opening parenthesis with its kind, a bar, or an atom (or closing one) and its quantifier.
_TOKENS: Final = re.compile(
    r"(\((?:\?(?:[:=!]|<[=!]|<\w+>|.?))?|\||\{,\d+\}|\\.|\[(?:\\.|[^\]\\])*\]|[^\\])"
    r"((?:[*+?]|\{\d+(?:,\d*)?\})?\??)",
    re.DOTALL,
)
#: Other groups, other escapes of letters, empty classes, half a range, a quantifier of nothing.
_FOREIGN: Final = re.compile(
    r"^(?:\(\?(?![:=!]|<[=!]|<\w+>).?|\[\^?\]|\{,\d+\}|[*+?])$"
    r"|\\(?![dDwWsSbBnrtfvxu])[A-Za-z]",
    re.DOTALL,
)
_FLAGS: Final = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_NAMED: Final = re.compile(r"(?<!\\)((?:\\\\)*)\(\?<(?=\w)")


def pattern(source: str, flags: str = "") -> Callable[[str], bool]:
    """Compile a pattern into a test of texts.

    Args:
        source: The pattern, as JavaScript and Python both understand it.
        flags: Of ``i``, ``m`` and ``s``; others are ignored, as in the page.

    Raises:
        ValueError: If it is no pattern or could run for ever; the message is for the user.
    """
    _refuse(shape_of(source))
    chosen = 0
    for flag in flags:
        chosen |= _FLAGS.get(flag, 0)
    try:
        with warnings.catch_warnings():
            # Of sets within sets, which neither side has.
            warnings.simplefilter("ignore", FutureWarning)
            search = re.compile(_NAMED.sub(r"\1(?P<", source), chosen).search
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    opened = shape_of(source).open
    return lambda text: _careful(search, text, opened)


@dataclass
class Shape:
    """How often a pattern may choose where to go on."""

    #: Repetitions that may stop at many places.
    open: int = 0
    #: Places with two ways to go on: each may double the time.
    choices: int = 0
    #: Such choices multiply without end.
    nested: bool = False
    #: The first construct that JavaScript reads differently or not at all.
    foreign: str = ""


def shape_of(source: str) -> Shape:
    """Count what makes a pattern slow, without running it."""
    shape = Shape()
    groups = [_Group()]
    for token, quantifier in _TOKENS.findall(source):
        if not shape.foreign and _FOREIGN.search(token):
            shape.foreign = token
        if token.startswith("("):
            groups.append(_Group())
        elif token == "|":
            groups[-1].at_head = True
        else:
            _count(shape, groups, token, quantifier)
    return shape


@dataclass
class _Group:
    #: Something in it can match in more than one length.
    varies: bool = False
    #: First token of each alternative.
    heads: list[str] = field(default_factory=list)
    at_head: bool = True

    def overlaps(self) -> bool:
        """Alternatives are told apart only if each begins with another literal."""
        if len(self.heads) < 2:
            return False
        return len(set(self.heads)) < len(self.heads) or not all(map(_LITERAL.match, self.heads))


_LITERAL: Final = re.compile(r"""[\w\s"'=:,;<>/-]\Z""", re.ASCII)


def _count(shape: Shape, groups: list[_Group], token: str, quantifier: str) -> None:
    inner = groups.pop() if token == ")" and len(groups) > 1 else None
    outer = groups[-1]
    if outer.at_head:
        outer.heads.append(token)
    outer.at_head = False
    varies = quantifier != "" and not re.match(r"\{\d+\}", quantifier)
    forks = inner is not None and inner.overlaps()
    if inner and quantifier[:1] in ("*", "+", "{") and (inner.varies or forks):
        shape.nested = True
    shape.open += varies and not quantifier.startswith("?")
    shape.choices += forks or quantifier.startswith("?")
    if varies or (inner and inner.varies):
        outer.varies = True


def _refuse(shape: Shape) -> None:
    if shape.foreign:
        raise ValueError(
            f"{shape.foreign} does not mean the same in the page and in Python: write it without"
        )
    if shape.nested:
        raise ValueError(
            "a repetition around a repetition or around overlapping alternatives could run for ever"
        )
    if shape.open > _MOST_REPETITIONS:
        raise ValueError(
            f"{shape.open} open repetitions could run for ever: {_MOST_REPETITIONS} are allowed"
        )
    if shape.choices > _MOST_CHOICES:
        raise ValueError(
            f"{shape.choices} choices in a row could run for ever: {_MOST_CHOICES} are allowed"
        )


def _careful(search: Callable[[str], object], text: str, opened: int) -> bool:
    whole = text[:CUT]
    # Twice the length takes 2^(opened + 1) times as long at worst.
    patience = _PATIENCE / 2 ** (opened + 1)
    length = _FIRST[opened]
    while length < len(whole):
        began = time.thread_time()
        search(whole[:length])
        if time.thread_time() - began > patience:
            return False
        length *= 2
    return search(whole) is not None
