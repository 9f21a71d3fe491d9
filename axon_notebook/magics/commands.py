"""The sub-commands of ``%axon`` that need only a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from ..sql.shaping import Shape, shaped
from . import axon_prompt, axon_publish, axon_run, axon_watch, axonsql
from .axon import COMMANDS, Call, Command, help_text, register
from .cards import Text, status_card
from .loading import load_table
from .options import Option, describe, meant
from .recordings import is_recording, read_recording
from .session import label
from .status import StatusLine, beside

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["DEFAULT", "MAGIC_HELP", "overview"]

#: What ``%axon`` alone means.
DEFAULT: Final = "status"

MAGIC_HELP: Final = {
    "axonsql": axonsql.HELP,
    "axon_publish": axon_publish.HELP,
    "axon_run": axon_run.HELP,
    "axon_prompt": axon_prompt.HELP,
}

_AXON: Final = Option("--axon", "-a", "text", "AXON", "another axon than the current one")
_OUT: Final = Option("--out", "-o", "text", "NAME", "store the result in NAME too")
_AS: Final = Option("--as", "", "text", "ALIAS", "a short name for -a and use")


def overview() -> str:
    """Return the help that ``%axon help`` shows: examples, sub-commands, options."""
    lines = [
        "Choose an axon, look at it, and work with it in cells.",
        "",
        "    %axon create orders",
        "    %axon_publish deploy service=api",
        "    %axonsql SELECT * FROM events",
        "    %axon use orders --as o",
        "",
    ]
    for command in COMMANDS.values():
        usage = f"%axon {command.name} {command.arguments}".rstrip()
        lines.append(f"  {usage:38} {command.help}")
        lines += [f"      {line.strip()}" for line in describe_all(command)]
    lines += ["", "%axon help axonsql and %axon help axon_publish tell about those magics;"]
    lines.append("%config AxonMagics shows and changes what holds without options.")
    return "\n".join(lines)


def describe_all(command: Command) -> list[str]:
    """Return the option lines of *command*; none if it has no options."""
    return describe(command.options).split("\n") if command.options else []


def _ask(call: Call, work: Any) -> Any:
    """Run a request beside the main thread, without a line at the end."""
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    result = beside(work, line)
    line.clear()
    return result


def _word(call: Call, what: str) -> str:
    if not call.words:
        raise ParameterError(f"which {what}? give its name")
    return call.words[0]


def _use(call: Call) -> Any:
    session = call.magics.session
    name = _word(call, "axon")
    axon = _ask(call, lambda: session.find(name, call.names))
    return _chosen(call, axon, call.options.get("as"))


def _chosen(call: Call, axon: Axon, alias: str | None) -> Any:
    call.magics.session.use(axon, alias)
    if call.magics.prefetch_schema:
        call.magics.session.prefetch_schema(axon)
    return axon


def _create(call: Call) -> Any:
    session = call.magics.session
    name = call.words[0] if call.words else None
    metadata = {k: str(v) for k, v in call.options.get("meta", {}).items()}
    axon = _ask(call, lambda: session.client.create_axon(name, metadata=metadata or None))
    if call.options.get("no_use"):
        return axon
    return _chosen(call, axon, call.options.get("as"))


def _ls(call: Call) -> Any:
    prefix = call.words[0] if call.words else None
    count = 1_000_000 if call.options.get("all") else call.options.get("limit", 20)
    session = call.magics.session
    search = call.options.get("search")
    listed = _ask(call, lambda: session.client.axons(prefix, limit=count, search=search))
    listed.attrs["axon"] = {}
    session.seen = list(dict.fromkeys([*session.seen, *listed["name"].dropna()]))
    return listed


def _info(call: Call) -> Any:
    name = call.words[0] if call.words else None
    return _ask(call, lambda: call.axon(name).info())


def _tables(call: Call) -> Any:
    from ..sql.frames import rows_frame

    name = call.words[0] if call.words else None
    schema = _ask(call, lambda: call.magics.session.fetch_schema(call.axon(name)))
    rows = [(t.name, t.kind, len(t.columns)) for t in schema.tables.values()]
    frame = rows_frame(rows, ["table", "kind", "columns"])
    frame.attrs["axon"] = {}
    return frame


def _schema(call: Call) -> Any:
    from ..sql.frames import rows_frame

    schema = _ask(call, lambda: call.magics.session.fetch_schema(call.axon()))
    tables = list(schema.tables.values())
    if call.words:
        table = schema.table(call.words[0])
        if table is None:
            way_out = meant(call.words[0], schema.tables, what="tables")
            raise ParameterError(f"no table {call.words[0]}: {way_out}")
        tables = [table]
    if call.options.get("ddl"):
        return Text(";\n\n".join(table.sql for table in tables) + ";")
    rows = [(t.name, c.name, c.type, c.not_null, c.primary_key) for t in tables for c in t.columns]
    frame = rows_frame(rows, ["table", "column", "type", "not_null", "primary_key"])
    frame.attrs["axon"] = {}
    return frame


def _events(call: Call) -> Any:
    from ..sql.binding import bind

    given = call.options
    conditions, values = [], dict[str, Any]()
    for key, condition in _EVENT_CONDITIONS.items():
        if key in given:
            conditions.append(condition)
            values[key] = given[key]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = "ASC" if "after" in given else "DESC"
    sql = f"SELECT * FROM events {where} ORDER BY sequence {order} LIMIT :count"
    # The history, whatever tables the axon has.
    bound = bind(sql, {**values, "count": given.get("limit", 20)}, events=True)
    axon = call.axon()
    result = _ask(call, lambda: axon.execute(bound.sql, bound.params))
    if order == "DESC":
        result.rows.reverse()
    json = ["payload"] if given.get("json") else []
    shape = Shape(json=json, expand="payload" if given.get("expand") else None, dates=True)
    return shaped(result, shape, axon_id=axon.id, sql=sql)


_EVENT_CONDITIONS: Final = {
    "after": "sequence > :after",
    "type": "event_type GLOB :type",
    "source": "source GLOB :source",
    "origin": "origin GLOB upper(:origin) || '*'",
}


def _load(call: Call) -> Any:
    from .payloads import evaluated

    code = call.text.strip()
    if not code:
        raise ParameterError("what? %axon load df -t TABLE, or %axon load events.jsonl")
    if is_recording(code):
        values = read_recording(code)
        if not values:
            raise ParameterError(f"{code} holds no event")
        return axon_publish.publish_values(call.magics, call.axon(), values)
    table = call.options.get("table")
    if not table:
        raise ParameterError(f"into which table? %axon load {code} -t TABLE")
    value = evaluated(code, call.names, code)
    axon = call.axon()
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    way = "append" if call.options.get("append") else "create"
    way = "replace" if call.options.get("replace") else way
    loaded = beside(lambda: load_table(axon, value, table, way=way), line)
    call.magics.session.forget_schema(axon)
    line.done(f"✓ {table}: {loaded} · {label(axon)}")
    return None


def _status(call: Call) -> Any:
    return status_card(call.magics)


def _last(call: Call) -> Any:
    if call.magics.session.last is None:
        raise ParameterError("nothing was sent yet: run a %axonsql first")
    return call.magics.session.last


def _help(call: Call) -> Any:
    return Text(help_text(call.words[0].lstrip("%") if call.words else None))


def _count(default: str) -> Option:
    return Option("--limit", "-n", "integer", "N", f"at most N ({default})")


def _commands() -> Sequence[Command]:
    meta = Option("--meta", "", "pairs", "KEY=VALUE", "metadata; may be repeated")
    no_use = Option("--no-use", "", "flag", "", "do not make it the current axon")
    listing = (
        _count("20"),
        Option("--all", "", "flag", "", "all of them"),
        Option("--search", "", "text", "TEXT", "only ids or names that contain TEXT"),
        _OUT,
    )
    ddl = Option("--ddl", "", "flag", "", "the statements that made the tables")
    kind = Option("--type", "", "text", "TYPE", "only this event type; * is any text")
    source = Option("--source", "", "text", "SOURCE", "only this source; * is any text")
    origin = Option("--origin", "", "text", "ORIGIN", "only this origin: user, agent, …")
    after = Option("--after", "", "integer", "SEQUENCE", "the first events after this one")
    json = Option("--json", "", "flag", "", "decode the payloads")
    expand = Option("--expand", "", "flag", "", "a column for each key of the payloads")
    table = Option("--table", "-t", "text", "TABLE", "the table to fill")
    append = Option("--append", "", "flag", "", "add to the table")
    replace = Option("--replace", "", "flag", "", "drop the table first")
    return (
        Command("use", "AXON", "choose an axon: id, name, alias or variable", (_AS,), _use),
        Command("create", "[NAME]", "create an axon and use it", (meta, _AS, no_use), _create),
        Command("ls", "[PREFIX]", "list axons, newest first", listing, _ls),
        Command("info", "[AXON]", "what the server knows of an axon", (_AXON, _OUT), _info),
        Command("tables", "[AXON]", "the tables and views of an axon", (_AXON, _OUT), _tables),
        Command("schema", "[TABLE]", "columns, types, keys", (ddl, _AXON, _OUT), _schema),
        Command(
            "events", "", "the newest events",
            (_count("20"), kind, source, origin, after, json, expand, _AXON, _OUT), _events, 0,
        ),
        Command(
            "load", "DATAFRAME | FILE", "a DataFrame becomes a table, a .jsonl file events",
            (table, append, replace, _AXON), _load, 1_000,
        ),
        axon_watch.WATCH,
        axon_run.RUN,
        axon_run.LOGS,
        Command("status", "", "current axon, connection, settings", (), _status, 0),
        Command("last", "", "the last statement that was sent", (), _last, 0),
        Command("help", "[TOPIC]", "this, or a sub-command, axonsql, axon_publish", (), _help),
    )  # fmt: skip


for _command in _commands():
    register(_command)
