"""Devboxes: a directory, a life, and honest words about both."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.local.devboxes.devbox_params import CreateDevbox
from axon_notebook.local.devboxes.devbox_records import DevboxRecord
from axon_notebook.local.devboxes.devbox_view import devbox_view
from axon_notebook.local.devboxes.devboxes import KEPT_MS, Devboxes
from axon_notebook.local.devboxes.execution_ids import now_ms
from axon_notebook.local.devboxes.processes import marked_processes
from axon_notebook.local.refusals import Refusal

from .scenario import a_devbox, opened, ran, scenario

BROKER = {"type": "broker_mount", "axon_id": "axn_1", "protocol": "acp"}


@scenario
async def test_a_new_devbox_runs_at_once_and_says_that_it_is_no_sandbox(tmp_path: Path) -> None:
    """Anyone who runs an agent in it must be able to know."""
    async with opened(tmp_path) as devboxes:
        record = await devboxes.create(CreateDevbox(name="box", metadata={"team": "a"}))
        view = devbox_view(record, devboxes.paths(record))

    assert view["status"] == "running"
    assert (view["name"], view["metadata"]) == ("box", {"team": "a"})
    assert view["isolation"].startswith("none:")
    assert "no sandbox" in view["isolation"]


@scenario
async def test_the_directory_is_its_users_alone(tmp_path: Path) -> None:
    """Other accounts of the machine have no business there, whatever the umask."""
    before = os.umask(0)
    try:
        async with opened(tmp_path / "devboxes") as devboxes:
            box = await a_devbox(devboxes)
            result = await ran(devboxes, box, "true")
            paths = [devboxes.directory(box), devboxes.directory(box).parent, tmp_path / "devboxes"]
            log = devboxes.executions.log_path(result.record, "stdout")
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (*paths, log.parent, log)]
    finally:
        os.umask(before)

    assert modes == [0o700, 0o700, 0o700, 0o700, 0o600]


@scenario
async def test_launch_commands_run_before_the_devbox_does(tmp_path: Path) -> None:
    """They install what the devbox is for."""
    wanted = {"launch_commands": ["sleep 0.2; echo a > made", "cat made > copied"]}
    async with opened(tmp_path) as devboxes:
        record = await devboxes.create(CreateDevbox(launch_parameters=wanted))
        with pytest.raises(Refusal, match="initializing") as early:
            await devboxes.execute(record.id, "true")
        first = devboxes.find(record.id).status
        await devboxes.wait(record.id, statuses=["running"], hold=10)
        result = await ran(devboxes, record.id, "cat copied")
        sources = [entry.purpose for entry in devboxes.logs_of(record.id)]

    assert (first, early.value.status) == ("initializing", 409)
    assert result.stdout == "a\n"
    assert sources == ["setup_commands", "setup_commands", "exec"]


@scenario
async def test_a_launch_command_that_fails_fails_the_devbox(tmp_path: Path) -> None:
    """A devbox without its tools would fail later and less clearly."""
    wanted = {"launch_commands": ["exit 7", "echo never > ran"]}
    async with opened(tmp_path) as devboxes:
        record = await devboxes.create(CreateDevbox(launch_parameters=wanted))
        failed = await devboxes.wait(record.id, statuses=["failure"], hold=10)
        with pytest.raises(Refusal, match="failure"):
            await devboxes.execute(record.id, "true")
        ran_on = (devboxes.directory(record.id) / "ran").exists()

    assert failed is not None
    assert failed.failure_reason == "execution_failed"
    assert not ran_on


@scenario
async def test_shutdown_ends_the_processes_and_deletes_the_directory_but_keeps_the_logs(
    tmp_path: Path,
) -> None:
    """As on Runloop: the disk is gone, what was said is not."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        result = await ran(devboxes, box, "echo kept; setsid sleep 600 & echo x > file")
        running = await devboxes.execute(box, "sleep 600")

        ended = await devboxes.shutdown(box)
        again = await devboxes.shutdown(box)
        text = devboxes.executions.view(result.record).stdout
        status = devboxes.executions.find(box, running.id).status
        with pytest.raises(Refusal, match="shutdown"):
            await devboxes.execute(box, "true")

    assert (ended.status, ended.shutdown_reason) == ("shutdown", "api_shutdown")
    assert again.end_time_ms == ended.end_time_ms
    assert list(marked_processes({box})) == []
    assert not devboxes.directory(box).exists()
    assert (text, status) == ("kept\n", "completed")


@scenario
async def test_a_command_that_is_just_starting_does_not_escape_a_shutdown(tmp_path: Path) -> None:
    """A process that starts a moment too late would belong to nobody."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        starting = [asyncio.ensure_future(devboxes.execute(box, "sleep 600")) for _ in range(8)]
        await asyncio.sleep(0)

        await devboxes.shutdown(box)
        await asyncio.gather(*starting, return_exceptions=True)

        assert devboxes.executions.running == 0
        assert list(marked_processes({box})) == []


@scenario
async def test_a_devbox_survives_the_service(tmp_path: Path) -> None:
    """A service that ends for idleness must not cost anybody a checkout."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes, environment_variables={"A": "b"})
        await ran(devboxes, box, "echo 1 > file")

    async with opened(tmp_path) as devboxes:
        result = await ran(devboxes, box, "cat file; echo $A")

    assert result.stdout == "1\nb\n"


