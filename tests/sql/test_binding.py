"""Whatever a value holds, SQLite sees that value and the statement as written."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import importlib
import json
import math
import types
import uuid
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.errors import ParameterError
from axon_notebook.sql.binding import bind
from axon_notebook.sql.tokens import significant, tokenize

from .bound import exactly, run

#: pyarrow, where it is installed: the package works without it.
ARROW = [importlib.import_module("pyarrow")] if find_spec("pyarrow") else []
TEXT = st.text(st.characters(blacklist_categories=["Cs"]))
INTEGERS = st.integers(-(2**63), 2**63 - 1)
SCALARS = st.one_of(st.none(), INTEGERS, st.floats(allow_nan=False), TEXT, st.binary())
HOSTILE = st.sampled_from(
    ["'); DROP TABLE t; --", '" OR 1=1 --', ":a", "?", "${a}", "/*", "\\", "''", "}", "\0", "9e999"]
)


@given(value=SCALARS | HOSTILE)
def test_the_database_sees_exactly_the_value(database: apsw.Connection, value: Any) -> None:
    """As a name and as an expression, through JSON and back."""
    [(by_name, by_expression)] = run(database, bind("SELECT :v, :{[v][0]}", {"v": value}))

    assert exactly(by_name, value)
    assert exactly(by_expression, value)


QUOTED = [
    "'it''s :v'",
    '"a:v"',
    "[x:v]",
    "`:v`",
    "-- :v\n",
    "/* :v */",
    "'$.a:b'",
    "'open",
    "x'00'",
]
PLAIN = [*" \n(),=.;1", "SELECT", "->>", "<<", "a", "1.5", "é", "9e9", "IN", "\ufeff", "FROMx"]
MARKS = [":v", ":{v}", "${name}", ":{'}' and v}"]
AROUND = st.lists(st.sampled_from(QUOTED + PLAIN + MARKS)).map("".join)


@given(sql=AROUND, value=TEXT | HOSTILE | INTEGERS, name=TEXT | HOSTILE)
def test_no_value_changes_the_tokens(sql: str, value: Any, name: str) -> None:
    """Injection is a value that becomes a token; here none can."""
    try:
        bound = bind(sql, {"v": value, "name": name})
    except ParameterError:
        return  # a stray colon, or an identifier that is empty: nothing is sent

    expected = [
        ("variable", "?") if token.kind in ("parameter", "expression")
        else ("quoted", '"' + name.replace('"', '""') + '"') if token.kind == "identifier"
        else (token.kind, token.text)
        for token in significant(tokenize(sql))
    ]  # fmt: skip
    assert [(t.kind, t.text) for t in significant(tokenize(bound.sql))] == expected
    assert bound.params == [value] * len(bound.params)


@given(
    values=st.lists(INTEGERS | TEXT | HOSTILE | st.binary(), max_size=12),
    times=st.sampled_from([1, 40]),
)
def test_a_list_after_in_holds_its_members(
    database: apsw.Connection, values: list[Any], times: int
) -> None:
    """With brackets and without, short and as one JSON array."""
    values = values + [f"filler {i}" for i in range(times * 6 if values else 0)]
    for sql in ("SELECT :x IN :values", "SELECT :x IN (:values)"):
        for member in [*values[:12], "not in there"]:
            [(found,)] = run(database, bind(sql, {"x": member, "values": values}))

            assert bool(found) == (member in values)


@pytest.mark.parametrize("count", [0, 1, 200, 201, 40_000])
def test_lists_of_every_length(database: apsw.Connection, count: int) -> None:
    """SQLite has a limit of 32,766 parameters; a list has none."""
    bound = bind(
        "SELECT value FROM json_each('[-1, 0]') WHERE value IN :ids", {"ids": range(count)}
    )

    assert run(database, bound) == ([(0,)] if count else [])
    assert len(bound.params) <= 200


@pytest.mark.parametrize(
    "many",
    [
        pytest.param((1, 2), id="tuple"),
        pytest.param({1, 2}, id="set"),
        pytest.param({1: 0, 2: 0}.keys(), id="keys"),
        pytest.param(np.array([1, 2]), id="array"),
        pytest.param(pd.Series([1, 2]), id="Series"),
        pytest.param(pd.Index([1, 2]), id="Index"),
        pytest.param(pl.Series([1, 2]), id="polars"),
        *(pytest.param(pa.array([1, 2]), id="arrow") for pa in ARROW),
    ],
)
def test_everything_listlike_goes_after_in(database: apsw.Connection, many: Any) -> None:
    """What people have at hand is seldom a list."""
    assert run(database, bind("SELECT 2 IN :many, 3 IN (0, :many)", {"many": many})) == [(1, 0)]


def test_a_list_elsewhere_is_refused_with_the_way_out() -> None:
    """``= :kinds`` would be a syntax error far away."""
    with pytest.raises(ParameterError, match="a list goes after IN"):
        bind("SELECT * FROM t WHERE a = :kinds", {"kinds": [1]})
    with pytest.raises(ParameterError, match="a list goes after IN"):
        bind("SELECT 1 IN (SELECT a FROM t WHERE a = :kinds)", {"kinds": [1]})


class Colour(enum.Enum):
    RED = "red"


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "'; DROP TABLE t; --"


@dataclasses.dataclass
class Point:
    x: int


UTC2 = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(True, 1, id="bool"),
        pytest.param(math.nan, None, id="NaN"),
        pytest.param(pd.NA, None, id="NA"),
        pytest.param(pd.NaT, None, id="NaT"),
        pytest.param(np.datetime64("NaT"), None, id="numpy NaT"),
        pytest.param(np.int64(7), 7, id="int64"),
        pytest.param(np.float32(0.1), float(np.float32(0.1)), id="float32"),
        pytest.param(np.longdouble(1.5), 1.5, id="longdouble"),
        pytest.param(np.bool_(False), 0, id="numpy bool"),
        pytest.param(np.str_("x"), "x", id="numpy str"),
        pytest.param(np.array(3), 3, id="array without dimensions"),
        pytest.param(np.datetime64("2024-01-02", "ns"), "2024-01-02 00:00:00", id="datetime64"),
        pytest.param(pd.Timestamp("2024-01-02 03:04:05"), "2024-01-02 03:04:05", id="Timestamp"),
        pytest.param(dt.datetime(2024, 1, 2, 3, 4, 5), "2024-01-02 03:04:05", id="naive is UTC"),
        pytest.param(dt.datetime(2024, 1, 2, 3, tzinfo=UTC2), "2024-01-02 01:00:00", id="aware"),
        pytest.param(dt.date(2024, 1, 2), "2024-01-02", id="date"),
        pytest.param(dt.time(3, 4), "03:04:00", id="time"),
        pytest.param(decimal.Decimal("0.10"), "0.10", id="Decimal"),
        pytest.param(uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001", id="UUID"),
        pytest.param(Path("a") / "b", "a/b", id="Path"),
        pytest.param(Colour.RED, "red", id="Enum"),
        pytest.param(enum.IntEnum("N", "A").A, 1, id="IntEnum"),
        pytest.param(Loud("quiet"), "quiet", id="a str that prints something else"),
        pytest.param(bytearray(b"\x00\xff"), b"\x00\xff", id="bytearray"),
        pytest.param({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}', id="dict"),
        pytest.param({"a": np.int8(1), "b": pd.NA}, '{"a":1,"b":null}', id="dict of numpy"),
        pytest.param(types.MappingProxyType({"a": 1}), '{"a":1}', id="mapping"),
        pytest.param(Point(1), '{"x":1}', id="dataclass"),
        pytest.param(math.inf, math.inf, id="infinity"),
    ],
)  # fmt: skip
def test_adaptation(database: apsw.Connection, value: Any, expected: Any) -> None:
    """Each Python type has one meaning in SQL."""
    [(found,)] = run(database, bind("SELECT :v", {"v": value}))

    assert exactly(found, expected)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(2**63, "outside of SQLite's integers", id="too large"),
        pytest.param("\ud800", "lone surrogate U\\+D800 at 0", id="surrogate"),
        pytest.param(len, "a function: bind what it returns", id="function"),
        pytest.param(math, "a module, not a value", id="module"),
        pytest.param(Point, "a class, not a value", id="class"),
        pytest.param(object(), "of type object, which SQL cannot hold", id="object"),
        pytest.param(dt.timedelta(1), "total_seconds", id="timedelta"),
        pytest.param(pd.DataFrame({"a": [1]}), "goes after FROM or JOIN", id="frame"),
        pytest.param(
            {"a": object()}, "JSON cannot hold: something in it is", id="dict of anything"
        ),
    ],
)
def test_a_value_without_sql_form_is_named(value: Any, message: str) -> None:
    """The message names the parameter, the caret shows it."""
    with pytest.raises(ParameterError, match=message) as caught:
        bind("SELECT a\nFROM t WHERE a = max(:v)", {"v": value})

    assert str(caught.value).startswith(":v is ")
    assert caught.value.detail[:2] == (
        "  2 │ FROM t WHERE a = max(:v)",
        "    │                      ^^",
    )


def test_an_unknown_name_is_pointed_at_with_a_suggestion() -> None:
    """The commonest mistake deserves the best message."""
    with pytest.raises(ParameterError, match="no variable knid") as caught:
        bind("SELECT :knid", {"kind": 1, "other": 2})

    assert list(caught.value.detail) == [
        "  1 │ SELECT :knid",
        "    │        ^^^^^",
        "  did you mean kind?",
    ]


def test_an_unknown_name_in_an_expression_is_pointed_at_itself() -> None:
    """Not the whole expression."""
    with pytest.raises(ParameterError, match="no variable sinc") as caught:
        bind("SELECT :{1 + sinc}", {"since": 1})

    assert caught.value.detail[1] == "    │              ^^^^"


@pytest.mark.parametrize("sql", ["SELECT :{}", "SELECT :{1 +}", "SELECT :{x = 1}", "SELECT :{"])
def test_what_is_no_expression_says_so(sql: str) -> None:
    """Python's own message is kept."""
    with pytest.raises(ParameterError, match="holds no Python expression"):
        bind(sql, {})


