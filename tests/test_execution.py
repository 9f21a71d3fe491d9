"""Devboxes and executions in a notebook's hands, against the real service."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import axon_notebook as an
from axon_notebook.devbox import Devbox
from axon_notebook.errors import BadRequest, ExecutionError, NotFound
from axon_notebook.execution import Execution
from axon_notebook.local.process.launcher import ServiceAddress, ensure_service
from axon_notebook.models import OutputChunk

from .waiting import wait_until


@pytest.fixture(scope="module")
def client(service: ServiceAddress) -> Iterator[an.Client]:
    with an.connect(home=service.home) as client:
        yield client


@pytest.fixture(scope="module")
def box(client: an.Client) -> Iterator[Devbox]:
    with client.create_devbox("handles") as box:
        yield box


def text(execution: Execution, stream: str = "both") -> str:
    return "".join(chunk.text for chunk in execution.output(stream))  # type: ignore[arg-type]


def test_a_command_is_run_followed_and_waited_for(box: Devbox) -> None:
    """The three lines of the README."""
    execution = box.run("echo out; echo err >&2; exit 3")
    out, err = text(execution, "stdout"), text(execution, "stderr")
    info = execution.wait()

    assert (out, err) == ("out\n", "err\n")
    assert (info.status, info.exit_status, info.stdout) == ("completed", 3, "out\n")
    assert execution.status() == info


def test_both_streams_come_in_the_order_of_their_writing_also_later(box: Devbox) -> None:
    """A stack trace belongs between the lines it was printed between."""
    command = "for i in 1 2 3; do echo o$i; read x; echo e$i >&2; read x; done"
    execution = box.run(command, stdin=True)
    live = ""
    for chunk in execution.output():
        live += chunk.text
        execution.send_stdin("\n" if not live.endswith("e3\n") else "end\n")

    assert live == "o1\ne1\no2\ne2\no3\ne3\n"
    assert text(execution) == live
    assert text(execution, "stderr") == "e1\ne2\ne3\n"


def test_the_order_holds_where_one_stream_is_megabytes_ahead(box: Devbox) -> None:
    """Who reads a build's log from its beginning gets all of it at once, over two connections."""
    size = 3_000_000
    command = f"head -c {size} /dev/zero | tr '\\0' x; read x; echo E >&2; read x; echo tail"
    execution = box.run(command, stdin=True)
    read = 0
    for chunk in execution.output():
        read += len(chunk.text)
        if read in (size, size + 2):
            execution.send_stdin("\n")

    assert text(execution) == "x" * size + "E\ntail\n"


def test_output_comes_while_the_command_runs(box: Devbox) -> None:
    """A long build is watched, not awaited."""
    execution = box.run("echo first; read line; echo got $line", stdin=True)
    chunks = execution.output()

    first = next(chunks)
    running = execution.status().status
    execution.send_stdin("it\n")
    rest = list(chunks)

    assert first == OutputChunk("stdout", 0, "first\n", size=6, order=0)
    assert running == "running"
    assert rest == [OutputChunk("stdout", 6, "got it\n", size=7, order=6)]


def test_a_text_as_stdin_is_all_the_command_reads(box: Devbox) -> None:
    """It ends there, so that the command does too."""
    execution = box.run("sort", stdin="b\na\n€\n")

    assert text(execution) == "a\nb\n€\n"
    with pytest.raises(ExecutionError, match="did not take it"):
        execution.send_stdin("more")


def test_an_interrupt_and_a_closed_stdin_reach_the_command(box: Devbox) -> None:
    """Both are what a terminal can do."""
    waiting = box.run("trap 'echo bye; exit 4' INT; echo up; sleep 600", stdin=True)
    next(waiting.output())
    waiting.interrupt()
    reading = box.run("cat; echo end", stdin=True)
    reading.close_stdin()

    assert (waiting.wait().exit_status, waiting.wait().stdout) == (4, "up\nbye\n")
    assert text(reading) == "end\n"


def test_kill_ends_the_command_and_what_it_started(box: Devbox) -> None:
    """A shell alone is rarely what one wants to end."""
    execution = box.run("sleep 600 & sleep 600; echo never")
    execution.kill()

    assert execution.wait().exit_status == 128 + signal.SIGTERM
    assert text(execution) == ""


def test_wait_gives_up_when_told_to(box: Devbox) -> None:
    """The command runs on, and the message says what can be done."""
    execution = box.run("sleep 600")
    with pytest.raises(ExecutionError, match=r"still runs after 0\.3 s: wait longer, or kill"):
        execution.wait(timeout=0.3)
    running = execution.status().status
    execution.kill()

    assert running == "running"


