"""``%axonsql`` and ``%%axonsql``: SQL on an axon, from a cell."""

from __future__ import annotations

import builtins
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import ParameterError
from ..sql.file_output import FILE_FORMATS, check_target, write_file
from ..sql.forms import FORMS
from ..sql.shaping import Shape, file_columns, shaped
from .cell_views import DryRun, Plan, cut
from .dataset_cell import DatasetStatement
from .options import Option, checked_name, meant
from .registry import Call, Magic
from .set_cell import SINCE, UNTIL, SetStatement, axons_of, means_set
from .shell_session import label
from .sql_cell import Answer, Cell, prepared
from .status import Background, StatusLine, in_thread

if TYPE_CHECKING:
    from collections import ChainMap

    from ..axon import Axon
    from ..models import SqlColumns, SqlResult
    from ..sql.columns import Column
    from .magic_context import MagicContext

__all__ = ["MAGICS"]

_OPTIONS: Final = (
    Option("--out", "-o", "text", "NAME", "store the result in NAME and show it", "variable"),
    Option(
        "--axon",
        "-a",
        "texts",
        "AXON",
        "another axon, for this cell only; 'nightly-*' or several -a: all of them",
        "axon",
    ),
    SINCE,
    UNTIL,
    Option("--as-of", "", "integer", "N", "read events and trace as they were after event N"),
    Option(
        "--dataset",
        "",
        "text",
        "PATH",
        "a dataset that was exported, or a variable with its path",
        "file",
    ),
    Option("--to", "-t", "text", "FORM", f"one of {', '.join(FORMS)}", tuple(FORMS)),
    Option("--limit", "-n", "integer", "N", "at most N rows of one SELECT"),
    Option("--all", "", "flag", "", "fetch every row, past the server's limit, from one snapshot"),
    Option("--param", "-p", "pairs", "NAME=VALUE", "a value for :NAME, before variables"),
    Option("--params", "", "text", "EXPR", "a list for ?, or a dict for :NAME", "variable"),
    Option(
        "--json", "", "maybe names", "COLUMNS", "decode JSON (of payload, unless named)", "column"
    ),
    Option(
        "--expand",
        "",
        "maybe names",
        "COLUMN",
        "JSON objects become columns (of payload)",
        "column",
    ),
    Option(
        "--dates",
        "",
        "maybe names",
        "COLUMNS",
        "read dates and …_ms columns as datetimes",
        "column",
    ),
    Option("--each", "", "flag", "", "a list with the result of every statement"),
    Option("--explain", "", "flag", "", "show how SQLite would run it"),
    Option("--dry-run", "", "flag", "", "show what would be sent, and send nothing"),
    Option("--file", "", "text", "PATH", "read the SQL from a file", "sql file"),
    Option("--csv", "", "text", "PATH", "write what is shown as CSV", "file"),
    Option("--parquet", "", "text", "PATH", "write what is shown as Parquet (pyarrow)", "file"),
    Option("--timeout", "", "number", "SECONDS", "give up when the server is silent for so long"),
    Option("--bg", "", "flag", "", "run in the background; await what is returned"),
    Option("--quiet", "-q", "flag", "", "no status line, no output"),
    Option("--full-errors", "", "flag", "", "errors with the whole Python traceback"),
)

_DESCRIPTION: Final = """Query an axon with SQL; the result is a pandas DataFrame.

Examples::

    %axonsql SELECT count(*) FROM events

    %%axonsql df <<
    SELECT sequence, event_type, payload ->> '$.service' AS service
    FROM   events
    WHERE  event_type IN :kinds AND sequence > :{since - 1}

    %axonsql --csv deploys.csv SELECT * FROM events WHERE event_type = 'deploy'

    %%axonsql --to scalar -p kind=deploy
    SELECT count(*) FROM events WHERE event_type = :kind

Values of Python variables are bound, never spliced: ``:name``,
``:{expression}``, lists after ``IN``, a DataFrame in ``FROM :df``.
``${name}`` is an identifier, quoted.  ``events`` is the event history.
Several statements are one transaction; the last result is returned.
With ``-a 'nightly-*'`` one SELECT is asked of every axon that matches; the
frame begins with ``axon`` (id) and ``axon_name``.
``--as-of N`` reads events and the trace's tables as they were after event N;
the axon's own tables keep no history, so reading them, and writing, is refused.
``name <<`` stores the result without showing it.
"""