def test_an_expression_that_raises_keeps_its_reason() -> None:
    """``%tb`` shows the user's own error."""
    with pytest.raises(ParameterError, match=r":\{1 / 0\} raised ZeroDivisionError") as caught:
        bind("SELECT :{1 / 0}", {})

    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_comprehensions_see_the_namespace() -> None:
    """``eval`` with a mapping of locals would not let them."""
    bound = bind("SELECT :{sum(x for x in items if x > least)}", {"items": [1, 5], "least": 2})

    assert bound.params == [5]


def test_builtins_are_for_expressions_only() -> None:
    """``:id`` that silently binds Python's ``id`` would be a riddle."""
    with pytest.raises(ParameterError, match="no variable id"):
        bind("SELECT :id", {})


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT ?, :v", r"\? and :v in one statement"),
        ("SELECT ?1", r"\?1 is not bound here: write \?"),
        ("SELECT @v", r"@v is not bound here: write :v"),
        ("SELECT $v", r"\$v is not bound here: write :v"),
        ("SELECT :1", r":1 is not bound here: write \?"),
        ("SELECT ?", r"1 \? but 0 values"),
        ("SELECT a::text", r":: is not an operator of SQLite: write CAST"),
    ],
)
def test_ways_that_cannot_go_together_are_refused(sql: str, message: str) -> None:
    """SQLite would bind NULL to what nobody gave a value."""
    with pytest.raises(ParameterError, match=message):
        bind(sql, {"v": 1})


