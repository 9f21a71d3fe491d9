"""What the kernel keeps of a command's output, and how it reaches a page whole."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import ExecutionInfo, OutputChunk
from axon_notebook.widgets.output_store import PARTS, OutputStore
from axon_notebook.widgets.protocol import BATCH_BYTES
from axon_notebook.wire.resuming import StreamState

from .log_page import LogPage

STREAMS = ("stdout", "stderr")
CHUNKS = st.lists(
    st.tuples(
        st.sampled_from(STREAMS),
        st.text(st.sampled_from("ab\n\r\x1bé日👍\x00"), min_size=1, max_size=12),
        st.sampled_from([0, 0, 0, 1, 7]),
    ),
    max_size=30,
)


def store_of(max_bytes: int = 10**9) -> OutputStore:
    return OutputStore(max_bytes=max_bytes, started_ms=None)


def fill(store: OutputStore, chunks: Iterable[tuple[str, str, int]]) -> None:
    for stream, text, missing in chunks:
        store.append(OutputChunk(stream, 0, text, missing))


def pump(store: OutputStore, page: LogPage, max_bytes: int = BATCH_BYTES) -> None:
    while (message := store.next(max_bytes, 1000)) is not None:
        page.take(message)


def written(chunks: Iterable[tuple[str, str, int]], stream: str) -> tuple[dict[int, int], set[int]]:
    """Byte by offset, and the offsets that the server lost."""
    found: dict[int, int] = {}
    lost: set[int] = set()
    at = 0
    for name, text, missing in chunks:
        if name == stream:
            lost.update(range(at, at + missing))
            at += missing
            found.update(enumerate(text.encode(), at))
            at += len(text.encode())
    return found, lost


def recover(store: OutputStore, page: LogPage) -> None:
    """Ask for what is missing until nothing is: once is enough, if every byte is answered."""
    page.take((store.stat(), b""))
    for stream in STREAMS:
        if holes := page.holes(stream):
            page.take_all(store.answers(stream, holes))
    for stream in STREAMS:
        assert page.holes(stream) == []


@given(CHUNKS, st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=40))
def test_what_was_pushed_and_what_is_asked_for_make_the_whole(
    chunks: list[tuple[str, str, int]], pushes: list[tuple[int, bool]]
) -> None:
    """A page that lost any of the messages ends with every byte once, in its place."""
    store, page = store_of(), LogPage()
    todo = iter(chunks)
    for max_bytes, arrives in pushes:
        fill(store, [chunk for _, chunk in zip(range(2), todo, strict=False)])
        message = store.next(max_bytes, 1000)
        if arrives and message is not None:
            page.take(message)
    fill(store, todo)
    pump(store, page)
    recover(store, page)

    for stream in STREAMS:
        found, lost = written(chunks, stream)
        assert page.bytes(stream) == found
        assert page.gone[stream] == lost
    assert page.in_order() == "".join(text for _, text, _ in chunks)


@given(CHUNKS, st.integers(300, 900))
def test_the_oldest_output_goes_first_and_is_said_to_be_gone(
    chunks: list[tuple[str, str, int]], max_bytes: int
) -> None:
    """A command that prints for a week must not fill the memory, nor leave a page waiting."""
    store, late = store_of(max_bytes), LogPage()
    for chunk in chunks:
        fill(store, [chunk])
        store.next(10**6, 1000)  # each goes to a page, so that none is joined to the next
    recover(store, late)
    stat = store.stat()

    assert len(store.pieces()) <= max(1, max_bytes // 200)
    assert stat["bytes"] == sum(len(piece.raw) for piece in store.pieces())
    for stream in STREAMS:
        found, lost = written(chunks, stream)
        kept = {place: byte for place, byte in found.items() if place >= stat[f"{stream}_from"]}
        assert late.bytes(stream) == kept
        assert late.gone[stream] == (found.keys() | lost) - kept.keys()


@given(CHUNKS, st.integers(300, 900))
def test_what_went_before_it_was_sent_is_declared_in_the_push(
    chunks: list[tuple[str, str, int]], max_bytes: int
) -> None:
    """Behind a closed tab nothing is sent; who comes back sees where the output has a hole."""
    store, page = store_of(max_bytes), LogPage()
    fill(store, chunks)
    pump(store, page)
    page.take((store.stat(), b""))

    assert store.backlog() == 0
    for stream in STREAMS:
        found, lost = written(chunks, stream)
        last = max((place for place in page.bytes(stream)), default=-1)
        assert page.holes(stream) == []
        assert page.bytes(stream).items() <= found.items()
        if last >= 0:
            assert page.bytes(stream).keys() | page.gone[stream] == found.keys() | lost


def test_a_command_that_prints_single_bytes_does_not_outgrow_the_budget() -> None:
    """A byte of text with all its book-keeping takes two hundred."""
    store = store_of(max_bytes=100_000)
    for _ in range(5000):
        store.append(OutputChunk("stdout", 0, "."))
        store.append(OutputChunk("stderr", 0, "!"))

    assert len(store.pieces()) <= 500
    assert store.stat()["stdout_bytes"] == 5000


def test_a_huge_chunk_is_kept_in_pieces() -> None:
    """A server may send a hundred megabytes at once; a message of that size is too much."""
    store, page = store_of(max_bytes=3 * BATCH_BYTES), LogPage()
    store.append(OutputChunk("stdout", 0, "x" * (10 * BATCH_BYTES)))
    first = store.next(BATCH_BYTES, 1000)
    pump(store, page)

    assert first is not None
    assert len(first[1]) == BATCH_BYTES
    assert store.stat()["bytes"] <= 3 * BATCH_BYTES


def test_streams_that_alternate_travel_together() -> None:
    """At twenty messages a second, a message for each line would be minutes late."""
    store = store_of()
    fill(store, [(stream, f"{n}\n", 0) for n in range(PARTS // 2) for stream in STREAMS])
    message = store.next(BATCH_BYTES, 1000)

    assert message is not None
    assert len(message[0]["parts"]) == PARTS
    assert store.next(BATCH_BYTES, 1000) is None


def test_what_comes_within_a_tick_is_one_piece() -> None:
    """Single bytes must not cost a page a thousand times their worth."""
    store = store_of()
    fill(store, [("stdout", "x", 0)] * 50)

    assert len(store.pieces()) < 50


def test_the_store_tells_how_both_streams_stand() -> None:
    """One word in the header for two connections: what needs attention comes first."""
    store = store_of()
    store.change("stdout", StreamState("live"))

    assert store.stat()["state"] == {"name": "connecting"}

    store.change("stderr", StreamState("reconnecting", "cut", 2.5, failures=3))

    assert store.stat()["state"] == {
        "name": "reconnecting",
        "reason": "cut",
        "retry_in_ms": 2500,
        "attempt": 3,
    }

    store.change("stderr", StreamState("ended"))

    assert store.stat()["state"] == {"name": "live"}

    store.finish(ExecutionInfo("dbx_1", "e1", "completed", 3), "", ended_ms=7)
    stat = store.stat()

    assert stat["state"] == {"name": "ended"}
    assert (stat["status"], stat["exit_status"], stat["ended_ms"]) == ("completed", 3, 7)


@pytest.mark.parametrize("stream", ["", "stdin", "stdout"])
def test_a_question_about_nothing_is_answered_by_nothing(stream: str) -> None:
    """Pages are not trusted with what they ask."""
    assert list(store_of().answers(stream, [(0, 10**9)])) == []
