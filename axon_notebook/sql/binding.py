"""Python values in SQL: bound, never spliced.

``:name`` and ``:{expression}`` become ``?`` with the value next to the
statement; ``${name}`` becomes a quoted identifier.  Whatever text a value
holds, the statement's tokens stay as they were written.  A list fits where a
list belongs (``IN :kinds``), a DataFrame where a table belongs (``FROM :df``).
"""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from ..errors import ParameterError
from .as_of import check_bound, history_reads
from .carets import caret_lines
from .fragments import identifier_fragment, list_fragment, table_fragment
from .pasted import pasted_character
from .supplied import QUALIFIER, SuppliedTables, supplied_fragment, supplied_tables
from .tables import (
    EVENTS_SQL,
    FUNCTIONS,
    HISTORY,
    TableName,
    events_alias,
    may_be_alias,
    table_names,
    with_names,
)
from .tokens import Token, quote_identifier, significant, tokenize
from .values import Fragment, Refused, TooLarge, elements, is_many, is_table, scalar, table

__all__ = ["BoundStatement", "BoundValue", "bind", "find_pasted"]

#: SQLite's limit on ``?`` in one statement.
MOST_PARAMETERS: Final = 32_766


class BoundValue(NamedTuple):
    """One value that a statement takes from Python.

    Attributes:
        source: As written: ``:kind``, ``:{since - 1}``, ``${column}``.
        kind: Its Python type, and how it travels if that is not plain.
        sql: What stands in its place.
    """

    source: str
    kind: str
    sql: str


class BoundStatement(NamedTuple):
    """A statement as it is sent.

    Attributes:
        sql: With ``?`` for every value.
        params: The values, in the order of the ``?``.
        values: Where they came from, in the same order as written.
        source: As it was written.
        map: Pairs (position in ``sql``, position in ``source``) where the two run apart.
        local: Supplied tables that are too large to be sent: the statement, which reads nothing
            but these and events, still has their names, and has to run where they are.
    """

    sql: str
    params: list[Any]
    values: list[BoundValue]
    source: str
    map: list[tuple[int, int]]
    local: frozenset[str] = frozenset()

    def source_position(self, position: int) -> int:
        """Return where in ``source`` the character at *position* of ``sql`` comes from."""
        before = [pair for pair in self.map if pair[0] <= position]
        start, source = before[-1] if before else (0, 0)
        # Inside of a replacement every character comes from the mark's first.
        following = [pair for pair in self.map if pair[0] > position]
        limit = following[0][1] if following else len(self.source)
        return min(source + position - start, limit)


def bind(
    sql: str,
    lookup: Mapping[str, Any],
    *,
    params: Sequence[Any] | None = None,
    events: bool = False,
    supplied: SuppliedTables | None = None,
    alone: bool = True,
    as_of: int | None = None,
) -> BoundStatement:
    """Return the statement *sql* with its marks replaced and their values next to it.

    Args:
        sql: One statement.
        lookup: Where names are looked up; builtins are only seen inside
            ``:{…}``.
        params: Values for plain ``?``, which exclude ``:name`` and ``:{…}``.
        events: Whether ``events``, read as a table, means the event history
            with readable origins; for axons without a table of that name.
        supplied: Tables whose rows are sent with the statement.
        alone: Whether it may run apart from others: see :attr:`BoundStatement.local`.
        as_of: Read the event history up to this sequence only.

    Raises:
        ParameterError: For an unknown name, a value SQL cannot hold, or marks
            that cannot go together; the detail points at the mark.
    """
    binder = _Binder(sql, lookup, params, events, supplied, alone, as_of)
    bound = binder.bind()
    if as_of is not None:
        check_bound(bound.sql, as_of, len(binder.aliases) + len(binder.history))
    return bound


