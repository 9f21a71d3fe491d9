"""``%axon import``: a recording becomes a new axon."""

from __future__ import annotations

import warnings
from typing import Any, Final

from .axon_use import ALIAS, choose
from .command_requests import word
from .options import Option
from .registry import Call, Magic
from .shell_session import label
from .status import StatusLine, in_thread

__all__ = ["MAGICS"]


def _import(call: Call) -> Any:
    path, client = word(call, "file"), call.magics.session.client
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        axon = in_thread(lambda: client.import_recording(path, call.options.get("name")), line)
    said = "".join(f" · ⚠ {note.message}" for note in notes)
    line.done(f"✓ {path} → {label(axon)}{said}")
    return axon if call.options.get("no_use") else choose(call, axon)


MAGICS: Final = (
    Magic(
        "axon import",
        "make a new axon of a recording and use it",
        _import,
        (
            Option("--name", "", "text", "NAME", "its name; else the one in the recording"),
            ALIAS,
            Option("--no-use", "", "flag", "", "do not make it the current axon"),
        ),
        arguments="FILE",
    ),
)
