"""Commands as real processes, without HTTP."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from axon_notebook.local.devboxes.devboxes import Devboxes
from axon_notebook.local.devboxes.execution_ids import new_execution_id
from axon_notebook.local.devboxes.processes import marked_processes
from axon_notebook.local.refusals import Refusal

from .scenario import a_devbox, opened, ran, scenario


async def followed(devboxes: Devboxes, devbox_id: str, execution_id: str, stream: str) -> str:
    record = devboxes.executions.find(devbox_id, execution_id)
    return "".join(
        [c.output async for c in devboxes.executions.follow(record, stream, offset=0)]  # type: ignore[arg-type]
    )


async def until_gone(devbox_id: str) -> None:
    async with asyncio.timeout(120):
        while list(marked_processes({devbox_id})):
            await asyncio.sleep(0.02)


@scenario
async def test_a_command_gives_its_output_and_exit_status(tmp_path: Path) -> None:
    """The three things anybody wants to know of a command."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "echo out; echo err >&2; exit 3")

    assert (result.stdout, result.stderr, result.exit_status) == ("out\n", "err\n", 3)
    assert result.record.status == "completed"


@scenario
async def test_a_command_starts_in_the_devbox_which_is_its_home(tmp_path: Path) -> None:
    """A careless `rm -rf ~/x` must not meet the user's own files."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, 'pwd; echo "$HOME"; echo ~; touch made')
        home = devboxes.paths(devboxes.find(box)).home
        made = (devboxes.directory(box) / "made").exists()

    assert result.stdout == f"{home}\n" * 3
    assert home in ("/home/user", str(tmp_path / box / "home"))
    assert made


@scenario
async def test_a_command_sees_no_key_unless_its_devbox_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs in a devbox is often written by somebody else."""
    monkeypatch.setenv("RUNLOOP_API_KEY", "canary-key")
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", "/canary/home")
    async with opened(tmp_path) as devboxes:
        plain = await a_devbox(devboxes)
        asking = await a_devbox(
            devboxes, environment_variables={"RUNLOOP_API_KEY": "own", "A": "b"}
        )

        of_plain = (await ran(devboxes, plain, "env")).stdout or ""
        of_asking = (await ran(devboxes, asking, "env")).stdout or ""

    assert "canary" not in of_plain
    assert "RUNLOOP_API_KEY=own\n" in of_asking
    assert "A=b\n" in of_asking


@scenario
async def test_a_command_gets_no_descriptor_of_the_service(tmp_path: Path) -> None:
    """It could answer the service's clients through its socket, or read another log."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "ls /proc/$$/fd; true")

    assert (result.stdout or "").split() == ["0", "1", "2"]


@scenario
async def test_a_profile_in_the_devbox_is_read_as_by_a_login_shell(tmp_path: Path) -> None:
    """Installers (rustup, nvm, uv) put their PATH there."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes, file_mounts={"~/.profile": "export TOOL=here\n"})

        result = await ran(devboxes, box, 'echo "$TOOL"; nosuchcommand')

    assert result.stdout == "here\n"
    assert result.exit_status == 127


@scenario
async def test_writing_to_dev_stderr_does_not_disturb_the_log(tmp_path: Path) -> None:
    """With files instead of pipes this truncates what was written before."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "echo 1 >&2; echo 2 > /dev/stderr; echo 3 >&2")

    assert result.stderr == "1\n2\n3\n"


@scenario
async def test_a_follower_gets_output_while_the_command_runs(tmp_path: Path) -> None:
    """Live output is the point; waiting for the end would be a log viewer."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(
            box, "echo first; read line; echo $line", attach_stdin=True
        )
        chunks = devboxes.executions.follow(started, "stdout", offset=0)

        first = await anext(chunks)
        running = devboxes.executions.find(box, started.id).status
        await devboxes.executions.send(box, started.id, b"second\n")
        rest = [chunk async for chunk in chunks]

    assert (first.output, first.offset, running) == ("first\n", 6, "running")
    assert [(c.output, c.offset) for c in rest] == [("second\n", 13)]


@scenario
async def test_a_stream_resumes_at_any_byte(tmp_path: Path) -> None:
    """The offset of a chunk is the position after it, so it can be sent back as it is."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        record = (await ran(devboxes, box, "printf 0123456789")).record

        from_7 = [c async for c in devboxes.executions.follow(record, "stdout", offset=7)]
        beyond = [c async for c in devboxes.executions.follow(record, "stdout", offset=99)]

    assert [(c.output, c.offset) for c in from_7] == [("789", 10)]
    assert beyond == []


@scenario
async def test_two_megabytes_of_any_bytes_arrive_whole(tmp_path: Path) -> None:
    """Whatever the pipe's pieces were, the log is what the command wrote."""
    data = os.urandom(1 << 20) * 2
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        (devboxes.directory(box) / "data").write_bytes(data)

        result = await ran(devboxes, box, "cat data; cat data >&2")
        logs = [
            devboxes.executions.log_path(result.record, s).read_bytes()
            for s in ("stdout", "stderr")
        ]
        text = await followed(devboxes, box, result.record.id, "stderr")

    assert logs == [data, data]
    assert text == data.decode("utf-8", "replace")


@scenario
async def test_output_beyond_the_limit_is_dropped_and_the_command_goes_on(tmp_path: Path) -> None:
    """A runaway command must not fill the disk, nor hang on a full pipe."""
    async with opened(tmp_path, log_limit=100_000) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "head -c 1000000 /dev/zero | tr '\\0' x; echo done >&2")
        text = await followed(devboxes, box, result.record.id, "stdout")

    assert text.startswith("x" * 100_000 + "\n[axon-notebook: output limit of 100000 bytes")
    assert len(text) < 100_200
    assert result.view.stdout_truncated
    assert (result.stderr, result.view.stderr_truncated) == ("done\n", False)


