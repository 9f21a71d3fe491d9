"""Completion inside the cells of our magics: tables, columns, variables, options, axons.

A matcher of IPython's second interface.  It asks no server: what it offers was
fetched before.  Jedi, which would look for Python in SQL, is never asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..sql.tables import table_names
from ..sql.tokens import Token, significant, tokenize
from .options import Option
from .registry import cell_magics, sub_commands

if TYPE_CHECKING:
    from ..sql.schema import Schema
    from .magic_context import MagicContext

__all__ = ["Offer", "complete", "install", "remove"]

_CELL: Final = re.compile(r"%%(axon\w*)")
_LINE: Final = re.compile(r"(?:^|\n|[=;])[ \t]*%(axon\w*)\b[ \t]*")
_FRAGMENT: Final = re.compile(r"[\w$]*$")
_VARIABLE: Final = re.compile(r"[:$]\{?([\w.]*)$")
_QUALIFIED: Final = re.compile(r"""([^\W\d]\w*|"[^"]*")\.(\w*)$""")
_OPTION_WORD: Final = re.compile(r"(?:^|\s)(--?[\w-]*)$")
_OPTION_VALUE: Final = re.compile(r"(?:^|\s)(--?[\w-]+)[ =]([^\s]*)$")

_KEYWORDS: Final = (
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "HAVING", "LIMIT", "OFFSET", "DISTINCT",
    "JOIN", "LEFT JOIN", "ON", "USING", "AND", "OR", "NOT", "IN", "IS NULL", "IS NOT NULL",
    "LIKE", "GLOB", "BETWEEN", "EXISTS", "CASE", "WHEN", "THEN", "ELSE", "END", "AS", "ASC",
    "DESC", "UNION ALL", "WITH", "RECURSIVE", "INSERT INTO", "VALUES", "UPDATE", "SET",
    "DELETE FROM", "CREATE TABLE", "CREATE INDEX", "CREATE VIEW", "DROP TABLE", "RETURNING",
)  # fmt: skip
_FUNCTIONS: Final = (
    "abs", "avg", "coalesce", "count", "date", "datetime", "group_concat", "ifnull", "iif",
    "instr", "json", "json_array", "json_array_length", "json_each", "json_extract",
    "json_group_array", "json_object", "json_type", "julianday", "length", "lower", "max", "min",
    "nullif", "printf", "replace", "round", "row_number", "strftime", "substr", "sum", "total",
    "trim", "typeof", "unixepoch", "upper",
)  # fmt: skip


class Offer(NamedTuple):
    """What may stand at the cursor: ``names`` with their kind, for the text ``fragment``."""

    fragment: str
    names: list[tuple[str, str]]


def complete(magics: MagicContext, text: str, position: int) -> Offer | None:
    """Return what may stand at *position* of the cell *text*; ``None`` outside of our magics."""
    before = text[:position]
    found = _magic_at(before)
    if found is None:
        return None
    name, body, on_line = found
    if name == "axon":
        return _in_axon(magics, body)
    magic = cell_magics()[name]
    if on_line and (offer := _in_options(magics, body, magic.options)) is not None:
        return offer
    after = text[position:] if not on_line else text[position:].split("\n", 1)[0]
    if magic.language == "sql":
        return _in_sql(magics, body, after)
    if magic.language == "json":
        return _in_json(magics, body)
    return _nothing(_fragment(body))


def _magic_at(before: str) -> tuple[str, str, bool] | None:
    """Return the magic the cursor is in, the text from there to the cursor, and where it is.

    True: the cursor is on the magic's own line.
    """
    stripped = before.lstrip()
    cell = _CELL.match(stripped)
    if cell and cell[1] in cell_magics():
        line, newline, rest = stripped[cell.end() :].partition("\n")
        return (cell[1], rest, False) if newline else (cell[1], line, True)
    lines = [m for m in _LINE.finditer(before) if m[1] == "axon" or m[1] in cell_magics()]
    if not lines:
        return None
    last = lines[-1]
    body = before[last.end() :]
    return (last[1], body, True) if "\n" not in body else None


# -- the line


