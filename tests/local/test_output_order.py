"""The order of two streams, on disk."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axon_notebook.local.devboxes import output_order
from axon_notebook.local.devboxes.output_order import (
    OrderReader,
    OrderWriter,
    Run,
)

WRITES = st.lists(st.tuples(st.integers(0, 1), st.integers(1, 70_000)), max_size=30)


def note(path: Path, writes: list[tuple[int, int]]) -> None:
    with closing(OrderWriter(path)) as order:
        for stream, size in writes:
            order.add(stream, size)


@given(writes=WRITES)
def test_every_byte_is_found_where_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[int, int]]
) -> None:
    """The two logs can then be put together as they came."""
    path = tmp_path_factory.mktemp("order") / "order"
    note(path, writes)
    fd = os.open(path, os.O_RDONLY)
    readers = [OrderReader(fd, stream) for stream in (0, 1)]
    own, total = [0, 0], 0
    try:
        for stream, size in writes:
            first = readers[stream].run_at(own[stream])
            last = readers[stream].run_at(own[stream] + size - 1)
            own[stream] += size

            assert first is not None
            assert (first.order, first.left >= size) == (total, True)
            assert last is not None
            assert last.order == total + size - 1
            total += size
        ends = [readers[stream].run_at(own[stream]) for stream in (0, 1)]
    finally:
        os.close(fd)

    assert ends == [None, None]


def test_a_reader_follows_a_file_that_grows(tmp_path: Path) -> None:
    """Commands are followed while they run."""
    path = tmp_path / "order"
    with closing(OrderWriter(path)) as order, path.open("rb") as file:
        reader = OrderReader(file.fileno(), 1)
        seen = [reader.run_at(0)]
        order.add(0, 5)
        seen.append(reader.run_at(0))
        order.add(0, 5)
        order.add(1, 3)
        seen.append(reader.run_at(0))
        order.add(1, 4)
        seen.append(reader.run_at(3))

    assert seen == [None, None, Run(10, 3), Run(13, 4)]


def test_one_run_takes_one_entry_however_it_was_written(tmp_path: Path) -> None:
    """A byte at a time is how some programs write."""
    path = tmp_path / "order"
    note(path, [(0, 1)] * 1000 + [(1, 1)])

    assert path.stat().st_size == 16


def test_more_runs_than_are_kept_have_no_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file must not outgrow the logs."""
    monkeypatch.setattr(output_order, "MOST_RUNS", 3)
    path = tmp_path / "order"
    note(path, [(0, 2), (1, 2), (0, 2), (1, 2), (0, 2)])
    with path.open("rb") as file:
        out, err = (OrderReader(file.fileno(), stream) for stream in (0, 1))
        found = [err.run_at(0), err.run_at(2), out.run_at(2), out.run_at(4)]

    assert path.stat().st_size == 24
    assert found == [Run(2, 2), None, Run(4, 2), None]


def test_a_file_is_gone_on_with(tmp_path: Path) -> None:
    """After a kill of the service its own note comes last."""
    path = tmp_path / "order"
    note(path, [(0, 2)])
    note(path, [(1, 3)])
    with path.open("rb") as file:
        found = OrderReader(file.fileno(), 1).run_at(0)

    assert found == Run(2, 3)
