"""One statement on many axons in one request, which is this service's own addition.

A request for each axon costs more than the statement, where a set has thousands.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec

from ...models import SqlAxonError, SqlAxonResult, SqlManyResult
from ..refusals import Refusal
from ..storage.store import Store

__all__ = ["AT_ONCE", "ManyParams", "query_many"]

#: Axons of one request.
AXONS: Final = 250
#: Rows of one answer; axons after them are to be asked in another request.
ROWS: Final = 50_000
#: Statements at a time, of all such requests together: other requests find a reader meanwhile.
AT_ONCE: Final = 3


class ManyParams(msgspec.Struct):
    """Body of ``POST /v1/axons/sql/query``."""

    axon_ids: list[str]
    sql: str
    params: list[Any] | None = None


async def query_many(store: Store, wanted: ManyParams, turns: asyncio.Semaphore) -> SqlManyResult:
    """Run the statement on each axon; one that refuses does not lose the others.

    Args:
        store: Where the axons live.
        wanted: The statement and the axons.
        turns: Shared by all such requests.  One that waits here does not wait for a reader, which
            the store limits to a short time.

    Raises:
        Refusal: 400 for no or too many axons.
    """
    if not 1 <= len(wanted.axon_ids) <= AXONS:
        raise Refusal(400, f"axon_ids must have 1 to {AXONS} elements.")
    rows = 0

    async def one(axon_id: str) -> SqlAxonResult:
        nonlocal rows
        async with turns:
            try:
                if rows > ROWS:
                    raise Refusal(413, f"more than {ROWS} rows: ask for fewer axons.")
                result = await store.query(axon_id, wanted.sql, wanted.params)
            except Refusal as refusal:
                return SqlAxonResult(axon_id, None, SqlAxonError(refusal.status, refusal.message))
        rows += result.row_count
        return SqlAxonResult(axon_id, result)

    return SqlManyResult(await asyncio.gather(*map(one, wanted.axon_ids)))
