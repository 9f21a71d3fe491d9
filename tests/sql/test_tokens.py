"""Tokens are SQLite's own; nothing is lost on the way."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.sql.tokens import quote_identifier, significant, tokenize, unquote

CHARACTERS = "'\"`[]{}():;,.?$@#-/*\\ \n\té\ufeff\0"
WORDS = [
    "--", "/*", "*/", "''", "::", ":a", ":{1}", "${b}", ":{'}'}", ":{",
    "$a", "x'0'", "12:30", "1e5", ".5", "0xF", "->>", "<<", "SELECT",
]  # fmt: skip
PIECES = st.sampled_from([*CHARACTERS, *WORDS])


@given(st.lists(PIECES).map("".join) | st.text())
def test_the_tokens_joined_are_the_text(sql: str) -> None:
    """What the tokenizer drops or doubles, every user of it would."""
    tokens = tokenize(sql)

    assert "".join(token.text for token in tokens) == sql
    assert [token.start for token in tokens] == [
        sum(len(t.text) for t in tokens[:place]) for place in range(len(tokens))
    ]


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("'it''s :x'", id="string"),
        pytest.param('"col:x"', id="identifier"),
        pytest.param("[col:x]", id="bracketed identifier"),
        pytest.param("`a:x`", id="backticks"),
        pytest.param("-- :x\n", id="line comment"),
        pytest.param("/* ' :x */", id="block comment"),
        pytest.param("/* :x", id="comment without an end"),
        pytest.param("'open :x", id="string without an end"),
        pytest.param("'$.a:b'", id="JSON path"),
        pytest.param("'12:30'", id="time"),
        pytest.param("a::x", id="cast of another SQL"),
        pytest.param("12:x", id="after a number"),
        pytest.param(":1", id="a number"),
        pytest.param("a:x", id="after a word"),
        pytest.param("'{% :x %}'", id="template in a string"),
    ],
)
def test_these_colons_are_nobodys_parameter(sql: str) -> None:
    """Binding by regular expressions breaks on every one of them."""
    kinds = {token.kind for token in tokenize(sql)}

    assert not kinds & {"parameter", "expression"}


@pytest.mark.parametrize(
    "code",
    ["x", "{'a': 1}['a']", "'}'", 'f"{x}"', "x if {1} else '}'", "[i for i in {1, 2}]", "\n  x\n"],
)
def test_an_expression_ends_where_python_says(code: str) -> None:
    """Counting braces would end it inside of a string."""
    [token] = tokenize(f":{{{code}}}")

    assert token.kind == "expression"
    assert token.text[2:-1] == code


def test_an_expression_without_an_end_takes_the_rest() -> None:
    """The error then points at its beginning."""
    assert [t.text for t in significant(tokenize("SELECT :{x + FROM t"))] == [
        "SELECT",
        ":{x + FROM t",
    ]


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1))
def test_a_quoted_identifier_names_exactly_that(name: str) -> None:
    """SQLite itself reads the name back."""
    quoted = quote_identifier(name)
    with sqlite3.connect(":memory:") as database:
        described = database.execute(f"SELECT 1 AS {quoted}").description
    database.close()
    [token] = tokenize(quoted)

    assert described[0][0] == name
    assert unquote(token) == name
