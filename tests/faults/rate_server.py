"""A server whose events come at a rate: no disk, no limit but the wire."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from axon_notebook.models import AxonEvent
from axon_notebook.wire.sse import encode_event

from .loop_thread import LoopThread
from .scripted_server import AXON, Request, _read_request, _send_json

__all__ = ["RateServer", "event_of"]

TICK_SECONDS: Final = 0.02
CHUNK_EVENTS: Final = 2000
TYPES: Final = ("turn.delta", "tool.call", "tool.result", "heartbeat", "file.changed", "log.line")
WORDS: Final = "the agent reads a file and runs the tests then it waits for what they say"


def event_of(sequence: int) -> AxonEvent:
    """The event with this number: some 350 bytes, other words in each."""
    at = sequence % len(WORDS)
    words = WORDS[at:] + WORDS[:at] + WORDS[: 20 + sequence % 50]
    return AxonEvent(
        sequence,
        AXON,
        int(time.time() * 1000),
        "AGENT_EVENT",
        f"agent-{sequence % 3}",
        TYPES[sequence % len(TYPES)],
        json.dumps({"n": sequence, "needle": f"n{sequence}n", "text": words}),
    )


class RateServer(LoopThread):
    """Axons of any id; the history of each grows once :meth:`run` was called.

    Attributes:
        streams: Open subscriptions.
    """

    def __init__(self, *, make: Callable[[int], AxonEvent] = event_of) -> None:
        super().__init__()
        self._make = make
        self._frames: dict[int, bytes] = {}
        self._base = self._target = 0
        self._rate = 0.0
        self._began = 0.0
        self.streams = 0

    def run(self, rate: float, count: int) -> None:
        """From now on *rate* events a second, of each axon, until *count* more are there."""
        self._base = self.head
        self._target = self._base + count
        self._rate = rate
        self._began = time.monotonic()

    @property
    def head(self) -> int:
        """The newest sequence."""
        grown = int((time.monotonic() - self._began) * self._rate) if self._rate else 0
        return min(self._target, self._base + grown)

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_request(reader)) is not None:
            if request.name == "subscribe/sse":
                await self._stream(request, reader, writer)
                return
            status, body = self._answer(request)
            await _send_json(writer, status, body)

    def _answer(self, request: Request) -> tuple[int, Any]:
        if request.name == "events":
            head = self.head
            events = [self._event(head, request.axon_id)] if head else []
            return 200, {"events": events, "has_more": head > 1, "total_count": head}
        if request.name == "":
            return 200, {"id": request.axon_id, "name": "rates", "created_at_ms": 1}
        return 404, {"code": "404", "message": "No such endpoint."}

    async def _stream(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        sent = request.after_sequence
        self.streams += 1
        try:
            while not (writer.is_closing() or reader.at_eof()):
                if (head := min(self.head, sent + CHUNK_EVENTS)) > sent:
                    new = range(sent + 1, head + 1)
                    writer.write(b"".join(self._frame(n, request.axon_id) for n in new))
                    sent = head
                    await writer.drain()
                if sent == self.head:
                    await asyncio.sleep(TICK_SECONDS)
        finally:
            self.streams -= 1

    def _frame(self, sequence: int, axon_id: str) -> bytes:
        return encode_event(msgspec.json.encode(self._event(sequence, axon_id)))

    def _event(self, sequence: int, axon_id: str) -> AxonEvent:
        return msgspec.structs.replace(self._make(sequence), axon_id=axon_id)