@scenario
async def test_a_devbox_that_was_starting_when_the_service_died_has_failed(tmp_path: Path) -> None:
    """Nobody knows how far its launch commands came."""
    async with opened(tmp_path) as devboxes:
        record = await devboxes.create(
            CreateDevbox(launch_parameters={"launch_commands": ["sleep 600"]})
        )

    async with opened(tmp_path) as devboxes:
        status = devboxes.find(record.id).status

    assert status == "failure"


@scenario
async def test_old_devboxes_are_forgotten(tmp_path: Path) -> None:
    """Logs would otherwise fill the disk over the months."""
    async with opened(tmp_path) as devboxes:
        old, recent = [await a_devbox(devboxes) for _ in range(2)]
        await ran(devboxes, old, "echo x")
        for box in (old, recent):
            await devboxes.shutdown(box)
        record = devboxes.find(old)
        record.end_time_ms = now_ms() - KEPT_MS - 1000
        devboxes._records.save_devbox(record)

    async with opened(tmp_path) as devboxes:
        with pytest.raises(Refusal, match="not found"):
            devboxes.find(old)
        devboxes.find(recent)

    assert not (tmp_path / old).exists()
    assert (tmp_path / recent).exists()


@scenario
async def test_pages_go_from_new_to_old(tmp_path: Path) -> None:
    """The one just made is the one looked for."""
    async with opened(tmp_path) as devboxes:
        ids = [await a_devbox(devboxes) for _ in range(5)]
        await devboxes.shutdown(ids[2])

        first, more, total = devboxes.page(limit=2, after=None, status=None, count=True)
        second, _, _ = devboxes.page(limit=9, after=first[-1].id, status=None, count=False)
        running, _, count = devboxes.page(limit=9, after=None, status="running", count=True)
        with pytest.raises(Refusal, match="no such item"):
            devboxes.page(limit=9, after="dbx_none", status=None, count=False)

    assert [record.id for record in (*first, *second)] == ids[::-1]
    assert (more, total) == (True, 5)
    assert (len(running), count) == (4, 4)


@scenario
async def test_files_are_mounted_inside_the_devbox_only(tmp_path: Path) -> None:
    """A target like ../../.bashrc would write into the user's own home."""
    mount = {"type": "file_mount", "target": "deep/b.txt", "content": "B"}
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes, file_mounts={"a.txt": "A"}, mounts=[mount])
        result = await ran(devboxes, box, "cat a.txt deep/b.txt")
        for target in ("../x", "/etc/x", "a/../../x", "", ".", "~/../x"):
            with pytest.raises(Refusal, match="cannot be mounted"):
                await devboxes.create(CreateDevbox(file_mounts={target: "x"}))

    assert result.stdout == "AB"


@scenario
async def test_files_that_cannot_be_written_leave_no_devbox(tmp_path: Path) -> None:
    """Half a devbox is of no use to anyone."""
    async with opened(tmp_path) as devboxes:
        for files in ({"a": "", "a/b": ""}, {"x" * 300: ""}):
            with pytest.raises(Refusal, match="cannot be mounted") as refused:
                await devboxes.create(CreateDevbox(file_mounts=files))

            assert refused.value.status == 400

        assert devboxes.page(limit=9, after=None, status=None, count=True)[2] == 0
    assert list(tmp_path.glob("dbx_*")) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"entrypoint": "x"}, "entrypoint is not available"),
        ({"mounts": [{"type": "object_mount"}]}, "only broker_mount and file_mount"),
        ({"mounts": [{"type": "broker_mount"}]}, "needs axon_id"),
        ({"launch_parameters": {"launch_commands": "x"}}, "array of strings"),
        ({"environment_variables": {"A=B": "x"}}, "environment_variables"),
        ({"environment_variables": {"A": "x\0"}}, "environment_variables"),
    ],
)
def test_what_a_directory_cannot_be_is_refused(
    tmp_path: Path, wanted: dict[str, Any], message: str
) -> None:
    """Ignoring it would give a devbox that is not what was asked for."""

    @scenario
    async def check() -> None:
        async with opened(tmp_path) as devboxes:
            with pytest.raises(Refusal, match=message) as refused:
                await devboxes.create(CreateDevbox(**wanted))

            assert refused.value.status == 400
            assert devboxes.page(limit=9, after=None, status=None, count=True)[2] == 0

    check()


