"""``%axon run``, ``%%axon_run`` and ``%axon logs``: commands in a devbox, from a cell.

In a notebook the output is shown live while the kernel stays free.  In a terminal it
is followed to its end; Ctrl-C leaves the command running and says how to come back.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections import ChainMap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import NotFound, ParameterError
from .axon import Call, Command
from .options import Option, checked_name, describe, scan
from .status import StatusLine
from .terminal_text import TerminalText

if TYPE_CHECKING:
    from ..devbox import Devbox
    from ..execution import Execution
    from ..wire.log_stream import OutputSubscription
    from .shell import AxonMagics

__all__ = ["HELP", "LOGS", "RUN", "LeftRunning", "run_axon_run"]

#: The devbox of those who name none; made at first use, found again by every kernel.
DEFAULT_DEVBOX: Final = "notebook"

DEVBOX: Final = Option(
    "--devbox", "-d", "text", "DEVBOX", f"id, name or variable; else the one named {DEFAULT_DEVBOX}"
)
OUTPUT: Final = Option("--out", "-o", "text", "NAME", "assign the execution to a variable")

SHOWING: Final = (
    Option("--wait", "", "flag", "", "in a notebook, end the cell when the command ends"),
    Option("--text", "", "flag", "", "in a notebook, print plain text, and wait"),
)

RUN_OPTIONS: Final = (
    DEVBOX,
    OUTPUT,
    Option("--stdin", "", "flag", "", "leave stdin open for input; the cell does not wait"),
    Option("--bg", "", "flag", "", "start the command and show nothing"),
    *SHOWING,
)
LOGS_OPTIONS: Final = (
    DEVBOX,
    OUTPUT,
    *SHOWING,
    Option("--offset", "", "text", "BYTES", "where to go on: of stdout, or of stdout,stderr"),
)


HELP: Final = f"""Run a command in a devbox and show its output.

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

Options::

{describe(RUN_OPTIONS)}
"""


class LeftRunning(KeyboardInterrupt):
    """The stop button was pressed while a command was followed; the command goes on.

    A :class:`KeyboardInterrupt`, so that *Run All* stops; shown as its message.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run_axon_run(
    magics: AxonMagics, line: str, cell: str | None, local: Mapping[str, Any] | None
) -> Execution:
    """Run the magic: the script in *cell*, or the command on *line*."""
    parsed = scan(line, RUN_OPTIONS, "%axon_run")
    with magics.errors_of(parsed):
        if cell is not None and parsed.rest.strip():
            raise ParameterError(
                f"%%axon_run takes options alone, got {parsed.rest.strip()!r}: "
                "write the command into the cell"
            )
        names = ChainMap(dict(local or {}), magics.namespace)
        command = parsed.rest.strip() if cell is None else cell
        execution = _run(Call(magics, [], parsed.values, names, command))
    if name := parsed.name or parsed.values.get("out"):
        magics.namespace[checked_name(name)] = execution
    return execution


def _run(call: Call) -> Execution:
    """Run ``call.text`` in a devbox; return the execution, followed to its end or left alone.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    command = call.text
    if not command.strip():
        raise ParameterError("there is no command to run: %axon run COMMAND")
    box = _devbox(call, call.options.get("devbox"))
    execution = _started(box, command, stdin="stdin" in call.options)
    call.magics.session.execution = execution
    if "bg" not in call.options:
        _show(call, execution, {})
    return execution


def _logs(call: Call) -> Execution:
    """Show the output of a command, and follow it to its end if it still runs.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    offset = _offsets(call.options.get("offset", "0"))
    execution = _execution(call)
    call.magics.session.execution = execution
    _show(call, execution, offset)
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
    if _class_of(named) == "axon_notebook.execution.Execution":
        found: Execution = named
        return found
    devbox = call.words[0] if len(call.words) == 2 else call.options.get("devbox")
    return _devbox(call, devbox).execution(call.words[-1])


