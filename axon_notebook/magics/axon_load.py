"""``%axon load``: a DataFrame becomes a table, a file of recorded events is published."""

from __future__ import annotations

from typing import Any, Final

from ..errors import ParameterError
from .event_publishing import publish_values
from .loading import load_table
from .options import Option
from .payloads import evaluated
from .recordings import is_recording, read_recording
from .registry import AXON, Call, Magic
from .shell_session import label
from .status import StatusLine, in_thread

__all__ = ["MAGICS"]


def _load(call: Call) -> Any:
    code = call.text.strip()
    if not code:
        raise ParameterError("what? %axon load df -t TABLE, or %axon load events.jsonl")
    if is_recording(code):
        values = read_recording(code)
        if not values:
            raise ParameterError(f"{code} holds no event")
        frame = publish_values(call.magics, call.axon(), values)
        line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
        line.done(f"sequences and times are new · %axon import {code} keeps those of the file")
        return frame
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


MAGICS: Final = (
    Magic(
        "axon load",
        "a DataFrame becomes a table, a .jsonl file events",
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
