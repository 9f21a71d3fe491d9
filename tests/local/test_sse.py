"""The stream on the wire: its form, its seam, its slow readers, its ends."""

from __future__ import annotations

import json
import random
import re
import resource
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, stop_service
from axon_notebook.wire.sse import EventDecoder

from ..waiting import at_rest, wait_until

FRAME = re.compile(rb"data: \{[\x20-\x7e]*\}\n\n")


class Follower:
    """Reads one stream from a raw socket."""

    def __init__(self, wire: Any, path: str) -> None:
        self.sock = wire.connect(timeout=300)
        self.sock.sendall(wire.head("GET", path))
        self.raw = b""
        while b"\r\n\r\n" not in self.raw:
            self.raw += self.sock.recv(4096)
        self.head, _, self.raw = self.raw.partition(b"\r\n\r\n")

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    @property
    def body(self) -> bytes:
        """What has arrived, without the chunk lines."""
        body, rest = b"", self.raw
        while rest:
            size, found, rest = rest.partition(b"\r\n")
            if not found or len(rest) < int(size, 16):
                break
            body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return body

    def until(self, count: int) -> bytes:
        """Read until *count* frames are there; return the body."""
        while self.raw.count(b"\n\n") < count:
            data = self.sock.recv(1 << 20)
            if not data:
                break
            self.raw += data
        return self.body

    def to_end(self) -> bytes:
        while data := self.sock.recv(1 << 16):
            self.raw += data
        return self.body


def sequences(body: bytes) -> list[int]:
    return [json.loads(event.data)["sequence"] for event in EventDecoder().feed(body)]


def path(axon_id: str, after: int | None = None) -> str:
    query = "" if after is None else f"?after_sequence={after}"
    return f"/v1/axons/{axon_id}/subscribe/sse{query}"


def gone(pid: int) -> bool:
    """Wait until the process has ended."""
    wait_until(
        lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    )
    return True


def test_a_frame_is_one_ascii_data_line_and_a_blank_line(wire: Any) -> None:
    """`id:` and `retry:` break the official SDK; beyond ASCII, some clients split lines."""
    axon_id = wire.create()
    for text in ("plain", "é ☃ 😀 \u2028 \u0085", "a\r\nb\n\nid: 1\ndata: x", ""):
        wire.publish(axon_id, text)
    with Follower(wire, path(axon_id)) as follower:
        body = follower.until(4)

    frames = FRAME.findall(body)
    assert b"".join(frames) == body
    assert [json.loads(frame[6:])["payload"] for frame in frames] == [
        "plain",
        "é ☃ 😀 \u2028 \u0085",
        "a\r\nb\n\nid: 1\ndata: x",
        "",
    ]


def test_the_head_of_a_stream_forbids_buffering(wire: Any, axon: str) -> None:
    """A proxy that collects output would hold the live half back."""
    with Follower(wire, path(axon)) as follower:
        head = follower.head.decode().lower()

    assert "content-type: text/event-stream; charset=utf-8\r\n" in head
    assert "cache-control: no-cache, no-transform\r\n" in head
    assert "x-accel-buffering: no\r\n" in head
    assert "content-length" not in head


def test_a_live_frame_equals_the_replayed_one(wire: Any) -> None:
    """Live frames come from memory, replayed ones from disk; no reader may tell."""
    axon_id = wire.create()
    with Follower(wire, path(axon_id)) as live:
        for n in range(20):
            wire.publish(axon_id, f"{n} é")
        seen_live = live.until(20)
    with Follower(wire, path(axon_id)) as replay:
        replayed = replay.until(20)

    assert seen_live == replayed