class _Query(NamedTuple):
    """The options of one cell, with the settings filled in."""

    options: dict[str, object]
    shape: Shape
    limit: int | None
    timeout: float | None
    name: str | None
    shown: bool
    files: dict[str, Path]

    def has(self, key: str) -> bool:
        return bool(self.options.get(key))


def _axonsql(call: Call) -> object:
    """Run the magic; return what the cell shows."""
    magics = call.magics
    names = call.names.new_child()
    text = _text(call)
    query = _query(call)
    params = _params(call, names)
    status = StatusLine(magics.shell, quiet=query.has("quiet") or not magics.feedback)
    if not text.strip():
        status.done("nothing to run: the cell is empty")
        return None
    as_of = _as_of(call)
    if "dataset" in call.options:
        return _on_dataset(call, query, text, names, params, status)
    if means_set(call):
        return _on_set(call, query, text, names, params, status)
    axon = call.axon(call.options.get("axon", [None])[0])
    cell = prepared(
        text, names, magics.session, axon, status,
        params=params, limit=query.limit, explain=query.has("explain"), as_of=as_of,
    )  # fmt: skip
    if not cell.statements:
        status.done("nothing to run: the cell holds only comments")
        return None
    if query.has("dry_run"):
        return DryRun(cell.sent, cell.bound)
    if query.has("all") and len(cell.sent) != 1:
        raise ParameterError(f"--all is for one SELECT, the cell has {len(cell.sent)} statements")
    if query.has("bg"):
        return _in_background(magics, axon, cell, query)
    answer = cell.send(
        magics.session, axon, status, timeout=query.timeout, all_rows=query.has("all")
    )
    value = _value(cell, answer, query, axon)
    written = _write_files(answer.shown, query)
    status.done("\n".join([_summary(cell, answer, query, axon, value), *written]))
    return _delivered(magics, query, value)


def _on_set(
    call: Call,
    query: _Query,
    text: str,
    names: ChainMap[str, object],
    params: Sequence[object] | None,
    status: StatusLine,
) -> object:
    """Ask several axons."""
    statement = SetStatement(text, names, params=params, limit=query.limit, options=call.options)
    if query.has("dry_run"):
        return DryRun([statement.bound.sql], [statement.bound])
    axons = in_thread(lambda: axons_of(call, call.options.get("axon", ())), status)
    answer = statement.ask(call.magics.session, axons, status, query.timeout)
    value = shaped(
        answer.result, query.shape, axon_id=None, sql=statement.sql, columns=answer.columns
    )
    if hasattr(value, "attrs"):
        value.attrs["axon"]["failed"] = {axon.id: why for axon, why in answer.failed}
    written = _write_files(answer.result, query, answer.columns)
    name = f"{query.name}: " if query.name else ""
    shown = answer.summary(name)
    status.done("\n".join([*shown, *_notes(value), *written]))
    return _delivered(call.magics, query, value)


def _on_dataset(
    call: Call,
    query: _Query,
    text: str,
    names: ChainMap[str, object],
    params: Sequence[object] | None,
    status: StatusLine,
) -> object:
    """Ask a dataset."""
    statement = DatasetStatement(text, names, params=params, options=call.options)
    path = call.options["dataset"]
    if isinstance(held := call.names.get(path), str | os.PathLike):
        path = os.fspath(held)
    answer = statement.ask(path, status, query.limit)
    value = answer.shaped(query.shape.to)
    written = answer.write_files(query.files)
    name = f"{query.name}: " if query.name else ""
    status.done("\n".join([answer.summary(name), *written]))
    return _delivered(call.magics, query, value)


