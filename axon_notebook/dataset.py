"""Histories of many axons as Parquet files, queried without a service."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .closing import Closing
from .dataset_files import DatasetFiles, State
from .dataset_tables import KEYS, TABLES, schema_of
from .errors import ClosedError, ParameterError, SqlError

if TYPE_CHECKING:
    import pandas as pd

    from .dataset_compaction import Compacted

__all__ = ["Dataset", "open_dataset"]


def open_dataset(
    path: str | os.PathLike[str], *, options: Mapping[str, object] | None = None
) -> Dataset:
    """Open what :meth:`AxonSet.export` wrote; reads as it is now, later exports are not seen.

    ::

        data = an.open_dataset("runs/")
        data.sql("SELECT axon_name, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC")

    Args:
        path: A local directory, or an fsspec URL such as ``s3://bucket/runs``.
        options: For fsspec, such as credentials.

    Raises:
        ParameterError: There is no dataset, or a package is missing.
    """
    files = DatasetFiles(path, dict(options or {}))
    state = files.state()
    if not state.commits:
        raise ParameterError(
            f"there is no dataset in {os.fspath(path)}: "
            f"client.axon_set(…).export({os.fspath(path)!r}) makes one"
        )
    return Dataset(files, state)


class Dataset(Closing):
    """A dataset as it was when it was opened; lives until :meth:`close`.

    One thread at a time.
    """

    def __init__(self, files: DatasetFiles, state: State) -> None:
        self._files = files
        self._state = state
        self._connection: Any = None
        self._closed = False

    def __repr__(self) -> str:
        rows = sum(file.rows for file in self._state.files.values() if file.table == "events")
        return f"<Dataset {self._files.root}: {rows:,} events of {len(self._state.axons):,} axons>"

    @property
    def axons(self) -> dict[str, str | None]:
        """The names of the axons in it, by their ids."""
        return {axon: reached.name for axon, reached in self._state.axons.items()}

    def sql(self, query: str, params: Sequence[object] | Mapping[str, object] = ()) -> pd.DataFrame:
        """Run one statement of DuckDB's SQL on the dataset's tables; return an exact frame.

        Args:
            query: ``?`` takes its value from a list, ``$name`` from a mapping.
            params: The values; never spliced into the text.

        Raises:
            SqlError: DuckDB refused it.
        """
        from .sql.frames import arrow_frame

        return arrow_frame(self.arrow(query, params))

    def arrow(self, query: str, params: Sequence[object] | Mapping[str, object] = ()) -> object:
        """Run one statement as :meth:`sql` does; return a ``pyarrow.Table``.

        Raises:
            SqlError: DuckDB refused it.
        """
        import duckdb

        try:
            relation = self._connect().sql(query, params=params or None)
            if relation is None:
                raise SqlError("this statement returns no rows: expected a SELECT", sql=query)
            return relation.to_arrow_table()
        except duckdb.Error as error:
            raise SqlError(str(error).partition("\n\n")[0], sql=query) from error

    def events(
        self,
        axon: str | None = None,
        *,
        event_type: str | None = None,
        limit: int = 1000,
    ) -> pd.DataFrame:
        """Return events by axon and sequence: columns as of :meth:`AxonSet.events`.

        Args:
            axon: Only this axon's, by id or name; ``*`` stands for any text.
            event_type: Only this type; ``*`` stands for any text.
            limit: At most so many.
        """
        where, params = [], []
        if axon is not None:
            where.append("(axon GLOB ? OR axon_name GLOB ?)")
            params += [axon, axon]
        if event_type is not None:
            where.append("event_type GLOB ?")
            params.append(event_type)
        condition = f"WHERE {' AND '.join(where)}" if where else ""
        return self.sql(
            f"SELECT * FROM events {condition} ORDER BY axon, sequence LIMIT ?", [*params, limit]
        )

    def dask(self, table: str = "events") -> object:
        """Return *table* as a ``dask.dataframe``, one partition per file; dask is your own.

        Of a table whose rows are written again when they change, all versions are there.

        Raises:
            ParameterError: There is no such table, or dask is not installed.
        """
        paths = [self._files.fs.unstrip_protocol(path) for path in self._paths(table)]
        try:
            import dask.dataframe as dd
        except ModuleNotFoundError:
            raise ParameterError("dask is not installed: pip install 'dask[dataframe]'") from None
        if not paths:
            raise ParameterError(f"there are no rows of {table} yet")
        return dd.read_parquet(paths, filesystem=self._files.fs)

    def compact(self) -> Compacted:
        """Join the many small files of many exports, per table and day; see it as it is then.

        Raises:
            AxonError: An export is writing.
        """
        from .dataset_compaction import compact

        self._disconnect()
        done = compact(self._files)
        self._state = self._files.state()
        return done

    def interrupt(self) -> None:
        """End the statement that runs in another thread; it raises there."""
        if (connection := self._connection) is not None:
            connection.interrupt()

    def close(self) -> None:
        """Close DuckDB's connection; idempotent."""
        self._closed = True
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _paths(self, table: str) -> list[str]:
        if table not in TABLES:
            raise ParameterError(f"{table!r} is not a table: there are {', '.join(TABLES)}")
        return [self._files.full(path) for path in self._state.paths(table)]

    def _connect(self) -> Any:
        if self._closed:
            raise ClosedError("the dataset was closed: open_dataset() opens it again")
        if self._connection is None:
            self._connection = _duckdb()
            if not self._files.is_local:
                self._connection.register_filesystem(self._files.fs)
            for table in TABLES:
                self._define(table)
        return self._connection

    def _define(self, table: str) -> None:
        """Make *table* a view of its files; the newest version of a row is the row."""
        con = self._connection
        paths = self._paths(table)
        if not paths:
            con.register(f"_no_{table}", schema_of(table).empty_table())
            con.execute(f"CREATE VIEW {table} AS SELECT * FROM _no_{table}")
            return
        if not self._files.is_local:
            paths = [self._files.fs.unstrip_protocol(path) for path in paths]
        listed = ", ".join(f"'{path.replace(chr(39), chr(39) * 2)}'" for path in paths)
        rows = f"SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
        if table in KEYS:
            key = ", ".join(("axon", *KEYS[table]))
            rows += f" QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY version DESC) = 1"
        con.execute(f"CREATE VIEW {table} AS {rows}")


def _duckdb() -> object:
    try:
        import duckdb
    except ModuleNotFoundError:
        raise ParameterError(
            "datasets need DuckDB: pip install 'axon-notebook[datasets]'"
        ) from None
    return duckdb.connect(
        config={
            # Nothing is ever downloaded, and no variable of the notebook is a table by accident.
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
    )
