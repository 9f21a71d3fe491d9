"""What bound values are in a database."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from axon_notebook.sql.binding import BoundStatement

__all__ = ["exactly", "run"]


def run(database: apsw.Connection, bound: BoundStatement) -> list[tuple[Any, ...]]:
    """Execute with what a JSON body would deliver."""
    params = msgspec.json.decode(msgspec.json.encode(bound.params))
    return list(database.execute(bound.sql, params))


def exactly(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and expected == 0:
        return bool(found == 0)
    return type(found) is type(expected) and bool(found == expected)