def _as_of(call: Call) -> int | None:
    """Return the sequence up to which history is read; refuse what has no sequence in common."""
    as_of: int | None = call.options.get("as_of")
    if as_of is not None and ("dataset" in call.options or means_set(call)):
        raise ParameterError(f"--as-of {as_of} is a sequence of one axon: name one with -a")
    return as_of


def _text(call: Call) -> str:
    path = call.options.get("file")
    inline = "\n".join(part for part in (call.text, call.body) if part)
    if path is None:
        return inline
    if inline.strip():
        raise ParameterError(f"--file {path} and SQL in the cell: leave one of both out")
    try:
        # A byte order mark is not part of the SQL.
        return Path(path).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"--file {path} cannot be read: {error}") from error


def _query(call: Call) -> _Query:
    magics, given = call.magics, call.options
    form = given.get("to", magics.to)
    if form not in FORMS:
        raise ParameterError(f"--to {form} is not a form: {meant(form, FORMS, what='forms')}")
    json = given.get("json", [])
    expand = given.get("expand")
    shape = Shape(
        to=form,
        json=["payload"] if json is True else json,
        expand="payload" if expand is True else (expand or [None])[0],
        dates=given.get("dates", magics.dates),
    )
    out = given.get("out")
    name = checked_name(out) if out else call.name
    shown = call.name is None and not given.get("quiet")
    limit = given.get("limit", None if given.get("explain") else magics.limit or None)
    timeout = given.get("timeout", magics.timeout or None)
    return _Query(given, shape, limit, timeout, name, shown, _files(given))


def _files(given: Mapping[str, Any]) -> dict[str, Path]:
    """Return where to write which format; refuse what is sure to fail before anything is sent."""
    files = {name: Path(given[name]).expanduser() for name in FILE_FORMATS if name in given}
    for file_format, path in files.items():
        for other in ("each", "explain"):
            if given.get(other):
                raise ParameterError(
                    f"--{file_format} {path} is for one result: leave --{other} out"
                )
        check_target(file_format, path)
    return files


def _params(call: Call, names: ChainMap[str, object]) -> Sequence[object] | None:
    """Put ``-p`` and ``--params`` before the variables; return values for ``?``."""
    names.maps[0].update(call.options.get("param", {}))
    expression = call.options.get("params")
    if expression is None:
        return None
    try:
        value = eval(expression, {"__builtins__": builtins, **names})  # the user's own code
    except Exception as error:
        kind = type(error).__name__
        raise ParameterError(f"--params {expression} raised {kind}: {error}") from error
    if isinstance(value, Mapping):
        names.maps[0].update(value)
        return None
    if isinstance(value, list | tuple):
        return value
    raise ParameterError(
        f"--params takes a list or a dict, {expression} is a {type(value).__name__}"
    )


def _value(cell: Cell, answer: Answer, query: _Query, axon: Axon) -> object:
    if query.has("explain"):
        return Plan(answer.results[-1])
    if query.has("each"):
        return [
            _shaped(result, query, axon, statement.sql)
            for result, statement in zip(answer.results, cell.statements, strict=True)
        ]
    if answer.shown is None:
        return None
    place = max(i for i, result in enumerate(answer.results) if result is answer.shown)
    return _shaped(answer.shown, query, axon, cell.statements[place].sql)


def _shaped(result: SqlResult, query: _Query, axon: Axon, sql: str) -> object:
    if not result.columns:
        return None
    return shaped(result, query.shape, axon_id=axon.id, sql=sql)


def _write_files(
    result: SqlResult | SqlColumns | None, query: _Query, columns: Sequence[Column] | None = None
) -> list[str]:
    """Write the files that were asked for; return a line of the status for each."""
    if result is None:
        return [
            f"  ⚠ {path} not written: no statement returned rows" for path in query.files.values()
        ]
    if not query.files:
        return []
    shaped_columns, count = file_columns(result, query.shape, columns), result.row_count
    for file_format, path in query.files.items():
        write_file(file_format, path, shaped_columns, count)
    return [
        f"  {_counted(count, 'row')} → {path} ({path.stat().st_size:,} bytes)"
        for path in query.files.values()
    ]


