"""Joining the small files of a dataset into few large ones, per table and day.

Each step is one commit that adds a file and removes those it replaces, so a killed compaction
leaves a dataset that can be read.  Of rows that were written several times the newest remains.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .dataset_files import Commit, DataFile, DatasetFiles
from .dataset_tables import KEYS, ORDER, read_table, write_table

__all__ = ["Compacted", "compact"]

#: Rows of an output file; a file that has as many is left alone.
ROWS_PER_FILE: Final = 1_000_000


class Compacted:
    """What a compaction did.

    Attributes:
        before: How many files there were.
        after: How many there are now.
    """

    def __init__(self, before: int, after: int) -> None:
        self.before = before
        self.after = after

    def __repr__(self) -> str:
        return f"<Compacted {self.before:,} files into {self.after:,}>"


def compact(files: DatasetFiles) -> Compacted:
    """Join small files; a dataset that was opened before must be opened again.

    Raises:
        AxonError: An export is writing.
    """
    with files.writing() as renew:
        state = files.state()
        files.remove_orphans(state)
        before = len(state.files)
        for group in list(_groups(state.files.values())):
            added = _joined(files, group)
            renew()
            removed = [file.path for file in group]
            commit = Commit([added], {}, removed, datetime.now(UTC).isoformat(timespec="seconds"))
            files.commit(state.commits + 1, commit)
            state.apply(commit)
        # No writer can be active: what no commit names any more is what was joined.
        files.remove_orphans(state)
    return Compacted(before, len(state.files))


def _groups(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    """Return what is worth joining: several files of one table and day."""
    by_folder: defaultdict[str, list[DataFile]] = defaultdict(list)
    for file in files:
        by_folder[file.path.rpartition("/")[0]].append(file)
    for own in by_folder.values():
        # All versions of a row must meet, whatever their number.
        limit = float("inf") if own[0].table in KEYS else ROWS_PER_FILE
        small = sorted((file for file in own if file.rows < limit), key=lambda file: file.rows)
        yield from (group for group in _filled(small, limit) if len(group) > 1)


def _filled(files: Iterable[DataFile], limit: float) -> Iterator[list[DataFile]]:
    group: list[DataFile] = []
    rows = 0
    for file in files:
        group.append(file)
        rows += file.rows
        if rows >= limit:
            yield group
            group, rows = [], 0
    yield group


def _joined(files: DatasetFiles, group: Sequence[DataFile]) -> DataFile:
    import pyarrow as pa

    table = group[0].table
    whole = pa.concat_tables([read_table(files, file) for file in group])
    if table in KEYS:
        whole = _newest(whole, ("axon", *KEYS[table]))
    whole = whole.sort_by([(name, "ascending") for name in ORDER[table]])
    day = group[0].path.split("/")[2].removeprefix("day=")
    return write_table(files, table, day, whole)


def _newest(rows: Any, key: Sequence[str]) -> Any:
    """Return of the rows of each *key* the one with the largest version."""
    best: dict[tuple[object, ...], tuple[int, int]] = {}
    columns = [rows.column(name).to_pylist() for name in (*key, "version")]
    for place, (*name, version) in enumerate(zip(*columns, strict=True)):
        held = best.get(tuple(name))
        if held is None or version > held[0]:
            best[tuple(name)] = (version, place)
    return rows.take(sorted(place for _, place in best.values()))
