"""A cell of SQL on a dataset: DuckDB's SQL, with the variables of the notebook."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..errors import ParameterError
from ..sql.columns import Column
from ..sql.file_output import write_file
from ..sql.forms import as_dicts, as_rows, as_scalar, required
from ..sql.tokens import tokenize
from .options import meant
from .status import Interrupted, StatusLine, in_thread

__all__ = ["DatasetAnswer", "DatasetStatement"]

#: Options that are for axons, or for SQLite.
_FOREIGN: Final = (
    "axon",
    "since",
    "until",
    "all",
    "json",
    "expand",
    "dates",
    "each",
    "explain",
    "bg",
    "dry_run",
    "timeout",
)


class DatasetAnswer:
    """What DuckDB answered, as a ``pyarrow.Table``."""

    def __init__(self, table: Any, seconds: float, where: str) -> None:
        self._table = table
        self._seconds = seconds
        self._where = where

    def summary(self, name: str) -> str:
        """Return what the status line says; *name* is that of the variable, or empty."""
        rows, columns = self._table.num_rows, self._table.num_columns
        counted = f"{rows:,} row{'' if rows == 1 else 's'} × {columns}"
        return f"✓ {name}{counted} · {self._seconds:.1f} s · {self._where}"

    def shaped(self, form: str) -> object:
        """Return the rows in one of :data:`~axon_notebook.sql.forms.FORMS`."""
        return _FORMS[form](self._table)

    def write_files(self, files: Mapping[str, Path]) -> list[str]:
        """Write the files that were asked for; return a line of the status for each."""
        columns = _columns(self._table)
        for file_format, path in files.items():
            write_file(file_format, path, columns, self._table.num_rows)
        return [f"  {self._table.num_rows:,} rows → {path}" for path in files.values()]


class DatasetStatement:
    """One statement of DuckDB's SQL, with the values of its ``:name`` or ``?``.

    Raises:
        ParameterError: An option is not for datasets, or a value is missing.
    """

    def __init__(
        self,
        text: str,
        names: Mapping[str, object],
        *,
        params: Sequence[object] | None,
        options: Mapping[str, object],
    ) -> None:
        for key in _FOREIGN:
            if key in options:
                raise ParameterError(f"--{key.replace('_', '-')} is not for datasets: leave it out")
        self.sql = text
        self.params: Sequence[object] | Mapping[str, object] = list(params or ())
        if params is None:
            self.sql, self.params = _named(text, names)

    def ask(self, path: str, line: StatusLine, limit: int | None) -> DatasetAnswer:
        """Run it on the dataset in *path*; the stop button works.

        Raises:
            ParameterError: There is no dataset.
            SqlError: DuckDB refused it.
        """
        from ..dataset import open_dataset

        sql = self.sql if limit is None else f"SELECT * FROM (\n{self.sql}\n) LIMIT {limit}"
        started = time.monotonic()
        data = in_thread(lambda: open_dataset(path), line)

        def work() -> object:
            with data:
                return data.arrow(sql, self.params)

        try:
            table = in_thread(work, line)
        except Interrupted:
            data.interrupt()  # the thread then closes it
            raise
        return DatasetAnswer(table, time.monotonic() - started, path)


def _named(text: str, names: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """Return *text* with ``:name`` as DuckDB writes it, ``$name``, and the values."""
    parts: list[str] = []
    values: dict[str, object] = {}
    for token in tokenize(text):
        if token.kind == "parameter":
            name = token.text[1:]
            if name not in names:
                raise ParameterError(f"no variable {name}: {meant(name, names, what='variables')}")
            values[name] = names[name]
            parts.append(f"${name}")
        elif token.kind in ("expression", "identifier"):
            raise ParameterError(f"{token.text} is not for datasets: write :name")
        else:
            parts.append(token.text)
    return "".join(parts), values


def _polars(table: object) -> object:
    return required("polars", "this form").from_arrow(table)


def _pandas(table: object) -> object:
    from ..sql.frames import arrow_frame

    return arrow_frame(table)


def _columns(table: Any) -> list[Column]:
    return [
        Column(name, "", values.to_pylist())
        for name, values in zip(table.column_names, table.columns, strict=True)
    ]


_FORMS: Final[Mapping[str, Callable[[Any], object]]] = {
    "pandas": _pandas,
    "polars": _polars,
    "arrow": lambda table: table,
    "rows": lambda table: as_rows(_columns(table), table.num_rows),
    "dicts": lambda table: as_dicts(_columns(table), table.num_rows),
    "scalar": lambda table: as_scalar(_columns(table), table.num_rows),
    "none": lambda table: None,
}
