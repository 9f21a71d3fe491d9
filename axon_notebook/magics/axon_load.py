"""``%axon load``: a DataFrame becomes a table, a recording the events of an axon."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ParameterError
from ..models import PublishResult
from .event_publishing import publish_values
from .loading import load_table
from .options import Option
from .payloads import evaluated
from .recordings import is_recording, publishable, read_recording
from .registry import AXON, Call, Magic
from .shell_session import label
from .status import StatusLine, in_thread

__all__ = ["MAGICS"]


def _load(call: Call) -> Any:
    code = call.text.strip()
    if not code:
        raise ParameterError("what? %axon load df -t TABLE, or %axon load events.jsonl")
    if is_recording(code):
        return _load_recording(call, code)
    table = call.options.get("table")
    if not table:
        raise ParameterError(f"into which table? %axon load {code} -t TABLE")
    value = evaluated(code, call.names, code)
    axon = call.axon()
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    way = "append" if call.options.get("append") else "create"
    way = "replace" if call.options.get("replace") else way
    loaded = in_thread(lambda: load_table(axon, value, table, way=way), line)
    call.magics.session.forget_schema(axon)
    line.done(f"✓ {table}: {loaded} · {label(axon)}")
    return None


def _load_recording(call: Call, code: str) -> Any:
    """Import the events if the axon has none, with their sequences and times; else publish."""
    from ..recording_import import import_events
    from ..sql.frames import publish_frame

    events, notes = read_recording(code)
    if not events:
        raise ParameterError(f"{code} holds no event")
    axon = call.axon()
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    reason = in_thread(lambda: import_events(axon.api, axon.id, events), line)
    if reason:
        line.clear()
        frame = publish_values(call.magics, axon, publishable(events))
        line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
        line.done(f"⚠ sequences and times are new: {reason}")
        return frame
    said = "".join(f" · ⚠ {note}" for note in notes)
    line.done(f"✓ {len(events):,} events with their times → {label(axon)}{said}")
    stored = [PublishResult(event.sequence, event.timestamp_ms) for event in events]
    return publish_frame([event.event_type for event in events], stored)


MAGICS: Final = (
    Magic(
        "axon load",
        "a DataFrame becomes a table, a recording events",
        _load,
        (
            Option("--table", "-t", "text", "TABLE", "the table to fill", "table"),
            Option("--append", "", "flag", "", "add to the table"),
            Option("--replace", "", "flag", "", "drop the table first"),
            AXON,
        ),
        arguments="DATAFRAME | FILE",
        completes="variable",
        most=1_000,
    ),
)
