"""Tables that a statement reads and the database does not have: their rows travel with it.

Only the columns that the statement names are sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from .fragments import table_fragment
from .tables import TableName, table_names, with_names
from .tokens import Token, significant, unquote
from .values import Fragment, Refused, json_text

__all__ = ["QUALIFIER", "SuppliedTables", "supplied_fragment", "supplied_tables"]

#: ``trace.turns`` means the table of the trace, whatever tables the axon has.
QUALIFIER: Final = "trace"


class SuppliedTables(NamedTuple):
    """What a statement can be given.

    Attributes:
        names: Of the tables, in lower case.
        columns: Returns the columns of one by name, as values that SQL can hold.
        own: Those of which the axon has its own: only the qualified name means ours.
    """

    names: frozenset[str]
    columns: Callable[[str], dict[str, list[Any]]]
    own: frozenset[str] = frozenset()


def supplied_tables(
    tokens: Sequence[Token], names: frozenset[str]
) -> list[tuple[TableName, list[Token]]]:
    """Return where one of *names* is read as a table, with the tokens of its whole name."""
    words = significant(tokens)
    defined = with_names(tokens)
    place = {token.start: index for index, token in enumerate(words)}
    before = {b.start: a for a, b in pairwise(words)}
    found = []
    for table in table_names(tokens):
        if table.name.lower() not in names or not table.reads:
            continue
        dot = before.get(table.token.start)
        if dot is None or dot.text != ".":
            if table.name.lower() not in defined:
                found.append((table, [table.token]))
        elif (index := place[dot.start]) and unquote(words[index - 1]).lower() == QUALIFIER:
            found.append((table, [words[index - 1], dot, table.token]))
    return found


def supplied_fragment(
    table: TableName, tokens: Sequence[Token], source: SuppliedTables
) -> Fragment:
    """Return a sub-select with the columns of *table* that the statement names.

    Raises:
        Refused: If they are more than a statement can carry.
    """
    name = table.name.lower()
    columns = source.columns(name)
    chosen = _named(significant(tokens), list(columns))
    try:
        return table_fragment(chosen, [columns[column] for column in chosen])
    except Refused as refusal:
        sizes = {column: len(json_text(columns[column])) for column in chosen}
        largest = max(sizes, key=lambda column: sizes[column])
        raise Refused(
            f"{refusal}; {sizes[largest]:,} of them are column {largest}: leave it out of the "
            f"statement, or use axon.trace().{name}"
        ) from None


def _named(words: Sequence[Token], columns: list[str]) -> list[str]:
    star = any(
        token.text == "*" and (before.is_word("SELECT", "DISTINCT") or before.text in (",", "."))
        for before, token in pairwise(words)
    )
    named = {unquote(token).lower() for token in words if token.kind in ("word", "quoted")}
    return [column for column in columns if star or column in named] or columns[:1]
