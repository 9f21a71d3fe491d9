"""``POST /v1/axons/import``: a new axon with recorded events; this service's own endpoint.

The body has one JSON value per line: first what the axon is, then its events in order.
It is written to a temporary file as it comes; the axon appears when all of it is stored.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, Final

from ...models import AxonInfo
from ..refusals import Refusal
from ..storage.store import Store
from .axon_routes import CreateParams
from .json_bodies import decode_object
from .requests import Disconnected, Request
from .routing import Route, post

__all__ = ["import_routes"]

#: Bytes of an import, and of one of its lines: the largest payload, six bytes for each.
IMPORT_LIMIT: Final = 16 * 1024**3
LINE_LIMIT: Final = 26 * 1024**2

#: Bytes that are gathered before they are written.
PIECE: Final = 1024 * 1024


def import_routes(store: Store) -> list[Route]:
    """Return the route of imports into *store*."""

    async def imported(request: Request) -> AxonInfo:
        if (request.header(b"content-type") or b"").lower() != b"application/x-ndjson":
            raise Refusal(415, "Content-Type must be application/x-ndjson.")
        with tempfile.TemporaryFile(dir=store.folder) as file:
            await _save(request, file)
            file.seek(0)
            lines = _lines(file)
            about = decode_object(next(lines, b""), CreateParams)
            return await store.import_axon(about.name, about.metadata or {}, lines)

    return [post("/v1/axons/import", imported, waits=True)]


async def _save(request: Request, file: BinaryIO) -> None:
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


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            raise Refusal(413, f"A line of an import has at most {LINE_LIMIT} bytes.")
        yield line
