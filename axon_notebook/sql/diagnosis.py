"""What is wrong with a statement: the word, and what was probably meant.

SQLite says *what* it does not like, the mirror of the axon's schema says
*where*; the suggestion compares with what there is.  Local answers are advice:
only names that a fresh schema does not have are refused without asking.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .binding import BoundStatement
from .carets import caret_lines
from .schema import EVENTS_TABLE, Complaint, Mirror, Schema, TableInfo
from .tables import table_names
from .tokens import Token, significant, tokenize, unquote

__all__ = ["UnknownName", "details", "find_unknown_name"]

_NAME_IN: Final = re.compile(
    r"no such (?P<kind>column|table|function): (?P<name>.+?)(?: - should this be .*)?$"
    r"|(?P<ambiguous>ambiguous) column name: (?P<column>.+)$"
    r"|has no column named (?P<missing>.+)$"
)
_NEAR: Final = re.compile(r'(?:near|unrecognized token:) "(?P<word>.*)"', re.DOTALL)

_QUALIFIED: Final = re.compile(r"(?:\.\w+)+")

#: How other databases say it → how SQLite does.
_OTHER_DIALECTS: Final = {
    "NOW": "datetime('now')",
    "GETDATE": "datetime('now')",
    "CURDATE": "date('now')",
    "LEN": "length(…)",
    "ISNULL": "ifnull(…)",
    "NVL": "ifnull(…)",
    "TO_CHAR": "strftime(…)",
    "DATE_TRUNC": "strftime(…)",
    "DATE_FORMAT": "strftime(…)",
    "JSON_VALUE": "json_extract(…), or ->>",
    "REGEXP_MATCHES": "LIKE or GLOB",
    "STRING_AGG": "group_concat(…)",
    "ARRAY_AGG": "json_group_array(…)",
    "TOP": "LIMIT at the end",
    "FETCH": "LIMIT at the end",
    "ILIKE": "LIKE, which ignores case for ASCII",
    "&&": "AND",
    "!": "NOT",
    "QUALIFY": "a sub-query with WHERE",
    "DESCRIBE": "%axon schema",
    "SHOW": "%axon tables",
    "USE": "%axon use",
}

_KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "INSERT", "INTO",
    "VALUES", "UPDATE", "DELETE", "CREATE", "TABLE", "INDEX", "VIEW", "TRIGGER", "DROP", "ALTER",
    "JOIN", "LEFT", "INNER", "CROSS", "UNION", "DISTINCT", "BETWEEN", "EXISTS", "CASE", "WHEN",
    "THEN", "ELSE", "RETURNING", "REPLACE", "EXPLAIN",
)  # fmt: skip

#: A list of names longer than this is cut.
NAMES_WIDTH: Final = 100


class UnknownName(NamedTuple):
    """A statement that cannot succeed: its place in the batch, and why."""

    statement_index: int
    message: str


def find_unknown_name(statements: Sequence[str], schema: Schema) -> UnknownName | None:
    """Return the first of *statements* that names a table or column *schema* does not have.

    Nothing else is judged here: syntax and functions are the server's, whose
    SQLite may be another one.
    """
    with Mirror(schema) as mirror:
        for index, sql in enumerate(statements):
            complaint = mirror.check(sql)
            if complaint is None:
                continue
            name = _name_in(complaint.message)
            known = name is not None and not _touches(sql, schema.refused)
            return UnknownName(index, complaint.message) if known else None
    return None


def _name_in(message: str) -> tuple[str, str] | None:
    """Return what kind of name *message* is about, and the name."""
    match = _NAME_IN.search(message)
    if match is None or match["kind"] == "function":
        return None
    kind = match["kind"] or "column"
    return kind, match["name"] or match["column"] or match["missing"]


def _touches(sql: str, names: Iterable[str]) -> bool:
    wanted = {name.lower() for name in names}
    return any(
        unquote(token).lower() in wanted
        for token in tokenize(sql)
        if token.kind in ("word", "quoted")
    )


def details(
    message: str,
    bound: BoundStatement,
    schema: Schema | None = None,
    *,
    cell: str | None = None,
    start: int = 0,
    earlier: Sequence[str] = (),
) -> list[str]:
    """Return the lines that explain *message*: where, and what was meant.

    Args:
        message: What SQLite said.
        bound: The statement it was said about.
        schema: What the axon holds, if known.
        cell: The text the statement was written in, for the line number.
        start: Where the statement begins in *cell*.
        earlier: Statements of the same batch, as sent, that come before.
    """
    known = schema or Schema([])
    place = _locate(message, bound.sql, known, earlier)
    lines = []
    if place is not None:
        source = bound.source_position(place)
        length = _length_at(bound.source, source)
        lines = caret_lines(cell if cell is not None else bound.source, start + source, length)
    hint = _suggestion(message, bound, known, place, guess=schema is not None)
    return [*lines, *([f"  {hint}"] if hint else [])]


def _locate(message: str, sql: str, schema: Schema, earlier: Sequence[str]) -> int | None:
    with Mirror(schema) as mirror:
        for before in earlier:
            mirror.check(before)
        complaint = mirror.check(sql)
    if "incomplete input" in message:
        return _unclosed(sql) or len(sql.rstrip())
    if complaint and complaint.start is not None and _same(message, complaint):
        return complaint.start
    named = _NAME_IN.search(message)
    if named is not None:
        name = next(n for n in (named["name"], named["column"], named["missing"]) if n)
        return _position_of(sql, name, named["kind"])
    near = _NEAR.search(message)
    return _position_of(sql, near["word"], None) if near else None


def _same(message: str, complaint: Complaint) -> bool:
    """Whether local and server complain about the same: a server may say more around it."""
    first = complaint.message.partition(" - ")[0]
    return first in message


def _position_of(sql: str, name: str, kind: str | None) -> int | None:
    """Return where *name* stands: as a table among tables, else the last part of ``a.b``."""
    tokens = tokenize(sql)
    if kind == "table":
        for table in table_names(tokens):
            if table.name.lower() == name.rpartition(".")[2].lower():
                return table.token.start
    wanted = name.rpartition(".")[2].strip('"').lower()
    for token in significant(tokens):
        if unquote(token).lower() == wanted or token.text == name:
            return token.start
    return None


def _unclosed(sql: str) -> int | None:
    """Return the innermost bracket that is never closed."""
    opened: list[int] = []
    for token in significant(tokenize(sql)):
        if token.text == "(":
            opened.append(token.start)
        elif token.text == ")" and opened:
            opened.pop()
    return opened[-1] if opened else None


def _length_at(source: str, position: int) -> int:
    token = _token_at(source, position)
    if token is None:
        return 1
    # The rest of the text belongs to a quote that is not closed.
    if token.kind == "illegal":
        return 1
    qualified = _QUALIFIED.match(source, token.end)
    return (qualified.end() if qualified else token.end) - position


def _token_at(sql: str, position: int) -> Token | None:
    return next((t for t in tokenize(sql) if t.start <= position < t.end), None)


def _suggestion(
    message: str, bound: BoundStatement, schema: Schema, place: int | None, *, guess: bool
) -> str | None:
    named = _NAME_IN.search(message)
    if named and named["kind"] == "function":
        return _about_function(named["name"])
    if named and named["kind"] == "table":
        return _about_table(named["name"], schema) if guess else None
    if named and named["ambiguous"]:
        return _about_ambiguous(named["column"], bound.source, schema)
    if named:
        return _about_column(named["name"] or named["missing"], bound, schema, place)
    return _about_syntax(message, bound.sql, place)


def _about_function(name: str) -> str | None:
    other = _OTHER_DIALECTS.get(name.upper())
    return f"in SQLite: {other}" if other else None


def _about_table(name: str, schema: Schema) -> str:
    names = ["events", *(n for n in schema.tables if n != EVENTS_TABLE)]
    return f"{_meant(name.rpartition('.')[2], names)}tables: {_listed(names)}"


def _about_ambiguous(name: str, source: str, schema: Schema) -> str | None:
    column = name.rpartition(".")[2].lower()
    having = [
        alias
        for alias, table in _tables_in(source, schema)
        if column in (c.name.lower() for c in table.columns)
    ]
    return f"say which: {' or '.join(f'{alias}.{name}' for alias in having)}" if having else None


def _about_column(
    name: str, bound: BoundStatement, schema: Schema, place: int | None
) -> str | None:
    token = _token_at(bound.sql, place) if place is not None else None
    if token is not None and token.text.startswith('"'):
        return f"a text stands in single quotes: '{unquote(token)}'"
    qualifier, _, column = name.rpartition(".")
    tables = _tables_in(bound.source, schema)
    if qualifier:
        tables = [pair for pair in tables if pair[0].lower() == qualifier.lower()] or tables
    columns = [c.name for _, table in tables for c in table.columns]
    if not columns:
        return None
    elsewhere = [] if difflib.get_close_matches(column, columns, n=1) else _owners(column, schema)
    if elsewhere:
        return f"{' and '.join(elsewhere)} {'has' if len(elsewhere) == 1 else 'have'} this column"
    names = ", ".join(dict.fromkeys(alias for alias, _ in tables))
    return f"{_meant(column, columns)}columns of {names}: {_listed(columns)}"


def _owners(column: str, schema: Schema) -> list[str]:
    return [
        "events" if table.name == EVENTS_TABLE else table.name
        for table in schema.tables.values()
        if column.lower() in (c.name.lower() for c in table.columns)
    ][:3]


def _tables_in(sql: str, schema: Schema) -> list[tuple[str, TableInfo]]:
    """Return alias and table of every known table that *sql* names."""
    found = [(named.alias, schema.table(named.name)) for named in table_names(tokenize(sql))]
    return [(alias, table) for alias, table in found if table is not None]


def _meant(name: str, names: Iterable[str]) -> str:
    by_lower = {known.lower(): known for known in names}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    return f"did you mean {by_lower[close[0]]}?   " if close else ""


def _listed(names: Iterable[str]) -> str:
    text = ", ".join(dict.fromkeys(names))
    if len(text) <= NAMES_WIDTH:
        return text
    return text[:NAMES_WIDTH].rpartition(", ")[0] + ", …"


def _about_syntax(message: str, sql: str, place: int | None) -> str | None:
    if "incomplete input" in message:
        return (
            "this bracket is not closed" if _unclosed(sql) is not None else "something is missing"
        )
    if "unrecognized token" in message:
        token = _token_at(sql, place) if place is not None else None
        return "this quote is not closed" if token and token.text[:1] in "'\"`[" else None
    if "UNIQUE constraint failed" in message:
        return "to keep the row that is there: INSERT OR IGNORE; to replace it: INSERT OR REPLACE"
    if f"{EVENTS_TABLE} is read-only" in message:
        return "events are history: %axon_publish adds one"
    near = _NEAR.search(message)
    if near is None:
        return None
    return _about_word(near["word"], sql, place)


def _about_word(word: str, sql: str, place: int | None) -> str | None:
    """Guess what a word that does not fit was meant to be."""
    words = significant(tokenize(sql))
    index = next((i for i, token in enumerate(words) if token.start == place), None)
    before = words[index - 1] if index else None
    if before is not None and before.text == "," and word.upper() in ("FROM", "WHERE", ")"):
        return f"a comma too many before {word}?"
    for candidate in filter(None, (word, before.text if before else None)):
        if candidate.upper() in _OTHER_DIALECTS:
            return f"in SQLite: {_OTHER_DIALECTS[candidate.upper()]}"
    # The culprit is often the word before the one SQLite stumbles over.
    for candidate in filter(None, (word, before.text if before else None)):
        close = difflib.get_close_matches(candidate.upper(), _KEYWORDS, n=1, cutoff=0.75)
        if close and close[0] != candidate.upper():
            return f"did you mean {close[0]}?"
    return None
