"""The axon endpoints: registry, publish, history, SQL, subscription.

Shapes and names follow Runloop's OpenAPI document for axons and the types of
``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from typing import Any, Final, Literal, TypeVar

import msgspec

from ...models import COLUMNS_TYPE, PublishBatchResult
from ..storage.broadcast import Broadcast
from ..storage.store import Draft, Store
from .answers import Receive, Refusal, Scope, Send, send_body, send_json
from .repeats import Repeats
from .requests import (
    BODY_LIMIT,
    INT64_MAX,
    Disconnected,
    Query,
    check_media_type,
    client_left,
    decode_object,
    decode_texts,
    header,
    read_body,
)
from .streams import Streams

__all__ = ["AxonRoutes"]

T = TypeVar("T")

PAYLOAD_LIMIT: Final = 4 * 1024 * 1024
#: JSON writes a byte as six at most (``\u0000``), and the other fields need room too: the
#: payload's limit decides, not the body's.
PUBLISH_LIMIT: Final = 6 * PAYLOAD_LIMIT + 1024 * 1024
#: Events of one batch.
BATCH_LIMIT: Final = 10_000
#: Bodies of more than 6 MiB that are read at once.
LARGE: Final = 2

_encode = msgspec.json.Encoder().encode
_METADATA_KEY = re.compile(r"^metadata\[([^\[\]]+)\](\[in\])?$")


class CreateParams(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/axons``."""

    name: str | None = None
    metadata: dict[str, str] | None = None


