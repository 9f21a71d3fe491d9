r"""Regular expressions written by a user and run on untrusted text, in linear time.

A backtracking engine may run for ever on a text from elsewhere, and cannot be
stopped.  So patterns become automata.  Nothing is cut or given up, and the answer depends on
nothing but pattern and text.

``js/src/filter/pattern.ts`` is this file in the page; ``docs/filters.md`` says what a pattern
can be, and ``tests/filtering/test_same_in_page.py`` compares both.
"""

from __future__ import annotations

from collections.abc import Callable

from .automaton import Automaton
from .case import holds
from .pattern_syntax import CharacterSet, Either, Node, Parser, Repeat

__all__ = ["pattern"]


def pattern(source: str, flags: str = "") -> Callable[[str], bool]:
    """Compile a pattern into a test of texts, linear in their length.

    Args:
        source: The pattern.
        flags: Of ``i``, ``m`` and ``s``; others are ignored.

    Raises:
        ValueError: If the pattern is malformed or too large; the message is for the user.
    """
    node = Parser(source, flags).parse()
    test = Automaton(node, flags).test
    needed = _needed(node)
    # Most texts lack what the pattern needs, and a search for that is much faster.
    if "i" in flags and needed:
        may = holds(needed)
        return lambda text: may(text) and test(text)
    return lambda text: (not needed or any(part in text for part in needed)) and test(text)


def _needed(node: Node) -> set[str]:
    """Return texts of which every match contains one; none if there is no such set."""
    if isinstance(node, CharacterSet):
        return {chr(node.single)} if node.single is not None else set()
    if isinstance(node, Repeat):
        return _needed(node.inner) if node.least else set()
    if isinstance(node, Either):
        found = [_needed(branch) for branch in node.branches]
        return set().union(*found) if all(found) else set()
    if isinstance(node, str):
        return set()
    choices: list[set[str]] = [set()]
    run = ""
    for part in [*node, "end"]:
        literal = _needed(part) if isinstance(part, CharacterSet) else set()
        if len(literal) == 1:
            run += literal.pop()
        else:
            choices += [{run} if run else set(), _needed(part)]
            run = ""
    return max(choices, key=lambda texts: min(map(len, texts), default=0))