def test_positional_values_are_bound_in_order(database: apsw.Connection) -> None:
    """A ``?`` in a string is a character."""
    bound = bind("SELECT ?, '?', ?", {}, params=[1, b"x"])

    assert run(database, bound) == [(1, "?", b"x")]
    with pytest.raises(ParameterError, match=r"2 \? but 1 values"):
        bind("SELECT ?, ?", {}, params=[1])


def test_a_parameter_used_twice_is_two_values() -> None:
    """Positions are all the wire has."""
    assert bind("SELECT :v, :v", {"v": 3}).params == [3, 3]


def test_digits_after_a_mark_do_not_number_it(database: apsw.Connection) -> None:
    """``?`` followed by ``1`` would be SQLite's first parameter."""
    bound = bind("SELECT :{v}1", {"v": 5})

    assert bound.sql == "SELECT ? 1"


def test_a_moment_beside_milliseconds_is_milliseconds(database: apsw.Connection) -> None:
    """As text it would compare as greater than every event."""
    moment = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for condition in (
        "timestamp_ms > :t", "e.timestamp_ms BETWEEN :t AND :t", ":t < e.timestamp_ms",
        ":t >= timestamp_ms", 'e."timestamp_ms" = :t',
    ):  # fmt: skip
        bound = bind(f"SELECT * FROM e WHERE {condition}", {"t": moment})

        assert set(bound.params) == {1_704_067_200_000}
    assert bind("SELECT :t", {"t": moment}).params == ["2024-01-01 00:00:00+00:00"[:19]]


