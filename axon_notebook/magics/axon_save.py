"""``%axon save``: the current axon as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ..recording_saving import save_recording
from .command_requests import word
from .options import Option
from .registry import AXON, Call, Magic
from .shell_session import label
from .status import StatusLine, in_thread

__all__ = ["MAGICS"]


def _save(call: Call) -> Any:
    path = Path(word(call, "file")).expanduser()
    axon, tables = call.axon(), bool(call.options.get("tables"))
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    count = in_thread(
        lambda: save_recording(axon.api, axon.id, path, tables=tables, progress=False), line
    )
    line.done(f"✓ {count:,} events of {label(axon)} → {path} ({path.stat().st_size:,} bytes)")
    return None


MAGICS: Final = (
    Magic(
        "axon save",
        "write an axon's events into a file, a recording",
        _save,
        (
            Option("--tables", "", "flag", "", "the axon's own tables as well"),
            AXON,
        ),
        arguments="FILE",
    ),
)
