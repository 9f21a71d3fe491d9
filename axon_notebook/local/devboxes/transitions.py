"""What takes a devbox some time: starting, suspending, resuming.  One task for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from ..refusals import Refusal
from .devbox_params import broker_mounts, launch_commands
from .devbox_records import DevboxRecord, ExecutionRecord
from .lifecycle import lifecycle_of

__all__ = ["MountHook", "Transitions", "tell_mounts"]

#: Called with a devbox and its broker mounts.
MountHook = Callable[[DevboxRecord, list[dict[str, Any]]], Awaitable[None]]

logger = logging.getLogger(__name__)


class Host(Protocol):
    """What is needed of the devboxes."""

    on_devbox_created: MountHook | None
    on_devbox_suspending: MountHook | None
    on_devbox_suspended: MountHook | None

    def become(
        self, record: DevboxRecord, status: str, *, failure_reason: str | None = None
    ) -> None:
        """Change the status."""

    async def run(self, record: DevboxRecord, command: str, purpose: str) -> ExecutionRecord | None:
        """Run a command to its end."""

    async def end_processes(self, devbox_id: str) -> None:
        """End every process of a devbox."""


class Transitions:
    """The transitions of one service's devboxes; lives on its loop, closed with it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._tasks)

    def boot(self, record: DevboxRecord) -> None:
        """Run the launch commands and mount the brokers of a new devbox."""
        self._begin(record, self._boot(record, "running", launch=True, mount=True))

    def resume(self, record: DevboxRecord) -> None:
        """Run the launch commands of a devbox that was suspended; its brokers are there."""
        self._begin(record, self._boot(record, "running", launch=True, mount=False))

    def remount(self, record: DevboxRecord) -> None:
        """Mount the brokers of a devbox that outlived the last service."""
        self._begin(record, self._boot(record, record.status, launch=False, mount=True))

    def suspend(self, record: DevboxRecord) -> None:
        """End what runs in a devbox."""
        self._begin(record, self._suspend(record))

    def cancel(self, devbox_id: str) -> None:
        """Give up what a devbox is in."""
        task = self._tasks.get(devbox_id)
        # It may be that task which shuts the devbox down.
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    async def close(self) -> None:
        """Give up everything; idempotent."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, record: DevboxRecord, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[record.id] = task

        def ended(task: asyncio.Task[None]) -> None:
            if self._tasks.get(record.id) is task:
                del self._tasks[record.id]

        task.add_done_callback(ended)

    async def _boot(self, record: DevboxRecord, then: str, *, launch: bool, mount: bool) -> None:
        """Run the launch commands, then the hook; the devbox is *then*, or ``failure``."""
        try:
            for command in launch_commands(record.launch_parameters) if launch else []:
                ended = await self._host.run(record, command, "setup_commands")
                if ended is None or ended.exit_status != 0:
                    raise Refusal(400, "A launch command failed: see the logs of the devbox.")
            hook, brokers = self._host.on_devbox_created, broker_mounts(record)
            if mount and brokers and hook is not None:
                await hook(record, brokers)
        except Exception as error:
            unexpected = None if isinstance(error, Refusal) else error
            logger.warning("devbox %s did not start: %s", record.id, error, exc_info=unexpected)
            self._host.become(record, "failure", failure_reason="execution_failed")
        else:
            if record.status != then:
                self._host.become(record, then)

    async def _suspend(self, record: DevboxRecord) -> None:
        """Let the turn and the suspend commands end in time; then end all processes."""
        lifecycle = lifecycle_of(record.launch_parameters)
        try:
            async with asyncio.timeout(lifecycle.deadline):
                await tell_mounts(self._host.on_devbox_suspending, record)
                for command in lifecycle.suspend_commands:
                    await self._host.run(record, command, "suspend_commands")
        except (TimeoutError, Refusal) as error:
            why = str(error) or f"not done within {lifecycle.deadline:g} s"
            logger.warning("before the suspend of devbox %s: %s", record.id, why)
        await tell_mounts(self._host.on_devbox_suspended, record)
        await self._host.end_processes(record.id)
        self._host.become(record, "suspended")


async def tell_mounts(hook: MountHook | None, record: DevboxRecord) -> None:
    """Call *hook* if the devbox has brokers; the devbox goes on whatever it raises."""
    if (brokers := broker_mounts(record)) and hook is not None:
        try:
            await hook(record, brokers)
        except Exception:
            # The processes of the broker are found by their mark.
            logger.exception("a broker of devbox %s did not end properly", record.id)
