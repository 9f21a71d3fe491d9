"""Devboxes that sleep: suspend, resume, idle times, and what wakes them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from axon_notebook.local.devboxes.devbox_params import CreateDevbox
from axon_notebook.local.devboxes.devbox_records import DevboxRecord
from axon_notebook.local.devboxes.lifecycle import lifecycle_of
from axon_notebook.local.devboxes.processes import marked_processes
from axon_notebook.local.refusals import Refusal

from .scenario import a_devbox, opened, ran, scenario

BROKER = {"type": "broker_mount", "axon_id": "axn_1", "protocol": "acp"}
WAKES = {"lifecycle": {"resume_triggers": {"axon_event": True}}}


@scenario
async def test_suspend_ends_processes_and_keeps_files_and_resume_launches_again(
    tmp_path: Path,
) -> None:
    """As on Runloop: the disk stays, memory does not, launch commands run at every start."""
    launch = {"launch_commands": ["echo x >> launched"]}
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes, launch_parameters=launch)
        await ran(devboxes, box, "echo kept > file; setsid sleep 600 &")
        running = await devboxes.execute(box, "sleep 600")
        first = (await devboxes.suspend(box)).status
        assert await devboxes.wait(box, statuses=["suspended"], hold=30)
        left = list(marked_processes({box}))
        with pytest.raises(Refusal, match="resume it first"):
            await devboxes.execute(box, "true")
        again = (await devboxes.suspend(box)).status
        second = (await devboxes.resume(box)).status
        assert await devboxes.wait(box, statuses=["running"], hold=30)
        result = await ran(devboxes, box, "cat file launched")
        ended = devboxes.executions.find(box, running.id).status

    assert (first, again, second, ended) == ("suspending", "suspended", "resuming", "completed")
    assert left == []
    assert result.stdout == "kept\nx\nx\n"


@scenario
async def test_what_does_not_run_is_not_suspended_and_what_has_ended_is_not_resumed(
    tmp_path: Path,
) -> None:
    """The answer names the status."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        running = (await devboxes.resume(box)).status
        await devboxes.shutdown(box)
        with pytest.raises(Refusal, match="status is shutdown"):
            await devboxes.suspend(box)
        with pytest.raises(Refusal, match="status is shutdown"):
            await devboxes.resume(box)

    assert running == "running"


@scenario
async def test_suspend_commands_run_first_and_have_a_deadline(tmp_path: Path) -> None:
    """A cleanup may fail or hang; the devbox is suspended all the same."""
    hooks = {"suspend_commands": ["exit 3", "echo done > cleaned"]}
    slow = {"suspend_commands": ["sleep 600"], "suspend_deadline_ms": 100}
    async with opened(tmp_path) as devboxes:
        for each in (hooks, slow):
            launch = {"lifecycle": {"lifecycle_hooks": each}}
            box = await a_devbox(devboxes, launch_parameters=launch)
            await devboxes.suspend(box)
            assert await devboxes.wait(box, statuses=["suspended"], hold=30)
            if each is hooks:
                cleaned = (devboxes.directory(box) / "cleaned").read_text()

    assert cleaned == "done\n"


@pytest.mark.parametrize(("action", "status"), [("suspend", "suspended"), ("shutdown", "shutdown")])
def test_an_idle_devbox_is_put_away(tmp_path: Path, action: str, status: str) -> None:
    """Not before its commands have ended."""
    idle = {"after_idle": {"idle_time_seconds": 1, "on_idle": action}}

    @scenario
    async def check() -> None:
        async with opened(tmp_path) as devboxes:
            box = await a_devbox(devboxes, launch_parameters={"lifecycle": idle})
            busy = await devboxes.execute(box, "sleep 2")
            record = await devboxes.wait(box, statuses=[status], hold=60)
            ended = devboxes.executions.find(box, busy.id)

        assert record is not None
        assert ended.exit_status == 0
        assert record.state_transitions[-1].transition_time_ms >= (ended.end_time_ms or 0)
        assert record.shutdown_reason == ("idle" if action == "shutdown" else None)

    check()


@scenario
async def test_an_event_wakes_only_who_asked_for_it(tmp_path: Path) -> None:
    """Without the trigger the event waits for a resume."""
    async with opened(tmp_path) as devboxes:
        wakes = await a_devbox(devboxes, launch_parameters=WAKES)
        sleeps = await a_devbox(devboxes)
        for box in (wakes, sleeps):
            await devboxes.suspend(box)
            assert await devboxes.wait(box, statuses=["suspended"], hold=30)
        waiting = asyncio.create_task(devboxes.wait_until_awake(sleeps))
        await devboxes.wait_until_awake(wakes)
        statuses = [devboxes.find(box).status for box in (wakes, sleeps)]
        early = waiting.done()
        await devboxes.resume(sleeps)
        await waiting

    assert statuses == ["running", "suspended"]
    assert not early


