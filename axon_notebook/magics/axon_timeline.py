"""``%axon timeline``: turns and tool calls as bars of time.

It is live in a notebook; a terminal shows the newest turns as text.
"""

from __future__ import annotations

from typing import Any, Final

from .options import Option
from .registry import AXON, Call, Magic

__all__ = ["MAGICS"]


def _timeline(call: Call) -> Any:
    from ..widgets.timeline import Timeline

    axon = call.axon(call.words[0] if call.words else None)
    more = {name: call.options[name] for name in ("height",) if name in call.options}
    return Timeline(
        axon,
        keep=bool(call.options.get("keep")),
        snapshot=not call.options.get("no_snapshot"),
        **more,
    )


MAGICS: Final = (
    Magic(
        "axon timeline",
        "show turns and tool calls over time",
        _timeline,
        (
            Option("--height", "", "integer", "PIXELS", "of the timeline (260)"),
            Option("--keep", "", "flag", "", "do not replace what the cell showed before"),
            Option("--no-snapshot", "", "flag", "", "save no title with the notebook"),
            AXON,
            Option("--out", "-o", "text", "NAME", "store the timeline in NAME too", "variable"),
        ),
        arguments="[AXON]",
        completes="axon",
    ),
)
