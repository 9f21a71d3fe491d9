"""The clients of benchmarks/service.py: bytes over asyncio transports, and nothing else."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from hpack import Encoder
from hyperframe.frame import SettingsFrame, WindowUpdateFrame

from axon_notebook.local.http.http2_protocol import PREFACE

LENGTH = re.compile(rb"content-length: (\d+)")
SENT_AT = re.compile(rb'\\"sent\\":(\d+)')


class Caller(asyncio.Protocol):
    """One connection that sends the same request again as soon as it is answered."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.times: list[float] = []
        self.running = True
        self.idle = asyncio.Event()
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._call()

    def _call(self) -> None:
        self._sent_at = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = int(LENGTH.search(self._buffer)[1])  # type: ignore[index]
        if len(self._buffer) < head + 4 + length:
            return
        assert self._buffer.startswith(b"HTTP/1.1 200"), self._buffer
        self._buffer = b""
        self.times.append(time.perf_counter() - self._sent_at)
        if self.running:
            self._call()
        else:
            self.idle.set()


class Http2Caller(asyncio.Protocol):
    """One HTTP/2 connection with so many requests at a time, the next as soon as one is answered.

    Frames are written and read by hand, so that it is not what is measured.
    """

    def __init__(self, service: Any, path: str, body: bytes, streams: int) -> None:
        head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", f"127.0.0.1:{service.port}"),
            (":path", path),
            ("authorization", f"Bearer {service.token}"),
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
        ]
        self._head, self._body, self._streams = Encoder().encode(head), body, streams
        self._next, self._buffer = 1, b""
        self.answered = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        window = WindowUpdateFrame(0, window_increment=2**30)
        transport.write(PREFACE + SettingsFrame(0).serialize() + window.serialize())
        for _ in range(self._streams):
            self._call()

    def _call(self) -> None:
        stream = self._next.to_bytes(4, "big")
        self._next += 2
        head = len(self._head).to_bytes(3, "big") + b"\x01\x04" + stream + self._head
        data = len(self._body).to_bytes(3, "big") + b"\x00\x01" + stream + self._body
        self.transport.write(head + data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        place = 0
        while len(self._buffer) >= place + 9:
            end = place + 9 + int.from_bytes(self._buffer[place : place + 3], "big")
            if len(self._buffer) < end:
                break
            kind, flags = self._buffer[place + 3], self._buffer[place + 4]
            assert kind not in (3, 7), "the service has reset a stream, or gone away"
            if kind == 0 and flags & 1:
                self.answered += 1
                self._call()
            place = end
        self._buffer = self._buffer[place:]


class Reader(asyncio.Protocol):
    """One subscriber; counts frames, and notes how old each was when it came."""

    def __init__(self, request: bytes, total: int = 0, *, timed: bool = False) -> None:
        self._request, self._total, self._timed = request, total, timed
        self._newlines = self.bytes = 0
        self.ages: list[float] = []
        self.opened, self.done = asyncio.Event(), asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    @property
    def frames(self) -> int:
        return self._newlines // 2

    def data_received(self, data: bytes) -> None:
        self.opened.set()
        self.bytes += len(data)
        # Two bare line feeds end a frame; those of HTTP come with a carriage return.
        self._newlines += data.count(b"\n") - data.count(b"\r")
        if self._timed:
            now = time.perf_counter_ns()
            self.ages += ((now - int(sent)) / 1e9 for sent in SENT_AT.findall(data))
        if self._total and self.frames >= self._total:
            self.done.set()


async def connect(service: Any, protocol: Any) -> Any:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: protocol, "127.0.0.1", service.port)
    return protocol


async def calls(service: Any, request: bytes, connections: int, seconds: float) -> list[float]:
    """Send *request* over and over; return how long each answer took."""
    callers = [await connect(service, Caller(request)) for _ in range(connections)]
    await asyncio.sleep(seconds)
    done = [time for caller in callers for time in caller.times]
    for caller in callers:
        caller.running = False
    for caller in callers:
        await caller.idle.wait()
        caller.transport.close()
    return done