def _in_options(magics: MagicContext, body: str, options: Sequence[Option]) -> Offer | None:
    value = _OPTION_VALUE.search(body)
    if value and (option := _option(value[1], options)) and _takes_value(option, value[0]):
        return _filtered(value[2], _values(magics, option, value[2]))
    word = _OPTION_WORD.search(f" {body}")
    if word and not word[1].startswith("->"):
        return _filtered(word[1], [(option.long, "option") for option in options])
    return None


def _takes_value(option: Option, written: str) -> bool:
    if option.kind == "maybe names":
        return "=" in written
    return option.kind != "flag"


def _option(form: str, options: Iterable[Option]) -> Option | None:
    return next((option for option in options if form in (option.long, option.short)), None)


def _values(magics: MagicContext, option: Option, typed: str) -> list[tuple[str, str]]:
    if isinstance(option.completes, tuple):
        return [(word, option.key) for word in option.completes]
    return _known(magics, option.completes, typed)


def _known(magics: MagicContext, kind: str, typed: str) -> list[tuple[str, str]]:
    """Return what there is of a kind that an option or the word of a sub-command can name."""
    schema = _schema(magics) if kind in ("column", "table") else None
    if kind == "axon":
        return _axons(magics)
    if kind == "variable":
        return _variables(magics)
    if kind in ("file", "sql file"):
        return _files(typed, ".sql" if kind == "sql file" else "")
    if kind == "topic":
        return [(name, "topic") for name in (*cell_magics(), *sub_commands())]
    if schema is None:
        return []
    return _tables(schema) if kind == "table" else [(c, "column") for c in _all_columns(schema)]


def _files(typed: str, suffix: str) -> list[tuple[str, str]]:
    directory, _, _ = typed.rpartition("/")
    try:
        entries = sorted(os.scandir(Path(directory or ".").expanduser()), key=lambda e: e.name)
    except OSError:  # no such directory: nothing to offer
        return []
    prefix = f"{directory}/" if directory or typed.startswith("/") else ""
    return [
        (f"{prefix}{entry.name}{'/' if entry.is_dir() else ''}", "path")
        for entry in entries
        if entry.is_dir() or entry.name.endswith(suffix)
    ]


def _axons(magics: MagicContext) -> list[tuple[str, str]]:
    session = magics.session
    known = [*session.aliases, *session.seen]
    current = session.current
    names = [*known, *([current.name or current.id] if current else [])]
    return [(name, "axon") for name in dict.fromkeys(names)]


def _in_axon(magics: MagicContext, body: str) -> Offer:
    name, blank, rest = body.lstrip().partition(" ")
    commands = sub_commands()
    if not blank:
        return _filtered(name, [(command, "sub-command") for command in commands])
    if name not in commands:
        return _nothing(rest)
    if (offer := _in_options(magics, rest, commands[name].options)) is not None:
        return offer
    typed = _fragment(rest)
    return _filtered(typed, _known(magics, commands[name].completes, typed))


# -- SQL


def _in_sql(magics: MagicContext, before: str, after: str) -> Offer:
    inside = _open_token(before)
    variable = _VARIABLE.search(before)
    if variable and (inside is None or inside.kind in ("parameter", "expression", "identifier")):
        return _filtered(variable[1], _variables(magics))
    if inside is not None:
        return _nothing(_fragment(before))
    schema = _schema(magics)
    qualified = _QUALIFIED.search(before)
    if qualified:
        alias, typed = qualified[1].strip('"'), qualified[2]
        return _filtered(typed, _columns_of(schema, alias, before + after))
    typed = _fragment(before)
    words = significant(tokenize(before[: len(before) - len(typed)]))
    if words and (words[-1].is_word("FROM", "JOIN", "INTO", "UPDATE", "TABLE")):
        return _filtered(typed, _tables(schema) if schema else [("events", "table")])
    return _filtered(typed, [*_columns_in(schema, before + after), *_rest(schema, typed)])


def _open_token(before: str) -> Token | None:
    """Return the string, comment or mark that the cursor is inside of."""
    tokens = tokenize(before)
    last = tokens[-1] if tokens else None
    if last is None:
        return None
    if last.kind in ("parameter", "expression", "identifier"):
        return last
    open_comment = last.kind == "comment" and (
        last.text.startswith("--") or not last.text.endswith("*/")
    )
    quoted = last.kind == "illegal" and last.text[:1] in "'\"`["
    return last if open_comment or quoted else None


