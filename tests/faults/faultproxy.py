"""A proxy that breaks event streams in named ways, between a real client and a real server.

    with FaultProxy(server.port) as proxy:
        proxy.plan([CutAt(500)], [Latency(0.01), Slicer(7)])  # one list per stream
        ...                                                   # further streams pass untouched

It forwards HTTP/1.1 and takes the chunked coding off event streams, so that
a fault's byte numbers are those of the stream.  Everything else passes as it is.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from .loop_thread import LoopThread, reset

__all__ = [
    "Bandwidth",
    "Buffer",
    "CutAt",
    "DropEvent",
    "DuplicateEvent",
    "Fault",
    "FaultProxy",
    "Gzip",
    "HalfOpenAt",
    "Latency",
    "ResetAt",
    "Slicer",
    "SwapEvents",
]

Pieces = AsyncIterator[bytes]


class Fault(Protocol):
    """What happens to the body of one event stream on its way."""

    def through(self, pieces: Pieces) -> Pieces:
        """Return what comes out when *pieces* go in."""
        ...


@dataclass(frozen=True)
class Latency:
    """Each piece arrives later by so many seconds."""

    seconds: float

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in pieces:
            await asyncio.sleep(self.seconds)
            yield piece


@dataclass(frozen=True)
class Bandwidth:
    """No more than so many bytes per second pass."""

    bytes_per_second: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in pieces:
            await asyncio.sleep(len(piece) / self.bytes_per_second)
            yield piece


@dataclass(frozen=True)
class Slicer:
    """Pieces are cut to this size, and each travels alone."""

    size: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in pieces:
            for start in range(0, len(piece), self.size):
                yield piece[start : start + self.size]
                await asyncio.sleep(0)


@dataclass(frozen=True)
class Buffer:
    """Nothing passes until so many bytes have come: a proxy that means well."""

    size: int

    async def through(self, pieces: Pieces) -> Pieces:
        held = b""
        async for piece in pieces:
            held += piece
            if len(held) >= self.size:
                yield held
                held = b""
        if held:
            yield held


@dataclass(frozen=True)
class CutAt:
    """The stream ends (FIN) after byte *byte*, as if it were complete."""

    byte: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in _first(self.byte, pieces):
            yield piece


@dataclass(frozen=True)
class ResetAt:
    """The connection is reset (RST) after byte *byte*."""

    byte: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in _first(self.byte, pieces):
            yield piece
        raise _Reset


@dataclass(frozen=True)
class HalfOpenAt:
    """After byte *byte* nothing comes any more, and the connection stays open."""

    byte: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for piece in _first(self.byte, pieces):
            yield piece
        await asyncio.Event().wait()


@dataclass(frozen=True)
class DuplicateEvent:
    """Event *number* (from 1) comes twice."""

    number: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for number, block in _blocks(pieces):
            yield block * 2 if number == self.number else block


@dataclass(frozen=True)
class DropEvent:
    """Event *number* (from 1) never comes."""

    number: int

    async def through(self, pieces: Pieces) -> Pieces:
        async for number, block in _blocks(pieces):
            if number != self.number:
                yield block


@dataclass(frozen=True)
class SwapEvents:
    """Event *number* (from 1) comes after the one that follows it."""

    number: int

    async def through(self, pieces: Pieces) -> Pieces:
        held = b""
        async for number, block in _blocks(pieces):
            if number == self.number:
                held = block
            else:
                yield block + held
                held = b""


@dataclass(frozen=True)
class Gzip:
    """The body is compressed, with a flush after every piece; use it as the last fault."""

    async def through(self, pieces: Pieces) -> Pieces:
        squeeze = zlib.compressobj(wbits=31)
        async for piece in pieces:
            yield squeeze.compress(piece) + squeeze.flush(zlib.Z_SYNC_FLUSH)
        yield squeeze.flush()


class FaultProxy(LoopThread):
    """Stands before the server on loopback *upstream*; use ``base_url`` instead of its own.

    Attributes:
        streams: How many event streams were forwarded.
        refused: How many requests the proxy answered itself.
    """

    def __init__(self, upstream: int) -> None:
        super().__init__()
        self.upstream = upstream
        self.streams = 0
        self.refused = 0
        self._plan: deque[Sequence[Fault]] = deque()
        self._burst: deque[tuple[int, str]] = deque()

    def plan(self, *faults: Sequence[Fault]) -> None:
        """Put these faults on the next event streams, one list each, first fault first."""
        self._plan.extend(faults)

    def burst(self, status: int, times: int, *, headers: str = "") -> None:
        """Answer the next *times* requests with *status* without asking the server."""
        self._burst.extend([(status, headers)] * times)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_content_length(head))
        if self._burst:
            self.refused += 1
            status, headers = self._burst.popleft()
            writer.write(b"HTTP/1.1 %d Burst\r\n%b" % (status, headers.encode()))
            writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            to_server.write(_with(head, b"Connection: close") + body)
            await self._answer(reader, from_server, writer)
        finally:
            to_server.close()

    async def _answer(
        self,
        client: asyncio.StreamReader,
        server: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        head = await server.readuntil(b"\r\n\r\n")
        if not re.search(rb"(?i)\ncontent-type: *text/event-stream", head):
            writer.write(_with(head, b"Connection: close") + await _rest(head, server))
            await writer.drain()
            return
        self.streams += 1
        faults = self._plan.popleft() if self._plan else ()
        coding = b"\r\nContent-Encoding: gzip" if any(isinstance(f, Gzip) for f in faults) else b""
        writer.write(_with(head, b"Connection: close" + coding))
        pieces = _dechunked(server) if _is_chunked(head) else _as_they_come(server)
        for fault in faults:
            pieces = fault.through(pieces)
        gone = asyncio.ensure_future(client.read())  # the client says nothing more but its end
        sending = asyncio.ensure_future(_send_all(pieces, writer))
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            sending.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)
        if not sending.cancelled() and isinstance(sending.exception(), _Reset):
            reset(writer)
        elif not sending.cancelled():
            sending.result()


class _Reset(Exception):
    """The connection is to end with RST now."""


async def _send_all(pieces: Pieces, writer: asyncio.StreamWriter) -> None:
    async for piece in pieces:
        writer.write(piece)
        await writer.drain()


async def _first(count: int, pieces: Pieces) -> Pieces:
    """The first *count* bytes; then an end, at once."""
    while count > 0:
        piece = await anext(pieces, b"")
        if not piece:
            return
        yield piece[:count]
        count -= len(piece)


async def _blocks(pieces: Pieces) -> AsyncIterator[tuple[int, bytes]]:
    """The blocks of the stream with the number of the event they carry, 0 for none."""
    number, pending = 0, b""
    async for piece in pieces:
        *blocks, pending = (pending + piece).split(b"\n\n")
        for block in blocks:
            carries = block.startswith(b"data:")
            number += carries
            yield number if carries else 0, block + b"\n\n"
    if pending:
        yield 0, pending


async def _as_they_come(server: asyncio.StreamReader) -> Pieces:
    while piece := await server.read(65536):
        yield piece


async def _dechunked(server: asyncio.StreamReader) -> Pieces:
    while size := int((await server.readuntil(b"\r\n")).split(b";")[0], 16):
        yield await server.readexactly(size)
        await server.readexactly(2)


async def _rest(head: bytes, server: asyncio.StreamReader) -> bytes:
    if _is_chunked(head):
        return b"".join([b"%x\r\n%b\r\n" % (len(p), p) async for p in _dechunked(server)]) + (
            b"0\r\n\r\n"
        )
    return await server.readexactly(_content_length(head))


def _content_length(head: bytes) -> int:
    found = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
    return int(found[1]) if found else 0


def _is_chunked(head: bytes) -> bool:
    return re.search(rb"(?i)\ntransfer-encoding: *chunked", head) is not None


def _with(head: bytes, lines: bytes) -> bytes:
    """*head* with *lines* added; the length and coding of an event stream go."""
    gone = rb"(?i)\r\n(connection|keep-alive):[^\r]*"
    if b"text/event-stream" in head.split(b"\r\n\r\n")[0].lower() and head.startswith(b"HTTP/"):
        gone = rb"(?i)\r\n(connection|keep-alive|transfer-encoding|content-length):[^\r]*"
    return re.sub(gone, b"", head)[:-2] + lines + b"\r\n\r\n"
