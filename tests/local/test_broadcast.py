"""Streams and the broadcast on an event loop, where time and disk can be held up."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from axon_notebook.local.http.sse_frames import join_frames
from axon_notebook.local.http.streams import Stream, Streams
from axon_notebook.local.refusals import Refusal
from axon_notebook.local.storage.broadcast import Broadcast
from axon_notebook.models import AxonEvent
from axon_notebook.wire.sse import EventDecoder

from ..waiting import until


def sequences(body: bytes) -> list[int]:
    return [json.loads(event.data)["sequence"] for event in EventDecoder().feed(body)]


class Peer:
    """An ASGI connection in memory, for what takes too long over a socket."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.left = asyncio.Event()
        self.cut = False
        self.blocked: asyncio.Event | None = None

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.blocked is not None and not self.cut:
            await self.blocked.wait()
        if message["type"] == "http.response.body":
            self.sent.append(message["body"])

    def abort(self) -> None:
        self.cut = True
        self.left.set()
        if self.blocked is not None:
            self.blocked.set()

    async def follow(self, streams: Streams, pump: Callable[[Stream], Awaitable[None]]) -> None:
        scope = {"method": "GET", "extensions": {"axon_notebook.abort": self.abort}}
        await streams.serve(scope, self.receive, self.send, pump)


async def silence(stream: Stream) -> None:
    await asyncio.Event().wait()


def test_a_silent_line_is_kept_alive_by_comments() -> None:
    """The official SDK gives up after 30 s of silence; proxies sooner."""

    async def scenario() -> list[bytes]:
        streams, peer = Streams(keep_alive=0.05), Peer()
        task = asyncio.create_task(peer.follow(streams, silence))
        while len(peer.sent) < 3:
            await asyncio.sleep(0.01)
        peer.left.set()
        await task
        await streams.stop()
        return peer.sent

    assert set(asyncio.run(scenario())) == {b": keep-alive\n\n"}


def test_a_comment_is_sent_every_fifteen_seconds() -> None:
    """Well within the 30 s of the SDK and the 45 s of this package's own reader."""
    assert Streams()._keep_alive == 15.0
    assert Streams()._patience == 60.0


def test_a_client_that_stops_reading_is_cut() -> None:
    """After a minute in the product; a blocked write must not live for ever."""

    async def scenario() -> Peer:
        streams, peer = Streams(keep_alive=0.04, patience=0.1), Peer()

        async def flood(stream: Stream) -> None:
            peer.blocked = asyncio.Event()
            await stream.write(b"data: x\n\n")

        await asyncio.wait_for(peer.follow(streams, flood), 120)
        await streams.stop()
        return peer

    assert asyncio.run(scenario()).cut


def test_one_stream_too_many_is_told_to_come_later() -> None:
    """1,024 in the product; the one over the limit gets 503 and Retry-After."""

    async def scenario() -> Refusal:
        streams, peers = Streams(limit=2), [Peer(), Peer()]
        tasks = [asyncio.create_task(peer.follow(streams, silence)) for peer in peers]
        await asyncio.sleep(0)
        with pytest.raises(Refusal) as caught:
            await Peer().follow(streams, silence)
        await streams.stop()
        await asyncio.gather(*tasks)
        return caught.value

    assert Streams().limit == 1024
    refusal = asyncio.run(scenario())
    assert (refusal.status, refusal.message) == (503, "Too many streams.")
    assert (b"retry-after", b"5") in refusal.headers


def test_a_pump_that_fails_ends_its_stream_with_a_mark(caplog: pytest.LogCaptureFixture) -> None:
    """Details go to the log alone; the mark connects the two."""

    async def scenario() -> bytes:
        streams, peer = Streams(), Peer()

        async def broken(stream: Stream) -> None:
            raise KeyError("a secret path")

        await peer.follow(streams, broken)
        await streams.stop()
        return peer.sent[-1]

    last = asyncio.run(scenario()).decode()
    assert re.fullmatch(
        r'event: error\ndata: \{"code":"500","message":"Internal error [0-9a-f]{8}\."\}\n\n', last
    )
    assert re.search("[0-9a-f]{8}", last)[0] in caplog.text  # type: ignore[index]
    assert "secret" not in last


class Disk:
    """A store whose reads can be held up, to place a publish into the seam."""

    def __init__(self) -> None:
        self.events: list[AxonEvent] = []
        self.reads = 0
        self.gate = threading.Event()
        self.gate.set()

    def add(self, count: int = 1) -> list[AxonEvent]:
        first = len(self.events) + 1
        new = [
            AxonEvent(n, "a", 0, "USER_EVENT", "s", "t", "{}") for n in range(first, first + count)
        ]
        self.events += new
        return new

    def read_frames(self, axon_id: str, after: int, limit: int) -> tuple[bytes, int, int]:
        page = self.events[after : after + limit]
        self.reads += 1
        assert self.gate.wait(120)
        return join_frames(page), (page[-1].sequence if page else after), len(page)


async def followed(disk: Disk, broadcast: Broadcast, total: int, act: Any) -> list[int]:
    """Follow from 0 until *total* events came, while *act* publishes."""
    streams, peer = Streams(), Peer()
    task = asyncio.create_task(peer.follow(streams, lambda s: broadcast.pump(s, "a", 0)))
    await act()
    await until(lambda: len(sequences(b"".join(peer.sent))) >= total)
    peer.left.set()
    await task
    await streams.stop()
    broadcast.close()
    return sequences(b"".join(peer.sent))


@pytest.mark.parametrize("stored", [0, 1, 499, 500, 501, 1500])
def test_an_event_published_during_a_disk_read_is_not_lost(stored: int) -> None:
    """The read began before it, the wake-up came before anyone waited."""

    async def scenario() -> list[int]:
        disk = Disk()
        disk.add(stored)
        broadcast = Broadcast(disk)

        async def act() -> None:
            for _ in range(20):
                disk.gate.clear()
                await asyncio.sleep(0.002)
                broadcast.published("a", disk.add(2))
                disk.gate.set()
                await asyncio.sleep(0.002)

        return await followed(disk, broadcast, stored + 40, act)

    assert asyncio.run(scenario()) == list(range(1, stored + 41))


def test_level_readers_share_memory_and_leave_the_disk_alone() -> None:
    """Each event is encoded once, however many subscribe."""

    async def scenario() -> int:
        disk = Disk()
        broadcast, streams = Broadcast(disk), Streams()
        peers = [Peer() for _ in range(20)]
        tasks = [
            asyncio.create_task(p.follow(streams, lambda s: broadcast.pump(s, "a", 0)))
            for p in peers
        ]
        await until(lambda: disk.reads >= len(peers))
        broadcast.published("a", disk.add())
        await until(lambda: all(peer.sent for peer in peers))
        before = disk.reads
        for _ in range(50):
            broadcast.published("a", disk.add())
            await asyncio.sleep(0)
        await until(lambda: all(len(sequences(b"".join(p.sent))) >= 51 for p in peers))
        for peer in peers:
            assert sequences(b"".join(peer.sent)) == list(range(1, 52))
            peer.left.set()
        await asyncio.gather(*tasks)
        await streams.stop()
        broadcast.close()
        return disk.reads - before

    assert asyncio.run(scenario()) == 0
