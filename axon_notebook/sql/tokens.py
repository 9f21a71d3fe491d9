"""SQLite's tokens, and the two marks of ours that no SQLite statement can hold.

One compiled expression follows the rules of SQLite's own tokenizer; binding,
splitting, carets, completion and aliases all read what it finds, so that a
colon inside a string, a comment or an identifier is not a parameter.

``:name`` is a parameter, ``:{expression}`` the value of a Python expression,
``${expression}`` an identifier to be quoted.  SQLite itself refuses ``:{`` and
``${``, which is why they cannot hide a valid statement.

Source: https://sqlite.org/lang_keywords.html, ``src/tokenize.c`` of SQLite.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

__all__ = [
    "Token",
    "TokenKind",
    "brace_end",
    "quote_identifier",
    "significant",
    "tokenize",
    "unquote",
]

TokenKind = Literal[
    "space",
    "comment",
    "string",
    "number",
    "word",
    "quoted",  # "name", `name`, [name]
    "parameter",  # :name
    "expression",  # :{…}
    "identifier",  # ${…}
    "variable",  # SQLite's own: ?, ?3, @x, $x, :3
    "operator",
    "illegal",
]


class Token(NamedTuple):
    """A piece of a statement; the pieces joined give the statement back.

    ``start`` counts characters from the start of the text that was read.
    """

    kind: TokenKind
    text: str
    start: int

    @property
    def end(self) -> int:
        """Position after the last character."""
        return self.start + len(self.text)

    def is_word(self, *words: str) -> bool:
        """Whether this is one of the keywords *words*, given in upper case."""
        return self.kind == "word" and self.text.upper() in words


# Any character from U+0080 on is part of a name for SQLite.
_WORD: Final = r"[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*"

_TOKEN: Final = re.compile(
    rf"""
    (?P<space>[ \t\n\f\r]+)
  | (?P<comment>--[^\n]*|/\*(?:.*?\*/|.*))
  | (?P<string>[xX]?'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
  | (?P<word>{_WORD})
  | (?P<parameter>(?<![\w:$]):[^\W\d]\w*)
  | (?P<brace>(?<![\w:$]):{{|\${{)
  | (?P<variable>\?\d*|[@#$]\w+|(?<![\w:]):\d\w*)
  | (?P<operator>->>?|\|\||<<|>>|<=|>=|<>|==|!=|[-+*/%&|~<>=(),.;])
  | (?P<illegal>::|['"`\[].*|.)
    """,
    re.VERBOSE | re.DOTALL,
)


def tokenize(sql: str) -> list[Token]:
    """Return every token of *sql*, spaces and comments included.

    Never fails: what SQLite would not accept is ``illegal``, an unterminated
    string up to the end of the text.
    """
    return list(_scan(sql))


def _scan(sql: str) -> Iterator[Token]:
    position, length = 0, len(sql)
    while position < length:
        match = _TOKEN.match(sql, position)
        assert match, "the last alternative takes any character"
        kind, end = match.lastgroup, match.end()
        if kind == "brace":
            end = brace_end(sql, end) or length
            kind = "identifier" if sql[position] == "$" else "expression"
        yield Token(kind, sql[position:end], position)  # type: ignore[arg-type]
        position = end


def brace_end(text: str, start: int) -> int | None:
    """Return the position after the ``}`` that closes the expression at *start*.

    Python's own parser decides, so that braces and quotes inside the
    expression count as Python counts them.  ``None`` if no ``}`` makes the text
    before it an expression.
    """
    end = start
    # A text without a valid expression is parsed once per brace: bounded.
    for _ in range(100):
        end = text.find("}", end) + 1
        if not end:
            return None
        if _is_expression(text[start : end - 1]):
            return end
    return None


def _is_expression(text: str) -> bool:
    with warnings.catch_warnings():
        # Said when the expression is evaluated, not while its end is sought.
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            ast.parse(f"(\n{text}\n)", mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return bool(text.strip())


def significant(tokens: Sequence[Token]) -> list[Token]:
    """Return *tokens* without spaces and comments."""
    return [token for token in tokens if token.kind not in ("space", "comment")]


def quote_identifier(name: str) -> str:
    """Return *name* as a quoted identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def unquote(token: Token) -> str:
    """Return the name that a ``word`` or ``quoted`` token stands for."""
    if token.kind != "quoted":
        return token.text
    opening, body = token.text[0], token.text[1:-1]
    return body if opening == "[" else body.replace(opening * 2, opening)