@scenario
async def test_a_suspended_devbox_survives_the_service_with_its_broker(tmp_path: Path) -> None:
    """The event that wakes it may come days later."""
    calls: list[tuple[str, str]] = []

    def hook(name: str) -> Any:
        async def call(record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
            calls.append((name, record.status))

        return call

    async with opened(tmp_path) as devboxes:
        devboxes.on_devbox_suspending = hook("suspending")
        devboxes.on_devbox_suspended = hook("suspended")
        box = await a_devbox(devboxes, mounts=[BROKER], launch_parameters=WAKES)
        await devboxes.suspend(box)
        assert await devboxes.wait(box, statuses=["suspended"], hold=30)

    async with opened(tmp_path) as devboxes:
        devboxes.on_devbox_created = hook("created")
        await devboxes.remount()
        while devboxes.busy:
            await asyncio.sleep(0.01)
        status = devboxes.find(box).status
        await devboxes.wait_until_awake(box)
        after = devboxes.find(box).status

    assert calls == [
        ("suspending", "suspending"),
        ("suspended", "suspending"),
        ("created", "suspended"),
    ]
    assert (status, after) == ("suspended", "running")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"after_idle": {"idle_time_seconds": 1}}, "on_idle"),
        ({"after_idle": {"idle_time_seconds": 0, "on_idle": "suspend"}}, "greater than 0"),
        ({"after_idle": {"idle_time_seconds": 1, "on_idle": "sleep"}}, "sleep"),
        ({"lifecycle": {"lifecycle_hooks": {"suspend_deadline_ms": 60_001}}}, "60000"),
        ({"lifecycle": {"resume_triggers": {"axon_event": "yes"}}}, "axon_event"),
        (
            {
                "after_idle": {"idle_time_seconds": 1, "on_idle": "suspend"},
                "lifecycle": {"after_idle": {"idle_time_seconds": 2, "on_idle": "suspend"}},
            },
            "differ",
        ),
    ],
)
def test_a_wrong_lifecycle_is_refused(given: dict[str, Any], words: str) -> None:
    """A devbox that never sleeps, or sleeps at once, is not what was asked for."""
    with pytest.raises(Refusal, match=words):
        lifecycle_of(given)


@scenario
async def test_secrets_reach_the_devbox_that_asks_and_no_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value stays in the environment of the service."""
    monkeypatch.setenv("AXON_NOTEBOOK_SECRET_DATABASE_PASSWORD", "canary-secret")
    async with opened(tmp_path) as devboxes:
        asking = await a_devbox(devboxes, secrets={"DB_PASS": "DATABASE_PASSWORD"})
        plain = await a_devbox(devboxes)
        texts = [
            (await ran(devboxes, box, "env | grep -c SECRET; echo ${#DB_PASS}")).stdout
            for box in (asking, plain)
        ]
        with pytest.raises(Refusal, match="set AXON_NOTEBOOK_SECRET_OTHER"):
            await devboxes.create(CreateDevbox(secrets={"A": "OTHER"}))

    assert texts == ["0\n13\n", "0\n0\n"]
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and b"canary" in p.read_bytes()]


@scenario
async def test_what_a_named_shell_exports_is_its_users_alone_and_goes_with_the_devbox(
    tmp_path: Path,
) -> None:
    """The state of a shell is on disk between its commands, secrets included."""
    async with opened(tmp_path) as devboxes:
        box = await a_devbox(devboxes)
        command = "umask 000; export TOKEN=canary-secret"
        execution = await devboxes.execute(box, command, shell_name="one")
        assert await devboxes.executions.wait(box, execution.id, hold=30)
        [state] = (tmp_path / box / "shells").iterdir()
        assert "canary-secret" in state.read_text("utf-8")
        modes = oct(state.stat().st_mode & 0o777), oct(state.parent.stat().st_mode & 0o777)
        await devboxes.shutdown(box)

    assert modes == ("0o600", "0o700")
    assert not state.parent.exists()


@scenario
async def test_what_has_no_effect_is_accepted_and_said(tmp_path: Path) -> None:
    """Published examples send these; the view tells what became of them."""
    async with opened(tmp_path) as devboxes:
        record = await devboxes.create(
            CreateDevbox(blueprint_name="bp", blueprint_id="bpt_1", snapshot_id="snp_1")
        )

    assert [note.split(" has no effect")[0] for note in record.notes] == [
        "blueprint_id bpt_1",
        "blueprint_name bp",
        "snapshot_id snp_1",
    ]
