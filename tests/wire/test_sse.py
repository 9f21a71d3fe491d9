"""The decoder against the standard: a table of byte streams, an oracle, and hostile sizes."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon_notebook.wire.sse import EventDecoder, ServerSentEvent, encode_comment, encode_event

TABLE = json.loads(Path(__file__).with_name("sse_cases.json").read_text("utf-8"))
CASES = TABLE["cases"]
GENERATED = TABLE["generated"]
HANG_GUARD = 3  # times the budget; a shared machine may be slow, a quadratic decoder is slower
MIB = 1024 * 1024

Triple = tuple[str, str, str]


def by_name(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def chunks_of(case: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(chunk) for chunk in case["chunks_b64"]]


def decoder_for(case: dict[str, Any]) -> EventDecoder:
    return EventDecoder(last_event_id=case.get("initial_last_event_id", ""))


def expected_of(case: dict[str, Any]) -> list[Triple]:
    return [(event["event"], event["data"], event["id"]) for event in case["expected"]]


def triples(events: Iterable[ServerSentEvent]) -> list[Triple]:
    return [(event.event, event.data, event.id) for event in events]


def decode(decoder: EventDecoder, chunks: Iterable[bytes]) -> list[ServerSentEvent]:
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def singles(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def cut_at(body: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted({min(place, len(body)) for place in places}), len(body)]
    return [body[a:b] for a, b in itertools.pairwise(edges)]


# --- The table ---------------------------------------------------------------------------------


@by_name(CASES)
def test_every_stream_of_the_table_gives_the_events_of_the_standard(case: dict[str, Any]) -> None:
    """A browser and this package must agree on what a server said."""
    decoder = decoder_for(case)

    events = decode(decoder, chunks_of(case))

    assert triples(events) == expected_of(case)
    assert decoder.last_event_id == case["last_event_id"]
    assert case["retry_ms"] in ("any", decoder.retry)


@by_name(CASES)
def test_events_are_handed_over_with_the_chunk_that_completes_them(case: dict[str, Any]) -> None:
    """Waiting for the byte after would show each event one event late."""
    decoder = decoder_for(case)
    counts, total = [], 0
    for chunk in chunks_of(case):
        total += len(decoder.feed(chunk))
        counts.append(total)

    assert counts == case["dispatched_after_chunk"]


@by_name([case for case in CASES if case["try_all_splits"]])
def test_no_cut_of_the_stream_changes_its_events(case: dict[str, Any]) -> None:
    """Where the network cuts is chance; it must not decide what is read."""
    body = b"".join(chunks_of(case))
    ways = [[body[:i], body[i:]] for i in range(len(body) + 1)] + [singles(body)]
    for chunks in ways:
        decoder = decoder_for(case)

        events = decode(decoder, chunks)

        assert triples(events) == expected_of(case), chunks
        assert (decoder.last_event_id, decoder.retry) == (case["last_event_id"], case["retry_ms"])


@by_name([case for case in CASES if case["try_all_splits"]])
def test_an_event_needs_no_byte_after_its_last(case: dict[str, Any]) -> None:
    """The literal parser says after which byte each event is complete."""
    body = b"".join(chunks_of(case))
    ours, literal = decoder_for(case), LiteralParser(case.get("initial_last_event_id", ""))
    for byte in singles(body):
        literal.take(byte)

        assert triples(ours.feed(byte)) == literal.handed_over()


# --- Sizes -------------------------------------------------------------------------------------


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
    begun = time.perf_counter()
    for chunk in generated_chunks(case):
        for event in decoder.feed(chunk):
            digest.update(event.raw)
            count, size = count + 1, size + event.size

    assert (count, size) == (case["expected_events"], case["expected_total_data_chars"])
    assert digest.hexdigest() == case["expected_sha256_of_concatenated_data"]
    assert time.perf_counter() - begun < HANG_GUARD * case["budget"]["seconds"]


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


# --- The quick way -----------------------------------------------------------------------------


def test_plain_blocks_come_back_as_their_raw_data() -> None:
    """The viewer forwards these bytes as they are."""
    decoder = EventDecoder(last_event_id="7")
    decoder.feed(b": hello\n\n")

    raws = decoder.feed_data(b'data: {"a":1}\n\ndata: {"a":2}\n\ndata: {"a"')

    assert raws == [b'{"a":1}', b'{"a":2}']
    assert decoder.feed_data(b":3}\n\n") == [b'{"a":3}']
    assert decoder.last_event_id == "7"


@pytest.mark.parametrize(
    "chunk",
    [
        b"data: a",
        b"data: a\n",
        b"data:a\n\n",
        b"data: a\r\n\r\n",
        b"data: a\ndata: b\n\n",
        b"data: a\n\n\n",
        b"data: a\n\ndata: b\n",
        b"event: e\ndata: a\n\n",
        b": c\n\ndata: a\n\n",
        b"data: a\n\nid: 1\ndata: b\n\n",
        b"data: a\n\ndata:b\n\n",
        b"data: 123456789\n\n",
        b"",
    ],
)
def test_a_refused_chunk_leaves_the_decoder_as_it_was(chunk: bytes) -> None:
    """The caller feeds the same chunk again; nothing may be taken twice."""
    quick, plain = EventDecoder(max_event_bytes=8), EventDecoder(max_event_bytes=8)

    refused = quick.feed_data(chunk)

    assert refused is None
    rest = [chunk, b"data: z\n\n\r\n\r\n"]
    assert decode(quick, rest) == decode(plain, rest)


def test_the_first_chunk_of_a_stream_can_be_quick() -> None:
    """A resumed stream often is one chunk; the next byte order mark is then data."""
    decoder = EventDecoder()

    assert decoder.feed_data(b"data: a\n\n") == [b"a"]
    assert decoder.feed(b"\xef\xbb\xbfdata: b\n\n") == []


def test_nothing_is_quick_while_a_block_is_open() -> None:
    """An event type, a CR or half a byte order mark changes what the next chunk means."""
    decoders = [EventDecoder(), EventDecoder(), EventDecoder()]
    for decoder, before in zip(decoders, (b"event: e\n", b"\r", b"\xef\xbb"), strict=True):
        decoder.feed(before)

    assert [decoder.feed_data(b"data: a\n\n") for decoder in decoders] == [None, None, None]


# --- Any bytes ---------------------------------------------------------------------------------


class LiteralParser:
    """The standard's algorithm as written, one byte at a time, with no thought for speed."""

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = self.id = last_event_id
        self.retry: int | None = None
        self.read = self.line = self.data = b""
        self.type = ""
        self.after_cr = False
        self.events: list[Triple] = []

    def take(self, byte: bytes) -> None:
        self.read += byte
        if byte == b"\n" and self.after_cr:
            self.after_cr = False
        elif byte in (b"\n", b"\r"):
            self.after_cr = byte == b"\r"
            line, self.line = self.line, b""
            self.end_line(line)
        else:
            self.after_cr = False
            self.line += byte
            if self.read == b"\xef\xbb\xbf":
                self.line = b""

    def end_line(self, line: bytes) -> None:
        if not line:
            self.dispatch()
        elif not line.startswith(b":"):
            name, colon, value = line.partition(b":")
            if colon and value[:1] == b" ":
                value = value[1:]
            self.process(name, value)

    def process(self, name: bytes, value: bytes) -> None:
        if name == b"event":
            self.type = value.decode("utf-8", "replace")
        elif name == b"data":
            self.data += value + b"\n"
        elif name == b"id" and b"\0" not in value:
            self.id = value.decode("utf-8", "replace")
        elif name == b"retry" and re.fullmatch(rb"[0-9]{1,4000}", value):
            self.retry = int(value)

    def dispatch(self) -> None:
        self.last_event_id = self.id
        if self.data:
            text = self.data[:-1].decode("utf-8", "replace")
            self.events.append((self.type or "message", text, self.id))
        self.data, self.type = b"", ""

    def handed_over(self) -> list[Triple]:
        events, self.events = self.events, []
        return events


