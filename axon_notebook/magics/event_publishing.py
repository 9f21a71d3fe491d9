"""Events on their way to an axon, with progress and the way to go on after a failure."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..errors import AxonError, ParameterError, PublishError
from ..models import PUBLISH_ORIGINS, EventDraft, PublishResult
from ..visible import visible
from .options import meant
from .shell_session import label
from .status import StatusLine, Task

if TYPE_CHECKING:
    from ..axon import Axon
    from .magic_context import MagicContext

__all__ = [
    "ORIGINS",
    "DryRun",
    "Event",
    "PublishStopped",
    "Publishing",
    "event_of",
    "origin_of",
    "publish_values",
]

#: What ``--origin`` takes: the short name → the API's.
ORIGINS: Final = {name.partition("_")[0].lower(): name for name in PUBLISH_ORIGINS}


class Event(NamedTuple):
    """One event as it will be published."""

    event_type: str
    payload: Any
    source: str
    origin: str


def origin_of(text: str) -> str:
    """Return the API's name of an origin.

    Raises:
        ParameterError: If it cannot be published with.
    """
    name = ORIGINS.get(text.lower(), text)
    if name not in PUBLISH_ORIGINS:
        way_out = meant(text.lower(), ORIGINS, what="origins")
        raise ParameterError(f"origin {text} cannot be published: {way_out}")
    return name


def event_of(value: Any, event_type: str, source: str, origin: str, place: int) -> Event:
    """Make an event of one of many values: a payload if the type is given, else a whole event."""
    if event_type:
        return Event(event_type, value, source, origin)
    if hasattr(value, "event_type") and hasattr(value, "payload"):
        return Event(value.event_type, value.payload, value.source, _own_origin(value.origin))
    if not isinstance(value, Mapping) or not isinstance(value.get("event_type"), str):
        raise ParameterError(
            f"event {place} names no event_type: give a type on the line, or "
            '{"event_type": …, "payload": …} for each'
        )
    if extra := set(value) - {*EventDraft.__struct_fields__}:
        raise ParameterError(f"event {place} has unknown fields: {', '.join(sorted(extra))}")
    given = value.get("origin")
    return Event(
        value["event_type"],
        value.get("payload"),
        value.get("source") or source,
        origin_of(given) if given else origin,
    )


def _own_origin(origin: str) -> str:
    """The origin of an event that was read: the server's own cannot be claimed."""
    return origin if origin in PUBLISH_ORIGINS else "EXTERNAL_EVENT"


def publish_values(magics: MagicContext, axon: Axon, values: list[dict[str, Any]]) -> Any:
    """Publish whole events, given as mappings, with a status line; return the DataFrame."""
    source, origin = magics.publish_source, origin_of(magics.publish_origin)
    events = [event_of(value, "", source, origin, place) for place, value in enumerate(values)]
    status = StatusLine(magics.shell, quiet=not magics.feedback)
    publishing = Publishing(axon, events, 0)
    publishing.run(status)
    status.done(publishing.summary())
    return publishing.frame()


class DryRun:
    """What would be published."""

    def __init__(self, events: list[Event]) -> None:
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


class Publishing:
    """Events that are being published, in their order."""

    def __init__(self, axon: Axon, events: list[Event], skipped: int) -> None:
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
