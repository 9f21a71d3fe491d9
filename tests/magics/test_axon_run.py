"""``%axon run``, ``%%axon_run``, ``%axon logs``: commands from a cell."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

from axon_notebook.errors import NotFound, ParameterError
from axon_notebook.execution import Execution
from axon_notebook.local.process.launcher import ServiceAddress
from axon_notebook.magics.devbox_output import LeftRunning

Run = Callable[..., Any]


@pytest.fixture
def printed(run: Run, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was printed since the last call, without the value of the cell."""
    run("%axon run true")  # the devbox of the session is there now
    capsys.readouterr()
    return lambda: "".join(
        line for line in capsys.readouterr().out.splitlines(True) if not line.startswith("Out[")
    )


def test_a_command_shows_its_output_and_its_end(
    run: Run, printed: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Like `!command`, but it goes on when the cell does not."""
    execution = run("%axon run echo out; echo err >&2; exit 3")
    shown = capsys.readouterr()

    assert isinstance(execution, Execution)
    assert {"out", "err"} <= set(shown.out.splitlines())
    assert "✗ exit status 3" in shown.err


def test_what_follows_the_options_is_the_commands_own(run: Run, printed: Callable[[], str]) -> None:
    """`-n` is nobody's option here, and no quote or blank is touched."""
    run("""%axon run printf '%s|' -n "a  b" --bg $((1 + 1)) {x} '{y}' """)

    assert printed() == "-n|a  b|--bg|2|{x}|{y}|\n"


def test_only_text_and_colours_are_shown(
    run: Run, printed: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command must not clear the screen of who looks at it."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    run(r"%axon run printf '\033[31mred\033[0m\033[2J\033]0;title\007 end\n10%%\r20%%'")

    assert printed() == "\x1b[31mred\x1b[0m end\n10%\r20%\n"


def test_without_a_terminal_the_last_state_of_a_progress_bar_is_printed(
    run: Run, printed: Callable[[], str]
) -> None:
    """A notebook and a file would keep every frame."""
    run(r"%axon run printf '\033[31mred\033[0m\n10%%\r20%%\ra\rb\033[1A\r\033[KB\n'")

    assert printed() == "B\nb0%\n"


def test_a_cell_is_a_script_of_the_shell(run: Run, printed: Callable[[], str]) -> None:
    """Several lines, as one would type them."""
    execution = run("%%axon_run\nfor i in 1 2\ndo echo $i\ndone\n")

    assert printed() == "1\n2\n"
    assert execution.status().exit_status == 0


def test_a_cell_may_name_its_own_program(run: Run, printed: Callable[[], str]) -> None:
    """A first line like that of any script."""
    script = "#!/usr/bin/env python3\nimport sys\nprint(sys.argv[1:], [sys.stdin.read()])\n"
    run(f"%%axon_run -o done\n{script}")

    assert printed() == "[] ['']\n"
    assert run("done.status().exit_status") == 0


def test_a_command_can_be_left_to_itself(run: Run, printed: Callable[[], str]) -> None:
    """A server, or something that is looked at later."""
    execution = run("%axon run --bg echo later")
    before = printed()
    execution.wait()
    run("%axon logs")

    assert before == ""
    assert printed() == "later\n"


def test_stdin_is_left_open_if_asked_for(run: Run, printed: Callable[[], str]) -> None:
    """Then the cell cannot wait for the end."""
    execution = run("e = %axon run --stdin cat\ne")
    execution.send_stdin("hello\n")
    execution.close_stdin()
    run("%axon logs e")

    assert printed() == "hello\n"


def test_logs_finds_a_command_by_name_and_by_id(run: Run, printed: Callable[[], str]) -> None:
    """After a restart of the kernel the ids are all there is."""
    execution = run("%axon run printf 0123456789")
    run("%axon run true")
    printed()
    shown = []
    for line in (
        f"{execution.devbox_id} {execution.id}",
        f"{execution.id}",
        f"--devbox notebook {execution.id}",
        f"{execution.id} --offset 7",
        f"--offset=7,0 {execution.id}",
    ):
        run(f"%axon logs {line}")
        shown.append(printed())

    assert shown == ["0123456789\n"] * 3 + ["789\n"] * 2


@pytest.fixture
def stop_button() -> Iterator[None]:
    """The stop button, pressed while the test's command runs."""
    timer = threading.Timer(0.4, os.kill, args=(os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.cancel()
    timer.join()


def test_the_stop_button_leaves_the_command_and_says_how_to_come_back(
    run: Run, printed: Callable[[], str], stop_button: None
) -> None:
    """A build must not die because somebody wanted the notebook back."""
    with pytest.raises(LeftRunning) as left:
        run("%axon run echo up; sleep 600")
    message = str(left.value)
    back = next(line for line in message.splitlines() if "come back" in line).split(":", 1)[1]
    execution = run("get_ipython().magics_manager.registry['AxonMagics'].session.execution")
    status = execution.status().status
    execution.kill()
    printed()
    run(back.strip())

    assert status == "running"
    assert back.strip().endswith("--offset 3,0")
    assert not printed().startswith("up")
    assert left.value._render_traceback_() == [message]


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        ("%axon run", ParameterError, "no command to run"),
        ("%%axon_run\n \n", ParameterError, "no command to run"),
        ("%%axon_run make\nx", ParameterError, "write the command into the cell"),
        ("%axon run --dev x true", ParameterError, "did you mean --devbox"),
        ("%axon run -d nosuch true", NotFound, "no devbox named 'nosuch'"),
        ("%axon run -d dbx_none true", NotFound, "Devbox not found"),
        ("%axon logs a b c", ParameterError, "does not take c"),
        ("%axon logs --offset x", ParameterError, "--offset takes bytes"),
        ("%axon logs --offset 1,2,3", ParameterError, "--offset takes bytes"),
        ("%%axon_run --stdin\n#!/bin/cat\n", ParameterError, "without --stdin"),
    ],
)
def test_what_cannot_be_run_is_said(
    run: Run, cell: str, error: type[Exception], message: str
) -> None:
    """With the way out."""
    with pytest.raises(error, match=message):
        run(cell)


def test_nothing_to_show_yet_is_said(shell: InteractiveShell, run: Run) -> None:
    """`%axon logs` alone means the last command."""
    session = shell.magics_manager.registry["AxonMagics"].session
    session.execution = None
    with pytest.raises(ParameterError, match="no command was run here yet"):
        run("%axon logs")


@pytest.mark.kernel
@pytest.mark.filterwarnings(
    "ignore"
)  # nbclient's own: sockets and loops it leaves to the collector
def test_a_notebook_shows_the_live_log(
    service: ServiceAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With search, colours and a kill button; text only where it is asked for."""
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", str(service.home))
    cells = [
        "%load_ext axon_notebook",
        "%%axon_run --wait -o e\necho shown",
        "e = %axon run --text echo plain",
        "e.status().exit_status",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    # Without a page the saved state of the log stands in its place, and nothing beside it.
    (log,) = [o for o in notebook.cells[1].outputs if "shown" in o["data"]["text/plain"]]
    text = [o.get("text") for o in notebook.cells[2].outputs]

    assert "<pre" in log["data"]["text/html"]
    assert "plain\n" in text
    assert [o for o in notebook.cells[2].outputs if "Execution" in str(o.get("data"))] == []
    assert notebook.cells[3].outputs[0]["data"]["text/plain"] == "0"


def test_help_tells_how(run: Run) -> None:
    """In the words of the other magics."""
    text = str(run("%axon help run"))

    assert "%axon run COMMAND" in text
    assert "--devbox" in text
    assert "%%axon_run" in str(run("%axon help axon_run"))
