"""What an axon's database holds: tables, columns, and the statements that made them.

One ``SELECT`` on ``sqlite_master`` tells everything; the columns come from a
local database in memory in which the same statements are run again.  That
mirror also compiles a user's statement without a request, and says at which
character SQLite stumbles.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Self

import apsw

from ..closing import Closing
from ..models import EVENT_COLUMNS
from .splitting import split, verb_of
from .tokens import tokenize

__all__ = ["SCHEMA_QUERY", "ColumnInfo", "Complaint", "Mirror", "Schema", "TableInfo"]

#: Send this, and give the rows to :meth:`Schema.from_rows`.
SCHEMA_QUERY: Final = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"

#: The event history, where the server does not list it.
EVENTS_TABLE: Final = "rl_axon_events"
_EVENTS_DDL: Final = (
    f"CREATE TABLE {EVENTS_TABLE}({', '.join(map(' '.join, EVENT_COLUMNS.items()))})"
)

#: The mirror executes only what defines something; data and files are out of its reach.
_ALLOWED: Final = frozenset(
    {
        apsw.SQLITE_CREATE_TABLE,
        apsw.SQLITE_CREATE_INDEX,
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_CREATE_TRIGGER,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_ALTER_TABLE,
        apsw.SQLITE_INSERT,
        apsw.SQLITE_UPDATE,
        apsw.SQLITE_DELETE,
        apsw.SQLITE_READ,
        apsw.SQLITE_SELECT,
        apsw.SQLITE_FUNCTION,
        apsw.SQLITE_RECURSIVE,
        apsw.SQLITE_REINDEX,
    }
)
_PRAGMAS: Final = frozenset({"table_xinfo", "table_info", "table_list", "index_list", "index_info"})


class ColumnInfo(NamedTuple):
    """A column: its declared type (may be empty), and whether it must not be NULL."""

    name: str
    type: str
    not_null: bool
    primary_key: bool


class TableInfo(NamedTuple):
    """A table or view, with the statement that made it.

    ``columns`` is empty where it could not be found out (a virtual table).
    """

    name: str
    kind: str
    columns: tuple[ColumnInfo, ...]
    sql: str


class Complaint(NamedTuple):
    """What SQLite has against a statement.

    ``start`` counts characters of the statement; ``None`` if SQLite does not say.
    """

    message: str
    start: int | None


class Schema:
    """The tables of one axon at one moment; immutable.

    Attributes:
        tables: By name, in order of creation, the event history first.
        entries: The rows of ``sqlite_master`` it was made from.
        refused: Names whose definition the mirror does not understand, so that
            nothing can be said about them without asking the server.
    """

    def __init__(self, entries: Sequence[tuple[str, str, str]]) -> None:
        known = {name for _, name, _ in entries}
        missing = [] if EVENTS_TABLE in known else [("table", EVENTS_TABLE, _EVENTS_DDL)]
        self.entries = [*missing, *entries]
        with Mirror(self) as mirror:
            self.refused = frozenset(mirror.refused)
            self.tables = {
                name: TableInfo(name, kind, mirror.columns(name), sql)
                for kind, name, sql in sorted(self.entries, key=lambda e: e[1] != EVENTS_TABLE)
                if kind in ("table", "view") and not _is_internal(name)
            }

    @classmethod
    def from_rows(cls, rows: Iterable[Sequence[Any]]) -> Self:
        """Make it of the answer to :data:`SCHEMA_QUERY`."""
        return cls([(str(kind), str(name), str(sql)) for kind, name, sql in rows])

    def table(self, name: str) -> TableInfo | None:
        """Return the table *name*, whatever its case; ``events`` is the event history."""
        wanted = name.lower()
        for table in self.tables.values():
            if table.name.lower() == wanted:
                return table
        return self.tables[EVENTS_TABLE] if wanted == "events" else None

    @property
    def has_events(self) -> bool:
        """Whether the axon has its own table (or view) called ``events``."""
        return any(name.lower() == "events" for name in self.tables)


def _is_internal(name: str) -> bool:
    """Whether *name* is SQLite's or the server's own, which users cannot read."""
    return name.startswith(("sqlite_", "rl_")) and name != EVENTS_TABLE


class Mirror(Closing):
    """A database in memory with a schema's definitions and no data.

    Lives for one check; close it, or use it in a ``with``.

    Attributes:
        refused: Names of definitions this SQLite does not understand.
    """

    def __init__(self, schema: Schema) -> None:
        self._database = apsw.Connection(":memory:")
        self._database.authorizer = _authorize
        # Definitions come from the server: they may not call anything unusual either.
        self._database.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        self.refused = [name for _, name, sql in schema.entries if not self._define(sql)]

    def close(self) -> None:
        """Forget everything; idempotent."""
        self._database.close()

    def columns(self, table: str) -> tuple[ColumnInfo, ...]:
        """Return the columns of *table*; none if the mirror does not have it."""
        try:
            rows = list(
                self._database.execute(
                    'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(?) WHERE hidden <> 1',
                    (table,),
                )
            )
        except apsw.Error:
            return ()  # a view on something that this SQLite does not know
        return tuple(ColumnInfo(n, kind or "", bool(nn), bool(pk)) for n, kind, nn, pk in rows)

    def check(self, sql: str) -> Complaint | None:
        """Compile *sql* and return what SQLite has against it, or ``None``.

        Definitions take effect in the mirror, so that the statements of a batch
        can be checked one after the other.
        """
        verb = verb_of(sql)
        if verb in ("EXPLAIN", "PRAGMA", ""):
            return None
        try:
            if verb.startswith(("CREATE", "DROP", "ALTER")):
                self._database.execute(sql, _nulls(sql))
            else:
                self._database.execute(f"EXPLAIN {sql}", _nulls(sql))
        except apsw.AuthError:
            return None  # what may be done is for the server to say
        except apsw.Error as error:
            prefix = 0 if verb.startswith(("CREATE", "DROP", "ALTER")) else len("EXPLAIN ")
            return Complaint(_message(error), _character(sql, error, prefix))
        return None

    def _define(self, sql: str) -> bool:
        statements = split(sql)
        if len(statements) != 1 or not statements[0].verb.startswith("CREATE"):
            return False
        try:
            self._database.execute(sql)
        except apsw.Error:
            return False
        return True


def _nulls(sql: str) -> tuple[None, ...]:
    """NULL for every ``?``: what is compiled is not run."""
    return (None,) * sum(token.text == "?" for token in tokenize(sql))


def _authorize(
    action: int, one: str | None, two: str | None, database: str | None, inner: str | None
) -> int:
    if action == apsw.SQLITE_PRAGMA:
        return apsw.SQLITE_OK if one in _PRAGMAS else apsw.SQLITE_DENY
    return apsw.SQLITE_OK if action in _ALLOWED else apsw.SQLITE_DENY


def _message(error: apsw.Error) -> str:
    return str(error).removeprefix("SQLError: ")


def _character(sql: str, error: apsw.Error, prefix: int) -> int | None:
    """Turn SQLite's offset (bytes of UTF-8, or -1) into a position in *sql*."""
    offset = int(getattr(error, "error_offset", -1)) - prefix
    if offset < 0:
        return None
    return len(sql.encode()[:offset].decode(errors="ignore"))