def _delivered(magics: MagicContext, query: _Query, value: object) -> object:
    if query.name is not None:
        magics.namespace[query.name] = value
    return value if query.shown else None


def _in_background(
    magics: MagicContext, axon: Axon, cell: Cell, query: _Query
) -> Background[object]:
    def work() -> object:
        answer = cell.ask(magics.session, axon, timeout=query.timeout, all_rows=query.has("all"))
        value = _value(cell, answer, query, axon)
        _write_files(answer.shown, query)
        return value

    running = Background(work, label=f"{cut(cell.statements[0].sql, 60)} · {label(axon)}")
    if query.name is not None:
        name = query.name

        def assign() -> None:
            if not running.cancelled and not running.failed:
                magics.namespace[name] = running.result()

        running.when_done(assign)
    return running


# -- what the status line says


def _summary(cell: Cell, answer: Answer, query: _Query, axon: Axon, value: object) -> str:
    elapsed = _elapsed(answer)
    if len(cell.sent) > 1:
        first = f"✓ {len(cell.sent)} statements, one transaction · {elapsed} · {label(axon)}"
        return "\n".join([first, *_table(cell, answer), *_notes(value)])
    result = answer.results[0]
    if query.has("explain"):
        return f"✓ plan · {elapsed} · {label(axon)}"
    if not result.columns:
        return f"✓ {_effect(cell.statements[0].verb, result)} · {elapsed} · {label(axon)}"
    name = f"{query.name}: " if query.name else ""
    rows = f"{_counted(len(result.rows), 'row')} × {len(result.columns)}"
    if result.meta.rows_read_limit_reached:
        return "\n".join([
            f"⚠ {name}{rows}, TRUNCATED at the server's row limit: add a LIMIT, aggregate, "
            f"or use --all · {elapsed} · {label(axon)}",
            *_notes(value),
        ])  # fmt: skip
    cut = query.limit is not None and len(result.rows) == query.limit
    limit = f" (limit {query.limit})" if cut else ""
    return "\n".join([f"✓ {name}{rows}{limit} · {elapsed} · {label(axon)}", *_notes(value)])


def _table(cell: Cell, answer: Answer) -> list[str]:
    shown = answer.shown
    lines = []
    for number, (statement, result) in enumerate(
        zip(cell.statements, answer.results, strict=True), start=1
    ):
        effect = _effect(statement.verb, result) if not result.columns else _rows_of(result)
        arrow = "  ↓" if result is shown else ""
        lines.append(f"  {number} {cut(statement.sql, 32):34} {effect}{arrow}")
    return lines


def _rows_of(result: SqlResult) -> str:
    cut = ", TRUNCATED" if result.meta.rows_read_limit_reached else ""
    return _counted(len(result.rows), "row") + cut


def _effect(verb: str, result: SqlResult) -> str:
    if verb in ("INSERT", "REPLACE", "UPDATE", "DELETE"):
        return f"{_counted(result.meta.changes, 'row')} changed"
    return "done"


def _notes(value: object) -> list[str]:
    """Say what the frame does not show by itself."""
    about = getattr(value, "attrs", {}).get("axon", {}) if hasattr(value, "attrs") else {}
    notes = []
    if renamed := about.get("renamed"):
        notes.append(
            "  renamed: " + ", ".join(f"{o or '(no name)'} → {n}" for n, o in renamed.items())
        )
    if mixed := about.get("mixed"):
        notes.append(f"  several storage classes, kept as objects: {', '.join(mixed)}")
    return notes


def _elapsed(answer: Answer) -> str:
    server = sum(result.meta.duration_ms for result in answer.results)
    whole = answer.seconds * 1000
    client = f"{whole:.0f} ms" if whole < 1000 else f"{answer.seconds:.1f} s"
    return f"{client} (server {server:.1f})"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


MAGICS: Final = (
    Magic(
        "axonsql",
        "query an axon with SQL",
        _axonsql,
        _OPTIONS,
        language="sql",
        description=_DESCRIPTION,
    ),
)
