"""Statements of users: checked, run, and their values turned into JSON's.

How values leave (this service's choice where the API is silent):

* INTEGER is a number, exact over 64 bits.  REAL is a number; the infinities
  are the texts ``"Infinity"`` and ``"-Infinity"`` (SQLite stores NaN as NULL) in a
  column whose ``type`` is ``"REAL"``, which a column gets that holds one and no TEXT.
* A BLOB is base64 text, in a column whose ``type`` is ``"BLOB"``: a column that
  holds a BLOB and no TEXT gets that type.  In a column with that type every text
  is base64.
* Where a column holds both, its texts stay as they are, and a BLOB is the object
  ``{"blob": base64}``, an infinity ``{"real": "Infinity"}``.  Such a column, and
  one declared ``BLOB`` that holds texts alone, has the type ``"TEXT"``.
* TEXT that is not UTF-8 has U+FFFD where it is wrong.

And how they come in: null, numbers of 64 bits, text; true and false are 1 and 0.
"""

from __future__ import annotations

import base64
import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final, NamedTuple

import apsw

from ...models import SqlColumn, SqlMeta, SqlResult
from ..refusals import Refusal
from .authorizer import Authorizer
from .limits import Limits, storage_busy, storage_damaged, storage_full

__all__ = ["NeedsWriter", "SqlConnection", "Statement", "checked", "refusal_for"]

Value = int | float | str | None

FEW_ROWS: Final = 4  # taken first, when nothing is known of their size
MANY_ROWS: Final = 256

#: What may follow the one statement: blanks, semicolons, comments.
_NOTHING: Final = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|$)|/\*(?:(?!\*/).)*(?:\*/|$))*", re.DOTALL)

_USAGE: Final = "SELECT pages FROM main.rl_usage"
_STRANGERS: Final = r"""
SELECT count(*) FROM main.sqlite_schema WHERE name LIKE 'rl\_%' ESCAPE '\'
AND name NOT IN ('rl_axon_events', 'rl_requests', 'rl_usage')"""


class NeedsWriter(Exception):
    """The statement writes; it has to run on the axon's writing connection."""


class Statement(NamedTuple):
    """One statement with its positional parameters, both checked."""

    sql: str
    params: tuple[Value, ...]


def checked(sql: str, params: Sequence[object] | None, limits: Limits) -> Statement:
    """Return the statement, or raise :class:`Refusal` (400) with what is wrong."""
    try:
        size = len(sql.encode())
    except UnicodeEncodeError:
        raise Refusal(400, "SQL has an unpaired surrogate.") from None
    if size > limits.sql_text_bytes:
        raise Refusal(400, f"SQL is longer than {limits.sql_text_bytes} bytes: it has {size}.")
    if "\0" in sql:
        raise Refusal(400, "SQL has a NUL character: bind it as a parameter.")
    if _NOTHING.fullmatch(sql):
        raise Refusal(400, "SQL is empty.")
    return Statement(sql, tuple(_bindable(i, value) for i, value in enumerate(params or (), 1)))


