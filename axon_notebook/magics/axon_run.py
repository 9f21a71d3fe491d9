"""``%axon run`` and ``%%axon_run``: a command in a devbox, from a cell.

In a notebook the output is shown live while the kernel stays free.  In a terminal it
is followed to its end; Ctrl-C leaves the command running and says how to come back.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .devbox_output import DEVBOX, OUTPUT, SHOWING, devbox_of, show_output
from .options import Option, checked_name
from .registry import Call, Magic

if TYPE_CHECKING:
    from ..devbox import Devbox
    from ..execution import Execution

__all__ = ["MAGICS"]

_OPTIONS: Final = (
    DEVBOX,
    OUTPUT,
    Option("--stdin", "", "flag", "", "leave stdin open for input; the cell does not wait"),
    Option("--bg", "", "flag", "", "start the command and show nothing"),
    *SHOWING,
)

_DESCRIPTION: Final = """Run a command in a devbox and show its output.

Examples::

    %axon run pytest -q

    %%axon_run
    cd src
    make

    %%axon_run
    #!/usr/bin/env python3
    print("a script of its own")

With the embedded service a devbox is a directory of this machine and no
sandbox.  A notebook shows the output live and the cell ends at once; a terminal
follows it to its end.  Interrupting leaves the command running.
"""


def _run_cell(call: Call) -> Any:
    execution = _run(call, call.script("command"))
    if name := call.name or call.options.get("out"):
        call.magics.namespace[checked_name(name)] = execution
    return execution


def _run_line(call: Call) -> Any:
    return _run(call, call.text)


def _run(call: Call, command: str) -> Execution:
    """Run *command* in a devbox; return the execution, followed to its end or left alone.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    if not command.strip():
        raise ParameterError("there is no command to run: %axon run COMMAND")
    box = devbox_of(call, call.options.get("devbox"))
    execution = _started(box, command, stdin="stdin" in call.options)
    call.magics.session.execution = execution
    if "bg" not in call.options:
        show_output(call, execution, {})
    return execution


def _started(box: Devbox, command: str, *, stdin: bool) -> Execution:
    """Start *command*; a script with ``#!`` is fed to a file first, so that it can be run."""
    if not command.startswith("#!"):
        return box.run(command, stdin=stdin)
    if stdin:
        raise ParameterError("a #! script is sent as stdin itself: run it without --stdin")
    program = shlex.join(shlex.split(command.split("\n", 1)[0].removeprefix("#!")))
    keep = 'f=$(mktemp) || exit; trap \'rm -f "$f"\' EXIT; cat > "$f"'
    execution = box.run(f'{keep}; {program} "$f" < /dev/null', stdin=command)
    execution.command = f"{program} …"  # what the user wrote, not how it got there
    return execution


MAGICS: Final = (
    Magic(
        "axon_run",
        "run a script in a devbox",
        _run_cell,
        _OPTIONS,
        language="shell",
        description=_DESCRIPTION,
    ),
    Magic(
        "axon run",
        "run a command in a devbox and show its output",
        _run_line,
        _OPTIONS,
        arguments="COMMAND",
        raw=True,
    ),
)
