"""``%axon_publish`` and ``%%axon_publish``: events, written in a cell."""

from __future__ import annotations

import sys
import time
from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import AxonError, ParameterError, PublishError
from ..models import PUBLISH_ORIGINS, PublishResult
from ..visible import visible
from .options import Option, Parsed, checked_name, describe, meant, scan
from .payloads import evaluated, events_from, json_lines, json_value, key_values
from .session import label
from .status import StatusLine, Task

if TYPE_CHECKING:
    from ..axon import Axon
    from .shell import AxonMagics

__all__ = ["HELP", "OPTIONS", "run_axon_publish"]

#: More events than this are not published without being asked for.
ASK_ABOVE: Final = 100

_ORIGINS: Final = {name.partition("_")[0].lower(): name for name in PUBLISH_ORIGINS}
_EVENT_FIELDS: Final = frozenset({"event_type", "payload", "source", "origin"})

OPTIONS: Final = (
    Option("--source", "-s", "text", "SOURCE", "who says so (notebook)"),
    Option("--origin", "", "text", "ORIGIN", f"one of {', '.join(_ORIGINS)} (user)"),
    Option("--axon", "-a", "text", "AXON", "another axon, for this cell only"),
    Option("--each", "", "flag", "", "the cell is a JSON array: one event per element"),
    Option("--ndjson", "", "flag", "", "one JSON value, and event, per line"),
    Option("--from", "", "text", "EXPR", "publish the rows of a DataFrame, or a list of events"),
    Option("--text", "", "flag", "", "the cell is the payload as it stands, not JSON"),
    Option("--json", "", "text", "JSON", "the payload, on the line"),
    Option("--skip", "", "integer", "N", "leave the first N out, to go on after a failure"),
    Option("--yes", "-y", "flag", "", f"publish more than {ASK_ABOVE} events without asking"),
    Option("--dry-run", "", "flag", "", "show what would be published, and publish nothing"),
    Option("--out", "-o", "text", "NAME", "store the result in NAME too"),
    Option("--quiet", "-q", "flag", "", "no status line, no output"),
    Option("--full-errors", "", "flag", "", "errors with the whole Python traceback"),
)

HELP: Final = f"""Publish events; returns a DataFrame of sequence, timestamp, event_type.

Examples::

    %axon_publish deploy service=api version=3 ok=true

    %%axon_publish deploy -s ci
    {{"service": "api", "commit": ${{commit}}, "tests": ${{len(results)}}}}

    %%axon_publish user.message --each
    [{{"text": "one"}}, {{"text": "two"}}]

    %axon_publish --from df

``${{expression}}`` stands where JSON expects a value.  Without a type on the
line every event names its own: {{"event_type": …, "payload": …}}.

Options::

{describe(OPTIONS)}
"""


class _Event(NamedTuple):
    """One event as it will be published."""

    event_type: str
    payload: Any
    source: str
    origin: str


def run_axon_publish(
    magics: AxonMagics, line: str, cell: str | None, local: Mapping[str, Any] | None
) -> Any:
    """Run the magic; return the DataFrame of what was published."""
    parsed = scan(line, OPTIONS, "%axon_publish")
    event_type, _, rest = parsed.rest.strip().partition(" ")
    if "=" in event_type:
        raise ParameterError(f"an event needs a type first: %axon_publish TYPE {event_type} …")
    # Options may follow the type as well.
    more = scan(rest, OPTIONS, "%axon_publish")
    parsed = Parsed({**parsed.values, **more.values}, parsed.name or more.name, more.rest)
    with magics.errors_of(parsed):
        names = ChainMap(dict(local or {}), magics.namespace)
        return _run(magics, parsed, event_type, cell, names)


