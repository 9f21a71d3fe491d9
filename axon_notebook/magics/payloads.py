"""Events written in a cell: JSON with values of Python in it.

``${expression}`` stands where JSON expects a value and becomes the value's
JSON.  Inside a JSON string it is text; outside of one it is never valid JSON,
so nothing is ambiguous and nothing is spliced.
"""

from __future__ import annotations

import builtins
import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ..errors import ParameterError
from ..sql.carets import caret_lines
from ..sql.tokens import brace_end
from ..sql.values import Refused, elements, is_many, is_missing, is_table, json_text, table
from .options import literal, meant

__all__ = ["evaluated", "events_from", "json_lines", "json_value", "key_values"]

_PIECE: Final = re.compile(r'"(?:[^"\\]|\\.)*"?|\$\{|[^"$]+|\$')
_KEY: Final = re.compile(r"\s*([\w.-]+)=")
_WORD: Final = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"'])+""")


class _Rendered(NamedTuple):
    """JSON text, and pairs (position in it, position in the source) where they run apart."""

    text: str
    map: list[tuple[int, int]]

    def source_position(self, position: int) -> int:
        start, source = [pair for pair in self.map if pair[0] <= position][-1]
        return source + position - start


def json_value(source: str, names: Mapping[str, object]) -> object:
    """Return the value of the JSON text *source*.

    Raises:
        ParameterError: With a caret, if it is not valid JSON or an expression fails.
    """
    rendered = _render(source, names)
    try:
        return json.loads(rendered.text, parse_constant=_refuse_constant, parse_float=_finite_float)
    except json.JSONDecodeError as error:
        place = min(rendered.source_position(error.pos), len(source))
        hint = _hint(source, place)
        lines = caret_lines(source, place)
        raise ParameterError(
            f"no JSON: {error.msg[0].lower()}{error.msg[1:]}",
            detail=[*lines, *([f"  {hint}"] if hint else [])],
        ) from error
    except (ValueError, RecursionError) as error:
        raise ParameterError(f"no JSON: {error}") from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not valid JSON: write null, or a text")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(
            f'{digits} is beyond the numbers that JSON readers have: write it as a text, "{digits}"'
        )
    return number


def json_lines(source: str, names: Mapping[str, object]) -> list[object]:
    """Return one value per line of *source*; empty lines are left out.

    Raises:
        ParameterError: Naming the line that is not valid JSON.
    """
    values = []
    for number, line in enumerate(source.splitlines(), start=1):
        if line.strip():
            try:
                values.append(json_value(line, names))
            except ParameterError as error:
                raise ParameterError(f"line {number}: {error}", detail=error.detail) from error
    return values


def _render(source: str, names: Mapping[str, object]) -> _Rendered:
    """Replace every ``${…}`` outside of strings by the JSON of its value."""
    parts: list[str] = []
    places = [(0, 0)]
    position = length = 0
    while position < len(source):
        piece = _PIECE.match(source, position)
        assert piece, "every character begins a piece"
        end, text = piece.end(), piece[0]
        if text == "${":
            close = brace_end(source, end)
            if close is None:
                lines = caret_lines(source, position, 2)
                raise ParameterError("${ without an expression and a }", detail=lines)
            text, end = _json_of(source, position, close, names), close
            places += [(length, position), (length + len(text), end)]
        parts.append(text)
        length += len(text)
        position = end
    return _Rendered("".join(parts), places)


def _json_of(source: str, start: int, end: int, names: Mapping[str, object]) -> str:
    code = source[start + 2 : end - 1]
    lines = caret_lines(source, start, end - start)
    value = evaluated(code, names, f"${{{code}}}", lines)
    try:
        return json_text(elements(value) if is_many(value) else value)
    except Refused as refusal:
        raise ParameterError(f"${{{code}}} is {refusal}", detail=lines) from None


def evaluated(
    code: str, names: Mapping[str, object], shown: str, lines: Iterable[str] = ()
) -> object:
    """Return the value of the user's expression *code*.

    Raises:
        ParameterError: If it raises; chained to its error.
    """
    try:
        # As in a cell: names of the user, and Python's builtins.
        return eval(f"(\n{code}\n)", {"__builtins__": builtins, **names})
    except NameError as error:
        hint = meant(error.name or "", [n for n in names if n[:1] != "_"], what="variables")
        close = [f"  {hint}"] if hint.startswith("did") else []
        raise ParameterError(f"no variable {error.name}", detail=[*lines, *close]) from None
    except Exception as error:
        kind = type(error).__name__
        raise ParameterError(f"{shown} raised {kind}: {error}", detail=[*lines]) from error


def _hint(source: str, place: int) -> str | None:
    rest, before = source[place:], source[:place].rstrip()
    if rest[:1] in ("]", "}") and before.endswith(","):
        return "a comma too many"
    if re.match(r",\s*[]}]", rest):  # Python 3.13 points at the comma
        return "a comma too many"
    if before.endswith(",") and before[:-1].rstrip() and rest.startswith(('"', "}")):
        return "a comma too many"
    if rest.startswith("'"):
        return 'JSON has double quotes: "…"'
    for python, written in (("True", "true"), ("False", "false"), ("None", "null")):
        if rest.startswith(python):
            return f"in JSON: {written}"
    if rest.startswith(("#", "//", "/*")):
        return "JSON has no comments"
    if re.match(r"[^\W\d]\w*", rest):
        return "a text needs double quotes; a variable is ${name}"
    return None


def key_values(text: str, names: Mapping[str, object]) -> dict[str, object]:
    """Return the ``key=value`` pairs of a line; a value is a literal, a text or ``${…}``.

    Raises:
        ParameterError: Pointing at what is not a pair.
    """
    payload: dict[str, object] = {}
    position = 0
    while text[position:].strip():
        key = _KEY.match(text, position)
        if key is None:
            place = position + len(text[position:]) - len(text[position:].lstrip())
            lines = caret_lines(text, place, len(text[place:].split()[0]))
            message = "a payload on the line is key=value …, or JSON after --json"
            raise ParameterError(message, detail=lines)
        start = key.end()
        if text.startswith("${", start) and (end := brace_end(text, start + 2)):
            shown = text[start:end]
            value = evaluated(shown[2:-1], names, shown, caret_lines(text, start, end - start))
        else:
            word = _WORD.match(text, start)
            end = word.end() if word else start
            value = literal(text[start:end])
        payload[key[1]] = value
        position = end
    return payload


def events_from(value: object) -> tuple[list[object], int]:
    """Return the rows of a DataFrame as dicts, or the members of an iterable.

    Returns:
        The events, and how many missing cells (NaN, NA, NaT) became ``None``.

    Raises:
        ParameterError: If it is neither, or a cell has no form in JSON.
    """
    if is_table(value):
        columns, cells = table(value)
        missing = sum(is_missing(cell) for column in cells for cell in column)
        cells = [[None if is_missing(cell) else cell for cell in column] for column in cells]
        rows = (dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True))
        return [_decoded(row, place) for place, row in enumerate(rows)], missing
    if isinstance(value, Mapping | str | bytes) or not isinstance(value, Iterable):
        kind = type(value).__name__
        raise ParameterError(f"--from takes a DataFrame or a list of events, not a {kind}")
    return list(value), 0


def _decoded(row: dict[str, object], place: int) -> object:
    try:
        return json.loads(json_text(row))
    except Refused as refusal:
        raise ParameterError(f"row {place} is {refusal}") from None