@scenario
async def test_a_project_folder_is_allowed_by_name_only(tmp_path: Path) -> None:
    """A client that sends a path has not asked the user yet."""
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    async with opened(tmp_path / "devboxes") as devboxes:
        plain = await devboxes.create(CreateDevbox())
        allowed = await devboxes.create(CreateDevbox(project_folders=[str(project)]))
        directory = devboxes.working_directory(allowed, f"{project}/src")
        with pytest.raises(Refusal, match="or in a folder of project_folders"):
            devboxes.working_directory(plain, f"{project}/src")
        for wrong in ("relative", f"{project}/none"):
            with pytest.raises(Refusal, match="existing absolute path"):
                await devboxes.create(CreateDevbox(project_folders=[wrong]))
        view = devbox_view(allowed, devboxes.paths(allowed))

    assert directory == project / "src"
    assert view["project_folders"] == [str(project)]


@scenario
async def test_paths_in_variables_are_those_of_the_devbox(tmp_path: Path) -> None:
    """The examples set PATH to where their installer puts the agent."""
    path = "/home/user/.local/bin:/usr/bin:/bin"
    install = "echo 'echo installed' > ~/.local/bin/tool; chmod +x ~/.local/bin/tool"
    launch = f"mkdir -p ~/.local/bin; {install}"
    async with opened(tmp_path) as devboxes:
        results = []
        for variables in ({"PATH": path, "CONFIG": "/home/user/c"}, {}):
            box = await a_devbox(
                devboxes,
                environment_variables=variables,
                launch_parameters={"launch_commands": [launch]},
            )
            results.append(await ran(devboxes, box, 'tool; test "$CONFIG" != "" && echo $CONFIG'))
        paths = devboxes.paths(devboxes.find(box))
        found = paths.search_path({"PATH": path})

    assert results[0].stdout.startswith("installed\n")
    assert results[0].stdout.endswith("/c\n")
    assert results[1].stdout == "installed\n"
    assert found.split(":")[0] == str(paths.directory / ".local/bin")


def watched(devboxes: Devboxes) -> list[tuple[Any, ...]]:
    """Register hooks that write down their calls."""
    calls: list[tuple[Any, ...]] = []

    def hook(name: str) -> Any:
        async def call(record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
            calls.append((name, record.id, record.status, mounts))

        return call

    devboxes.check_mounts = hook("check")
    devboxes.on_devbox_created = hook("created")
    devboxes.on_devbox_shutdown = hook("shutdown")
    return calls


@scenario
async def test_broker_mounts_are_handed_over_when_the_devbox_is_ready_for_them(
    tmp_path: Path,
) -> None:
    """The agent is installed by the launch commands, so it cannot start before them."""
    async with opened(tmp_path) as devboxes:
        calls = watched(devboxes)
        box = await a_devbox(devboxes, mounts=[BROKER])
        await a_devbox(devboxes)
        await devboxes.shutdown(box)

    assert [(name, status) for name, _, status, _ in calls] == [
        ("check", "provisioning"),
        ("created", "initializing"),
        ("shutdown", "shutdown"),
    ]
    assert all((i, mounts) == (box, [BROKER]) for _, i, _, mounts in calls)


@scenario
async def test_broker_mounts_are_handed_over_again_after_a_restart(tmp_path: Path) -> None:
    """The devbox is still there, and a prompt may come for its agent."""
    async with opened(tmp_path) as devboxes:
        watched(devboxes)
        box = await a_devbox(devboxes, mounts=[BROKER])

    async with opened(tmp_path) as devboxes:
        calls = watched(devboxes)
        await devboxes.remount()
        while devboxes.busy:
            await asyncio.sleep(0.01)
        status = devboxes.find(box).status

    assert [(name, i) for name, i, _, _ in calls] == [("created", box)]
    assert status == "running"


@scenario
async def test_a_hook_that_refuses_fails_the_devbox(tmp_path: Path) -> None:
    """A devbox whose agent did not start would wait for its prompts in silence."""

    async def refuse(record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        raise Refusal(400, "no such agent")

    async with opened(tmp_path) as devboxes:
        devboxes.on_devbox_created = refuse
        record = await devboxes.create(CreateDevbox(mounts=[BROKER]))
        failed = await devboxes.wait(record.id, statuses=["failure"], hold=5)

    assert failed is not None


@scenario
async def test_a_server_in_the_background_keeps_the_service_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that ends for idleness ends it, too."""
    monkeypatch.setattr("axon_notebook.local.devboxes.devboxes.LOOK_EACH", 0.0)
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        states = [devboxes.busy]
        result = await ran(devboxes, box, "setsid sleep 600 > /dev/null 2>&1 & echo $!")
        states.append(devboxes.busy)
        await ran(devboxes, box, f"kill {result.stdout}")
        while devboxes.busy:
            await asyncio.sleep(0.02)

    assert states == [False, True]


@scenario
async def test_waiting_ends_with_the_service(tmp_path: Path) -> None:
    """A long poll must not hold up the end."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        waiting = asyncio.ensure_future(devboxes.wait(box, statuses=["suspended"], hold=30))
        await asyncio.sleep(0)

        await devboxes.close()

        with pytest.raises(Refusal, match="stopping"):
            await waiting