def _run(
    magics: AxonMagics,
    parsed: Parsed,
    event_type: str,
    body: str | None,
    names: Mapping[str, Any],
) -> Any:
    given = parsed.values
    out = given.get("out")
    name = checked_name(out) if out else parsed.name
    events = _events(magics, parsed, event_type, body, names)[given.get("skip", 0) :]
    if given.get("dry_run"):
        return DryRun(events)
    status = StatusLine(magics.shell, quiet=bool(given.get("quiet")) or not magics.feedback)
    if not events:
        status.done("nothing to publish")
        return None
    axon = magics.session.axon(given.get("axon"), names, magics.axon)
    _ask(magics, len(events), axon, sure=bool(given.get("yes")))
    publishing = _Publishing(axon, events, given.get("skip", 0))
    try:
        publishing.run(status)
    finally:
        frame = publishing.frame()
        if name is not None:
            magics.namespace[name] = frame
    status.done(publishing.summary())
    return None if given.get("quiet") or parsed.name else frame


def publish_values(magics: AxonMagics, axon: Axon, values: list[dict[str, Any]]) -> Any:
    """Publish whole events, given as mappings, with a status line; return the DataFrame."""
    source, origin = magics.publish_source, _origin(magics.publish_origin)
    events = [_event(value, "", source, origin, place) for place, value in enumerate(values)]
    status = StatusLine(magics.shell, quiet=not magics.feedback)
    publishing = _Publishing(axon, events, 0)
    publishing.run(status)
    status.done(publishing.summary())
    return publishing.frame()


class DryRun:
    """What would be published."""

    def __init__(self, events: list[_Event]) -> None:
        self.events = events

    def __repr__(self) -> str:
        from ..publishing import payload_text

        shown = [
            f"{e.event_type} · {e.origin} from {e.source} · {payload_text(e.payload)}"
            for e in self.events[:10]
        ]
        more = len(self.events) - len(shown)
        lines = [*shown, *([f"… and {more:,} more"] if more > 0 else [])]
        return visible("\n".join(lines), keep="\n")


def _events(
    magics: AxonMagics,
    parsed: Parsed,
    event_type: str,
    body: str | None,
    names: Mapping[str, Any],
) -> list[_Event]:
    given = parsed.values
    source = given.get("source", magics.publish_source)
    origin = _origin(given.get("origin", magics.publish_origin))
    values, single = _payloads(parsed, body, names)
    if single and event_type:
        return [_Event(event_type, values[0], source, origin)]
    return [_event(value, event_type, source, origin, i) for i, value in enumerate(values)]


def _origin(text: str) -> str:
    name = _ORIGINS.get(text.lower(), text)
    if name not in PUBLISH_ORIGINS:
        way_out = meant(text.lower(), _ORIGINS, what="origins")
        raise ParameterError(f"origin {text} cannot be published: {way_out}")
    return name


def _payloads(parsed: Parsed, body: str | None, names: Mapping[str, Any]) -> tuple[list[Any], bool]:
    """Return the values in the cell, and whether they are one event."""
    given = parsed.values
    ways = [way for way in ("from", "each", "ndjson", "text", "json") if given.get(way)]
    if len(ways) > 1:
        raise ParameterError(f"--{ways[0]} and --{ways[1]} exclude each other")
    filled = body is not None and body.strip()
    if filled and (ways[:1] in (["from"], ["json"]) or parsed.rest.strip()):
        raise ParameterError("the line has a payload already: leave the cell's body empty")
    if given.get("from"):
        code = given["from"]
        return events_from(evaluated(code, names, f"--from {code}")), False
    if given.get("json"):
        return [json_value(given["json"], names)], True
    if not filled:
        return [key_values(parsed.rest, names)], True
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


