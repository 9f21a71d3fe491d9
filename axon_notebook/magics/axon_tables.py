"""``%axon tables``: the tables and views of an axon."""

from __future__ import annotations

from typing import Any, Final

from .command_requests import request
from .registry import AXON, OUT, Call, Magic

__all__ = ["MAGICS"]


def _tables(call: Call) -> Any:
    from ..sql.frames import rows_frame

    name = call.words[0] if call.words else None
    schema = request(call, lambda: call.magics.session.fetch_schema(call.axon(name)))
    rows = [(t.name, t.kind, len(t.columns)) for t in schema.tables.values()]
    frame = rows_frame(rows, ["table", "kind", "columns"])
    frame.attrs["axon"] = {}
    return frame


MAGICS: Final = (
    Magic(
        "axon tables",
        "the tables and views of an axon",
        _tables,
        (AXON, OUT),
        arguments="[AXON]",
        completes="axon",
    ),
)
