"""What stands in a statement for more than one value: names, lists, tables.

Each is a piece of SQL written here, with its values as parameters; names
alone become part of the text, quoted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from .tokens import quote_identifier
from .values import Fragment, Refused, TooLarge, json_text, scalar

__all__ = ["identifier_fragment", "list_fragment", "table_fragment"]

#: Up to here each value of a list has its own ``?``; longer lists travel as one JSON array.
LIST_AS_JSON: Final = 200

#: A DataFrame in a statement is sent with it each time; more than this belongs into a table.
LARGEST_TABLE: Final = 1_000_000  # characters of JSON


def identifier_fragment(value: Any) -> Fragment:
    """Return the text *value*, or a tuple of texts joined by dots, as a quoted identifier."""
    parts = list(value) if isinstance(value, tuple | list) else [value]
    if not parts or not all(isinstance(part, str) and part and "\0" not in part for part in parts):
        raise Refused(f"a {type(value).__name__}: an identifier is a text, or a tuple of texts")
    return Fragment(".".join(quote_identifier(str.__str__(part)) for part in parts), [])


def list_fragment(values: list[Any], bracketed: bool) -> tuple[Fragment, str]:
    """Return what stands for *values* after ``IN``, and how they travel."""
    fragments = [scalar(value) for value in values]
    count = f"{len(values)} value{'' if len(values) == 1 else 's'}"
    if len(values) > LIST_AS_JSON and all(_survives_json(f) for f in fragments):
        array = json_text([f.params[0] for f in fragments])
        select = "SELECT value FROM json_each(?)"
        return Fragment(select if bracketed else f"({select})", [array]), f"{count}, as JSON"
    if not values and bracketed:
        # An empty list among other values would leave a comma behind.
        return Fragment("SELECT NULL WHERE 0", []), count
    sql = ", ".join(f.sql for f in fragments)
    params = [param for f in fragments for param in f.params]
    return Fragment(sql if bracketed else f"({sql})", params), count


def _survives_json(fragment: Fragment) -> bool:
    """Whether the value comes out of SQLite's JSON functions as it went in.

    They end a text at U+0000, and have no bytes and no infinity.
    """
    if fragment.sql != "?":
        return False
    value = fragment.params[0]
    return not (isinstance(value, str) and "\0" in value)


def table_fragment(names: Sequence[str], columns: Sequence[list[Any]]) -> Fragment:
    """Return a sub-select over one JSON parameter: an array of rows."""
    readers, cells = [], []
    for place, (name, column) in enumerate(zip(names, columns, strict=True)):
        read, values = _json_column(name, column)
        readers.append(
            f"{read(f'json_extract(value, {_path(place)})')} AS {quote_identifier(name)}"
        )
        cells.append(values)
    text = json_text([list(row) for row in zip(*cells, strict=True)])
    if len(text) > LARGEST_TABLE:
        raise TooLarge(
            f"a table of {len(text):,} characters of JSON, the limit is {LARGEST_TABLE:,}: "
            "load it once with %axon load"
        )
    return Fragment(f"(SELECT {', '.join(readers)} FROM json_each(?))", [text])


def _path(place: int) -> str:
    return f"'$[{place}]'"


def _json_column(name: str, column: list[Any]) -> tuple[Callable[[str], str], list[Any]]:
    fragments = [scalar(value) for value in column]
    if any(f.sql == "unhex(?)" for f in fragments):
        if any(f.sql != "unhex(?)" and f.params != [None] for f in fragments):
            raise Refused(f"a table whose column {name} mixes bytes with other values")
        return "unhex({})".format, [f.params[0] for f in fragments]
    if not all(_survives_json(f) for f in fragments):
        raise Refused(
            f"a table whose column {name} holds an infinity or a U+0000, which JSON loses: "
            "load it with %axon load"
        )
    return "{}".format, [f.params[0] for f in fragments]
