"""A server of one axon that does exactly what a script says, over real sockets.

    with ScriptedServer(events_up_to(10)) as server:
        server.streams(Answer(status=503), Answer(cut_after=200))
        ...

Each answer of the script serves one request; when the script is used up, the
server behaves: it replays after ``after_sequence`` and stays connected.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import ssl
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec

from axon_notebook.models import ORIGINS, AxonEvent
from axon_notebook.wire.sse import encode_event

from .loop_thread import LoopThread, reset

__all__ = ["HOLD", "Answer", "Request", "ScriptedServer", "Wait", "events_up_to", "frames"]

AXON: Final = "axn_1"
HOLD: Final = object()  # a step: stay connected and silent until the client leaves
SSE: Final = {"Content-Type": "text/event-stream"}
STREAM: Final = "subscribe/sse"


class Wait(NamedTuple):
    """A step: send nothing for so long."""

    seconds: float


@dataclass
class Answer:
    """How one request is answered.

    Attributes:
        steps: What is sent as the body: bytes, :class:`Wait`, :data:`HOLD`.
            ``None`` means what a well-behaved server sends for this request.
        chunked: With chunked transfer coding; else the body ends with the connection.
        cut_after: Bytes of the body, chunk framing included, after which the
            connection ends; a longer or clean body is not reached.
        how: ``"fin"`` or ``"rst"``: how a cut connection ends.
    """

    steps: Sequence[Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(SSE))
    chunked: bool = False
    cut_after: int | None = None
    how: str = "rst"


class Request(NamedTuple):
    """What a client asked; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def after_sequence(self) -> int:
        return int(self.query.get("after_sequence", 0))

    @property
    def axon_id(self) -> str:
        return self.path.split("/")[3]

    @property
    def name(self) -> str:
        """What follows the axon's id in the path; ``""`` for the axon itself."""
        return "/".join(self.path.split("/")[4:])


def events_up_to(last: int, *, first: int = 1, axon_id: str = AXON) -> list[AxonEvent]:
    return [
        AxonEvent(n, axon_id, 1000 + n, "USER_EVENT", "test", "step", f'{{"n":{n}}}')
        for n in range(first, last + 1)
    ]


def frames(events: Iterable[AxonEvent]) -> bytes:
    """The events as they go over the wire."""
    return b"".join(encode_event(msgspec.json.encode(event)) for event in events)