def test_fifty_readers_joining_four_publishers_get_each_event_once(wire: Any) -> None:
    """The seam between disk and memory, hit from every side."""
    axon_id, total = wire.create(), 400
    bodies: list[bytes] = []
    sent: list[int] = []

    def publish() -> None:
        for n in range(total // 4):
            wire.publish(axon_id)
            sent.append(n)

    def follow(published: int, after: int) -> None:
        wait_until(lambda: len(sent) >= published)
        with Follower(wire, path(axon_id, after)) as follower:
            bodies.append(follower.until(total - after))

    dice = random.Random(7)
    threads = [threading.Thread(target=publish) for _ in range(4)]
    threads += [
        threading.Thread(target=follow, args=(dice.randrange(total), dice.randrange(total)))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bodies) == 50
    for body in bodies:
        got = sequences(body)
        assert got == list(range(total - len(got) + 1, total + 1))


def test_a_reader_far_behind_goes_back_to_disk(wire: Any) -> None:
    """2 MiB of events do not fit into the live tail; none may be lost."""
    axon_id = wire.create()
    with Follower(wire, path(axon_id)) as follower:
        for n in range(1, 41):
            wire.publish(axon_id, str(n) + "x" * 100_000)
        body = follower.until(40)

    assert sequences(body) == list(range(1, 41))


def test_readers_that_do_not_read_cost_no_memory(service: ServiceAddress, wire: Any) -> None:
    """Five of them, 100 MB behind: nothing is queued for anybody."""
    axon_id = wire.create()
    for _ in range(50):
        wire.publish(axon_id, "x" * 2_000_000)
    process = psutil.Process(service.pid)
    with Follower(wire, path(axon_id, 50)), ExitStack() as stack:
        before = process.memory_info().rss
        for _ in range(5):
            sock = stack.enter_context(wire.connect())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(wire.head("GET", path(axon_id)))
        wait_until(lambda: wire.ask("GET", "/healthz").json["streams"] >= 6)
        wait_until(lambda: at_rest(process))  # every reader's connection is full
        grown = process.memory_info().rss - before

    assert grown < 60 * 1024 * 1024


def test_readers_that_leave_in_the_middle_leave_nothing_behind(
    service: ServiceAddress, wire: Any
) -> None:
    """Sockets, threads and the loop's time: a stream that never yields would spin for ever."""
    axon_id = wire.create()
    for _ in range(20):
        wire.publish(axon_id, "x" * 1_000_000)
    process = psutil.Process(service.pid)
    for _ in range(30):
        with Follower(wire, path(axon_id)) as follower:
            follower.sock.recv(1000)

    wait_until(lambda: wire.ask("GET", "/healthz").json["streams"] == 0)
    wait_until(lambda: at_rest(process))

    assert wire.ask("GET", "/healthz").json["streams"] == 0


def test_delete_ends_the_stream_with_its_reason(wire: Any) -> None:
    """In the frame that the SDKs turn into an exception."""
    axon_id = wire.create()
    wire.publish(axon_id)
    with Follower(wire, path(axon_id)) as follower:
        follower.until(1)
        wire.ask("DELETE", f"/v1/axons/{axon_id}")
        body = follower.to_end()

    last = b'event: error\ndata: {"code":"404","message":"Axon not found."}\n\n'
    assert body.endswith(b"\n\n" + last)


def test_a_burst_reaches_every_one_of_two_hundred_readers(wire: Any) -> None:
    """One wake-up each, no queue."""
    axon_id = wire.create()
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(wire, path(axon_id))) for _ in range(200)]
        for n in range(10):
            wire.publish(axon_id, str(n))
        bodies = {follower.until(10) for follower in followers}

    assert len(bodies) == 1
    assert sequences(bodies.pop()) == list(range(1, 11))


def test_a_thousand_readers_get_the_event_and_one_more_is_refused(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """The limit is 1,024; the service raises its own file limit to hold them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    address = ensure_service(home)
    wire = wire_to(address)
    axon_id = wire.create()
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(wire, path(axon_id))) for _ in range(1024)]
        refused = wire.ask("GET", path(axon_id))
        wire.publish(axon_id)
        bodies = {follower.until(1) for follower in followers}

        assert (refused.status, refused.message) == (503, "Too many streams.")
        assert refused.headers["retry-after"] == "5"
        assert len(bodies) == 1
        assert psutil.Process(address.pid).memory_info().rss < 300 * 1024 * 1024


def test_stop_with_a_hundred_open_streams_ends_each_with_a_word(
    home: Path, wire_to: Callable[[ServiceAddress], Any]
) -> None:
    """And leaves no process, no lock, no port, and no traceback in the log."""
    address = ensure_service(home)
    wire = wire_to(address)
    axon_id = wire.create()
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(wire, path(axon_id))) for _ in range(97)]
        for _ in range(3):  # and three that do not read
            stack.enter_context(Follower(wire, path(axon_id))).sock.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, 4096
            )

        assert stop_service(home)
        bodies = {follower.to_end() for follower in followers}

    assert bodies == {b'event: error\ndata: {"code":"503","message":"Server is stopping."}\n\n'}
    assert gone(address.pid)
    assert "Traceback" not in (home / "service.log").read_text()
    assert "ERROR" not in (home / "service.log").read_text()
