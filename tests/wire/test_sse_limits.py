"""The decoder against sizes: linear time, bounded memory, and what is cut is said to be cut."""

from __future__ import annotations

import base64
import hashlib
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from axon_notebook.wire.sse import EventDecoder, encode_event

from .byte_streams import (
    TABLE,
    by_name,
    cut_at,
    decode,
    singles,
)

GENERATED = TABLE["generated"]
HANG_GUARD = 10  # times the budget, in time of this thread: a quadratic decoder takes far more
MIB = 1024 * 1024


def generated_chunks(case: dict[str, Any]) -> Iterator[bytes]:
    """The stream of *case* in its chunk size, without ever holding the whole of it."""
    unit = base64.b64decode(case["unit_b64"])
    size, left = case["chunk_size"], case["count"]
    per_round = max(1, 4 * size // len(unit))
    pending = base64.b64decode(case["prefix_b64"])
    while left:
        pending += unit * min(left, per_round)
        left -= min(left, per_round)
        whole = len(pending) - len(pending) % size
        yield from (pending[i : i + size] for i in range(0, whole, size))
        pending = pending[whole:]
    yield pending + base64.b64decode(case["suffix_b64"])


@by_name(GENERATED)
def test_large_and_hostile_streams_are_decoded_in_linear_time(case: dict[str, Any]) -> None:
    """A buffer that is copied per chunk turns 50 MiB into minutes."""
    decoder = EventDecoder(max_event_bytes=64 * MIB)
    digest, count, size = hashlib.sha256(), 0, 0
    begun = time.thread_time()
    for chunk in generated_chunks(case):
        for event in decoder.feed(chunk):
            digest.update(event.raw)
            count, size = count + 1, size + event.size

    assert (count, size) == (case["expected_events"], case["expected_total_data_chars"])
    assert digest.hexdigest() == case["expected_sha256_of_concatenated_data"]
    assert time.thread_time() - begun < HANG_GUARD * case["budget"]["seconds"]


def peak_of(work: Callable[[], object]) -> int:
    """Bytes that Python held at most while *work* ran."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("unit", "chunks"),
    [
        (b"data: " + b"x" * 65530, 640),
        (b": " + b"x" * 65530, 640),
        (b"id: " + b"x" * 65530, 640),
        (b"data: x\n" * 8192, 48),
        (b"\n" * 65536, 48),
        (b": c\n" * 16384, 48),
    ],
    ids=["one data line", "one comment", "one id", "many data lines", "blank lines", "comments"],
)
def test_what_no_event_needs_takes_no_memory(unit: bytes, chunks: int) -> None:
    """A server that never ends a line must not fill the kernel's memory."""
    limit = MIB
    decoder = EventDecoder(max_event_bytes=limit)
    endless = unit if unit.endswith(b"\n") else b"x" * len(unit)

    peak = peak_of(lambda: decode(decoder, [unit, *[endless] * (chunks - 1)]))

    assert peak < 5 * limit


def test_a_comment_is_not_kept() -> None:
    """Nobody reads it, so its length must not matter, not even below the limit."""
    decoder = EventDecoder()

    peak = peak_of(lambda: decode(decoder, [b": " + b"x" * 65536, *[b"x" * 65536] * 64]))

    assert peak < MIB


@pytest.mark.parametrize("size", [5, 1000])
def test_a_field_longer_than_any_event_is_ignored(size: int) -> None:
    """An endless id must not be kept, nor half of it be sent back on a reconnect."""
    body = b"id: %b\nevent: %b\nretry: %b\ndata: x\n\n" % (b"7" * 20, b"e" * 20, b"9" * 20)

    (event,) = decode(EventDecoder(max_event_bytes=5), cut_at(body, range(0, 200, size)))

    assert (event.event, event.id, event.data) == ("message", "", "x")


def test_one_huge_chunk_is_taken_in_slices() -> None:
    """A decompressed bomb of line ends would become a table of one pointer per line."""
    chunk = b"\n" * (32 * MIB)
    decoder = EventDecoder()

    peak = peak_of(lambda: decoder.feed(chunk))

    assert peak < 8 * MIB


def test_an_event_over_the_limit_is_cut_and_the_stream_goes_on() -> None:
    """One huge payload must neither end the stream nor be lost without a word."""
    body = encode_event(b"x" * 300_000) + encode_event(b"next")

    big, small = decode(EventDecoder(max_event_bytes=100_000), cut_at(body, range(0, 300_000, 999)))

    assert (big.raw, big.size) == (b"x" * 65536, 300_000)
    assert (small.raw, small.size) == (b"next", 4)


@pytest.mark.parametrize("limit", [1000, 100_000])
def test_an_event_at_the_limit_is_whole(limit: int) -> None:
    """The limit is on the data, not on the line that carries it."""
    body = encode_event(b"x" * limit) + encode_event(b"y" * (limit + 1))

    events = decode(EventDecoder(max_event_bytes=limit), cut_at(body, range(0, len(body), 999)))

    assert [(len(e.raw), e.size) for e in events] == [
        (limit, limit),
        (min(limit, 65536), limit + 1),
    ]


def calls_during(work: Callable[[], object]) -> int:
    """Python and C calls made by *work*: a clock that no other process disturbs."""
    count = 0

    def tick(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(tick)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "stream",
    [
        lambda n: [encode_event(b"x" * 50) * n],
        lambda n: [encode_event(b"x" * 50, event="tick") * n],
        lambda n: singles(encode_event(b"x" * 10 * n)),
        lambda n: singles(b"data: x\n" * n + b"\n"),
        lambda n: [b": c\n" * n],
    ],
    ids=["plain events", "typed events", "a line in single bytes", "lines in bytes", "comments"],
)
def test_twice_the_input_takes_twice_the_calls(stream: Callable[[int], list[bytes]]) -> None:
    """Work that grows faster than its input is a way to stop a reader from outside."""
    small, large = stream(400), stream(800)

    once = calls_during(lambda: decode(EventDecoder(), small))
    twice = calls_during(lambda: decode(EventDecoder(), large))

    assert twice <= 2 * once


def test_plain_events_cost_no_call_each() -> None:
    """The reader's share of a replay must stay small beside the JSON decoder's."""
    decoder = EventDecoder()
    body = encode_event(b'{"sequence":1}') * 1000

    assert calls_during(lambda: decoder.feed_data(body)) < 30
