"""What a user's statement may touch: SQLite asks for every action while it compiles."""

from __future__ import annotations

from typing import Final

import apsw

__all__ = ["Authorizer"]

EVENTS: Final = "rl_axon_events"

READABLE_PRAGMAS: Final = frozenset(
    {
        "foreign_key_list",
        "index_info",
        "index_list",
        "table_info",
        "table_list",
        "table_xinfo",
    }
)
# FTS5 and R-Tree ask these themselves; with a value they would be a setting.
READABLE_WITHOUT_VALUE: Final = frozenset({"data_version", "page_size"})
MODULES: Final = frozenset({"fts5", "rtree", "rtree_i32"})
FORBIDDEN_FUNCTIONS: Final = frozenset(
    {
        "edit",
        "fts3_tokenizer",
        "load_extension",
        "readfile",
        "sqlite_compileoption_get",
        "sqlite_compileoption_used",
        "sqlite_log",
        "sqlite_source_id",
        "writefile",
    }
)
HIDDEN_TABLES: Final = frozenset({"dbstat", "sqlite_dbpage", "bytecode", "tables_used"})
NO_TEMP: Final = "TEMP objects are not authorized."
SCHEMA_TABLES: Final = frozenset({"sqlite_master", "sqlite_temp_master"})

_WRITES: Final = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE, apsw.SQLITE_DELETE})
_DROPS: Final = frozenset(
    {
        apsw.SQLITE_DROP_INDEX,
        apsw.SQLITE_DROP_TABLE,
        apsw.SQLITE_DROP_TRIGGER,
        apsw.SQLITE_DROP_VIEW,
        apsw.SQLITE_DROP_VTABLE,
    }
)
# SQLite names the object first, and for an index or a trigger its table second.
_DEFINITIONS: Final = _DROPS | {
    apsw.SQLITE_CREATE_INDEX,
    apsw.SQLITE_CREATE_TABLE,
    apsw.SQLITE_CREATE_TRIGGER,
    apsw.SQLITE_CREATE_VIEW,
    apsw.SQLITE_CREATE_VTABLE,
}
_NEVER: Final = {
    apsw.SQLITE_ATTACH: "ATTACH is not authorized.",
    apsw.SQLITE_DETACH: "DETACH is not authorized.",
    apsw.SQLITE_ANALYZE: "ANALYZE is not authorized.",
    apsw.SQLITE_TRANSACTION: "Transactions are not authorized: a batch is one.",
    apsw.SQLITE_SAVEPOINT: "SAVEPOINT is not authorized: a batch is one transaction.",
    apsw.SQLITE_CREATE_TEMP_INDEX: NO_TEMP,
    apsw.SQLITE_CREATE_TEMP_TABLE: NO_TEMP,
    apsw.SQLITE_CREATE_TEMP_TRIGGER: NO_TEMP,
    apsw.SQLITE_CREATE_TEMP_VIEW: NO_TEMP,
    apsw.SQLITE_DROP_TEMP_INDEX: NO_TEMP,
    apsw.SQLITE_DROP_TEMP_TABLE: NO_TEMP,
    apsw.SQLITE_DROP_TEMP_TRIGGER: NO_TEMP,
    apsw.SQLITE_DROP_TEMP_VIEW: NO_TEMP,
}


class Authorizer:
    """The rules of one connection; call :meth:`begin` before each statement.

    Attributes:
        reason: Why the statement was denied, or ``None``.
        altering: The statement renames or alters a table.
        defining: The statement creates, drops or alters something.
        changing: The statement changes rows of a table.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget the statement before."""
        self.reason: str | None = None
        self.altering = False
        self.defining = False
        self.changing = False
        self._dropping = False

    def __call__(
        self, action: int, one: str | None, two: str | None, schema: str | None, inner: str | None
    ) -> int:
        """Answer SQLite; the meaning of *one* and *two* depends on *action*."""
        if schema == "temp" and action in _DEFINITIONS:
            reason: str | None = NO_TEMP
        else:
            reason = self._refusal(action, one or "", two or "")
        if reason is None:
            return apsw.SQLITE_OK
        self.reason = self.reason or reason
        return apsw.SQLITE_DENY

    def _refusal(self, action: int, one: str, two: str) -> str | None:
        if action == apsw.SQLITE_READ:
            return self._reading(one.lower())
        if action == apsw.SQLITE_FUNCTION:
            return self._calling(two.lower())
        if action in _WRITES:
            return self._writing(one.lower())
        if action == apsw.SQLITE_PRAGMA:
            return self._asking(one.lower(), two)
        if action in _DEFINITIONS:
            return self._defining(action, one.lower(), two.lower())
        if action == apsw.SQLITE_ALTER_TABLE:
            self.altering = self.defining = True
            return _protected(two.lower())
        return _NEVER.get(action)

    def _reading(self, table: str) -> str | None:
        if table in HIDDEN_TABLES or (table.startswith("rl_") and table != EVENTS):
            return f"reading {table} is not authorized."
        return None

    def _calling(self, function: str) -> str | None:
        if function in FORBIDDEN_FUNCTIONS:
            return f"not authorized to use function: {function}"
        return None

    def _asking(self, pragma: str, value: str) -> str | None:
        if pragma in READABLE_PRAGMAS or (pragma in READABLE_WITHOUT_VALUE and not value):
            return None
        return f"PRAGMA {pragma} is not authorized."

    def _writing(self, table: str) -> str | None:
        # SQLite itself refuses to have its schema tables written by a statement.
        if table in SCHEMA_TABLES:
            return None
        self.changing = True
        # Dropping or renaming a table makes SQLite tidy up its own bookkeeping.
        if table.startswith("sqlite_") and (self._dropping or self.altering):
            return None
        return _protected(table)

    def _defining(self, action: int, name: str, table: str) -> str | None:
        self.defining = True
        self._dropping = self._dropping or action in _DROPS
        if action == apsw.SQLITE_CREATE_VTABLE and table not in MODULES:
            return f"virtual tables of {table} are not authorized: use fts5 or rtree."
        if action in (apsw.SQLITE_CREATE_VTABLE, apsw.SQLITE_DROP_VTABLE):
            return _protected(name)
        if name.startswith("sqlite_autoindex_"):
            name = ""
        return _protected(name) or _protected(table)


def _protected(name: str) -> str | None:
    if name == EVENTS:
        return f"{EVENTS} is read-only."
    if name.startswith("sqlite_stat"):
        return "ANALYZE is not authorized."
    if name.startswith(("rl_", "sqlite_")):
        return f"{name} is read-only: names with rl_ and sqlite_ are the service's own."
    return None
