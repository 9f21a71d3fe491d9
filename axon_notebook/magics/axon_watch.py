"""``%axon watch``: the events as they come.

In a notebook it shows the live viewer while the kernel stays free.  In a terminal it
prints a line per event until Ctrl-C.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from ..errors import ParameterError
from ..models import AxonEvent
from .options import Option
from .registry import AXON, Call, Magic
from .shell_session import label

if TYPE_CHECKING:
    from ..axon import Axon

__all__ = ["MAGICS"]

PAYLOAD_CHARS: Final = 100


def _watch(call: Call) -> Any:
    axon = call.axon(call.words[0] if call.words else None)
    text = call.options.get("filter", "")
    start = _start(call)
    if getattr(call.magics.shell, "kernel", None) is None:
        return _print_lines(axon, start, text)
    from ..widgets.event_viewer import EventViewer

    more = {name: call.options[name] for name in ("height",) if name in call.options}
    return EventViewer(
        axon,
        after_sequence=start,
        filter=text,
        keep=bool(call.options.get("keep")),
        snapshot=not call.options.get("no_snapshot"),
        **more,
    )


def _start(call: Call) -> int | Literal["head"]:
    if "after" in call.options and call.options.get("new"):
        raise ParameterError("--after and --new exclude each other: where should it start?")
    after: int = call.options.get("after", 0)
    return "head" if call.options.get("new") else after


def _print_lines(axon: Axon, start: int | Literal["head"], text: str) -> None:
    """Print until Ctrl-C, which is the ordinary end."""
    from ..agents.kinds import kind_of
    from ..filtering.event_filter import EventFilter

    keeps = EventFilter(text, tz_offset_min=time.timezone // 60, kind_of=kind_of).test
    sys.stdout.write(f"watching {label(axon)}, Ctrl-C ends it\n")
    shown = 0
    with axon.subscribe(start) as events:
        try:
            for event in events:
                if keeps(event):
                    sys.stdout.write(f"{_line(event)}\n")
                    sys.stdout.flush()
                    shown += 1
        except KeyboardInterrupt:
            seen = events.stats().events
            sys.stdout.write(f"\n{shown:,} of {seen:,} events shown\n")


def _line(event: AxonEvent) -> str:
    from ..widgets.snapshot import shown

    clock = time.strftime("%H:%M:%S", time.localtime(event.timestamp_ms / 1000))
    kind = shown(event.event_type, 28)
    return f"{event.sequence:>7}  {clock}  {kind:<28}  {shown(event.payload, PAYLOAD_CHARS)}"


MAGICS: Final = (
    Magic(
        "axon watch",
        "show events as they come",
        _watch,
        (
            Option(
                "--filter", "-f", "text", "FILTER", "what to show, as in the viewer's filter box"
            ),
            Option("--after", "", "integer", "SEQUENCE", "start after this event"),
            Option("--new", "", "flag", "", "only what comes from now on"),
            Option("--height", "", "integer", "PIXELS", "of the viewer (480)"),
            Option(
                "--keep", "", "flag", "", "do not replace the viewer that the cell showed before"
            ),
            Option("--no-snapshot", "", "flag", "", "save no event with the notebook"),
            AXON,
            Option("--out", "-o", "text", "NAME", "store the viewer in NAME too", "variable"),
        ),
        arguments="[AXON]",
        completes="axon",
    ),
)
