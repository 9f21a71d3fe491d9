"""An axon as a DB-API 2.0 connection, for tools that take one (PEP 249).

::

    connection = axon_notebook.dbapi.connect(axon)
    pandas.read_sql("SELECT * FROM rl_axon_events WHERE sequence > ?", connection, params=[40])

Every ``execute`` is a transaction of its own, and so is ``executemany`` up to
100 rows: the API keeps no transaction open between requests.  Results are
fetched whole, past the server's row limit.

Source: https://peps.python.org/pep-0249/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

from .closing import Closing
from .errors import AxonError, ParameterError, SqlError
from .models import SqlResult
from .paging import whole_result
from .sql.binding import bind
from .sql.columns import columns_of
from .sql.forms import as_rows
from .sql.splitting import verb_of

if TYPE_CHECKING:
    from .axon import Axon

__all__ = [
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

apilevel: Final = "2.0"
threadsafety: Final = 2  # threads may share the module and connections
paramstyle: Final = "qmark"

#: Statements of one batch.
MOST_STATEMENTS: Final = 100

Row = tuple[object, ...]
Description = list[tuple[str, str | None, None, None, None, None, bool]]


class Warning(Exception):
    """Part of the interface; never raised."""


class Error(Exception):
    """The root of this module's errors; chained to the :class:`AxonError`."""


class InterfaceError(Error):
    """The interface was used wrongly: something is closed."""


class DatabaseError(Error):
    """Something went wrong on the way to the axon or in it."""


class DataError(DatabaseError):
    """A value has no form in SQL."""


class OperationalError(DatabaseError):
    """The server cannot be reached, or could not do it."""


class IntegrityError(DatabaseError):
    """A constraint of a table was violated."""


class InternalError(DatabaseError):
    """Part of the interface; never raised."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or names what is not there."""


class NotSupportedError(DatabaseError):
    """Axons have no such thing."""


def connect(axon: Axon) -> Connection:
    """Return a connection to *axon*; it borrows the axon's client and closes nothing."""
    return Connection(axon)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SqlError as error:
        raise _kind_of(str(error))(str(error)) from error
    except ParameterError as error:
        raise DataError(str(error)) from error
    except AxonError as error:
        raise OperationalError(str(error)) from error


def _kind_of(message: str) -> type[DatabaseError]:
    if "constraint failed" in message:
        return IntegrityError
    if any(sign in message for sign in ("syntax error", "no such", "incomplete input", "? but")):
        return ProgrammingError
    return OperationalError


class Connection(Closing):
    """A connection to one axon; threads may share it."""

    Warning = Warning
    Error = Error
    InterfaceError = InterfaceError
    DatabaseError = DatabaseError
    DataError = DataError
    OperationalError = OperationalError
    IntegrityError = IntegrityError
    InternalError = InternalError
    ProgrammingError = ProgrammingError
    NotSupportedError = NotSupportedError

    def __init__(self, axon: Axon) -> None:
        self.axon = axon
        self._closed = False
        self._wrote = False

    def __repr__(self) -> str:
        return f"<DB-API connection to {self.axon!r}>"

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        self.check_open()
        return Cursor(self)

    def execute(self, operation: str, parameters: Sequence[object] = ()) -> Cursor:
        """Execute on a new cursor and return it, as ``sqlite3`` does."""
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        """Nothing to do: what was executed is stored."""
        self.check_open()
        self._wrote = False

    def rollback(self) -> None:
        """Nothing to do if nothing was written.

        Raises:
            NotSupportedError: If something was written since the last commit:
                it is stored, and cannot be taken back.
        """
        self.check_open()
        if self._wrote:
            raise NotSupportedError(
                "every statement is stored when it is executed: use axon.batch for a transaction"
            )

    def close(self) -> None:
        """Refuse further use; idempotent."""
        self._closed = True

    def check_open(self) -> None:
        """Raise :class:`InterfaceError` if the connection is closed."""
        if self._closed:
            raise InterfaceError("this connection is closed: connect again")

    def note_write(self) -> None:
        """Remember that something was stored that no rollback takes back."""
        self._wrote = True


class Cursor(Closing):
    """One statement at a time, and its rows; belongs to one thread.

    Attributes:
        description: Seven values per column of the last result, or ``None``.
        rowcount: Rows of the last result, or rows it changed; -1 before.
        arraysize: How many rows ``fetchmany`` returns.
        lastrowid: Always ``None``: the API does not tell.
    """

    arraysize = 1
    lastrowid: None = None

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.description: Description | None = None
        self.rowcount = -1
        self._rows: Iterator[Row] | None = None
        self._closed = False

    def execute(self, operation: str, parameters: Sequence[object] = ()) -> Self:
        """Execute one statement; ``?`` takes its value from *parameters*."""
        self._check()
        with _translated():
            result = self._whole(*_bound(operation, parameters))
        self._take(result)
        if not _reads(operation):
            self.connection.note_write()
        return self

    def executemany(self, operation: str, seq_of_parameters: Sequence[Sequence[object]]) -> Self:
        """Execute once per row of parameters; up to 100 of them are one transaction."""
        self._check()
        rows = list(seq_of_parameters)
        changed = 0
        for start in range(0, len(rows), MOST_STATEMENTS):
            with _translated():
                batch = [_bound(operation, row) for row in rows[start : start + MOST_STATEMENTS]]
                results = self.connection.axon.batch(batch)
            self.connection.note_write()
            changed += sum(result.meta.changes for result in results)
        self.description, self._rows, self.rowcount = None, None, changed
        return self

    def _whole(self, sql: str, params: Sequence[object]) -> SqlResult:
        axon = self.connection.axon
        result = axon.execute(sql, params)
        if result.meta.rows_read_limit_reached and _reads(sql):
            return whole_result(axon, sql, params, result)
        return result

    def _take(self, result: SqlResult) -> None:
        columns = columns_of(result)
        self.description = [
            (answered.name, column.declared or None, None, None, None, None, True)
            for answered, column in zip(result.columns, columns, strict=True)
        ] or None
        self.rowcount = len(result.rows) if columns else result.meta.changes
        self._rows = iter(as_rows(columns, len(result.rows))) if columns else None

    def fetchone(self) -> Row | None:
        """Return the next row, or ``None``."""
        return next(self._result(), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next rows, at most *size* or ``arraysize``."""
        rows = self._result()
        wanted = self.arraysize if size is None else size
        return [row for _, row in zip(range(wanted), rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        return list(self._result())

    def __iter__(self) -> Iterator[Row]:
        return self._result()

    def _result(self) -> Iterator[Row]:
        self._check()
        if self._rows is None:
            raise ProgrammingError("no result to fetch from: execute a SELECT first")
        return self._rows

    def close(self) -> None:
        """Forget the result; idempotent."""
        self._closed = True
        self._rows = None

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Part of the interface; does nothing."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Part of the interface; does nothing."""

    def _check(self) -> None:
        self.connection.check_open()
        if self._closed:
            raise InterfaceError("this cursor is closed: make a new one")


def _bound(
    operation: str, parameters: Sequence[object] | Mapping[str, object]
) -> tuple[str, list[object]]:
    if isinstance(parameters, Mapping):
        bound = bind(operation, parameters)
    else:
        bound = bind(operation, {}, params=list(parameters))
    return bound.sql, bound.params


def _reads(sql: str) -> bool:
    return verb_of(sql) in ("SELECT", "VALUES", "EXPLAIN", "PRAGMA")