@scenario
async def test_kill_ends_the_command_and_its_group_if_asked(tmp_path: Path) -> None:
    """The exit status is the shell's way to say: by a signal."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        one = await devboxes.execute(box, "sleep 600")
        group = await devboxes.execute(box, "sleep 600 & sleep 600; echo never")

        killed = await devboxes.executions.kill(box, one.id, group=False)
        killed_group = await devboxes.executions.kill(box, group.id, group=True)
        again = await devboxes.executions.kill(box, one.id, group=True)
        await until_gone(box)

    assert (killed.status, killed.exit_status) == ("completed", 128 + signal.SIGTERM)
    assert (killed_group.status, killed_group.exit_status) == ("completed", 128 + signal.SIGTERM)
    assert again.exit_status == 128 + signal.SIGTERM


@scenario
async def test_a_command_that_ignores_sigterm_is_killed_all_the_same(tmp_path: Path) -> None:
    """A kill that can be declined is a request."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(box, "trap '' TERM; echo ready; while :; do sleep 1; done")
        await anext(devboxes.executions.follow(started, "stdout", offset=0))

        await devboxes.executions.kill(box, started.id, group=True)
        ended = await devboxes.executions.wait(box, started.id, hold=10)

    assert ended is not None
    assert ended.exit_status == 128 + signal.SIGKILL


@scenario
async def test_stdin_takes_text_in_order_and_then_its_end(tmp_path: Path) -> None:
    """Half a megabyte is more than the pipe holds while the command does not read."""
    text = "".join(f"line {i}\n" for i in range(50_000)).encode()
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(box, "sleep 0.3; cat", attach_stdin=True)
        executions = devboxes.executions

        taken = [await executions.send(box, started.id, text[:300_000])]
        taken += [await executions.send(box, started.id, text[300_000:])]
        taken += [await executions.send_signal(box, started.id, "EOF")]
        after_eof = await executions.send(box, started.id, b"more")
        await executions.wait(box, started.id, hold=20)
        log = executions.log_path(started, "stdout").read_bytes()

    assert taken == [True, True, True]
    assert after_eof is False
    assert log == text


@scenario
async def test_interrupt_is_what_ctrl_c_is(tmp_path: Path) -> None:
    """The command may tidy up; a Python program sees KeyboardInterrupt."""
    program = (
        "import sys, time\n"
        # In one piece: an unbuffered print() writes its line end apart, and can be interrupted.
        "try:\n sys.stdout.write('up\\n'); time.sleep(600)\n"
        "except KeyboardInterrupt: print('bye')"
    )
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes, file_mounts={"p.py": program})
        started = await devboxes.execute(box, f"{sys.executable} p.py", attach_stdin=True)
        chunks = devboxes.executions.follow(started, "stdout", offset=0)
        first = await anext(chunks)

        sent = await devboxes.executions.send_signal(box, started.id, "INTERRUPT")
        rest = [c.output async for c in chunks]

    assert sent is True
    assert first.output + "".join(rest) == "up\nbye\n"


@scenario
async def test_stdin_without_attach_is_refused_and_empty(tmp_path: Path) -> None:
    """A command that reads must not wait for what can never come."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "cat; echo end")
        with pytest.raises(Refusal, match="attach_stdin") as refused:
            await devboxes.executions.send(box, result.record.id, b"x")

    assert result.stdout == "end\n"
    assert refused.value.status == 400


@scenario
async def test_a_background_process_outlives_its_command_until_the_devbox_ends(
    tmp_path: Path,
) -> None:
    """That is how a server is started in a devbox; its command must complete all the same."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(
            devboxes, box, "(trap '' HUP; while :; do echo x; sleep 0.01; done) & echo up"
        )
        alive = list(marked_processes({box}))
        await devboxes.shutdown(box)
        left = list(marked_processes({box}))

    assert (result.stdout or "").startswith("up\n") or "up\n" in (result.stdout or "")
    assert result.exit_status == 0
    assert alive
    assert left == []


@scenario
async def test_what_a_process_substitution_writes_last_is_kept(tmp_path: Path) -> None:
    """Bash does not wait for it, so it may write after the command's own exit."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        result = await ran(devboxes, box, "echo early > >(sleep 0.1; cat; echo late)")

    assert result.stdout == "early\nlate\n"


@scenario
async def test_the_same_command_id_starts_one_command(tmp_path: Path) -> None:
    """A client that lost the answer asks again."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        name = new_execution_id()

        first = await devboxes.execute(box, "echo x >> ran", execution_id=name)
        again = await devboxes.execute(box, "echo x >> ran", execution_id=name)
        await devboxes.executions.wait(box, name, hold=10)
        later = await devboxes.execute(box, "echo x >> ran", execution_id=name)
        with pytest.raises(Refusal, match="another command") as refused:
            await devboxes.execute(box, "echo y >> ran", execution_id=name)
        runs = (devboxes.directory(box) / "ran").read_text()

    assert {first.id, again.id, later.id} == {name}
    assert refused.value.status == 409
    assert runs == "x\n"


def test_execution_ids_are_uuids_of_version_7_in_order_of_time() -> None:
    """The API's are; tools sort by them."""
    ids = []
    for _ in range(3):
        ids.append(new_execution_id())
        time.sleep(0.002)

    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-.{12}", i)
        for i in ids
    )
    assert ids == sorted(ids)
