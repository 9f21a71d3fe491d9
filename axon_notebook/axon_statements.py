"""SQL on one axon: bound, answered, and explained where SQLite refuses it.

A table that SQLite does not find may be ``events`` or one of the trace: the statement is then
sent again with what it means.  So a table of the axon's own always wins, and a statement that
names none of ours costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .errors import AxonError, SqlError
from .models import SqlColumns, SqlResult
from .trace_sql import TRACE_TABLES, TraceTables, missing_table, with_trace

if TYPE_CHECKING:
    from .sql.binding import BoundStatement
    from .wire.api import ApiClient

__all__ = ["AxonStatements"]

Params = Sequence[Any] | Mapping[str, Any] | None


class AxonStatements:
    """The statements of one axon; for any thread.

    Attributes:
        tables: Those of the trace.
    """

    def __init__(self, api: ApiClient, axon_id: str) -> None:
        self._api = api
        self._axon_id = axon_id
        self.tables = TraceTables(api, axon_id)

    def query(self, sql: str, params: Params, timeout: float | None) -> SqlResult | SqlColumns:
        """Run one statement.

        Raises:
            SqlError: SQLite refused it; ``detail`` points at the word.
        """
        missing: set[str] = set()
        while True:
            statement, values, local = self._bound(sql, params, missing)
            try:
                if local:
                    return self.tables.run(statement, values, local)
                return self._api.query(self._axon_id, statement, values, timeout=timeout)
            except SqlError as error:
                if not self._found(str(error), missing):
                    error.detail = self._details(str(error), sql, params, missing)
                    raise

    def batch(self, pairs: Sequence[tuple[str, Params]], timeout: float | None) -> list[SqlResult]:
        """Run statements in one transaction.

        Raises:
            SqlError: ``statement_index`` names the one that failed.
        """
        missing: set[str] = set()
        while True:
            bound = [self._bound(sql, params, missing, alone=False)[:2] for sql, params in pairs]
            steps = self._api.batch(self._axon_id, bound, timeout=timeout).results
            failed = next((i for i, step in enumerate(steps) if step.error is not None), None)
            if failed is None:
                return [step.success for step in steps if step.success is not None]
            error = steps[failed].error
            message = error.message if error is not None else ""
            if self._found(message, missing):
                continue
            sql, params = pairs[failed]
            raise SqlError(
                f"statement {failed + 1} of {len(pairs)}: {message}; everything was rolled back",
                sql=sql,
                statement_index=failed,
                detail=self._details(message, sql, params, missing),
            )

    def _found(self, message: str, missing: set[str]) -> bool:
        """Note the table that SQLite did not find, if it is one of ours."""
        name = missing_table(message)
        if name is None or name in missing:
            return False
        if name in TRACE_TABLES and not missing & TRACE_TABLES:
            self.tables.refresh()
        missing.add(name)
        return True

    def _bound(
        self, sql: str, params: Params, missing: set[str], *, alone: bool = True
    ) -> tuple[str, list[Any], frozenset[str]]:
        """Return the text with ``?``, the values for it, and tables it is to run next to."""
        if not isinstance(params, Mapping) and not missing:
            return sql, list(params or ()), frozenset()
        bound = self._bind(sql, params, missing, alone=alone)
        return bound.sql, list(bound.params), bound.local

    def _bind(
        self, sql: str, params: Params, missing: set[str], *, alone: bool = True
    ) -> BoundStatement:
        from .sql.binding import bind

        named = params if isinstance(params, Mapping) else {}
        places = None if isinstance(params, Mapping) else list(params or ())
        ours = self.tables.supplied(TRACE_TABLES - missing) if missing & TRACE_TABLES else None
        return bind(
            sql, named, params=places, events="events" in missing, supplied=ours, alone=alone
        )

    def _details(self, message: str, sql: str, params: Params, missing: set[str]) -> list[str]:
        """Return where it is wrong and what was probably meant; less where that is not known."""
        from .sql.binding import find_pasted
        from .sql.diagnosis import details
        from .sql.schema import SCHEMA_QUERY, Schema

        if (pasted := find_pasted(sql)) is not None:
            return [*pasted.detail, f"  {pasted}"]
        try:
            bound = self._bind(sql, params, missing)
            rows = self._api.query(self._axon_id, SCHEMA_QUERY, []).by_rows().rows
            return details(message, bound, with_trace(Schema.from_rows(rows)))
        except AxonError:
            return []  # the message of the server has to do
