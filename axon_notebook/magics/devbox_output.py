"""The output of a command in a devbox, shown in a cell; shared by ``run`` and ``logs``."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import NotFound
from .options import Option
from .plain_lines import HOLD_SECONDS, PlainLines
from .registry import Call
from .status import StatusLine
from .terminal_text import TerminalText

if TYPE_CHECKING:
    from ..devbox import Devbox
    from ..execution import Execution
    from ..models import OutputChunk
    from ..wire.output_subscription import OutputSubscription
    from .magic_context import MagicContext

__all__ = ["DEVBOX", "OUTPUT", "SHOWING", "LeftRunning", "class_of", "devbox_of", "show_output"]

#: The devbox that is used when none is named; made at first use, found again by every kernel.
DEFAULT_DEVBOX: Final = "notebook"

DEVBOX: Final = Option(
    "--devbox", "-d", "text", "DEVBOX", f"id, name or variable; else the one named {DEFAULT_DEVBOX}"
)
OUTPUT: Final = Option(
    "--out", "-o", "text", "NAME", "assign the execution to a variable", "variable"
)
SHOWING: Final = (
    Option("--wait", "", "flag", "", "in a notebook, end the cell when the command ends"),
    Option("--text", "", "flag", "", "in a notebook, print plain text, and wait"),
)


class LeftRunning(KeyboardInterrupt):
    """The stop button was pressed while a command was followed; the command goes on.

    A :class:`KeyboardInterrupt`, so that *Run All* stops; shown as its message.
    """

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def devbox_of(call: Call, name: str | None) -> Devbox:
    """Return the devbox called *name*; make the usual one where there is none.

    Raises:
        NotFound: If *name* was given and no running devbox has it.
    """
    value: Any = call.names.get(name) if name else None
    if class_of(value) == "axon_notebook.devbox.Devbox":
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


def show_output(call: Call, execution: Execution, offset: Mapping[Any, int]) -> None:
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

    _show_once(shell, execution)
    display(ExecutionLog(execution, stdin="stdin" in call.options))
    if "wait" in call.options:
        try:
            execution.wait()
        except KeyboardInterrupt:
            raise LeftRunning(f"left running: {execution!r}; its log goes on") from None


def _show_once(shell: Any, execution: Execution) -> None:
    """Let the cell that shows the output not show ``<Execution …>`` as its value as well."""
    formatter = shell.display_formatter.ipython_display_formatter
    kind = type(execution)

    def show(value: object) -> None:
        from IPython.display import display

        if value is not execution:
            display({"text/plain": repr(value)}, raw=True)

    def forget(result: object) -> None:
        shell.events.unregister("post_run_cell", forget)
        if formatter.type_printers.get(kind) is show:
            formatter.pop(kind)

    formatter.for_type(kind, show)
    shell.events.register("post_run_cell", forget)


def _print_to_the_end(
    magics: MagicContext, execution: Execution, offset: Mapping[Any, int]
) -> None:
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


def _print_all(chunks: OutputSubscription) -> None:
    if sys.stdout.isatty():
        _print_to_terminal(chunks)
    else:
        _print_lines(chunks)


def _print_to_terminal(chunks: OutputSubscription) -> None:
    fit = {stream.cursor.stream: TerminalText() for stream in chunks.streams}
    last = "\n"
    try:
        for chunk in chunks:
            text = _missing(chunk) + fit[chunk.stream].feed(chunk.text)
            sys.stdout.write(text)
            sys.stdout.flush()
            last = text[-1:] or last
    finally:
        if last != "\n":  # what the notebook says next stands on a line of its own
            sys.stdout.write("\n")


def _print_lines(chunks: OutputSubscription) -> None:
    """Print whole lines in their last state: neither a notebook nor a file moves a cursor."""
    lines = PlainLines(stream.cursor.stream for stream in chunks.streams)
    try:
        while True:
            ended, holds = chunks.ended, lines.holds  # before looking: the rest may come now
            chunk = chunks.next_chunk(HOLD_SECONDS if holds else None)
            if chunk is None and (ended or not holds):
                break
            text = lines.due()
            if chunk is not None:
                text += lines.feed(chunk.stream, _missing(chunk) + chunk.text)
            sys.stdout.write(text)
            sys.stdout.flush()
    finally:
        sys.stdout.write(lines.finish())


def _missing(chunk: OutputChunk) -> str:
    return f"\n[{chunk.missing} bytes of {chunk.stream} are missing]\n" if chunk.missing else ""


def _way_back(execution: Execution, chunks: OutputSubscription) -> str:
    positions = ",".join(str(stream.cursor.position) for stream in chunks.streams)
    place = f"{execution.devbox_id} {execution.id}"
    return (
        f"left running: {execution.command or execution.id}\n"
        f"  come back:  %axon logs {place} --offset {positions}\n"
        f"  end it:     client.devbox({execution.devbox_id!r})"
        f".execution({execution.id!r}).kill()"
    )


def class_of(value: object) -> str:
    """Return the full name of the class of *value*."""
    # The classes are not imported to be compared: that would load httpx.
    return f"{type(value).__module__}.{type(value).__name__}"