def _devbox(call: Call, name: str | None) -> Devbox:
    """Return the devbox called *name*; make the usual one where there is none.

    Raises:
        NotFound: If *name* was given and no running devbox has it.
    """
    value: Any = call.names.get(name) if name else None
    if _class_of(value) == "axon_notebook.devbox.Devbox":
        held: Devbox = value
        return held
    client = call.magics.session.client
    if name and name.startswith("dbx_"):
        return client.devbox(name)
    found = client.running_devbox(name or DEFAULT_DEVBOX)
    if found is not None:
        return found
    if name:
        raise NotFound(
            f"no devbox named {name!r} is running: create_devbox({name!r}) makes one", status=404
        )
    made = client.create_devbox(DEFAULT_DEVBOX)
    StatusLine(call.magics.shell, quiet=not call.magics.feedback).done(f"made {made!r}")
    return made


def _show(call: Call, execution: Execution, offset: Mapping[Any, int]) -> None:
    """Show the output: live in a notebook, as text in a terminal.

    A notebook's cell ends at once, so that the log's own buttons reach the kernel.
    """
    shell = call.magics.shell
    if getattr(shell, "kernel", None) is None or "text" in call.options or any(offset.values()):
        if "stdin" not in call.options:
            _print_to_the_end(call.magics, execution, offset)
        return
    from IPython.display import display

    from ..widgets.execution_log import ExecutionLog

    display(ExecutionLog(execution, stdin="stdin" in call.options))
    if "wait" in call.options:
        try:
            execution.wait()
        except KeyboardInterrupt:
            raise LeftRunning(f"left running: {execution!r}; its log goes on") from None


def _print_to_the_end(magics: AxonMagics, execution: Execution, offset: Mapping[Any, int]) -> None:
    """Print the output as it comes; at the end say how the command ended.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    started = time.monotonic()
    with execution.follow(offset=offset) as chunks:
        try:
            _print_all(chunks)
            info = execution.wait()
        except KeyboardInterrupt:
            raise LeftRunning(_way_back(execution, chunks)) from None
    seconds = time.monotonic() - started
    mark = "✓" if info.exit_status == 0 else "✗"
    text = f"{mark} exit status {info.exit_status} · {seconds:.1f} s · {execution.id}"
    StatusLine(magics.shell, quiet=not magics.feedback).done(text)


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


def _print_all(chunks: OutputSubscription) -> None:
    fit = {stream.cursor.stream: TerminalText() for stream in chunks.streams}
    last = "\n"
    try:
        for chunk in chunks:
            missing = f"\n[{chunk.missing} bytes of {chunk.stream} are missing]\n"
            text = (missing if chunk.missing else "") + fit[chunk.stream].feed(chunk.text)
            sys.stdout.write(text)
            sys.stdout.flush()
            last = text[-1:] or last
    finally:
        if last != "\n":  # what the notebook says next stands on a line of its own
            sys.stdout.write("\n")


def _way_back(execution: Execution, chunks: OutputSubscription) -> str:
    positions = ",".join(str(stream.cursor.position) for stream in chunks.streams)
    place = f"{execution.devbox_id} {execution.id}"
    return (
        f"left running: {execution.command or execution.id}\n"
        f"  come back:  %axon logs {place} --offset {positions}\n"
        f"  end it:     client.devbox({execution.devbox_id!r})"
        f".execution({execution.id!r}).kill()"
    )


def _offsets(text: str) -> dict[str, int]:
    """Read ``OUT`` or ``OUT,ERR``; the stream that is not named is shown whole."""
    parts = text.split(",")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise ParameterError(f"--offset takes bytes of stdout, or of stdout,stderr, got {text}")
    return dict(zip(("stdout", "stderr"), map(int, parts), strict=False))


def _class_of(value: Any) -> str:
    # The classes are not imported to be compared: that would load httpx.
    return f"{type(value).__module__}.{type(value).__name__}"


RUN: Final = Command(
    "run", "COMMAND", "run a command in a devbox and show its output", RUN_OPTIONS, _run, raw=True
)
LOGS: Final = Command(
    "logs",
    "[[DEVBOX] EXECUTION]",
    "show a command's output, the last one's if none is named",
    LOGS_OPTIONS,
    _logs,
    most=2,
)
