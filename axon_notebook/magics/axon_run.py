"""``%axon run``, ``%%axon_run`` and ``%axon logs``: commands in a devbox, from a cell.

A command is followed until it ends.  Interrupting the cell leaves it running and
says how to come back.
"""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import NotFound, ParameterError
from .options import Option, Parsed, checked_name, describe, scan, words_of
from .status import StatusLine
from .terminal_text import TerminalText

if TYPE_CHECKING:
    from ..devbox import Devbox
    from ..execution import Execution
    from ..wire.log_stream import OutputSubscription
    from .shell import AxonMagics

__all__ = [
    "LOGS_HELP",
    "LOGS_OPTIONS",
    "RUN_HELP",
    "RUN_OPTIONS",
    "LeftRunning",
    "run_command",
    "show_logs",
]

#: The devbox of those who name none; made at first use, found again by every kernel.
DEFAULT_DEVBOX: Final = "notebook"

DEVBOX: Final = Option(
    "--devbox", "-d", "text", "DEVBOX", f"id, name or variable; else the one named {DEFAULT_DEVBOX}"
)
OUTPUT: Final = Option("--out", "-o", "text", "NAME", "assign the execution to a variable")

RUN_OPTIONS: Final = (
    DEVBOX,
    OUTPUT,
    Option("--bg", "", "flag", "", "start the command and return at once"),
    Option("--stdin", "", "flag", "", "leave stdin open for send_stdin(); implies --bg"),
)
LOGS_OPTIONS: Final = (
    DEVBOX,
    OUTPUT,
    Option("--offset", "", "text", "BYTES", "where to go on: of stdout, or of stdout,stderr"),
)


RUN_HELP: Final = f"""Run a command in a devbox and show its output.

Examples::

    %axon run pytest -q

    %%axon_run
    cd src
    make

    %%axon_run
    #!/usr/bin/env python3
    print("a script of its own")

With the embedded service a devbox is a directory of this machine and no
sandbox.  Interrupting the cell leaves the command running and says how to
come back.

Options::

{describe(RUN_OPTIONS)}
"""

LOGS_HELP: Final = f"""Show the output of a command, and follow it while it runs.

Examples::

    %axon logs                          the last command of this notebook
    %axon logs EXECUTION                one in the usual devbox
    %axon logs DEVBOX EXECUTION
    %axon logs EXECUTION --offset 120   from this byte of stdout on

Options::

{describe(LOGS_OPTIONS)}
"""


class LeftRunning(KeyboardInterrupt):
    """The stop button was pressed while a command was followed; the command goes on.

    A :class:`KeyboardInterrupt`, so that *Run All* stops; shown as its message.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run_command(magics: AxonMagics, line: str, cell: str | None = None) -> Execution | None:
    """Run the rest of *line*, or the script in *cell*, in a devbox.

    Returns:
        The execution if it was left to itself, else ``None``: its output was shown.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    magic = "%axon run" if cell is None else "%%axon_run"
    parsed = scan(line, RUN_OPTIONS, magic)
    with magics.errors_of(parsed):
        if cell is not None and parsed.rest.strip():
            raise ParameterError(
                f"{magic} takes options alone, got {parsed.rest.strip()!r}: "
                "write the command into the cell"
            )
        command = parsed.rest.strip() if cell is None else cell
        if not command.strip():
            raise ParameterError(f"{magic} has no command to run")
        box = _devbox(magics, parsed.values.get("devbox"))
        execution = _started(box, command, stdin="stdin" in parsed.values)
        _keep(magics, execution, parsed)
        if parsed.values.keys() & {"bg", "stdin"}:
            return execution
        _follow(magics, execution, {})
    return None


def show_logs(magics: AxonMagics, line: str) -> None:
    """Show the output of a command, and follow it to its end if it still runs.

    Raises:
        LeftRunning: If the user pressed stop.
    """
    parsed = scan(_options_first(line), LOGS_OPTIONS, "%axon logs")
    with magics.errors_of(parsed):
        offset = _offsets(parsed.values.get("offset", "0"))
        execution = _execution(magics, words_of(parsed.rest), parsed.values.get("devbox"))
        _keep(magics, execution, parsed)
        _follow(magics, execution, offset)


def _execution(magics: AxonMagics, words: list[str], devbox: str | None) -> Execution:
    if len(words) > 2:
        raise ParameterError(f"%axon logs takes a devbox and an execution, got {' '.join(words)}")
    if not words:
        if magics.session.execution is None:
            raise ParameterError(
                "no command was run here yet: %axon logs DEVBOX EXECUTION shows an older one"
            )
        return magics.session.execution
    named: Any = magics.namespace.get(words[-1])
    if _class_of(named) == "axon_notebook.execution.Execution":
        found: Execution = named
        return found
    return _devbox(magics, words[0] if len(words) == 2 else devbox).execution(words[-1])


def _devbox(magics: AxonMagics, name: str | None) -> Devbox:
    """Return the devbox called *name*; make the usual one where there is none.

    Raises:
        NotFound: If *name* was given and no running devbox has it.
    """
    value: Any = magics.namespace.get(name) if name else None
    if _class_of(value) == "axon_notebook.devbox.Devbox":
        held: Devbox = value
        return held
    client = magics.session.client
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
    StatusLine(magics.shell, quiet=not magics.feedback).done(f"made {made!r}")
    return made


def _keep(magics: AxonMagics, execution: Execution, parsed: Parsed) -> None:
    magics.session.execution = execution
    if name := parsed.name or parsed.values.get("out"):
        magics.namespace[checked_name(name)] = execution


def _follow(magics: AxonMagics, execution: Execution, offset: Mapping[Any, int]) -> None:
    """Print the output as it comes; at the end say how the command ended."""
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
    return box.run(f'{keep}; {program} "$f" < /dev/null', stdin=command)


def _print_all(chunks: OutputSubscription) -> None:
    fit = {stream.cursor.stream: TerminalText() for stream in chunks.streams}
    for chunk in chunks:
        if chunk.missing:
            sys.stdout.write(f"\n[{chunk.missing} bytes of {chunk.stream} are missing]\n")
        sys.stdout.write(fit[chunk.stream].feed(chunk.text))
        sys.stdout.flush()


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


def _options_first(line: str) -> str:
    """Move options in front of the names they were written behind."""
    options: list[str] = []
    names: list[str] = []
    words = iter(line.split())
    for word in words:
        if not word.startswith("-"):
            names.append(word)
        else:
            options += [word] if "=" in word else [word, next(words, "")]
    return " ".join([*options, *names])


def _class_of(value: Any) -> str:
    # The classes are not imported to be compared: that would load httpx.
    return f"{type(value).__module__}.{type(value).__name__}"
