"""``%axon_publish`` and ``%%axon_publish``: events, written in a cell."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .event_publishing import ORIGINS, DryRun, Event, Publishing, event_of, origin_of
from .options import Option, Parsed, checked_name, scan
from .payloads import evaluated, events_from, json_lines, json_value, key_values
from .registry import Call, Magic
from .shell_session import label
from .status import StatusLine

if TYPE_CHECKING:
    from ..axon import Axon
    from .magic_context import MagicContext

__all__ = ["MAGICS"]

#: More events than this are not published without being asked for.
ASK_ABOVE: Final = 100

_OPTIONS: Final = (
    Option("--source", "-s", "text", "SOURCE", "who says so (notebook)"),
    Option("--origin", "", "text", "ORIGIN", f"one of {', '.join(ORIGINS)} (user)", tuple(ORIGINS)),
    Option("--axon", "-a", "text", "AXON", "another axon, for this cell only", "axon"),
    Option("--each", "", "flag", "", "the cell is a JSON array: one event per element"),
    Option("--ndjson", "", "flag", "", "one JSON value, and event, per line"),
    Option(
        "--from",
        "",
        "text",
        "EXPR",
        "publish the rows of a DataFrame, or a list of events",
        "variable",
    ),
    Option("--text", "", "flag", "", "the cell is the payload as it stands, not JSON"),
    Option("--json", "", "text", "JSON", "the payload, on the line"),
    Option("--skip", "", "integer", "N", "leave the first N out, to go on after a failure"),
    Option("--yes", "-y", "flag", "", f"publish more than {ASK_ABOVE} events without asking"),
    Option("--dry-run", "", "flag", "", "show what would be published, and publish nothing"),
    Option("--out", "-o", "text", "NAME", "store the result in NAME too", "variable"),
    Option("--quiet", "-q", "flag", "", "no status line, no output"),
    Option("--full-errors", "", "flag", "", "errors with the whole Python traceback"),
)

_DESCRIPTION: Final = """Publish events; returns a DataFrame of sequence, timestamp, event_type.

Examples::

    %axon_publish deploy service=api version=3 ok=true

    %%axon_publish deploy -s ci
    {"service": "api", "commit": ${commit}, "tests": ${len(results)}}

    %%axon_publish user.message --each
    [{"text": "one"}, {"text": "two"}]

    %axon_publish --from df

``${expression}`` stands where JSON expects a value.  Without a type on the
line every event names its own: {"event_type": …, "payload": …}.
"""


def _publish(call: Call) -> Any:
    """Run the magic; return the DataFrame of what was published."""
    event_type, _, rest = call.text.strip().partition(" ")
    if "=" in event_type:
        raise ParameterError(f"an event needs a type first: %axon_publish TYPE {event_type} …")
    # Options may follow the type as well.
    more = scan(rest, _OPTIONS, "%axon_publish")
    options = {**call.options, **more.values}
    call = call._replace(options=options, name=call.name or more.name, text=more.rest)
    with call.magics.errors_of(Parsed(options, call.name, more.rest)):
        return _run(call, event_type)


def _run(call: Call, event_type: str) -> Any:
    magics, given = call.magics, call.options
    out = given.get("out")
    name = checked_name(out) if out else call.name
    events, missing = _events(call, event_type)
    events = events[given.get("skip", 0) :]
    if given.get("dry_run"):
        return DryRun(events)
    status = StatusLine(magics.shell, quiet=bool(given.get("quiet")) or not magics.feedback)
    if not events:
        status.done("nothing to publish")
        return None
    axon = call.axon()
    _ask(magics, len(events), axon, sure=bool(given.get("yes")))
    publishing = Publishing(axon, events, given.get("skip", 0))
    try:
        publishing.run(status)
    finally:
        frame = publishing.frame()
        if name is not None:
            magics.namespace[name] = frame
    cells = f"{missing:,} missing {'cell' if missing == 1 else 'cells'}"
    note = f" · {cells} published as null" if missing else ""
    status.done(publishing.summary() + note)
    return None if given.get("quiet") or call.name else frame


def _events(call: Call, event_type: str) -> tuple[list[Event], int]:
    """Return the events, and how many missing cells of a DataFrame became null."""
    source = call.options.get("source", call.magics.publish_source)
    origin = origin_of(call.options.get("origin", call.magics.publish_origin))
    missing = 0
    if code := call.options.get("from"):
        _check_ways(call)
        values, missing = events_from(evaluated(code, call.names, f"--from {code}"))
        single = False
    else:
        values, single = _payloads(call)
    if single and event_type:
        return [Event(event_type, values[0], source, origin)], 0
    events = [event_of(value, event_type, source, origin, i) for i, value in enumerate(values)]
    return events, missing


def _check_ways(call: Call) -> bool:
    """Refuse two payloads; return whether the cell's body holds one."""
    given = call.options
    ways = [way for way in ("from", "each", "ndjson", "text", "json") if given.get(way)]
    if len(ways) > 1:
        raise ParameterError(f"--{ways[0]} and --{ways[1]} exclude each other")
    filled = bool(call.body and call.body.strip())
    if filled and (ways[:1] in (["from"], ["json"]) or call.text.strip()):
        raise ParameterError("the line has a payload already: leave the cell's body empty")
    return filled


def _payloads(call: Call) -> tuple[list[Any], bool]:
    """Return the values in the cell, and whether they are one event."""
    given, body, names = call.options, call.body, call.names
    filled = _check_ways(call)
    if given.get("json"):
        return [json_value(given["json"], names)], True
    if not filled:
        return [key_values(call.text, names)], True
    text = body or ""
    if given.get("text"):
        return [text.removesuffix("\n")], True
    if given.get("ndjson"):
        return json_lines(text, names), False
    value = json_value(text, names)
    if given.get("each"):
        if not isinstance(value, list):
            raise ParameterError(f"--each takes a JSON array, the cell is {_kind(value)}")
        return value, False
    return [value], True


def _kind(value: Any) -> str:
    kinds = {dict: "an object", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _ask(magics: MagicContext, count: int, axon: Axon, *, sure: bool) -> None:
    """Events cannot be taken back: many are confirmed, or asked for with ``--yes``."""
    if sure or count <= ASK_ABOVE:
        return
    kernel = getattr(magics.shell, "kernel", None)
    # The kernel's own flag says whether this front end can answer (papermill cannot).
    can_ask = kernel._allow_stdin if kernel is not None else sys.stdin.isatty()
    if not can_ask:
        raise ParameterError(f"{count:,} events cannot be taken back: add --yes to publish them")
    answer = input(f"Publish {count:,} events to {label(axon)}? They cannot be taken back. [y/N] ")
    if answer.strip().lower() not in ("y", "yes"):
        raise ParameterError(f"nothing was published: {count:,} events were not confirmed")


MAGICS: Final = (
    Magic(
        "axon_publish",
        "publish events",
        _publish,
        _OPTIONS,
        language="json",
        description=_DESCRIPTION,
    ),
)