def _fragment(before: str) -> str:
    found = _FRAGMENT.search(before)
    return found[0] if found else ""


def _schema(magics: MagicContext) -> Schema | None:
    from ..trace_sql import with_trace  # here, because it loads apsw

    current = magics.session.current
    known = magics.session.known_schema(current) if current else None
    return with_trace(known) if known else None


def _tables(schema: Schema) -> list[tuple[str, str]]:
    own = [name for name in schema.tables if name != "rl_axon_events"]
    history = [] if schema.has_events else ["events"]
    return [(name, "table") for name in [*history, *own, "rl_axon_events"]]


def _columns_of(schema: Schema | None, alias: str, sql: str) -> list[tuple[str, str]]:
    """Return the columns behind *alias*, wherever the statement introduces it."""
    if schema is None:
        return []
    for named in table_names(tokenize(sql)):
        if named.alias.lower() == alias.lower() and (table := schema.table(named.name)):
            return [(column.name, "column") for column in table.columns]
    direct = schema.table(alias)
    return [(column.name, "column") for column in direct.columns] if direct else []


def _columns_in(schema: Schema | None, sql: str) -> list[tuple[str, str]]:
    """Return the columns of the tables of the statement, which may come after the cursor."""
    if schema is None:
        return []
    tables = [schema.table(named.name) for named in table_names(tokenize(sql))]
    found = [column.name for table in tables if table for column in table.columns]
    return [(name, "column") for name in dict.fromkeys(found or _all_columns(schema))]


def _all_columns(schema: Schema) -> list[str]:
    names = [column.name for table in schema.tables.values() for column in table.columns]
    return list(dict.fromkeys(names))


def _rest(schema: Schema | None, typed: str) -> list[tuple[str, str]]:
    """Functions, keywords in the user's case, and tables."""
    lower = typed.islower()
    keywords = [(word.lower() if lower else word, "keyword") for word in _KEYWORDS]
    functions = [(f"{name}(", "function") for name in _FUNCTIONS]
    return [*keywords, *functions, *(_tables(schema) if schema else [])]


def _in_json(magics: MagicContext, before: str) -> Offer:
    variable = re.search(r"\$\{([\w.]*)$", before)
    if variable:
        return _filtered(variable[1], _variables(magics))
    return _nothing(_fragment(before))


def _variables(magics: MagicContext) -> list[tuple[str, str]]:
    hidden = magics.hidden_names
    return [
        (name, type(value).__name__)
        for name, value in list(magics.namespace.items())
        if not name.startswith("_") and (name not in hidden or value is not hidden[name])
    ]


# -- as IPython wants it


def _filtered(typed: str, names: Iterable[tuple[str, str]]) -> Offer:
    start = typed.lower()
    fitting = [(name, kind) for name, kind in names if name.lower().startswith(start)]
    return Offer(typed, list(dict.fromkeys(fitting))) if fitting else _nothing(typed)


def _nothing(typed: str) -> Offer:
    """Offer what is there: with no completion at all IPython would ask Jedi."""
    return Offer(typed, [(typed, "")])


def _matcher(magics: MagicContext) -> Callable[[object], object]:
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="axon_notebook", priority=1000)
    def axon_notebook(context: Any) -> object:
        lines = context.full_text.split("\n")
        place = sum(len(line) + 1 for line in lines[: context.cursor_line])
        offer = complete(magics, context.full_text, place + context.cursor_position)
        if offer is None:
            return {"completions": []}
        return {
            "completions": [SimpleCompletion(name, type=kind) for name, kind in offer.names],
            "suppress": True,
            "matched_fragment": offer.fragment,
            "ordered": True,
        }

    found: Callable[[object], object] = axon_notebook
    return found


def install(shell: Any, magics: MagicContext) -> None:
    """Add the matcher to the shell's completer."""
    shell.Completer.custom_matchers.append(_matcher(magics))


def remove(shell: Any) -> None:
    """Take it away again."""
    kept = [
        matcher
        for matcher in shell.Completer.custom_matchers
        if getattr(matcher, "matcher_identifier", None) != "axon_notebook"
    ]
    shell.Completer.custom_matchers[:] = kept
