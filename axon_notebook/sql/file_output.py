"""A result as a file: CSV or Parquet, with every value exact.

CSV has no types, so quotes carry them: texts are always quoted, everything else never
is.  NULL is an empty field, the empty text ``""``, a BLOB ``X'00FF'`` as in SQL, a real the
shortest decimal that reads back as the same number, a datetime ISO 8601 in UTC.  Decoded
JSON becomes JSON text again in both formats.

Nothing is escaped for spreadsheets: a text like ``=1+1`` is written as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ..errors import ParameterError
from .columns import Column
from .forms import arrow_array, required
from .values import Refused, json_text

__all__ = ["FILE_FORMATS", "check_target", "write_file"]


def check_target(file_format: str, path: Path) -> None:
    """Refuse what is sure to fail, before a statement runs.

    Raises:
        ParameterError: The directory does not exist, *path* is one, or pyarrow is missing.
    """
    if path.is_dir():
        raise ParameterError(f"--{file_format} {path} is a directory: name a file in it")
    if not path.parent.is_dir():
        raise ParameterError(f"--{file_format} {path}: there is no directory {path.parent}")
    if file_format == "parquet":
        required("pyarrow", f"--parquet {path}")


def write_file(file_format: str, path: Path, columns: Sequence[Column], length: int) -> None:
    """Write *columns*, each of *length* values, to *path*; an existing file is replaced.

    Args:
        file_format: One of :data:`FILE_FORMATS`.
        path: Complete or unchanged afterwards, never half written.
        columns: With unique names.
        length: How many rows.

    Raises:
        ParameterError: It cannot be written; names the path.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        FILE_FORMATS[file_format]([_with_json_text(c) for c in columns], length, part)
        part.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ParameterError(f"--{file_format} {path} cannot be written: {reason}") from error
    except (ParameterError, Refused, ValueError, OverflowError) as error:
        raise ParameterError(f"--{file_format} {path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def _with_json_text(column: Column) -> Column:
    if not any(isinstance(value, dict | list) for value in column.values):
        return column
    values = [json_text(v) if isinstance(v, dict | list) else v for v in column.values]
    return Column(column.name, "", values)


def _write_csv(columns: Sequence[Column], length: int, path: Path) -> None:
    fields = [_csv_fields(column) for column in columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_quoted(column.name) for column in columns) + "\r\n")
        for row in zip(*fields, strict=True):
            file.write(",".join(row) + "\r\n")


def _csv_fields(column: Column) -> list[str]:
    if column.kind == "boolean":
        return ["" if v is None else "true" if v else "false" for v in column.values]
    return [_csv_field(value) for value in column.values]


def _csv_field(value: Any) -> str:
    match value:
        case None:
            return ""
        case str():
            return _quoted(value)
        case bytes():
            return f"X'{value.hex().upper()}'"
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat()
    return repr(value)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _write_parquet(columns: Sequence[Column], length: int, path: Path) -> None:
    pa = required("pyarrow", "--parquet")
    from pyarrow import parquet

    arrays = [_parquet_array(column) for column in columns]
    parquet.write_table(pa.table(arrays, names=[column.name for column in columns]), path)


def _parquet_array(column: Column) -> Any:
    known = [value for value in column.values if value is not None]
    if not known or not all(isinstance(value, datetime) for value in known):
        return arrow_array(column)
    import pyarrow as pa

    exact = "ns" if any(getattr(value, "nanosecond", 0) for value in known) else "us"
    return pa.array(column.values, pa.timestamp(exact, tz="UTC"))


#: How each format is written.
FILE_FORMATS: Final[Mapping[str, Callable[[Sequence[Column], int, Path], None]]] = {
    "csv": _write_csv,
    "parquet": _write_parquet,
}