class SqlConnection:
    """A connection on which statements of users run, one thread at a time.

    Args:
        connection: The open connection; its authorizer becomes ours.
        limits: Rows, bytes and times.
        writes: Whether statements may write.
    """

    def __init__(self, connection: apsw.Connection, limits: Limits, *, writes: bool) -> None:
        self.connection = connection
        self._limits = limits
        self._writes = writes
        self._rules = Authorizer()
        self._text = ""
        self._left = b""
        self._columns: list[SqlColumn] = []
        connection.authorizer = self._rules

    def run(self, statement: Statement) -> SqlResult:
        """Run *statement*; raise :class:`NeedsWriter`, :class:`Refusal` or SQLite's error."""
        started = time.perf_counter()
        try:
            table = self._table(statement, ())
        except UnicodeDecodeError:
            table = self._table_of_bytes(statement)
        self._check_names()
        meta = SqlMeta(
            duration_ms=round((time.perf_counter() - started) * 1000, 3),
            changes=self._changes(),
            rows_read_limit_reached=table.cut,
        )
        return SqlResult(columns=table.columns, rows=table.rows, meta=meta)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep everything or nothing of what runs inside.

        What users add to the file is counted in pages, so that the tables of
        one axon cannot fill the disk; events do not count.
        """
        self._own("BEGIN IMMEDIATE")
        try:
            counted = self._make_room()
            yield
            self._own("UPDATE main.rl_usage SET pages = pages + ?", self._pages() - counted)
            self._own("COMMIT")
        except BaseException:
            # A full disk may have rolled back already.
            if self.connection.in_transaction:
                self._own("ROLLBACK")
            raise

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @property
    def reason(self) -> str | None:
        """Why the last statement was denied by the authorizer."""
        return self._rules.reason

    def _make_room(self) -> int:
        """Bound how far the file may grow; return how many of its pages are in use."""
        room = self._limits.sql_database_bytes // 4096 - int(self._own(_USAGE))
        # A little is always left, to delete and drop with.
        bound = int(self._own("PRAGMA main.page_count")) + max(room, 16)
        self._own(f"PRAGMA main.max_page_count = {bound}")
        return self._pages()

    def _pages(self) -> int:
        free = self._own("PRAGMA main.freelist_count")
        return int(self._own("PRAGMA main.page_count")) - int(free)

    def _check_names(self) -> None:
        # The authorizer is told the old name of a table that is renamed, not the new one.
        if self._rules.altering and self._own(_STRANGERS):
            raise Refusal(400, "names with rl_ are the service's own: choose another.")

    def _own(self, sql: str, *params: Value) -> Any:
        """Run a statement of the service; return the first value."""
        self.connection.authorizer = None
        try:
            row: Any = self.connection.execute(sql, params).fetchone()
        finally:
            self.connection.authorizer = self._rules
        return row[0] if row else None

    def _table(self, statement: Statement, columns: Sequence[SqlColumn]) -> _Table:
        cursor = self._execute(statement)
        try:
            rows = map(_decoded, cursor) if columns else cursor
            return _Table(columns or self._columns, rows, self._limits)
        finally:
            # By force: a statement may be left over, and is not going to run.
            cursor.close(True)

    def _table_of_bytes(self, statement: Statement) -> _Table:
        """Read texts as bytes and decode them here: apsw decodes strictly."""
        if self._writes:
            raise Refusal(400, "a text is not UTF-8: use hex() of it instead.")
        names = [f"c{i}" for i in range(len(self._columns))]
        values = ", ".join(
            f"typeof({n}), CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) ELSE {n} END"
            for n in names
        )
        inner = self._text.rstrip().removesuffix(";")
        sql = f"WITH q({', '.join(names)}) AS MATERIALIZED (\n{inner}\n) SELECT {values} FROM q"
        return self._table(Statement(sql, statement.params), self._columns)

    def _execute(self, statement: Statement) -> apsw.Cursor:
        """Start *statement*, if it is just one and may run here."""
        self._rules.begin()
        self._left = statement.sql.encode()
        cursor = self.connection.cursor()
        cursor.exec_trace = self._before
        # From apsw's cache it would run without asking the authorizer, which counts what changes.
        return cursor.execute(statement.sql, statement.params, can_cache=False)

    def _before(self, cursor: apsw.Cursor, text: str, bindings: object) -> bool:
        """Called by apsw between compiling a statement and its first step."""
        self._left = self._left[len(text.encode()) :]
        if _NOTHING.fullmatch(text):
            return True
        if not _NOTHING.fullmatch(self._left.decode()):
            raise Refusal(400, "SQL has more than one statement: send them as a batch.")
        if not self._writes and not cursor.is_readonly:
            raise NeedsWriter
        self._text = text
        self._columns = [SqlColumn(name, kind or "") for name, kind in cursor.get_description()]
        return True

    def _changes(self) -> int:
        counts = self._writes and self._rules.changing and not self._rules.defining
        return self.connection.changes() if counts else 0


class _Table:
    """Rows as JSON can carry them, up to the limits.

    Attributes:
        columns: Name and type; the type says where texts are encoded values.
        rows: Sequences in column order, as SQLite's binding made them where nothing had
            to be encoded: copying 10,000 of them takes a sixth of the whole query.
        cut: Whether there were more rows than the limits allow.
    """

    def __init__(
        self, columns: Sequence[SqlColumn], rows: Iterable[Sequence[object]], limits: Limits
    ) -> None:
        self.rows: list[Sequence[object]] = []
        self.cut = False
        self._blobs: set[int] = set()
        self._infinite: set[int] = set()
        self._take(iter(rows), limits)
        self.columns = list(columns)
        self._encode()

    def _take(self, rows: Iterator[Sequence[object]], limits: Limits) -> None:
        """Take rows by the handful, weighed column by column: that is what C is quick at."""
        room, handful = limits.sql_result_bytes, FEW_ROWS
        while taken := list(islice(rows, handful)):
            weight = self._weigh(taken)
            if weight > room or len(self.rows) + len(taken) > limits.sql_rows:
                self._take_what_fits(taken, room, limits)
                return
            self.rows += taken
            room -= weight
            # As many as are sure to fit into a part of what is left, so that memory is bounded.
            sure = room * len(taken) // (8 * max(1, weight))
            left = limits.sql_rows - len(self.rows) + 1
            handful = max(1, min(2 * handful, MANY_ROWS, sure, left))

    def _take_what_fits(self, rows: list[Sequence[object]], room: int, limits: Limits) -> None:
        for row in rows:
            room -= self._weigh([row])
            if room < 0 and not self.rows:
                raise Refusal(
                    400, f"a row is larger than {limits.sql_result_bytes} bytes: select less of it."
                )
            if room < 0 or len(self.rows) == limits.sql_rows:
                self.cut = True
                return
            self.rows.append(row)

    def _weigh(self, rows: list[Sequence[object]]) -> int:
        """Return about how many bytes the rows are; note the columns that need encoding."""
        weight = 8 * len(rows) * len(rows[0])
        for i, column in enumerate(zip(*rows, strict=True)):
            found = _uniform_weight(column)
            weight += self._mixed_weight(i, column) if found is None else found
        return weight

    def _mixed_weight(self, i: int, column: Sequence[object]) -> int:
        kinds = set(map(type, column))
        if bytes in kinds:
            self._blobs.add(i)
        if float in kinds and (math.inf in column or -math.inf in column):
            self._infinite.add(i)
        if str not in kinds and bytes not in kinds:
            return 0
        return sum(len(v) for v in column if isinstance(v, (str, bytes)))

    def _encode(self) -> None:
        """Make JSON of what is not, and say so in the column's type."""
        declared = {i for i, c in enumerate(self.columns) if c.type.upper() == "BLOB"}
        encoded = self._blobs | self._infinite
        mixed = {i for i in encoded | declared if any(isinstance(row[i], str) for row in self.rows)}
        for i in encoded | mixed:
            kind = "TEXT" if i in mixed else "BLOB" if i in self._blobs | declared else "REAL"
            self.columns[i] = SqlColumn(self.columns[i].name, kind)
        if encoded:
            self.rows[:] = rows = [list(row) for row in self.rows]
            for i in encoded:
                for row in rows:
                    row[i] = _json_value(row[i], tagged=i in mixed)


