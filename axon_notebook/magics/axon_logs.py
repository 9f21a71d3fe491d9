"""``%axon logs``: the output of a command that runs or ran in a devbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .devbox_output import DEVBOX, OUTPUT, SHOWING, class_of, devbox_of, show_output
from .options import Option
from .registry import Call, Magic

if TYPE_CHECKING:
    from ..execution import Execution

__all__ = ["MAGICS"]


def _logs(call: Call) -> Any:
    """Show the output of a command, and follow it to its end if it still runs.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    offset = _offsets(call.options.get("offset", "0"))
    execution = _execution(call)
    call.magics.session.execution = execution
    show_output(call, execution, offset)
    return execution


def _execution(call: Call) -> Execution:
    if not call.words:
        last = call.magics.session.execution
        if last is None:
            raise ParameterError(
                "no command was run here yet: %axon logs DEVBOX EXECUTION shows an older one"
            )
        return last
    named: Any = call.names.get(call.words[-1])
    if class_of(named) == "axon_notebook.execution.Execution":
        found: Execution = named
        return found
    devbox = call.words[0] if len(call.words) == 2 else call.options.get("devbox")
    return devbox_of(call, devbox).execution(call.words[-1])


def _offsets(text: str) -> dict[str, int]:
    """Read ``OUT`` or ``OUT,ERR``; the stream that is not named is shown whole."""
    parts = text.split(",")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ParameterError(f"--offset takes bytes of stdout, or of stdout,stderr, got {text}")
    return dict(zip(("stdout", "stderr"), map(int, parts), strict=False))


MAGICS: Final = (
    Magic(
        "axon logs",
        "show a command's output, the last one's if none is named",
        _logs,
        (
            DEVBOX,
            OUTPUT,
            *SHOWING,
            Option(
                "--offset", "", "text", "BYTES", "where to go on: of stdout, or of stdout,stderr"
            ),
        ),
        arguments="[[DEVBOX] EXECUTION]",
        most=2,
    ),
)
