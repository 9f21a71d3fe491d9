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
from .values import Fragment, TooLarge, json_text

__all__ = ["QUALIFIER", "SuppliedTables", "named_columns", "supplied_fragment", "supplied_tables"]

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

    def means_ours(self, table: TableName, name: Sequence[Token]) -> bool:
        """Whether a table that :func:`supplied_tables` found is not the axon's own."""
        return len(name) > 1 or table.name.lower() not in self.own


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
        TooLarge: If they are more than a statement can carry.
    """
    name = table.name.lower()
    columns = source.columns(name)
    chosen = named_columns(tokens, list(columns))
    try:
        return table_fragment(chosen, [columns[column] for column in chosen])
    except TooLarge as refusal:
        sizes = {column: len(json_text(columns[column])) for column in chosen}
        largest = max(sizes, key=lambda column: sizes[column])
        raise TooLarge(
            f"{refusal}; {sizes[largest]:,} of them are column {largest}: leave it out of the "
            f"statement, or use axon.trace().{name}"
        ) from None


def named_columns(tokens: Sequence[Token], columns: Sequence[str]) -> list[str]:
    """Return those of *columns* that a statement names, all with ``*``; one at least."""
    words = significant(tokens)
    star = any(
        token.text == "*" and (before.is_word("SELECT", "DISTINCT") or before.text in (",", "."))
        for before, token in pairwise(words)
    )
    named = {unquote(token).lower() for token in words if token.kind in ("word", "quoted")}
    return [column for column in columns if star or column in named] or list(columns[:1])
