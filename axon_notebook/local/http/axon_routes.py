"""The axon endpoints: registry, publish, history, SQL, subscription.

Shapes and names follow Runloop's OpenAPI document for axons and the types of
``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from contextlib import nullcontext
from typing import Any, Final, Literal, TypeVar

import msgspec

from ...models import (
    AxonEventList,
    AxonInfo,
    AxonList,
    PublishBatchResult,
    SqlBatchResult,
    SqlManyResult,
    SqlResult,
)
from ..refusals import Refusal
from ..storage.broadcast import Broadcast
from ..storage.store import Draft, Store
from .answers import Answer, Receive
from .json_bodies import decode_texts
from .many_axons import AT_ONCE, ManyParams, query_many
from .repeats import Repeats
from .requests import BODY_LIMIT, INT64_MAX, Disconnected, Query, Request, client_left
from .routing import Route, get, post
from .streams import EventStream

__all__ = ["axon_routes"]

T = TypeVar("T")

PAYLOAD_LIMIT: Final = 4 * 1024 * 1024
#: JSON writes a byte as six at most (``\u0000``), and the other fields need room too: the
#: payload's limit decides, not the body's.
PUBLISH_LIMIT: Final = 6 * PAYLOAD_LIMIT + 1024 * 1024
#: Events of one batch.
BATCH_LIMIT: Final = 10_000
#: Bodies of more than 6 MiB that are read at once.
LARGE: Final = 2

_METADATA_KEY = re.compile(r"^metadata\[([^\[\]]+)\](\[in\])?$")


class CreateParams(msgspec.Struct):
    """Body of ``POST /v1/axons``."""

    name: str | None = None
    metadata: dict[str, str] | None = None


class UpdateParams(msgspec.Struct):
    """Body of ``POST /v1/axons/{id}``; ``None`` leaves the metadata as it is."""

    metadata: dict[str, str] | None = None


class PublishParams(msgspec.Struct, gc=False):
    """Body of ``POST /v1/axons/{id}/publish``."""

    source: str
    event_type: str
    origin: Literal["EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT"]
    payload: str


class PublishBatchParams(msgspec.Struct, gc=False):
    """Body of ``POST /v1/axons/{id}/publish/batch``, which is this service's own."""

    events: list[PublishParams]


class Statement(msgspec.Struct):
    """Body of ``POST /v1/axons/{id}/sql/query``, and a step of a batch."""

    sql: str
    params: list[Any] | None = None


class BatchParams(msgspec.Struct):
    """Body of ``POST /v1/axons/{id}/sql/batch``."""

    statements: list[Statement]


def axon_routes(store: Store, broadcast: Broadcast) -> list[Route]:
    """Return the routes of axons.

    Args:
        store: Where they live.
        broadcast: Delivers what is published to subscribers.
    """
    axons = AxonRoutes(store, broadcast)
    one = "/v1/axons/{axon_id}"
    return [
        get("/v1/axons", axons.list),
        post("/v1/axons/sql/query", axons.query_many),
        post("/v1/axons", axons.create),
        get(one, axons.get),
        post(one, axons.update),
        Route("DELETE", one, axons.delete),
        post(f"{one}/publish", axons.publish),
        post(f"{one}/publish/batch", axons.publish_batch),
        get(f"{one}/events", axons.events),
        post(f"{one}/sql/query", axons.query),
        post(f"{one}/sql/batch", axons.batch),
        get(f"{one}/subscribe/sse", axons.subscribe, waits=True),
    ]


class AxonRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, store: Store, broadcast: Broadcast) -> None:
        self._store = store
        self._broadcast = broadcast
        self._repeats = Repeats()
        self._large = asyncio.Semaphore(LARGE)
        self._many = asyncio.Semaphore(AT_ONCE)

    async def list(self, request: Request) -> AxonList:
        """Answer a page of axons, newest first."""
        query = request.query
        return await self._store.list_axons(
            limit=query.limit(),
            starting_after=query.text("starting_after"),
            name=query.text("name"),
            id=query.text("id"),
            search=query.text("search"),
            metadata=_metadata_filter(query),
            include_total_count=query.flag("include_total_count", default=True),
        )

    async def create(self, request: Request) -> object:
        """Create an axon; the body may be empty."""
        params = await request.read(CreateParams)
        return await self._repeats.once(
            request.repeat_id,
            params,
            lambda: self._store.create_axon(params.name, params.metadata or {}),
        )

    async def get(self, request: Request) -> AxonInfo:
        """Answer what the registry knows, also of a deleted axon."""
        return await self._store.get_axon(request.path_params["axon_id"])

    async def update(self, request: Request) -> AxonInfo:
        """Replace the metadata, if any is given."""
        params = await request.read(UpdateParams)
        return await self._store.update_axon(request.path_params["axon_id"], params.metadata)

    async def delete(self, request: Request) -> Answer:
        """Delete the axon's events and end its streams; the registry keeps the axon."""
        axon_id = request.path_params["axon_id"]
        await self._store.delete_axon(axon_id)
        self._broadcast.deleted(axon_id)
        return Answer(b"{}")

    async def publish(self, request: Request) -> Answer:
        """Store an event and answer its sequence once it is on disk."""
        params = await self._published(request)
        result = await self._store.publish(
            request.path_params["axon_id"],
            source=params.source,
            event_type=params.event_type,
            origin=params.origin,
            payload=params.payload,
            request_id=request.request_id,
        )
        return Answer(b'{"sequence":%d,"timestamp_ms":%d}' % (result.sequence, result.timestamp_ms))

    async def publish_batch(self, request: Request) -> PublishBatchResult:
        """Store events in one transaction: all of them, or none."""
        params = await request.read(PublishBatchParams, decode_texts)
        if not 1 <= len(params.events) <= BATCH_LIMIT:
            raise Refusal(400, f"events must have 1 to {BATCH_LIMIT} elements.")
        drafts = [Draft(e.source, e.event_type, e.origin, e.payload) for e in params.events]
        stored = await self._store.publish_many(
            request.path_params["axon_id"], drafts, request_id=request.request_id
        )
        return PublishBatchResult(stored[0].sequence, stored[-1].sequence, stored[0].timestamp_ms)

    async def events(self, request: Request) -> AxonEventList:
        """Answer a page of events, newest first."""
        axon_id, query = request.path_params["axon_id"], request.query
        limit = query.limit()
        counted = query.flag("include_total_count", default=True)
        before = await self._cursor(axon_id, query.text("starting_after"))
        return await self._store.list_events(
            axon_id, limit=limit, before=before, include_total_count=counted
        )

    async def query(self, request: Request) -> SqlResult:
        """Execute one statement."""
        params = await request.read(Statement)
        work = self._store.query(request.path_params["axon_id"], params.sql, params.params or [])
        return await _while_connected(request.receive, work)

    async def query_many(self, request: Request) -> SqlManyResult:
        """Execute one statement on many axons."""
        work = query_many(self._store, await request.read(ManyParams), self._many)
        return await _while_connected(request.receive, work)

    async def batch(self, request: Request) -> SqlBatchResult:
        """Execute statements in one transaction."""
        params = await request.read(BatchParams)
        statements = [(step.sql, step.params or []) for step in params.statements]
        work = self._store.batch(request.path_params["axon_id"], statements)
        return await _while_connected(request.receive, work)

    async def subscribe(self, request: Request) -> EventStream:
        """Stream events after ``after_sequence``: first the stored ones, then live."""
        axon_id = request.path_params["axon_id"]
        after = request.query.integer("after_sequence", 0, 0, INT64_MAX)
        if (await self._store.get_axon(axon_id)).deleted_at_ms is not None:
            raise Refusal(404, "Axon not found.")
        return EventStream(lambda stream: self._broadcast.pump(stream, axon_id, after))

    async def _published(self, request: Request) -> PublishParams:
        """Read what is to be published; large bodies wait for each other unread."""
        large = not _fits(request)
        async with self._large if large else nullcontext():
            limit = PUBLISH_LIMIT if large else BODY_LIMIT
            params = await request.read(PublishParams, decode_texts, limit=limit)
        if len(params.payload) > PAYLOAD_LIMIT // 4:
            _check_payload(params.payload)
        return params

    async def _cursor(self, axon_id: str, starting_after: str | None) -> int | None:
        """Return the sequence that ``starting_after`` names, alone or behind the axon's id."""
        if starting_after is None:
            return None
        text = starting_after.removeprefix(f"{axon_id}:")
        plain = text.isascii() and text.isdigit() and len(text) <= 19
        if not plain or not 1 <= int(text) <= await self._store.head(axon_id):
            raise Refusal(400, "starting_after: no such item.")
        return int(text)


def _fits(request: Request) -> bool:
    """Whether the body is declared to be of the ordinary size; a chunked one is not."""
    declared = request.header(b"content-length")
    return declared is not None and int(declared) <= BODY_LIMIT


async def _while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Await *work*; cancel it, which stops its SQL, as soon as the client has left."""
    task = asyncio.create_task(work)
    leaving = asyncio.create_task(client_left(receive))
    try:
        await asyncio.wait((task, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Disconnected
        return task.result()
    finally:
        for unfinished in (task, leaving):
            unfinished.cancel()
        await asyncio.gather(task, leaving, return_exceptions=True)


def _check_payload(payload: str) -> None:
    if len(payload.encode()) > PAYLOAD_LIMIT:
        raise Refusal(413, f"payload is larger than {PAYLOAD_LIMIT} bytes.")


def _metadata_filter(query: Query) -> dict[str, list[str]]:
    """Read ``metadata[key]=v`` and ``metadata[key][in]=a,b``; one of the values must match."""
    wanted: dict[str, list[str]] = {}
    for name, value in query.pairs:
        if match := _METADATA_KEY.match(name):
            values = value.split(",") if match[2] else [value]
            wanted.setdefault(match[1], []).extend(values)
    return wanted