class ScriptedServer(LoopThread):
    """One axon on a loopback port, for any number of clients.

    Attributes:
        events: Its history; change it only through :meth:`replace` and :meth:`publish`.
        requests: Every request so far, in the order of arrival.
    """

    def __init__(
        self, events: Iterable[AxonEvent] = (), *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(tls=tls)
        self.events = list(events)
        self.requests: list[Request] = []
        self._script: dict[str, deque[Answer]] = defaultdict(deque)
        self._published = asyncio.Condition()

    # -- the test's side, from any thread

    def streams(self, *answers: Answer) -> None:
        """Answer the next subscriptions so, one each."""
        self._script[STREAM].extend(answers)

    def answers(self, name: str, *answers: Answer) -> None:
        """Answer the next requests for ``/v1/axons/{id}/{name}`` so, one each."""
        self._script[name].extend(answers)

    def asked(self, name: str = STREAM) -> list[Request]:
        """The requests for ``/v1/axons/{id}/{name}`` so far."""
        return [request for request in self.requests if request.name == name]

    def replace(self, events: Iterable[AxonEvent]) -> None:
        """From now on this is the history: a restore, a loss, a hole."""
        self.events = list(events)

    def publish(self, *events: AxonEvent) -> None:
        """Append to the history and send it to anyone who is connected."""
        asyncio.run_coroutine_threadsafe(self._publish(events), self._loop).result(10)

    async def _publish(self, events: Sequence[AxonEvent]) -> None:
        async with self._published:
            self.events = [*self.events, *events]
            self._published.notify_all()

    # -- the loop's side

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_request(reader)) is not None:
            self.requests.append(request)
            script = self._script[request.name]
            answer = script.popleft() if script else None
            if answer is None and request.name != STREAM:
                status, body = self._answer(request)
                await _send_json(writer, status, body)
                continue
            await self._send(writer, reader, request, answer or Answer(chunked=True))
            return

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        reader: asyncio.StreamReader,
        request: Request,
        answer: Answer,
    ) -> None:
        body = _Body(writer, answer)
        try:
            body.begin()
            if answer.steps is not None:
                for step in answer.steps:
                    await _take_step(step, body, reader)
                body.end()
            elif answer.cut_after is None:
                await self._follow(body, request.after_sequence)
            else:
                body.send(frames(e for e in self.events if e.sequence > request.after_sequence))
            await writer.drain()
        except _Cut:
            if answer.how == "rst":
                await asyncio.sleep(0)  # what was written goes out first
                reset(writer)

    async def _follow(self, body: _Body, after: int) -> None:
        """What a good server does: replay, then live."""
        while True:
            async with self._published:
                while not (new := [e for e in self.events if e.sequence > after]):
                    await self._published.wait()
            after = new[-1].sequence
            body.send(frames(new))

    def _answer(self, request: Request) -> tuple[int, Any]:
        if request.name == "events":
            return 200, self._listed(request.query)
        if request.name == "sql/query":
            return self._queried(json.loads(request.body))
        if request.name == "":
            return 200, {"id": AXON, "name": "scripted", "created_at_ms": 1}
        return 404, {"code": "404", "message": "No such endpoint."}

    def _listed(self, query: dict[str, str]) -> dict[str, Any]:
        newest_first = sorted(self.events, key=lambda e: -e.sequence)
        if "starting_after" in query:
            newest_first = [e for e in newest_first if e.sequence < int(query["starting_after"])]
        limit = int(query.get("limit", 20))
        page: dict[str, Any] = {"events": newest_first[:limit], "has_more": False}
        page["has_more"] = len(newest_first) > limit
        if query.get("include_total_count") != "false":
            page["total_count"] = len(self.events)
        return page

    def _queried(self, body: dict[str, Any]) -> tuple[int, Any]:
        numbers = {name: number for number, name in ORIGINS.items()}
        rows = [msgspec.structs.astuple(event) for event in self.events]
        connection = sqlite3.connect(":memory:")
        try:
            connection.execute(
                "CREATE TABLE rl_axon_events (sequence INTEGER PRIMARY KEY, timestamp_ms INTEGER, "
                "origin INTEGER, source TEXT, event_type TEXT, payload TEXT)"
            )
            connection.executemany(
                "INSERT INTO rl_axon_events VALUES (?,?,?,?,?,?)",
                [
                    (n, at, numbers[o], source, kind, text)
                    for n, _, at, o, source, kind, text in rows
                ],
            )
            cursor = connection.execute(body["sql"], body.get("params", []))
            columns = [{"name": name, "type": ""} for name, *_ in cursor.description]
            return 200, {"columns": columns, "rows": cursor.fetchall(), "meta": {}}
        except sqlite3.Error as error:
            return 400, {"code": "400", "message": str(error)}
        finally:
            connection.close()


class _Cut(Exception):
    """The byte after which the script wants the connection to end was sent."""


class _Body:
    """Writes a response; counts the bytes of its body and cuts where it should."""

    def __init__(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        self.writer = writer
        self.answer = answer
        self.left = answer.cut_after

    def begin(self) -> None:
        headers = {**self.answer.headers, "Connection": "close"}
        if self.answer.chunked:
            headers["Transfer-Encoding"] = "chunked"
        lines = [f"HTTP/1.1 {self.answer.status} Scripted"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        self._count(b"")

    def send(self, data: bytes) -> None:
        if self.answer.chunked and data:
            # Several chunks, so that a cut can fall into the framing between events.
            halves = [half for half in (data[: len(data) // 2], data[len(data) // 2 :]) if half]
            data = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
        self._count(data)

    def end(self) -> None:
        if self.answer.chunked:
            self._count(b"0\r\n\r\n")

    def _count(self, data: bytes) -> None:
        if self.left is None:
            self.writer.write(data)
            return
        self.writer.write(data[: self.left])
        self.left -= len(data)
        if self.left <= 0:
            raise _Cut


async def _take_step(step: Any, body: _Body, reader: asyncio.StreamReader) -> None:
    if isinstance(step, bytes):
        body.send(step)
        await body.writer.drain()
    elif isinstance(step, Wait):
        await asyncio.sleep(step.seconds)
    else:
        assert step is HOLD, f"{step!r} is not a step: use bytes, Wait or HOLD"
        await reader.read()  # to the client's end


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None  # the client closed a connection it kept alive
    first, *lines = head.rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    pairs = (line.split(":", 1) for line in lines)
    headers = {name.lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, body)


async def _send_json(writer: asyncio.StreamWriter, status: int, body: Any) -> None:
    content = msgspec.json.encode(body)
    head = f"HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    writer.write(head.encode() + content)
    await writer.drain()
