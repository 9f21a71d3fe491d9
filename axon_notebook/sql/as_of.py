"""Statements that read the past: the history up to a sequence, and nothing else.

Events and what is derived of them are kept for good, tables are not: a statement as of a sequence
may read ``events``, ``rl_axon_events`` and the tables of the trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from ..errors import ParameterError
from .carets import caret_lines
from .splitting import Statement
from .tables import FUNCTIONS, HISTORY, TableName, table_names, with_names
from .tokens import Token, significant, tokenize, unquote

__all__ = ["check_bound", "check_readable", "history_reads"]

_READS: Final = ("SELECT", "VALUES")


def history_reads(tokens: Sequence[Token]) -> list[TableName]:
    """Return where a statement reads the event history by its own name."""
    return [t for t in table_names(tokens) if t.reads and t.name.lower() == HISTORY]


def check_readable(
    text: str, statement: Statement, as_of: int, known: Iterable[str], own: Iterable[str]
) -> None:
    """Refuse *statement* if it writes, or reads what cannot be read as of a sequence.

    Args:
        text: The cell.
        statement: One of its statements.
        as_of: The sequence.
        known: Tables of the trace, in lower case.
        own: Names of the axon's own tables and views, in lower case.

    Raises:
        ParameterError: Points at the word.
    """
    tokens = tokenize(statement.sql)
    words = significant(tokens)
    if statement.verb not in _READS:
        verb = statement.verb or words[0].text
        raise _refused(
            f"{verb} with --as-of {as_of}: the past can be read, not changed or described",
            text, statement, words[0],
        )  # fmt: skip
    readable = {"events", HISTORY, *known} - set(own) | {HISTORY, *FUNCTIONS}
    readable |= with_names(tokens)
    before = {b.start: a for a, b in pairwise(words)}
    for name, token in _named(tokens):
        qualified = (dot := before.get(token.start)) is not None and dot.text == "."
        schema = unquote(before[dot.start]).lower() if qualified and dot is not None else ""
        if schema == "trace" and name in known:
            continue
        if name not in readable or schema:
            raise _refused(
                f"{name} as of {as_of}: tables keep no history, so --as-of reads"
                " events and the trace only",
                text, statement, token,
            )  # fmt: skip


def check_bound(sql: str, as_of: int, rewound: int) -> None:
    """Refuse what values put into a statement: the last look before it is sent.

    Args:
        sql: With its values bound.
        as_of: The sequence.
        rewound: How many times it reads the history, each time up to the sequence.

    Raises:
        ParameterError: A name of a table came from a value.
    """
    tokens = tokenize(sql)
    names = [name for name, _ in _named(tokens)]
    allowed = {HISTORY, *FUNCTIONS} | with_names(tokens)
    other = [name for name in names if name not in allowed]
    if other or names.count(HISTORY) != rewound:
        raise ParameterError(
            f"{other[0] if other else HISTORY} comes from a value:"
            f" with --as-of {as_of} write the names of tables in the statement"
        )


def _named(tokens: Sequence[Token]) -> list[tuple[str, Token]]:
    """Return the names that are read as tables, in lower case; ``x IN name`` reads one, too."""
    found = [(table.name.lower(), table.token) for table in table_names(tokens)]
    for word, after in pairwise(significant(tokens)):
        if word.is_word("IN") and after.kind in ("word", "quoted"):
            found.append((unquote(after).lower(), after))
    return found


def _refused(message: str, text: str, statement: Statement, token: Token) -> ParameterError:
    lines = caret_lines(text, statement.start + token.start, len(token.text))
    return ParameterError(message, detail=lines)
