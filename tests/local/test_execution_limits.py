"""Commands of a devbox at their limits: many at once, closing, a service that dies."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from axon_notebook.local.devboxes.executions import LOST
from axon_notebook.local.devboxes.processes import marked_processes
from axon_notebook.local.refusals import Refusal

from ..waiting import until
from .scenario import a_devbox, opened, ran, scenario


@scenario
async def test_fifty_commands_at_once_leave_nothing_behind(tmp_path: Path) -> None:
    """No zombie, no descriptor: a service runs for weeks."""
    me = psutil.Process()
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        await ran(devboxes, box, "true")
        await asyncio.gather(*(asyncio.to_thread(time.sleep, 0.01) for _ in range(50)))
        before = me.num_fds()

        commands = [
            f"for i in $(seq 200); do echo {n} $i; echo e >&2; done; exit {n}" for n in range(50)
        ]
        results = await asyncio.gather(*(ran(devboxes, box, command) for command in commands))
        await until(lambda: me.num_fds() <= before, "the end of the last descriptor")

    assert [r.exit_status for r in results] == list(range(50))
    assert all(
        (devboxes.executions.log_path(r.record, "stdout").read_text())
        == "".join(f"{n} {i}\n" for i in range(1, 201))
        for n, r in enumerate(results)
    )
    assert [c.pid for c in me.children() if c.status() == psutil.STATUS_ZOMBIE] == []


@scenario
async def test_closing_ends_every_command_and_tells_its_followers(tmp_path: Path) -> None:
    """Reap on stop: nothing runs on without its service."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(box, "setsid sleep 600 & echo up; sleep 600")
        chunks = devboxes.executions.follow(started, "stdout", offset=0)
        await anext(chunks)
        waiting = asyncio.ensure_future(anext(chunks, None))
        await asyncio.sleep(0)

        await devboxes.close()

        assert await waiting is None
    assert list(marked_processes({box})) == []


@scenario
async def test_a_command_too_long_for_the_system_is_refused(tmp_path: Path) -> None:
    """One argument has a limit (128 KiB on Linux), which is not the caller's to know."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)

        with pytest.raises(Refusal, match="too long") as refused:
            await devboxes.execute(box, "echo " + "x" * 5_000_000)
        leftover = devboxes.executions.running

    assert refused.value.status == 400
    assert leftover == 0


@scenario
async def test_too_many_commands_at_once_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each holds descriptors; running out of them would break what runs already."""
    monkeypatch.setattr("axon_notebook.local.devboxes.executions.RUNNING_LIMIT", 2)
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        running = [await devboxes.execute(box, "sleep 600") for _ in range(2)]

        with pytest.raises(Refusal, match="commands are running") as refused:
            await devboxes.execute(box, "true")
        await devboxes.executions.kill(box, running[0].id, group=True)
        allowed = await ran(devboxes, box, "echo now")

    assert refused.value.status == 429
    assert allowed.stdout == "now\n"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@scenario
async def test_a_broken_supervisor_leaves_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot happen; if it does, a service that never ends would be the second fault."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(box, "sleep 600")

        def fail() -> None:
            raise SystemError("planted")

        monkeypatch.setattr(devboxes.executions._supervisor, "_keep_time", fail)
        ended = await devboxes.executions.kill(box, started.id, group=True)
        with pytest.raises(Refusal, match="stopping"):
            await devboxes.execute(box, "true")

    assert ended.status == "completed"
    assert list(marked_processes({box})) == []


def test_after_a_kill_of_the_service_its_commands_are_lost_and_their_logs_readable(
    tmp_path: Path,
) -> None:
    """The orphans are ended, the record says that nobody saw their end."""
    script = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from scenario import a_devbox, opened
async def main():
    async with opened(Path(sys.argv[1])) as devboxes:
        box = await a_devbox(devboxes)
        started = await devboxes.execute(box, "echo kept; setsid sleep 600 & sleep 600")
        await anext(devboxes.executions.follow(started, "stdout", offset=0))
        print(box, started.id, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""
    arguments = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        box, execution = service.stdout.readline().split()
        service.kill()
        service.wait()
    orphans = list(marked_processes({box}))

    async def recovered() -> tuple[str, int | None, str, str]:
        async with opened(tmp_path) as devboxes:
            record = devboxes.executions.find(box, execution)
            view = devboxes.executions.view(record)
            return record.status, record.exit_status, view.stdout or "", view.stderr or ""

    status, exit_status, stdout, stderr = asyncio.run(recovered())

    assert len(orphans) >= 2
    assert list(marked_processes({box})) == []
    assert (status, exit_status, stdout) == ("completed", LOST, "kept\n")
    assert "the service was killed while this command ran" in stderr
