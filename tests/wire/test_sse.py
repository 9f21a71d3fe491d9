"""The decoder against the standard: a table of byte streams, and an oracle for any bytes."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.wire.sse import EventDecoder, ServerSentEvent, encode_comment, encode_event

from .byte_streams import (
    CASES,
    Triple,
    by_name,
    chunks_of,
    cut_at,
    decode,
    decoder_for,
    expected_of,
    singles,
    triples,
)

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


@given(body=STREAMS, cuts=CUTS)
def test_any_bytes_in_any_cut_give_what_the_standard_says(body: bytes, cuts: list[int]) -> None:
    """Two readings of the same text, one slow and literal, cannot share a slip."""
    literal, ours = LiteralParser(), EventDecoder()
    for chunk in cut_at(body, cuts):
        for byte in singles(chunk):
            literal.take(byte)

        assert triples(ours.feed(chunk)) == literal.handed_over()
    assert (ours.last_event_id, ours.retry) == (literal.last_event_id, literal.retry)


@given(body=STREAMS, cuts=CUTS, limit=st.integers(0, 12))
def test_the_limit_acts_the_same_in_any_cut(body: bytes, cuts: list[int], limit: int) -> None:
    """What is cut off must not depend on the network either."""
    whole = EventDecoder(max_event_bytes=limit).feed(body)

    pieces = decode(EventDecoder(max_event_bytes=limit), cut_at(body, cuts))

    assert pieces == whole
    assert all(len(event.raw) == min(event.size, limit) for event in whole)


@given(body=STREAMS, limit=st.integers(0, 12))
def test_a_cut_event_keeps_its_beginning_and_its_size(body: bytes, limit: int) -> None:
    """A stub shows the start of the payload and how much there was."""
    full = EventDecoder().feed(body)

    cut = EventDecoder(max_event_bytes=limit).feed(body)

    assert [(e.raw, e.size) for e in cut] == [(e.raw[:limit], e.size) for e in full]


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