def _event(value: Any, event_type: str, source: str, origin: str, place: int) -> _Event:
    """Make an event of one of many values: a payload if the type is given, else a whole event."""
    if event_type:
        return _Event(event_type, value, source, origin)
    if hasattr(value, "event_type") and hasattr(value, "payload"):
        return _Event(value.event_type, value.payload, value.source, _own_origin(value.origin))
    if not isinstance(value, Mapping) or not isinstance(value.get("event_type"), str):
        raise ParameterError(
            f"event {place} names no event_type: give a type on the line, or "
            '{"event_type": …, "payload": …} for each'
        )
    if extra := set(value) - _EVENT_FIELDS:
        raise ParameterError(f"event {place} has unknown fields: {', '.join(sorted(extra))}")
    given = value.get("origin")
    return _Event(
        value["event_type"],
        value.get("payload"),
        value.get("source") or source,
        _origin(given) if given else origin,
    )


def _own_origin(origin: str) -> str:
    """The origin of an event that was read: the server's own cannot be claimed."""
    return origin if origin in PUBLISH_ORIGINS else "EXTERNAL_EVENT"


def _kind(value: Any) -> str:
    kinds = {dict: "an object", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")


def _ask(magics: AxonMagics, count: int, axon: Axon, *, sure: bool) -> None:
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


class _Publishing:
    """Events that are being published, in their order."""

    def __init__(self, axon: Axon, events: list[_Event], skipped: int) -> None:
        self._axon = axon
        self._events = events
        self._skipped = skipped
        self._stopped = False
        self._results: list[PublishResult] = []
        self._seconds = 0.0

    def run(self, status: StatusLine) -> None:
        """Publish them; the stop button works between any two requests."""
        task = Task(self._publish, name="axon-publish")
        try:
            while not task.wait(0.05):
                rate = len(self._results) / max(time.monotonic() - task.started, 1e-3)
                text = f"{len(self._results):,} of {len(self._events):,} · {rate:,.0f}/s"
                status.running(time.monotonic() - task.started, text)
        except KeyboardInterrupt:
            self._stopped = True
            task.wait(5)
            status.clear()
            raise self._stop() from None
        self._seconds = task.seconds or 0.0
        task.result()

    def _publish(self) -> None:
        from ..publishing import event_draft, publish_in_batches

        drafts = (event_draft(*event) for event in self._events)
        try:
            for stored in publish_in_batches(self._axon.api, self._axon.id, drafts):
                self._results += stored
                if self._stopped:
                    return
        except AxonError as error:
            raise self._failure(len(self._results), error) from error

    def _failure(self, place: int, error: AxonError) -> AxonError:
        if len(self._events) == 1:
            return error
        failure = PublishError(
            f"event {place} of {len(self._events)} was not published: {error}",
            index=place,
            published=self._results,
        )
        failure.detail = [f"  {self._so_far()} · go on with --skip {self._skipped + place}"]
        return failure

    def _stop(self) -> BaseException:
        place = len(self._results)
        failure = PublishStopped(
            f"stopped: {self._so_far()} · go on with --skip {self._skipped + place}"
        )
        return failure

    def _so_far(self) -> str:
        done = self._results
        if not done:
            return "none was published"
        return f"{len(done):,} published (#{done[0].sequence} to #{done[-1].sequence})"

    def frame(self) -> Any:
        """Return what was published as a DataFrame."""
        from ..sql.frames import publish_frame

        return publish_frame([event.event_type for event in self._events], self._results)

    def summary(self) -> str:
        """What the status line says at the end."""
        first, last = self._results[0], self._results[-1]
        if len(self._results) == 1:
            event = self._events[0]
            return (
                f"✓ #{first.sequence} {event.event_type} · {event.origin} from {event.source} · "
                f"{self._seconds * 1000:.0f} ms · {label(self._axon)}"
            )
        rate = len(self._results) / max(self._seconds, 1e-6)
        return (
            f"✓ {len(self._results):,} events #{first.sequence}–#{last.sequence} · "
            f"{self._seconds:.1f} s ({rate:,.0f}/s) · {label(self._axon)}"
        )


class PublishStopped(KeyboardInterrupt):
    """The stop button was pressed while events were published."""

    def _render_traceback_(self) -> list[str]:
        return [f"PublishStopped: {self}"]
