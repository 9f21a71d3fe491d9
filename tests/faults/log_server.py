"""A server of one execution's output whose connections end as a script says, over real sockets.

    with LogServer({"stdout": b"…"}, names="start") as server:
        server.script("stdout", Cut(after=100), Cut(after=7, how="fin"), ErrorFrame(408))
        ...

While the script of a stream lasts, the execution is running; afterwards it has
completed, and the stream is sent to its end.
"""

from __future__ import annotations

import asyncio
import codecs
import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from .loop_thread import LoopThread, reset

__all__ = ["Cut", "ErrorFrame", "Hang", "LogServer", "Refuse"]

HEAD = (
    b"HTTP/1.1 200 Scripted\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Cut(NamedTuple):
    """End the connection so many bytes into the body."""

    after: int
    how: Literal["rst", "fin", "clean"] = "rst"


class ErrorFrame(NamedTuple):
    """Send so many chunks, then an error frame, then end cleanly."""

    code: int
    chunks: int = 1


class Refuse(NamedTuple):
    """Answer with this status and no stream."""

    status: int


class Hang(NamedTuple):
    """Send so many chunks and then nothing, for ever."""

    chunks: int = 1


Step = Cut | ErrorFrame | Refuse | Hang


class LogServer(LoopThread):
    """One execution on a loopback port.

    Args:
        logs: What it wrote, by stream.
        names: Which end of a chunk its ``offset`` names; ``None`` leaves the field out.
        sizes: Bytes of the chunks, in turn, going on from connection to connection.
        before: How many bytes both streams had when each of them began; without it, chunks
            have no ``order``.

    Attributes:
        requests: Stream and offset of every stream request.
        asked: How often the status was asked for.
    """

    def __init__(
        self,
        logs: Mapping[str, bytes],
        *,
        names: Literal["start", "end"] | None = "end",
        sizes: tuple[int, ...] = (16, 5, 40),
        before: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.logs = {"stdout": b"", "stderr": b"", **logs}
        self.names = names
        self.requests: list[tuple[str, int | None]] = []
        self.asked = 0
        self._sizes = sizes
        self._before = before or {}
        self._turn = 0
        self._script: dict[str, deque[Step]] = defaultdict(deque)

    def script(self, stream: str, *steps: Step) -> None:
        """End the next connections of a stream so, one each."""
        self._script[stream].extend(steps)

    @property
    def status(self) -> str:
        return "running" if any(self._script.values()) else "completed"

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            parts = urlsplit(head.split(" ")[1])
            name = parts.path.rpartition("/")[2]
            if not name.startswith("stream_"):
                self.asked += 1
                await self._answer_status(writer)
                continue
            stream = name.removeprefix("stream_").removesuffix("_updates")
            given = dict(parse_qsl(parts.query)).get("offset")
            self.requests.append((stream, None if given is None else int(given)))
            await self._stream(writer, reader, stream, int(given or 0))
            return

    async def _answer_status(self, writer: asyncio.StreamWriter) -> None:
        view = {"devbox_id": "dbx_1", "execution_id": "e1", "status": self.status}
        if self.status == "completed":
            view["exit_status"] = 0  # type: ignore[assignment]
        body = json.dumps(view).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        writer.write(head.encode() + b"\r\n\r\n" + body)
        await writer.drain()

    async def _stream(
        self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, name: str, start: int
    ) -> None:
        script = self._script[name]
        step = script.popleft() if script else None
        if isinstance(step, Refuse):
            writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % step.status)
            await writer.drain()
            return
        frames = list(self._frames(name, start))
        if isinstance(step, ErrorFrame | Hang):
            frames = frames[: step.chunks]
        if isinstance(step, ErrorFrame):
            body = json.dumps({"code": str(step.code), "message": "scripted"}).encode()
            frames.append(b"event: error\ndata: " + body + b"\n\n")
        body = b"".join(frames)
        if isinstance(step, Cut) and step.how == "clean":
            body = body[: step.after]
        wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body,) if part)
        if isinstance(step, Cut) and step.how != "clean":
            writer.write(HEAD + wire[: step.after])
            await writer.drain()
            if step.how == "rst":
                reset(writer)
            return
        writer.write(HEAD + wire + (b"" if isinstance(step, Hang) else b"0\r\n\r\n"))
        await writer.drain()
        if isinstance(step, Hang):
            await reader.read()  # until the client leaves

    def _frames(self, name: str, start: int) -> Iterator[bytes]:
        log = self.logs[name]
        while start < len(log):
            size = self._sizes[self._turn % len(self._sizes)]
            self._turn += 1
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            data = log[start : start + size]
            text = decoder.decode(data, final=start + size >= len(log))
            end = start + len(data) - len(decoder.getstate()[0])
            frame = {"output": text}
            if self.names is not None:
                frame["offset"] = start if self.names == "start" else end  # type: ignore[assignment]
            if name in self._before:
                frame["order"] = self._before[name] + start  # type: ignore[assignment]
            yield b"data: " + json.dumps(frame).encode() + b"\n\n"
            start = end
