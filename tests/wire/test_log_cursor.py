"""Each byte of a log once, whatever a server's offsets mean and wherever it is cut."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import OutputChunk, OutputFrame
from axon_notebook.wire.log_cursor import LogCursor

PIECES = st.one_of(
    st.text(max_size=12).map(lambda text: text.encode("utf-8", "replace")),
    st.binary(max_size=8),
    st.sampled_from(["€", "👩‍🚀", "\r", "\r\n", "\x1b[31mred\x1b[0m", "�", "\0"]).map(str.encode),
)
CLEAN = st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace"))
LOGS = st.lists(PIECES, max_size=12).map(b"".join)
SIZES = st.lists(st.integers(4, 9), min_size=1, max_size=6)


def frames(log: bytes, start: int, sizes: list[int], *, names: str) -> Iterator[OutputFrame]:
    """A server: the log from *start* on, in whole characters, in chunks of about these sizes."""
    turn = 0
    while start < len(log):
        size = sizes[turn % len(sizes)]
        turn += 1
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        data = log[start : start + size]
        text = decoder.decode(data, final=start + size >= len(log))
        end = start + len(data) - len(decoder.getstate()[0])
        yield OutputFrame(text, start if names == "start" else end)
        start = end


def read(
    cursor: LogCursor,
    connect: Callable[[int], Iterator[OutputFrame]],
    cuts: list[int],
) -> list[OutputChunk]:
    """A client: connections that deliver as many chunks as *cuts* says, the last one all."""
    got = []
    for count in [*cuts, None]:
        cursor.opened()
        for number, frame in enumerate(connect(cursor.position)):
            if number == count:
                break
            if (chunk := cursor.take(frame)) is not None:
                got.append(chunk)
    return got


@pytest.mark.parametrize("names", ["start", "end"])
@given(log=LOGS, sizes=st.lists(SIZES, min_size=4, max_size=4), cuts=st.lists(st.integers(0, 5)))
def test_every_byte_comes_once_over_any_cuts(
    names: str, log: bytes, sizes: list[list[int]], cuts: list[int]
) -> None:
    """Runloop does not say which convention is its own; a wrong guess doubles or drops text."""
    cursor = LogCursor("stdout")
    turns = iter(sizes * (len(cuts) + 1))

    got = read(cursor, lambda start: frames(log, start, next(turns), names=names), cuts)

    assert "".join(c.text for c in got) == log.decode("utf-8", "replace")
    assert cursor.missing == 0
    assert cursor.convention == (names if log else None)


@pytest.mark.parametrize("names", ["start", "end"])
@given(log=CLEAN, sizes=SIZES, cuts=st.lists(st.integers(0, 5)), back=st.integers(0, 20))
def test_a_server_that_starts_too_early_repeats_nothing(
    names: str, log: bytes, sizes: list[int], cuts: list[int], back: int
) -> None:
    """Some servers resume at the beginning of a stored piece, not at the byte."""
    cursor = LogCursor("stdout")

    def connect(position: int) -> Iterator[OutputFrame]:
        start = max(0, position - back) if cursor.convention else position
        while start > 0 and log[start : start + 1] and log[start] & 0xC0 == 0x80:
            start -= 1
        return frames(log, start, sizes, names=names)

    got = read(cursor, connect, cuts)

    assert "".join(c.text for c in got) == log.decode("utf-8")
    assert cursor.missing == 0


@pytest.mark.parametrize("names", ["start", "end"])
@given(log=CLEAN.filter(len), sizes=SIZES, cuts=st.lists(st.integers(0, 5)))
def test_chunks_say_where_they_stand(
    names: str, log: bytes, sizes: list[int], cuts: list[int]
) -> None:
    """`missing` and `offset` are what a viewer shows of a hole."""
    cursor = LogCursor("stdout")

    got = read(cursor, lambda start: frames(log, start, sizes, names=names), cuts)

    assert all(log[c.offset : c.offset + c.size] == c.text.encode() for c in got)
    assert cursor.position == len(log)


@pytest.mark.parametrize("names", ["start", "end"])
def test_a_hole_is_declared_with_its_size(names: str) -> None:
    """Silence about lost output is the worst answer a log can give."""
    cursor = LogCursor("stdout")
    cursor.opened()
    chunks = list(frames(b"aaaabbbbccccdddd", 0, [4], names=names))

    got = [cursor.take(chunk) for chunk in (chunks[0], chunks[2], chunks[3])]

    assert got == [
        OutputChunk("stdout", 0, "aaaa", size=4),
        OutputChunk("stdout", 8, "cccc", missing=4, size=4),
        OutputChunk("stdout", 12, "dddd", size=4),
    ]
    assert cursor.missing == 4


@pytest.mark.parametrize("names", ["start", "end"])
def test_reading_from_the_middle_finds_the_convention_too(names: str) -> None:
    """The first chunk is then at no special place."""
    cursor = LogCursor("stdout", offset=6)

    got = read(cursor, lambda start: frames(b"0123456789abcdef", start, [4], names=names), [1, 1])

    assert [(c.offset, c.text) for c in got] == [(6, "6789"), (10, "abcd"), (14, "ef")]


@pytest.mark.parametrize("names", ["start", "end"])
def test_a_log_whose_beginning_is_gone_is_read_from_where_it_begins(names: str) -> None:
    """Neither convention shows in the first chunk; the second one tells."""
    log = b"x" * 100 + b"aaaabbbbbcccccc"
    cursor = LogCursor("stdout")

    def connect(position: int) -> Iterator[OutputFrame]:
        return frames(log, max(100, position), [4, 5, 6], names=names)

    got = read(cursor, connect, [1, 0, 2])

    assert "".join(c.text for c in got) == "aaaabbbbbcccccc"
    assert got[0].missing >= 96


def test_a_server_without_offsets_is_believed() -> None:
    """The field is optional."""
    cursor = LogCursor("stdout")
    cursor.opened()

    got = [cursor.take(OutputFrame(text)) for text in ("a€", "", "b")]

    first, second = OutputChunk("stdout", 0, "a€", size=4), OutputChunk("stdout", 4, "b", size=1)

    assert got == [first, None, second]
    assert cursor.position == 5


def test_a_character_split_between_two_chunks_is_joined() -> None:
    """A server that counts in UTF-16 units may cut a pair; a half alone is not valid text."""
    cursor = LogCursor("stdout")
    cursor.opened()

    got = [
        cursor.take(OutputFrame("ab\ud83d", 5)),
        cursor.take(OutputFrame("\ude80c", 7)),
        cursor.take(OutputFrame("\ude80d", 11)),
    ]

    assert "".join(c.text for c in got if c) == "ab🚀c�d"
    assert cursor.missing == 0


def test_the_order_is_handed_on_only_with_a_whole_chunk() -> None:
    """It says where the chunk begins; of a part nobody has counted."""
    cursor = LogCursor("stdout")
    cursor.opened()

    got = [
        cursor.take(OutputFrame("a\ufffd", 2, order=7)),
        cursor.take(OutputFrame("\ufffdbc", 4, order=8)),
    ]

    assert got == [
        OutputChunk("stdout", 0, "a\ufffd", size=2, order=7),
        OutputChunk("stdout", 2, "bc", size=2),
    ]


@given(
    chunks=st.lists(st.tuples(st.text(max_size=6), st.none() | st.integers(0, 40))),
    again=st.sets(st.integers(0, 10)),
)
def test_no_server_makes_it_fail_or_go_back(
    chunks: list[tuple[str, int | None]], again: set[int]
) -> None:
    """Nonsense from the other side must not become an exception in a notebook."""
    cursor = LogCursor("stderr")
    for number, (text, offset) in enumerate(chunks):
        if number in again:
            cursor.opened()
        chunk = cursor.take(OutputFrame(text, offset))

        assert chunk is None or (chunk.text and chunk.missing >= 0)
        assert cursor.position >= 0
