"""Two streams, one order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.models import OutputChunk
from axon_notebook.wire.output_merge import OutputMerge

NAMES = ("stdout", "stderr")


def written(runs: list[tuple[int, int]]) -> list[OutputChunk]:
    """The chunks of a command that wrote *runs*: (stream, bytes)."""
    chunks: list[OutputChunk] = []
    offsets, order = [0, 0], 0
    for stream, size in runs:
        chunk = OutputChunk(NAMES[stream], offsets[stream], "x" * size, size=size, order=order)
        chunks.append(chunk)
        offsets[stream] += size
        order += size
    return chunks


RUNS = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 9)), max_size=20)


@given(runs=RUNS, arrival=st.lists(st.integers(0, 1)))
def test_whatever_arrives_first_the_order_of_writing_comes_out(
    runs: list[tuple[int, int]], arrival: list[int]
) -> None:
    """A terminal would have shown it so."""
    chunks = written(runs)
    waiting = {name: [c for c in chunks if c.stream == name] for name in NAMES}
    merge, got = OutputMerge(NAMES), []
    for stream in [*arrival, *[0, 1] * len(chunks)]:
        if waiting[NAMES[stream]]:
            got += merge.take(waiting[NAMES[stream]].pop(0))

    assert got == chunks
    assert not any(map(merge.holds, NAMES))


@given(runs=RUNS.filter(len))
def test_what_is_due_is_not_held(runs: list[tuple[int, int]]) -> None:
    """Live output comes in its order already; waiting would only delay it."""
    merge = OutputMerge(NAMES)

    assert all(merge.take(chunk) == [chunk] for chunk in written(runs))


@given(runs=RUNS, first=st.sampled_from(NAMES))
def test_a_stream_that_ended_is_not_waited_for(runs: list[tuple[int, int]], first: str) -> None:
    """Its last bytes may have been lost."""
    chunks = written(runs)
    merge = OutputMerge(NAMES)
    got = [c for chunk in chunks if chunk.stream != first for c in merge.take(chunk)]

    got += merge.ended(first)

    assert got == [c for c in chunks if c.stream != first]


def test_flushing_gives_up_the_wait_and_goes_on() -> None:
    """A connection that is away for minutes must not hold up the other."""
    chunks = written([(0, 1), (1, 2), (0, 3), (1, 4), (0, 5)])
    merge = OutputMerge(NAMES)
    held = [c for i in (0, 2, 4) for c in merge.take(chunks[i])]
    flushed = merge.flush()
    late = [c for i in (1, 3) for c in merge.take(chunks[i])]

    assert held == [chunks[0]]
    assert flushed == [chunks[2], chunks[4]]
    assert late == [chunks[1], chunks[3]]


def test_chunks_without_an_order_come_as_they_arrive() -> None:
    """Runloop does not tell one."""
    chunks = [OutputChunk(name, 0, "x", size=1) for name in NAMES]
    merge = OutputMerge(NAMES)

    assert [merge.take(chunk) for chunk in chunks] == [[chunks[0]], [chunks[1]]]


def test_reading_from_the_middle_believes_the_first_chunk() -> None:
    """Where both streams stand in the whole is not known then."""
    chunks = written([(0, 5), (1, 5), (0, 5), (1, 5)])
    merge = OutputMerge(NAMES, start=None)

    got = [c for chunk in (chunks[2], chunks[1], chunks[3]) for c in merge.take(chunk)]

    assert got == [chunks[2], chunks[1], chunks[3]]