def test_an_execution_is_found_again_by_its_id(client: an.Client, box: Devbox) -> None:
    """After a restart of the kernel only the ids are left."""
    started = box.run("seq 3")
    found = client.devbox(box.id).execution(started.id)

    assert text(found) == "1\n2\n3\n"
    assert "".join(c.text for c in found.output("stdout", offset=2)) == "2\n3\n"
    assert "".join(c.text for c in found.output(offset={"stdout": 4})) == "3\n"


def test_a_megabyte_of_any_bytes_reads_as_its_file(box: Devbox) -> None:
    """From the pipe to the string nothing is lost or doubled."""
    data = os.urandom(1 << 19) + ("€👩‍🚀\r\x1b[31m" * 20_000).encode()
    directory = box.info().directory
    assert directory is not None
    (Path(directory) / "data").write_bytes(data)

    assert text(box.run("cat data")) == data.decode("utf-8", "replace")


@contextlib.contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Press the stop button while the block runs."""
    timer = threading.Timer(seconds, os.kill, args=(os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        timer.cancel()
        timer.join()


def readers() -> list[threading.Thread]:
    """The threads that read the output of commands."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("axon-log")]


@pytest.mark.parametrize("way", ["output", "wait"])
def test_the_stop_button_leaves_the_command_running(box: Devbox, way: str) -> None:
    """Looking away from a build must not end it."""
    before = set(threading.enumerate())
    execution = box.run("echo up; sleep 600")
    with interrupted_after(0.3):
        if way == "output":
            list(execution.output())
        else:
            execution.wait()
    running = execution.status().status
    execution.kill()

    assert running == "running"
    wait_until(lambda: not [t for t in readers() if t not in before], "the end of the readers")


def test_what_is_not_there_is_said(client: an.Client, box: Devbox) -> None:
    """Each with the word that is wrong."""
    with pytest.raises(NotFound, match="Devbox not found"):
        client.devbox("dbx_none")
    with pytest.raises(NotFound, match="Execution not found"):
        next(box.execution("none").output())
    with pytest.raises(ExecutionError, match="'stdall' is none of"):
        next(box.execution("none").output("stdall"))  # type: ignore[arg-type]


def test_a_devbox_is_made_with_what_it_needs(client: an.Client) -> None:
    """Files, variables, and commands that prepare it."""
    box = client.create_devbox(
        "made",
        metadata={"team": "a"},
        environment={"WHO": "me"},
        files={"src/a.txt": "A"},
        launch_commands=["echo $WHO > made.txt"],
    )
    info = box.info()
    output = text(box.run("cat src/a.txt made.txt"))
    ended = box.shutdown()

    assert (info.status, info.name, info.metadata) == ("running", "made", {"team": "a"})
    assert output == "Ame\n"
    assert ended.status == "shutdown"
    with pytest.raises(BadRequest, match="not running"):
        box.run("true")


def test_a_devbox_that_does_not_start_says_why(client: an.Client) -> None:
    """Its launch commands are the user's own words."""
    with pytest.raises(ExecutionError, match=r"is not running but failure \(execution_failed\)"):
        client.create_devbox(launch_commands=["exit 1"])
    with pytest.raises(ExecutionError, match=r"not running after 0\.2 s"):
        client.create_devbox(launch_commands=["sleep 600"], timeout=0.2)


def test_a_local_devbox_says_that_it_is_no_sandbox(box: Devbox) -> None:
    """In the cell's own output, where it is read."""
    assert "no sandbox" in repr(box)
    assert (box.info().isolation or "").startswith("none")


def test_a_killed_service_is_noticed_and_the_log_read_to_its_end(home: Path) -> None:
    """The command is lost with its service; what it wrote is not, and nobody waits for ever."""
    address = ensure_service(home)
    with an.connect(home=home) as client:
        box = client.create_devbox()
        execution = box.run("echo kept; sleep 600")
        chunks = execution.output()
        first = next(chunks)

        os.kill(address.pid, signal.SIGKILL)
        ensure_service(home)
        rest = list(chunks)
        info = execution.wait()

    assert first.text == "kept\n"
    assert [c.stream for c in rest] == ["stderr"]
    assert "the service was killed while this command ran" in rest[0].text
    assert (info.status, info.exit_status, info.stdout) == ("completed", -1, "kept\n")


def test_an_output_left_behind_does_not_hold_up_the_end_of_python(service: ServiceAddress) -> None:
    """A notebook's kernel must be able to exit while a command is watched."""
    program = f"""
import axon_notebook as an
client = an.connect(home={str(service.home)!r})
box = client.create_devbox()
chunks = box.run("echo up; sleep 600").output()
print(next(chunks).text, flush=True)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=300
    )

    assert (done.stdout, done.returncode) == ("up\n\n", 0)