class UpdateParams(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/axons/{id}``; ``None`` leaves the metadata as it is."""

    metadata: dict[str, str] | None = None


class PublishParams(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Body of ``POST /v1/axons/{id}/publish``."""

    source: str
    event_type: str
    origin: Literal["EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT"]
    payload: str


class PublishBatchParams(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Body of ``POST /v1/axons/{id}/publish/batch``, which is this service's own."""

    events: list[PublishParams]


class Statement(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/axons/{id}/sql/query``, and a step of a batch."""

    sql: str
    params: list[Any] | None = None


class BatchParams(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/axons/{id}/sql/batch``."""

    statements: list[Statement]


class AxonRoutes:
    """Handlers by path and method; each gets the ASGI triple and the axon's id."""

    def __init__(self, store: Store, broadcast: Broadcast, streams: Streams) -> None:
        self._store = store
        self._broadcast = broadcast
        self._streams = streams
        self._repeats = Repeats()
        self._large = asyncio.Semaphore(LARGE)
        self.collection = {"GET": self.list, "POST": self.create}
        self.item = {
            "": {"GET": self.get, "POST": self.update, "DELETE": self.delete},
            "publish": {"POST": self.publish},
            "publish/batch": {"POST": self.publish_batch},
            "events": {"GET": self.events},
            "sql/query": {"POST": self.query},
            "sql/batch": {"POST": self.batch},
            "subscribe/sse": {"GET": self.subscribe},
        }

    async def list(self, scope: Scope, receive: Receive, send: Send, _: str) -> None:
        """Answer a page of axons, newest first."""
        query = Query(scope["query_string"])
        page = await self._store.list_axons(
            limit=query.limit(),
            starting_after=query.text("starting_after"),
            name=query.text("name"),
            id=query.text("id"),
            search=query.text("search"),
            metadata=_metadata_filter(query),
            include_total_count=query.flag("include_total_count", default=True),
        )
        await send_json(send, _encode(page))

    async def create(self, scope: Scope, receive: Receive, send: Send, _: str) -> None:
        """Create an axon; the body may be empty."""
        params = await _read(scope, receive, CreateParams)
        info = await self._repeats.once(
            _request_id(scope),
            params,
            lambda: self._store.create_axon(params.name, params.metadata or {}),
        )
        await send_json(send, _encode(info))

    async def get(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Answer what the registry knows, also of a deleted axon."""
        await send_json(send, _encode(await self._store.get_axon(axon_id)))

    async def update(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Replace the metadata, if any is given."""
        params = await _read(scope, receive, UpdateParams)
        info = await self._store.update_axon(axon_id, params.metadata)
        await send_json(send, _encode(info))

    async def delete(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Delete the axon's events and end its streams; the registry keeps the axon."""
        await self._store.delete_axon(axon_id)
        self._broadcast.deleted(axon_id)
        await send_json(send, b"{}")

    async def publish(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Store an event and answer its sequence once it is on disk."""
        params = await self._published(scope, receive)
        result = await self._store.publish(
            axon_id,
            source=params.source,
            event_type=params.event_type,
            origin=params.origin,
            payload=params.payload,
            request_id=_request_id(scope),
        )
        answer = b'{"sequence":%d,"timestamp_ms":%d}' % (result.sequence, result.timestamp_ms)
        await send_json(send, answer)

    async def publish_batch(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Store events in one transaction: all of them, or none."""
        params = await _read(scope, receive, PublishBatchParams, decode_texts)
        if not 1 <= len(params.events) <= BATCH_LIMIT:
            raise Refusal(400, f"events must have 1 to {BATCH_LIMIT} elements.")
        drafts = [Draft(e.source, e.event_type, e.origin, e.payload) for e in params.events]
        stored = await self._store.publish_many(axon_id, drafts, request_id=_request_id(scope))
        result = PublishBatchResult(stored[0].sequence, stored[-1].sequence, stored[0].timestamp_ms)
        await send_json(send, _encode(result))

    async def events(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Answer a page of events, newest first."""
        query = Query(scope["query_string"])
        limit = query.limit()
        counted = query.flag("include_total_count", default=True)
        before = await self._cursor(axon_id, query.text("starting_after"))
        page = await self._store.list_events(
            axon_id, limit=limit, before=before, include_total_count=counted
        )
        await send_json(send, _encode(page))

    async def query(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Execute one statement."""
        params = await _read(scope, receive, Statement)
        work = self._store.query(axon_id, params.sql, params.params or [])
        result = await _while_connected(receive, work)
        # Held while it is sent: to free its rows takes longer than to encode them.
        if COLUMNS_TYPE.encode() in (header(scope, b"accept") or b""):
            body = msgspec.msgpack.encode(result.by_columns().packed())
            await send_body(send, body, COLUMNS_TYPE.encode())
        else:
            await send_json(send, _encode(result))

    async def batch(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Execute statements in one transaction."""
        params = await _read(scope, receive, BatchParams)
        statements = [(step.sql, step.params or []) for step in params.statements]
        work = self._store.batch(axon_id, statements)
        await send_json(send, _encode(await _while_connected(receive, work)))

    async def subscribe(self, scope: Scope, receive: Receive, send: Send, axon_id: str) -> None:
        """Stream events after ``after_sequence``: first the stored ones, then live."""
        after = Query(scope["query_string"]).integer("after_sequence", 0, 0, INT64_MAX)
        if (await self._store.get_axon(axon_id)).deleted_at_ms is not None:
            raise Refusal(404, "Axon not found.")
        await self._streams.serve(
            scope, receive, send, lambda stream: self._broadcast.pump(stream, axon_id, after)
        )

    async def _published(self, scope: Scope, receive: Receive) -> PublishParams:
        """Read what is to be published; large bodies wait for each other unread."""
        large = not _fits(scope)
        async with self._large if large else nullcontext():
            limit = PUBLISH_LIMIT if large else BODY_LIMIT
            params = await _read(scope, receive, PublishParams, decode_texts, limit=limit)
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


async def _read(
    scope: Scope,
    receive: Receive,
    kind: type[T],
    decode: Callable[[bytes, type[T]], T] = decode_object,
    *,
    limit: int = BODY_LIMIT,
) -> T:
    body = await read_body(scope, receive, limit=limit)
    if body:
        check_media_type(scope)
    return decode(body, kind)


def _fits(scope: Scope) -> bool:
    """Whether the body is declared to be of the ordinary size; a chunked one is not."""
    declared = header(scope, b"content-length")
    return declared is not None and int(declared) <= BODY_LIMIT


def _request_id(scope: Scope) -> str | None:
    """Return the id under which a client would repeat this very request."""
    given = header(scope, b"x-request-id")
    return given.decode("latin-1") if given else None


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