class _Binder:
    """One statement on its way to be bound."""

    def __init__(
        self,
        sql: str,
        lookup: Mapping[str, Any],
        params: Sequence[Any] | None,
        events: bool,
        supplied: SuppliedTables | None,
        alone: bool,
        as_of: int | None,
    ) -> None:
        self.source = sql
        self.lookup = lookup
        self.tokens = tokenize(sql)
        self.words = significant(self.tokens)
        self.places = {token.start: place for place, token in enumerate(self.words)}
        self.positional = list(params or ())
        aliases = events_alias(self.tokens) if events else []
        self.aliases = {table.token.start: table for table in aliases}
        self.supplied = supplied
        self.local: set[str] = set()
        history = history_reads(self.tokens) if as_of is not None else []
        self.history = {table.token.start: table for table in history}
        self.until = "" if as_of is None else f" WHERE sequence <= {int(as_of)}"
        self.tables: dict[int, tuple[TableName, list[Token]]] = {}
        for named, name in supplied_tables(self.tokens, supplied.names) if supplied else ():
            if supplied and supplied.means_ours(named, name):
                self.tables[name[0].start] = (named, name)
        self.hidden = {t.start for _, name in self.tables.values() for t in name[1:]}
        self.may_be_local = alone and self._reads_nothing_else()
        self.parts: list[str] = []
        self.params: list[Any] = []
        self.values: list[BoundValue] = []
        self.map: list[tuple[int, int]] = []
        self.length = 0

    def bind(self) -> BoundStatement:
        self._check_variables()
        for token in self.tokens:
            if token.kind in ("parameter", "expression", "identifier"):
                self._replace(token)
            elif token.kind == "variable":
                self._replace_positional(token)
            elif token.start in self.tables:
                self._supply(token, *self.tables[token.start])
            elif token.start in self.hidden:
                continue
            elif token.start in self.aliases:
                named = "" if self.aliases[token.start].has_alias else " AS events"
                self._put(token, f"{EVENTS_SQL[:-1]}{self.until}){named}")
            elif token.start in self.history:
                named = "" if self.history[token.start].has_alias else f" AS {HISTORY}"
                self._put(token, f"(SELECT * FROM {HISTORY}{self.until}){named}")
            else:
                self._write(token.text)
        if len(self.params) > MOST_PARAMETERS:
            raise ParameterError(
                f"{len(self.params)} values in one statement, SQLite takes {MOST_PARAMETERS}: "
                "load them into a table with %axon load"
            )
        return BoundStatement(
            "".join(self.parts),
            self.params,
            self.values,
            self.source,
            self.map,
            frozenset(self.local),
        )

    def _reads_nothing_else(self) -> bool:
        """Whether all its tables are supplied ones, the history, or its own ``WITH``."""
        ours = {table.token.start for table, _ in self.tables.values()} | set(self.aliases)
        known = {*with_names(self.tokens), HISTORY, *FUNCTIONS}
        return all(
            table.reads and (table.token.start in ours or table.name.lower() in known)
            for table in table_names(self.tokens)
        )

    def _check_variables(self) -> None:
        """Refuse SQLite's own named variables, and ``?`` that have no or too many values."""
        if (pasted := _find_pasted(self.source, self.words)) is not None:
            raise pasted
        for token in self.words:
            if token.text == "::":
                raise self._error(":: is not an operator of SQLite: write CAST(… AS …)", token)
            if token.text == ":":
                raise self._error("a colon that starts no :name: is a quote missing?", token)
        variables = [token for token in self.words if token.kind == "variable"]
        for token in variables:
            if token.text != "?":
                name = token.text.lstrip("?@#$:")
                way = "?" if name.isdigit() else f":{name}"
                raise self._error(f"{token.text} is not bound here: write {way}", token)
        marks = [token for token in self.words if token.kind in ("parameter", "expression")]
        if variables and marks:
            raise self._error(
                f"? and {marks[0].text} in one statement: use one way to give values", variables[0]
            )
        if len(variables) != len(self.positional):
            given, wanted = len(self.positional), len(variables)
            message = f"{wanted} ? but {given} values: give as many, or write :name"
            raise ParameterError(message) if given else self._error(message, variables[0])

    def _replace_positional(self, token: Token) -> None:
        value = self.positional.pop(0)
        try:
            fragment = scalar(value)
        except Refused as refusal:
            raise self._error(f"the value of ? is {refusal}", token) from None
        self._insert(token, fragment, value, "")

    def _replace(self, token: Token) -> None:
        value = self._value_of(token)
        try:
            fragment, how = self._fragment(token, value)
        except Refused as refusal:
            raise self._error(f"{token.text} is {refusal}", token) from None
        self._insert(token, fragment, value, how)

    def _supply(self, token: Token, table: TableName, name: list[Token]) -> None:
        """Write a sub-select over rows that are sent with the statement."""
        assert self.supplied is not None
        try:
            fragment = supplied_fragment(table, self.tokens, self.supplied)
        except TooLarge as refusal:
            if not self.may_be_local:
                raise self._error(f"{table.name} is {refusal}", name[-1]) from None
            self.local.add(table.name.lower())
            self._put(token, f"{QUALIFIER}.{table.name}")
            return
        alias = "" if table.has_alias else f" AS {table.name}"
        self._insert(token, fragment._replace(sql=fragment.sql + alias), [], "rows of the trace")

    def _insert(self, token: Token, fragment: Fragment, value: Any, how: str) -> None:
        kind = type(value).__name__ + (f", {how}" if how else "")
        self.values.append(BoundValue(token.text, kind, fragment.sql))
        self.params += fragment.params
        self._put(token, fragment.sql)

    def _put(self, token: Token, text: str) -> None:
        """Write *text* in the place of *token*."""
        self.map.append((self.length, token.start))
        self._write(self._padded(token, text))
        self.map.append((self.length, token.end))

    def _write(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def _padded(self, token: Token, text: str) -> str:
        """Keep *text* from growing together with its neighbours (``? 1``, ``"a" "b"``)."""
        before, after = self.source[token.start - 1 : token.start], self.source[token.end :][:1]
        left = " " if before and (before.isalnum() or before in '_$"?') else ""
        right = " " if after and (after.isalnum() or after in '_$"?' or after > "\x7f") else ""
        return left + text + right

    # What a mark stands for

    def _value_of(self, token: Token) -> Any:
        if token.kind == "parameter":
            return self._known(token.text[1:], token)
        return self._evaluate(token)

    def _known(self, name: str, token: Token) -> Any:
        try:
            return self.lookup[name]
        except KeyError:
            raise self._unknown(name, token) from None

    def _unknown(self, name: str, token: Token) -> ParameterError:
        names = [known for known in self.lookup if not known.startswith("_")]
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]}?" if close else f"set {name} in an earlier cell"
        offset = token.text.find(name)
        whole = token.kind == "parameter" or offset < 0
        where = token if whole else Token("word", name, token.start + offset)
        return self._error(f"no variable {name}", where, hint)

    def _evaluate(self, token: Token) -> Any:
        """Evaluate ``:{…}`` or ``${…}`` with the names it uses."""
        code, brace, _ = token.text[2:].rpartition("}")
        if not code.strip() or not brace:
            raise self._error(f"{token.text} holds no Python expression", token)
        try:
            # In brackets, so that the expression may begin on its own line.
            tree = ast.parse(f"(\n{code}\n)", mode="eval")
            compiled = compile(tree, f"<{token.text}>", "eval")
        except (SyntaxError, ValueError, RecursionError) as error:
            raise self._error(f"{token.text} holds no Python expression: {error}", token) from error
        # Globals, not locals: a comprehension sees nothing else.
        scope: dict[str, Any] = {"__builtins__": builtins}
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in self.lookup:
                scope[node.id] = self.lookup[node.id]
        try:
            return eval(compiled, scope)  # the user's own expression, in the user's own process
        except NameError as error:
            raise self._unknown(error.name or token.text, token) from None
        except Exception as error:
            kind = type(error).__name__
            raise self._error(f"{token.text} raised {kind}: {error}", token) from error

    def _fragment(self, token: Token, value: Any) -> tuple[Fragment, str]:
        """Return what stands for *value* at this place, and how it travels."""
        if token.kind == "identifier":
            return identifier_fragment(value), "identifier"
        place = self.places[token.start]
        if self._table_place(place, value):
            return self._table(token, value), "table"
        in_list, bracketed = self._list_place(place)
        if is_many(value) and in_list:
            return list_fragment(elements(value), bracketed)
        milliseconds = self._compared_with_milliseconds(place)
        fragment = scalar(value, milliseconds=milliseconds)
        plain = fragment.params[0] if fragment.params else None
        moment = milliseconds and isinstance(plain, int) and not isinstance(value, int | float)
        return fragment, "as milliseconds" if moment else ""

    def _follows(self, place: int, *words: str) -> bool:
        return place > 0 and self.words[place - 1].is_word(*words)

    def _table_place(self, place: int, value: Any) -> bool:
        """Whether a table must, or can, stand here."""
        if self._follows(place, "FROM", "JOIN"):
            return True
        return is_table(value) and place > 0 and self.words[place - 1].text == ","

    def _list_place(self, place: int) -> tuple[bool, bool]:
        """Whether a list may stand here, and whether it is in brackets already."""
        if self._follows(place, "IN"):
            return True, False
        depth = 0
        for index in range(place - 1, 0, -1):
            text = self.words[index].text
            depth += (text == ")") - (text == "(")
            if depth < 0:
                query = self.words[index + 1].is_word("SELECT", "VALUES", "WITH")
                return self._follows(index, "IN") and not query, True
        return False, False

    def _compared_with_milliseconds(self, place: int) -> bool:
        """Whether the value is compared with a column named ``…_ms``.

        A moment bound as text would compare as greater than every integer.
        """
        before = [token.text.upper() for token in self.words[max(place - 4, 0) : place]]
        after = [token.text.upper() for token in self.words[place + 1 : place + 6]]
        comparisons = {"=", "==", "<>", "!=", "<", "<=", ">", ">=", "BETWEEN", "IS"}
        if len(before) >= 2 and before[-1] in comparisons and _names_milliseconds(before[-2]):
            return True
        if before[-1:] == ["AND"] and before[1:2] == ["BETWEEN"]:
            return _names_milliseconds(before[0])
        if after[:1] and after[0] in comparisons:
            # `:since < e.timestamp_ms`: the qualifier comes first.
            named = after[3] if after[2:3] == ["."] else (after[1:2] or [""])[0]
            return _names_milliseconds(named)
        return False

    def _table(self, token: Token, value: Any) -> Fragment:
        names, columns = table(value)
        if not names:
            raise Refused("a table without columns")
        fragment = table_fragment(names, columns)
        place = self.places[token.start]
        following = self.words[place + 1] if place + 1 < len(self.words) else None
        if token.kind == "parameter" and not (following and may_be_alias(following)):
            return Fragment(
                f"{fragment.sql} AS {quote_identifier(token.text[1:])}", fragment.params
            )
        return fragment

    def _error(self, message: str, token: Token, hint: str = "") -> ParameterError:
        lines = caret_lines(self.source, token.start, len(token.text))
        return ParameterError(message, detail=[*lines, *([f"  {hint}"] if hint else [])])


def find_pasted(sql: str) -> ParameterError | None:
    """Return the complaint about a character that was pasted into *sql*, its place as detail."""
    return _find_pasted(sql, significant(tokenize(sql)))


def _find_pasted(sql: str, words: Sequence[Token]) -> ParameterError | None:
    for token in words:
        if (pasted := pasted_character(token)) is not None:
            place, name, way_out = pasted
            detail = caret_lines(sql, token.start + place, 1)
            return ParameterError(f"{name} is not SQL: {way_out}", detail=detail)
    return None


def _names_milliseconds(text: str) -> bool:
    return text.strip('"`[]').endswith("_MS")
