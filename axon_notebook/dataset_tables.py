"""The tables of a dataset as Arrow schemas, and rows of them as Parquet files.

The only file that names pyarrow's Parquet.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .dataset_files import DataFile, DatasetFiles
from .errors import ParameterError

__all__ = ["KEYS", "TABLES", "Row", "schema_of", "write_rows"]

#: Values by column; times in milliseconds since the epoch.
Row = Mapping[str, Any]

_AXON: Final = {"axon": "text", "axon_name": "text"}

#: Columns of each table and their types: text, integer, real, time (UTC, milliseconds).
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

#: What names a row of a table whose rows are written again when they change: the newest wins.
KEYS: Final[dict[str, tuple[str, ...]]] = {}

#: The column by whose UTC day a table is partitioned.
DAY_OF: Final = {"events": "timestamp"}


@functools.cache
def schema_of(table: str) -> Any:
    """Return the ``pyarrow.Schema`` of *table*.

    Raises:
        ParameterError: pyarrow is not installed.
    """
    pa = _pyarrow()
    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "time": pa.timestamp("ms", tz="UTC"),
    }
    return pa.schema([(name, types[kind]) for name, kind in TABLES[table].items()])


def write_rows(files: DatasetFiles, table: str, rows: Sequence[Row]) -> list[DataFile]:
    """Write *rows*, one Parquet file (zstd) per day; nothing counts until it is committed."""
    pa = _pyarrow()
    from pyarrow import parquet

    by_day: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_day[_day(row[DAY_OF[table]])].append(row)
    written = []
    for day, chosen in sorted(by_day.items()):
        data = DataFile(table, files.new_path(table, day), len(chosen))
        path = files.full(data.path)
        files.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        with files.fs.open(path, "wb") as file:
            content = pa.Table.from_pylist(list(chosen), schema=schema_of(table))
            parquet.write_table(content, file, compression="zstd")
        written.append(data)
    return written


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