# Bytes that matter to a decoder, so that chance finds the corners.
PIECES = [b"data", b"data:", b"data: ", b"id", b"id: 1", b"event: e", b"retry: 9", b":", b" "]
PIECES += [b"\n", b"\n\n", b"\r", b"\r\n", b"\xef\xbb\xbf", b"\xef", b"\xe2\x80\xa8", b"\0", b"x"]
SOUP = st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join)
NAMES = [b"data: ", b"data: ", b"data:", b"id: ", b"event: ", b"retry: ", b": "]
LINES = st.builds(
    lambda name, value, end: name + value + end,
    st.sampled_from(NAMES),
    st.sampled_from([b"", b"1", b"22", b"55555", b"\xc3\xa9", b"0123456789abcdefghij"]),
    st.sampled_from([b"\n", b"\n", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n"]),
)
STREAMS = SOUP | st.lists(LINES, max_size=12).map(b"".join)
CUTS = st.lists(st.integers(0, 120), max_size=12)


@settings(deadline=None, max_examples=400)
@given(body=STREAMS, cuts=CUTS)
def test_any_bytes_in_any_cut_give_what_the_standard_says(body: bytes, cuts: list[int]) -> None:
    """Two readings of the same text, one slow and literal, cannot share a slip."""
    literal, ours = LiteralParser(), EventDecoder()
    for chunk in cut_at(body, cuts):
        for byte in singles(chunk):
            literal.take(byte)

        assert triples(ours.feed(chunk)) == literal.handed_over()
    assert (ours.last_event_id, ours.retry) == (literal.last_event_id, literal.retry)


@settings(deadline=None, max_examples=300)
@given(body=STREAMS, cuts=CUTS, limit=st.integers(0, 12))
def test_the_limit_acts_the_same_in_any_cut(body: bytes, cuts: list[int], limit: int) -> None:
    """What is cut off must not depend on the network either."""
    whole = EventDecoder(max_event_bytes=limit).feed(body)

    pieces = decode(EventDecoder(max_event_bytes=limit), cut_at(body, cuts))

    assert pieces == whole
    assert all(len(event.raw) == min(event.size, limit) for event in whole)


@settings(deadline=None, max_examples=200)
@given(body=STREAMS, limit=st.integers(0, 12))
def test_a_cut_event_keeps_its_beginning_and_its_size(body: bytes, limit: int) -> None:
    """A stub shows the start of the payload and how much there was."""
    full = EventDecoder().feed(body)

    cut = EventDecoder(max_event_bytes=limit).feed(body)

    assert [(e.raw, e.size) for e in cut] == [(e.raw[:limit], e.size) for e in full]


@settings(deadline=None, max_examples=200)
@given(
    blocks=st.lists(
        st.sampled_from([b"data: 1\n\n", b'data: {"a": 2}\n\n', b": c\n\n", b"data: 3\r\n\r\n"]),
        max_size=20,
    ),
    cuts=CUTS,
)
def test_the_quick_way_and_the_slow_way_agree(blocks: list[bytes], cuts: list[int]) -> None:
    """A caller that takes the quick way whenever it can misses nothing."""
    body = b"".join(blocks)
    quick = EventDecoder()
    raws: list[bytes] = []
    for chunk in cut_at(body, cuts):
        taken = quick.feed_data(chunk)
        raws += [event.raw for event in quick.feed(chunk)] if taken is None else taken

    assert raws == [event.raw for event in EventDecoder().feed(body)]


# --- Values and encoding -----------------------------------------------------------------------


def test_an_event_is_a_value() -> None:
    """Events travel between threads; nobody may change one on the way."""
    event = ServerSentEvent("message", b"\xff", "", 1)

    assert event.data == "�"
    with pytest.raises(AttributeError):
        event.raw = b""  # type: ignore[misc]
    assert event == msgspec.structs.replace(event)


def test_an_encoded_event_is_one_block() -> None:
    """Readers that count blocks, and the quick way here, rely on this form."""
    assert encode_event(b'{"a":1}') == b'data: {"a":1}\n\n'
    assert encode_event(b"{}", event="error") == b"event: error\ndata: {}\n\n"
    assert encode_event(b"a\n\r\nb", event="e") == b"event: e\ndata: a\ndata: \ndata: b\n\n"


@given(data=st.binary(max_size=60), event=st.none() | st.sampled_from(["error", " x", "é:"]))
def test_what_is_encoded_is_decoded(data: bytes, event: str | None) -> None:
    """The embedded service writes with this what every reader must get back."""
    normal = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    decoded = EventDecoder().feed(encode_event(data, event=event))

    assert decoded == [ServerSentEvent(event or "message", normal, "", len(normal))]


@given(text=st.text(max_size=40))
def test_a_comment_is_never_an_event(text: str) -> None:
    """A keep-alive must not show up as data, whatever it says."""
    assert EventDecoder().feed(encode_comment(text) + encode_event(b"x"))[0].raw == b"x"
    assert encode_comment("keep-alive") == b": keep-alive\n\n"


@pytest.mark.parametrize("name", ["a\nb", "a\rdata: forged"])
def test_an_event_type_cannot_forge_a_line(name: str) -> None:
    """A type made from data could otherwise add fields of its own."""
    with pytest.raises(ValueError, match="contains a line end"):
        encode_event(b"x", event=name)
