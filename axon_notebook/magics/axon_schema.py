"""``%axon schema``: columns, types and keys."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ParameterError
from .cards import Text
from .command_requests import request
from .options import Option, meant
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]


def _schema(call: Call) -> Any:
    from ..sql.frames import rows_frame
    from ..trace_sql import with_trace

    schema = request(call, lambda: call.magics.session.fetch_schema(call.axon()))
    tables = list(schema.tables.values())
    if call.words:
        schema = with_trace(schema)
        table = schema.table(call.words[0].removeprefix("trace."))
        if table is None:
            way_out = meant(call.words[0], schema.tables, what="tables")
            raise ParameterError(f"no table {call.words[0]}: {way_out}")
        tables = [table]
    if call.options.get("ddl"):
        return Text(";\n\n".join(table.sql for table in tables) + ";")
    rows = [(t.name, c.name, c.type, c.not_null, c.primary_key) for t in tables for c in t.columns]
    frame = rows_frame(rows, ["table", "column", "type", "not_null", "primary_key"])
    frame.attrs["axon"] = {}
    return frame


MAGICS: Final = (
    Magic(
        "axon schema",
        "columns, types, keys",
        _schema,
        (Option("--ddl", "", "flag", "", "the statements that made the tables"), AXON, OUT),
        arguments="[TABLE]",
        completes="table",
    ),
)
