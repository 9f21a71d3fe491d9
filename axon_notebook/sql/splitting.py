"""A cell of SQL, cut into its statements by SQLite's own rule.

A semicolon ends a statement only where ``sqlite3.complete_statement`` agrees,
which is what makes the body of a trigger one statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, NamedTuple

from .tokens import Token, significant, tokenize

__all__ = ["Statement", "split", "verb_of"]

_VERBS: Final = frozenset({"SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"})


class Statement(NamedTuple):
    """One statement of a text; ``start`` is where it begins there."""

    sql: str
    start: int

    @property
    def verb(self) -> str:
        """What it does, in upper case: ``SELECT``, ``CREATE TABLE``, …."""
        return verb_of(self.sql)

    @property
    def returns_rows(self) -> bool:
        """Whether it only reads."""
        return self.verb in ("SELECT", "VALUES", "EXPLAIN", "PRAGMA")


def split(text: str) -> list[Statement]:
    """Return the statements of *text*, without their final semicolons.

    Comments stay with the statement they stand in; pieces of nothing but
    comments and semicolons are left out.
    """
    statements = []
    piece: list[Token] = []
    for token in tokenize(text):
        if token.text == ";" and token.kind == "operator" and _is_complete(piece):
            statements += _as_statement(piece)
            piece = []
        else:
            piece.append(token)
    return statements + _as_statement(piece)


def _is_complete(piece: Sequence[Token]) -> bool:
    words = significant(piece)
    # Only triggers hold semicolons; asking SQLite about each would be quadratic in their length.
    if not words or not words[0].is_word("CREATE", "EXPLAIN"):
        return True
    # Our marks may hold quotes and semicolons of Python, so they become a plain `?`.
    marks = ("expression", "identifier")
    return sqlite3.complete_statement(
        " ".join("?" if token.kind in marks else token.text for token in words) + ";"
    )


def _as_statement(piece: Sequence[Token]) -> list[Statement]:
    if not significant(piece):
        return []
    text = "".join(token.text for token in piece)
    body = text.lstrip(" \t\n\f\r")
    return [Statement(body.rstrip(" \t\n\f\r"), piece[0].start + len(text) - len(body))]


def verb_of(sql: str) -> str:
    """Return what *sql* does: its main verb, with the object for ``CREATE`` and ``DROP``.

    A ``WITH`` clause is looked through; nothing gives an empty string.
    """
    words = significant(tokenize(sql))
    if not words or words[0].kind != "word":
        return ""
    first = words[0].text.upper()
    if first == "WITH":
        return _verb_after_with(words)
    if first in ("CREATE", "DROP", "ALTER"):
        named = (w.text.upper() for w in words[1:5])
        kinds = ("TABLE", "INDEX", "VIEW", "TRIGGER")
        return " ".join([first, *[kind for kind in named if kind in kinds][:1]])
    return first


def _verb_after_with(words: Sequence[Token]) -> str:
    depth = 0
    for token in words:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and token.is_word(*_VERBS):
            return token.text.upper()
    return "WITH"
