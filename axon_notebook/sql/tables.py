"""Where a statement names tables, read from its tokens.

The alias ``events``, completion and error messages ask.  A name counts as a
table where SQLite expects one: after ``FROM`` and ``JOIN``, after a comma of a
``FROM`` clause, and after ``INTO`` and ``UPDATE``.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from ..models import EVENTS_SELECT, ORIGINS
from .tokens import Token, significant, unquote

__all__ = [
    "EVENTS_SQL",
    "FUNCTIONS",
    "HISTORY",
    "TableName",
    "events_alias",
    "may_be_alias",
    "table_names",
    "with_names",
]

_NAMES: Final = " ".join(f"WHEN {number} THEN '{name}'" for number, name in ORIGINS.items())
_ORIGIN: Final = f"CASE origin {_NAMES} ELSE origin END AS origin"
#: What ``events`` stands for: the event history with readable origins.
EVENTS_SQL: Final = f"({EVENTS_SELECT.replace('origin', _ORIGIN, 1)})"

#: The history's own name, and functions of SQLite that stand for a table.
HISTORY: Final = "rl_axon_events"
FUNCTIONS: Final = ("json_each", "json_tree")

# Words that end a FROM clause, and words that may follow a table without being its alias.
_ENDS: Final = (
    "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "EXCEPT", "INTERSECT", "WINDOW",
    "SELECT", "SET", "RETURNING", "VALUES",
)  # fmt: skip
_NO_ALIAS: Final = (
    *_ENDS, "ON", "USING", "JOIN", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL",
    "INDEXED", "NOT", "DEFAULT",
)  # fmt: skip


class TableName(NamedTuple):
    """A table as a statement names it.

    Attributes:
        name: Without quotes, without its schema.
        alias: What the statement calls it, or its name.
        token: Where it stands.
        reads: False after ``INTO``, ``UPDATE`` and ``DELETE FROM``.
        has_alias: Whether the alias is written out.
    """

    name: str
    alias: str
    token: Token
    reads: bool
    has_alias: bool


class _Bracket:
    """What is known of the innermost open bracket."""

    def __init__(self, in_from: bool = False, expected: bool = False) -> None:
        self.in_from = in_from
        self.expected = expected  # the next name is a table
        self.reads = True


def table_names(tokens: Sequence[Token]) -> list[TableName]:
    """Return the tables that a statement of these *tokens* names, in order."""
    words = significant(tokens)
    found: list[TableName] = []
    stack = [_Bracket()]
    for place, token in enumerate(words):
        here = stack[-1]
        if token.text == "(":
            stack.append(_Bracket(here.in_from and here.expected, here.expected))
            here.expected = False
        elif token.text == ")":
            if len(stack) > 1:
                stack.pop()
        elif here.expected and token.kind in ("word", "quoted") and not token.is_word("SELECT"):
            name = _qualified(words, place)
            if name is not None:
                found.append(_table_name(words, place, here.reads))
                here.expected = False
        else:
            _step(here, words, place)
    return found


def _step(here: _Bracket, words: Sequence[Token], place: int) -> None:
    token = words[place]
    before = words[place - 1] if place else None
    if token.is_word("FROM"):
        # `IS DISTINCT FROM x` compares.
        here.in_from = here.expected = not (before and before.is_word("DISTINCT"))
        here.reads = not (before and before.is_word("DELETE"))
    elif token.is_word("JOIN"):
        here.in_from = here.expected = here.reads = True
    elif token.is_word("INTO", "UPDATE"):
        # `ON CONFLICT DO UPDATE SET` has no table.
        here.expected = not (before and before.is_word("DO"))
        here.reads = False
    elif token.text == "," and here.in_from:
        here.expected = True
    elif token.is_word(*_ENDS):
        here.in_from = here.expected = False
    elif token.kind in ("parameter", "expression", "identifier"):
        # A value stands in the place of the table: what follows is its alias.
        here.expected = False


def _qualified(words: Sequence[Token], place: int) -> str | None:
    """Return the name at *place*, or ``None`` if a dot says it is only a schema."""
    following = words[place + 1].text if place + 1 < len(words) else ""
    return None if following == "." else unquote(words[place])


def _table_name(words: Sequence[Token], place: int, reads: bool) -> TableName:
    token = words[place]
    rest = words[place + 1 : place + 3]
    name = unquote(token)
    if rest and rest[0].is_word("AS") and len(rest) > 1:
        return TableName(name, unquote(rest[1]), token, reads, True)
    if rest and may_be_alias(rest[0]):
        return TableName(name, unquote(rest[0]), token, reads, True)
    return TableName(name, name, token, reads, bool(rest and rest[0].is_word("AS")))


def may_be_alias(token: Token) -> bool:
    """Whether *token*, right after a table, can be its alias (or begins one, with ``AS``)."""
    if token.kind in ("quoted", "identifier"):
        return True
    return token.kind == "word" and not token.is_word(*_NO_ALIAS)


def with_names(tokens: Sequence[Token]) -> set[str]:
    """Return the names, in lower case, that ``WITH`` gives in this statement."""
    words = significant(tokens)
    if not any(token.is_word("WITH") for token in words):
        return set()
    named = set()
    for name, following, bracket in zip(words, words[1:], words[2:], strict=False):
        if name.kind not in ("word", "quoted"):
            continue
        is_as = following.is_word("AS") and (
            bracket.text == "(" or bracket.is_word("NOT", "MATERIALIZED")
        )
        # `name(column, …) AS (` gives one too; a call never precedes AS and a bracket.
        if is_as or (following.text == "(" and _names_columns(words, following)):
            named.add(unquote(name).lower())
    return named


def _names_columns(words: Sequence[Token], opening: Token) -> bool:
    start = words.index(opening)
    close = next((i for i in range(start, len(words)) if words[i].text == ")"), len(words))
    after = words[close + 1 : close + 3]
    return len(after) == 2 and after[0].is_word("AS") and after[1].text == "("


def events_alias(tokens: Sequence[Token]) -> list[TableName]:
    """Return where ``events`` is read as a table that the statement does not define itself."""
    if "events" in with_names(tokens):
        return []
    words = significant(tokens)
    before = {b.start: a.text for a, b in pairwise(words)}
    return [
        table
        for table in table_names(tokens)
        if table.name.lower() == "events" and table.reads and before.get(table.token.start) != "."
    ]
