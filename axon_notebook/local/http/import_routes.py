"""``POST /v1/axons/import``: a new axon with recorded events; this service's own endpoint.

The body has one JSON value per line: first what the axon is, then its events in order.
It is written to a temporary file as it comes; the axon appears when all of it is stored.

``POST /v1/axons/{id}/import`` takes the events alone, for an axon without any (409 otherwise).

``POST /v1/axons/{id}/replay`` publishes events of a recording with any origin.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final, Literal

import msgspec

from ...models import AxonInfo, PublishBatchResult, PublishResult
from ..refusals import Refusal
from ..storage.store import Draft, Store
from .axon_routes import BATCH_LIMIT, CreateParams
from .json_bodies import decode_object
from .requests import Disconnected, Request
from .routing import Route, post

__all__ = ["import_routes"]

#: Bytes of an import, and of one of its lines: the largest payload, six bytes for each.
IMPORT_LIMIT: Final = 16 * 1024**3
LINE_LIMIT: Final = 26 * 1024**2

#: Bytes that are gathered before they are written.
PIECE: Final = 1024 * 1024


class ReplayedEvent(msgspec.Struct):
    """An event of a recording that is published again, whatever its origin."""

    source: str
    event_type: str
    origin: Literal["EXTERNAL_EVENT", "AGENT_EVENT", "USER_EVENT", "SYSTEM_EVENT"]
    payload: str


class ReplayParams(msgspec.Struct):
    """Body of ``POST /v1/axons/{id}/replay``."""

    events: list[ReplayedEvent]


def import_routes(store: Store) -> list[Route]:
    """Return the routes by which recordings come into *store*."""

    async def imported(request: Request) -> AxonInfo:
        _check_type(request)
        with tempfile.TemporaryFile(dir=store.folder) as file:
            lines = await _saved(request, file)
            about = decode_object(next(lines, b""), CreateParams)
            return await store.import_axon(about.name, about.metadata or {}, lines)

    async def filled(request: Request) -> PublishResult:
        _check_type(request)
        with tempfile.TemporaryFile(dir=store.folder) as file:
            lines = await _saved(request, file)
            return await store.import_events(request.path_params["axon_id"], lines)

    async def replayed(request: Request) -> PublishBatchResult:
        params = await request.read(ReplayParams)
        if not 1 <= len(params.events) <= BATCH_LIMIT:
            raise Refusal(400, f"events must have 1 to {BATCH_LIMIT} elements.")
        drafts = [Draft(e.source, e.event_type, e.origin, e.payload) for e in params.events]
        stored = await store.publish_many(
            request.path_params["axon_id"], drafts, request_id=request.request_id
        )
        return PublishBatchResult(stored[0].sequence, stored[-1].sequence, stored[0].timestamp_ms)

    return [
        post("/v1/axons/import", imported, waits=True),
        post("/v1/axons/{axon_id}/import", filled, waits=True),
        post("/v1/axons/{axon_id}/replay", replayed),
    ]


def _check_type(request: Request) -> None:
    if (request.header(b"content-type") or b"").lower() != b"application/x-ndjson":
        raise Refusal(415, "Content-Type must be application/x-ndjson.")


async def _saved(request: Request, file: BinaryIO) -> Iterator[bytes]:
    """Write the body to *file*; return its lines."""
    gathered, size, more = bytearray(), 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        gathered += message["body"]
        more = message.get("more_body", False)
        if len(gathered) >= PIECE or not more:
            size += len(gathered)
            if size > IMPORT_LIMIT:
                raise Refusal(413, f"An import has at most {IMPORT_LIMIT} bytes.", close=True)
            await asyncio.to_thread(file.write, bytes(gathered))
            gathered.clear()
    file.seek(0)
    return _lines(file)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise Refusal(413, f"A line of an import has at most {LINE_LIMIT} bytes.")
        yield line