def test_identifiers_are_quoted(database: apsw.Connection) -> None:
    """A table's name cannot be a parameter in SQL; here it can, safely."""
    database.execute('CREATE TABLE "odd ""name"(a); INSERT INTO "odd ""name" VALUES (1)')
    found = run(database, bind("SELECT ${col} FROM ${tbl}", {"col": "a", "tbl": 'odd "name'}))
    qualified = run(
        database, bind("SELECT ${x} FROM ${('main', t)}", {"x": (t := 'odd "name', "a"), "t": t})
    )

    assert found == [(1,)]
    assert qualified == [(1,)]


@pytest.mark.parametrize("value", [1, "", "a\0b", [], None])
def test_an_identifier_is_a_text(value: Any) -> None:
    """Nothing else may become part of the statement."""
    with pytest.raises(ParameterError, match="an identifier is a text"):
        bind("SELECT ${name}", {"name": value})


def test_what_was_bound_is_told() -> None:
    """``--dry-run`` shows this."""
    bound = bind("SELECT :a, ${b} WHERE 1 IN :c", {"a": "x", "b": "col", "c": [1, 2]})

    assert bound.values == [
        (":a", "str", "?"),
        ("${b}", "str, identifier", '"col"'),
        (":c", "list, 2 values", "(?, ?)"),
    ]


@given(sql=AROUND)
def test_positions_map_back_to_the_source(sql: str) -> None:
    """The caret of an error in what was sent stands in what was written."""
    try:
        bound = bind(sql, {"v": "a value", "name": "a name"})
    except ParameterError:
        return
    for token in significant(tokenize(bound.sql)):
        place = bound.source_position(token.start)

        if token.kind not in ("variable", "quoted"):
            assert sql[place : place + len(token.text)] == token.text


def test_json_can_be_bound_on_purpose(database: apsw.Connection) -> None:
    """The way out that the error message names works."""
    [(found,)] = run(database, bind("SELECT :{json.dumps(kinds)}", {"json": json, "kinds": [1]}))

    assert found == "[1]"


@pytest.mark.parametrize(
    ("sql", "message", "carets"),
    [
        ("SELECT\u00a01 AS a", r"U\+00A0 \(no-break space\) is not SQL: type a space", 12),
        (
            "SELECT \u2018x\u2019 AS a",
            r"U\+2018 \(left single quotation mark\).* type '",
            13,
        ),
        ("SELECT a\u200b FROM t", r"U\+200B \(zero width space\) is not SQL: delete it", 14),
        ("SELECT 1 \u2264 2", r"U\+2264 \(less-than or equal to\) is not SQL: type <=", 15),
    ],
)
def test_pasted_characters_are_named_with_what_to_type(sql: str, message: str, carets: int) -> None:
    """SQLite would speak of a column that nobody sees a difference to."""
    with pytest.raises(ParameterError, match=message) as caught:
        bind(sql, {})

    assert caught.value.detail[1].index("^") == carets


def test_letters_of_any_script_are_names_and_texts_hold_what_they_hold() -> None:
    """Only what cannot be meant is refused."""
    sql = "SELECT größe, \"a\u00a0b\", '\u2018x\u2019' FROM t -- \u00a0"

    assert bind(sql, {}).sql == sql