def _json_value(value: object, *, tagged: bool) -> object:
    """Return *value* as JSON carries it; *tagged* where its column holds texts as well."""
    if isinstance(value, bytes):
        text = base64.b64encode(value).decode()
        return {"blob": text} if tagged else text
    if isinstance(value, float) and math.isinf(value):
        text = "Infinity" if value > 0 else "-Infinity"
        return {"real": text} if tagged else text
    return value


def _uniform_weight(column: Sequence[Any]) -> int | None:
    """Return the weight of a column of texts alone, or of finite numbers alone.

    Joining and adding refuse everything else, and take a quarter of the time that
    asking each value for its type does.
    """
    try:
        if isinstance(column[0], str):
            return len("".join(column))
        return 0 if math.isfinite(sum(column)) else None
    except TypeError:
        return None


def refusal_for(error: Exception, reason: str | None = None) -> Refusal:
    """Return what to answer for an *error* out of SQLite or its binding.

    Args:
        error: An error of apsw, or of Python while values were bound.
        reason: Why the authorizer refused, if it did.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, apsw.FullError):
        return storage_full()
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return storage_busy()
    if _extended(error) == apsw.SQLITE_CORRUPT_VTAB:
        return Refusal(400, "the index of a virtual table does not match its content: rebuild it.")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.CantOpenError)):
        return storage_damaged()
    if isinstance(error, apsw.NoMemError):
        return Refusal(400, "SQL needs more memory than it may use.")
    if isinstance(error, apsw.BindingsError):
        return Refusal(400, _binding_message(str(error)))
    if isinstance(error, UnicodeError):
        return Refusal(400, "a text is not UTF-8: use hex() of it instead.")
    if isinstance(error, apsw.Error):
        # Older releases of apsw put the class in front.
        message = str(error).removeprefix(f"{type(error).__name__}: ")
        return Refusal(400, reason or _short(message))
    raise error


def _extended(error: Exception) -> int | None:
    return getattr(error, "extendedresult", None)


def _bindable(place: int, value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value if value is None else int(value)
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Refusal(400, f"parameter {place} is not a 64-bit integer: send it as text.")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Refusal(400, f"parameter {place} is {value}: send a finite number or null.")
        return value
    if isinstance(value, str):
        if not _encodable(value):
            raise Refusal(400, f"parameter {place} has an unpaired surrogate.")
        return value
    kind = "an array" if isinstance(value, (list, tuple)) else "an object"
    raise Refusal(400, f"parameter {place} is {kind}: send null, a number, text or a boolean.")


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decoded(row: Sequence[Any]) -> list[object]:
    """Undo the pairs of type and value that ``_table_of_bytes`` asked for."""
    pairs = zip(row[::2], row[1::2], strict=True)
    return [v.decode(errors="replace") if kind == "text" else v for kind, v in pairs]


def _binding_message(message: str) -> str:
    counts = re.search(r"uses (\d+) and there are (\d+)", message)
    if counts is None:
        return "the number of parameters does not fit the statement."
    return f"the statement has {counts[1]} parameters, but {counts[2]} values were sent."


def _short(message: str) -> str:
    # SQLite comes to ask about VACUUM only when it is under way.
    if message.startswith("cannot VACUUM"):
        return "VACUUM is not authorized."
    return message if len(message) <= 200 else f"{message[:197]}..."
