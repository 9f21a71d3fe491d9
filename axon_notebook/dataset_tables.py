"""The tables of a dataset as Arrow schemas, and their Parquet files.

The only file that names pyarrow's Parquet.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .agents.trace_tables import TABLES as TRACE_TABLES
from .dataset_files import DataFile, DatasetFiles
from .errors import ParameterError

__all__ = ["KEYS", "ORDER", "TABLES", "Row", "read_table", "schema_of", "write_rows", "write_table"]

#: Values by column; times in milliseconds since the epoch.
Row = Mapping[str, Any]

_AXON: Final = {"axon": "text", "axon_name": "text"}

#: Columns of each table and their types: text, integer, real, time (UTC, milliseconds), json (its
#: text).
TABLES: Final[dict[str, dict[str, str]]] = {
    "events": {
        **_AXON,
        "sequence": "integer",
        "timestamp": "time",
        "origin": "text",
        "source": "text",
        "event_type": "text",
        "payload": "text",
    },
}

# A row of the trace that changes is written again with a larger ``version`` (the sequence up to
# which the axon was read), and the newest wins; ``part`` tells rows apart that one event made.
for _name in ("turns", "tool_calls", "messages"):
    TABLES[_name] = {**_AXON, **TRACE_TABLES[_name], "version": "integer", "part": "integer"}

#: What names a row of a table whose rows are written again when they change.
KEYS: Final[dict[str, tuple[str, ...]]] = {
    "turns": ("turn_id", "part"),
    "tool_calls": ("call_id", "first_sequence", "part"),
    "messages": ("turn_id", "parent_id", "role", "first_sequence", "part"),
}

#: The column by whose UTC day a table is partitioned.
DAY_OF: Final = {
    "events": "timestamp",
    "turns": "started",
    "tool_calls": "started",
    "messages": "started",
}


#: How the rows of a compacted file are sorted, so that few row groups hold one axon.
ORDER: Final = {
    "events": ("axon", "sequence"),
    "turns": ("axon", "first_sequence"),
    "tool_calls": ("axon", "first_sequence"),
    "messages": ("axon", "first_sequence"),
}


@functools.cache
def schema_of(table: str) -> Any:
    """Return the ``pyarrow.Schema`` of *table*.

    Raises:
        ParameterError: pyarrow is not installed.
    """
    pa = _pyarrow()
    types = {
        "text": pa.string(),
        "json": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    return pa.schema([(name, types[kind]) for name, kind in TABLES[table].items()])


def write_rows(files: DatasetFiles, table: str, rows: Sequence[Row]) -> list[DataFile]:
    """Write *rows*, one Parquet file (zstd) per day; nothing counts until it is committed."""
    pa = _pyarrow()
    by_day: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_day[_day(row[DAY_OF[table]])].append(row)
    written = []
    for day, chosen in sorted(by_day.items()):
        content = pa.Table.from_pylist(list(chosen), schema=schema_of(table))
        written.append(write_table(files, table, day, content))
    return written


def write_table(files: DatasetFiles, table: str, day: str, content: Any) -> DataFile:
    """Write a ``pyarrow.Table`` of rows of *table* as one file; see :func:`write_rows`."""
    from pyarrow import parquet

    data = DataFile(table, files.new_path(table, day), content.num_rows)
    path = files.full(data.path)
    files.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    with files.fs.open(path, "wb") as file:
        parquet.write_table(content, file, compression="zstd")
    return data


def read_table(files: DatasetFiles, data: DataFile) -> Any:
    """Return the rows of one file as a ``pyarrow.Table``."""
    _pyarrow()
    from pyarrow import parquet

    with files.fs.open(files.full(data.path), "rb") as file:
        return parquet.read_table(file, schema=schema_of(data.table))


def _day(milliseconds: int | None) -> str:
    return datetime.fromtimestamp((milliseconds or 0) / 1000, UTC).date().isoformat()


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise ParameterError(
            "datasets need pyarrow and DuckDB: pip install 'axon-notebook[datasets]'"
        ) from None
    return pyarrow
