"""Devboxes of this machine: a directory of one's own, and commands that run in it.

**Not a sandbox.**  A command in a local devbox runs as the user who runs the
service and may do whatever that user may do.  It starts in the devbox directory,
which is also its ``HOME``; nothing keeps it there.  Every view of a devbox says
so in its field ``isolation``.

A devbox lives until it is shut down; then its processes are ended and its
directory is deleted, as on Runloop.  What its commands wrote stays readable for
28 days.  It survives the service: after a restart it is there, idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from ..refusals import Refusal
from ..wakeup import Wakeup
from .devbox_params import (
    CreateDevbox,
    broker_mounts,
    files_to_mount,
    launch_commands,
    record_for,
)
from .devbox_records import DevboxRecord, DevboxRecords, ExecutionRecord, Transition
from .execution_ids import now_ms
from .executions import Executions
from .files import directory_beneath, said_by, write_beneath
from .lifecycle import IdleWatch, lifecycle_of
from .named_shells import states_folder
from .namespaces import Namespaces
from .output_log import LIMIT
from .paths import DevboxPaths
from .processes import command_environment, end_marked, marked_processes
from .secret_variables import secret_variables
from .transitions import MountHook, Transitions, tell_mounts

__all__ = ["Devboxes"]

#: Milliseconds for which a devbox that was shut down is remembered.
KEPT_MS: Final = 28 * 24 * 3600 * 1000

#: Seconds between two looks for processes that commands left in the background.
LOOK_EACH: Final = 60.0

logger = logging.getLogger(__name__)


class Devboxes:
    """All devboxes of one service; opened and closed on its loop.

    Attributes:
        executions: Their commands.
        check_mounts: Called before a devbox with broker mounts is created; may refuse.
        on_devbox_created: Called when such a devbox is about to run: after its launch
            commands, and again after a restart of the service.
        on_devbox_shutdown: Called when such a devbox is shut down, before its processes end.
        on_devbox_suspending: Called when such a devbox is to be suspended; waits for the turn.
        on_devbox_suspended: Called when such a devbox is suspended, before its processes end.
        mount_busy: Whether a broker of this devbox has something to do.
    """

    def __init__(self, home: Path, *, log_limit: int = LIMIT) -> None:
        self._home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._records = DevboxRecords(home / "devboxes.db")
        self._namespaces = Namespaces(home)
        self.executions = Executions(self._records, home, self._namespaces, log_limit=log_limit)
        self.check_mounts: MountHook | None = None
        self.on_devbox_created: MountHook | None = None
        self.on_devbox_shutdown: MountHook | None = None
        self.on_devbox_suspending: MountHook | None = None
        self.on_devbox_suspended: MountHook | None = None
        self.mount_busy: Callable[[str], bool] = lambda _: False
        self._idle = IdleWatch(self._in_use, self._was_idle)
        self._news = Wakeup()
        self._transitions = Transitions(self)
        self._closing = False
        self._background = False
        self._look_again_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether a command runs, has left something running, or a devbox is starting."""
        return bool(self.executions.running or self._transitions or self._in_background())

    async def recover(self) -> None:
        """Put in order what a killed service left: end its processes, complete its commands."""
        devboxes = {record.id: record for record in self._all()}
        await asyncio.to_thread(self._namespaces.check)
        await asyncio.to_thread(end_marked, set(devboxes))
        self.executions.recover()
        for record in devboxes.values():
            if record.status == "initializing":
                self.become(record, "failure", failure_reason="execution_failed")
            elif record.status in ("suspending", "resuming"):
                self.become(record, "suspended")
        await self._clear(list(devboxes.values()))

    async def remount(self) -> None:
        """Tell ``on_devbox_created`` of the devboxes that outlived the last service."""
        for status in ("running", "suspended"):
            for record in self._all(status=status):
                if broker_mounts(record):
                    self._transitions.remount(record)
                if status == "running":
                    self._watch(record)

    async def create(self, wanted: CreateDevbox) -> DevboxRecord:
        """Make a devbox; it is ``running`` at once unless it has something to launch.

        Raises:
            Refusal: 400, with the field that cannot be honoured here.
        """
        record = record_for(wanted)
        if (brokers := broker_mounts(record)) and self.check_mounts is not None:
            await self.check_mounts(record, brokers)
        directory = self.directory(record.id)
        for folder in (directory.parent, directory):
            folder.mkdir(mode=0o700)
        try:
            await asyncio.to_thread(_write_files, self.paths(record), files_to_mount(wanted))
        except (OSError, Refusal) as error:
            await asyncio.to_thread(_delete, directory.parent)
            raise Refusal(400, f"A file cannot be mounted: {said_by(error)}") from None
        commands = launch_commands(record.launch_parameters)
        if not commands and not (brokers and self.on_devbox_created):
            self.become(record, "running")
            return record
        self.become(record, "initializing")
        self._transitions.boot(record)
        return record

    def find(self, devbox_id: str) -> DevboxRecord:
        """Return the devbox.

        Raises:
            Refusal: 404.
        """
        record = self._records.devbox(devbox_id)
        if record is None:
            raise Refusal(404, "Devbox not found.")
        return record

    def page(
        self, *, limit: int, after: str | None, status: str | None, count: bool
    ) -> tuple[list[DevboxRecord], bool, int | None]:
        """Return devboxes newest first, whether there are more, and how many in all."""
        found = self._records.page_of_devboxes(limit=limit + 1, after=after, status=status)
        if found is None:
            raise Refusal(400, "starting_after: no such item.")
        total = self._records.count_devboxes(status=status) if count else None
        return found[:limit], len(found) > limit, total

    def update(
        self, devbox_id: str, name: str | None, metadata: dict[str, str] | None
    ) -> DevboxRecord:
        """Change what is given."""
        record = self.find(devbox_id)
        record.name = record.name if name is None else name
        record.metadata = record.metadata if metadata is None else metadata
        self._records.save_devbox(record)
        return record

    async def wait(
        self, devbox_id: str, *, statuses: list[str], hold: float
    ) -> DevboxRecord | None:
        """Return the devbox once its status is one of *statuses*; ``None`` after *hold* s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(hold):
                while (record := self.find(devbox_id)).status not in statuses:
                    if self._closing:
                        raise Refusal(503, "Server is stopping.")
                    await self._news.wait()
                return record
        return None

    async def execute(
        self,
        devbox_id: str,
        command: str,
        *,
        execution_id: str | None = None,
        attach_stdin: bool = False,
        shell_name: str | None = None,
    ) -> ExecutionRecord:
        """Start *command* in a running devbox, or queue it in the shell *shell_name*.

        Raises:
            Refusal: 409 while the devbox is starting, 400 when it has ended.
        """
        record = self.find(devbox_id)
        self._idle.used(devbox_id)
        if record.status in ("initializing", "resuming"):
            raise Refusal(409, f"The devbox is {record.status}: wait until it is running.")
        if record.status in ("suspending", "suspended"):
            raise Refusal(400, f"The devbox is {record.status}: resume it first.")
        if record.status != "running":
            raise Refusal(400, f"The devbox is not running; its status is {record.status}.")
        return await self._start(
            record,
            command,
            execution_id=execution_id,
            attach_stdin=attach_stdin,
            shell_name=shell_name,
        )

    def logs_of(self, devbox_id: str) -> list[ExecutionRecord]:
        """Return every execution of a devbox, oldest first."""
        self.find(devbox_id)
        return [
            self.executions.find(devbox_id, record.id)
            for record in self._records.executions(devbox_id=devbox_id)
        ]

    async def shutdown(self, devbox_id: str, *, reason: str = "api_shutdown") -> DevboxRecord:
        """End the devbox's processes and delete its directory; its logs stay. Idempotent."""
        record = self.find(devbox_id)
        if record.status == "shutdown":
            return record
        record.end_time_ms, record.shutdown_reason = now_ms(), reason
        self.become(record, "shutdown")
        self._transitions.cancel(devbox_id)
        await tell_mounts(self.on_devbox_shutdown, record)
        await self.end_processes(devbox_id)
        await asyncio.to_thread(_delete, self.directory(devbox_id))
        await asyncio.to_thread(_delete, states_folder(self._home / devbox_id))
        return record

    async def suspend(self, devbox_id: str) -> DevboxRecord:
        """End the devbox's processes and keep its directory; at once ``suspending``. Idempotent.

        Raises:
            Refusal: 404, or 400 if it does not run.
        """
        record = self.find(devbox_id)
        if record.status in ("suspending", "suspended"):
            return record
        if record.status != "running":
            raise Refusal(400, f"The devbox is not running; its status is {record.status}.")
        self.become(record, "suspending")
        self._transitions.suspend(record)
        return record

    async def resume(self, devbox_id: str) -> DevboxRecord:
        """Let a suspended devbox run again, its launch commands first. Idempotent.

        Raises:
            Refusal: 404, 409 while it is being suspended, or 400 if it has ended.
        """
        record = self.find(devbox_id)
        if record.status == "suspending":
            raise Refusal(409, "The devbox is suspending: wait until it is suspended.")
        if record.status == "suspended":
            self.become(record, "resuming")
            self._transitions.resume(record)
        elif record.status not in ("resuming", "running", "initializing"):
            raise Refusal(400, f"The devbox cannot be resumed; its status is {record.status}.")
        return record

    async def wait_until_awake(self, devbox_id: str) -> None:
        """Wait while the devbox is suspended; resume it if its events are to do that.

        For brokers, when an event for their agent has come.
        """
        while (record := self.find(devbox_id)).status in ("suspending", "suspended", "resuming"):
            if (
                record.status == "suspended"
                and lifecycle_of(record.launch_parameters).wakes_on_event
            ):
                await self.resume(devbox_id)
            else:
                await self._news.wait()

    def used(self, devbox_id: str) -> None:
        """Note that a client used the devbox, which puts off ``after_idle``."""
        self._idle.used(devbox_id)

    def directory(self, devbox_id: str) -> Path:
        """Return the devbox's directory, which is the ``HOME`` of its commands."""
        return self._home / devbox_id / "home"

    def paths(self, record: DevboxRecord) -> DevboxPaths:
        """Return the mapping between the paths of this devbox and the disk."""
        folders = tuple(Path(folder) for folder in record.project_folders)
        return DevboxPaths(self.directory(record.id), self._namespaces.bound, folders)

    def environment(self, record: DevboxRecord, purpose: str) -> dict[str, str]:
        """Return the environment for a process of this devbox, marked as its own.

        For what runs in a devbox without being an execution, such as an agent;
        *purpose* is a word for the mark.
        """
        return command_environment(self.paths(record), f"{record.id}/{purpose}", _variables(record))

    def program(self, record: DevboxRecord, words: Sequence[str], directory: Path) -> list[str]:
        """Return the program *words* so that it starts in this devbox's namespace.

        Args:
            record: The devbox.
            words: The program and its arguments.
            directory: Its working directory on disk, from :meth:`working_directory`.

        Raises:
            OSError: The namespace cannot be made; blocks while it is.
        """
        start = self.paths(record).as_seen(directory)
        entry = self._namespaces.entry(record.id, self.directory(record.id), start=start)
        return [*entry, *words]

    def working_directory(self, record: DevboxRecord, name: str | None) -> Path:
        """Return the directory on disk that a client calls *name*; the home if ``None``.

        Raises:
            Refusal: 400 if it is outside the devbox and its project folders, or not there.
        """
        paths = self.paths(record)
        return paths.directory if name is None else directory_beneath(paths, name)

    async def close(self) -> None:
        """End every command and every process of every devbox; idempotent."""
        if self._closing:
            return
        self._closing = True
        self._news.notify()
        self._idle.close()
        await self._transitions.close()
        await self.executions.close()
        ids = {record.id for record in self._all(status="running")}
        await asyncio.to_thread(end_marked, ids, grace=0.3)
        self._namespaces.close()
        self._records.close()

    def _in_background(self) -> bool:
        """Whether commands that have completed left processes; looked up once a minute."""
        now = time.monotonic()
        if now >= self._look_again_at:
            self._look_again_at = now + LOOK_EACH
            ids = {record.id for record in self._all(status="running")}
            self._background = bool(ids) and any(marked_processes(ids, of_commands=True))
        return self._background

    def _watch(self, record: DevboxRecord) -> None:
        if after_idle := lifecycle_of(record.launch_parameters).after_idle:
            self._idle.start(record.id, after_idle)

    def _in_use(self, devbox_id: str) -> bool:
        return self.executions.runs_in(devbox_id) or self.mount_busy(devbox_id)

    async def _was_idle(self, devbox_id: str, action: str) -> None:
        if action == "suspend":
            await self.suspend(devbox_id)
        else:
            await self.shutdown(devbox_id, reason="idle")

    async def run(self, record: DevboxRecord, command: str, purpose: str) -> ExecutionRecord | None:
        """Run *command* in a devbox to its end."""
        started = await self._start(record, command, purpose=purpose)
        return await self.executions.wait(record.id, started.id)

    async def end_processes(self, devbox_id: str) -> None:
        """End every process of a devbox, and let go of its namespace."""
        await self.executions.end_all(devbox_id)
        await asyncio.to_thread(end_marked, {devbox_id})
        await asyncio.to_thread(self._namespaces.release, devbox_id)

    async def _start(
        self,
        record: DevboxRecord,
        command: str,
        *,
        execution_id: str | None = None,
        attach_stdin: bool = False,
        purpose: str = "exec",
        shell_name: str | None = None,
    ) -> ExecutionRecord:
        return await self.executions.start(
            record.id,
            command,
            paths=self.paths(record),
            variables=_variables(record),
            execution_id=execution_id,
            attach_stdin=attach_stdin,
            purpose=purpose,
            shell_name=shell_name,
        )

    def become(
        self, record: DevboxRecord, status: str, *, failure_reason: str | None = None
    ) -> None:
        """Change the status of a devbox and tell who waits for that."""
        now = now_ms()
        record.status, record.failure_reason = status, failure_reason
        if failure_reason:
            record.end_time_ms = now
        record.state_transitions.append(Transition(status, now, failure_reason))
        self._records.save_devbox(record)
        self._news.notify()
        if status == "running":
            self._watch(record)
        else:
            self._idle.stop(record.id)

    def _all(self, status: str | None = None) -> list[DevboxRecord]:
        return self._records.page_of_devboxes(limit=2**31, after=None, status=status) or []

    async def _clear(self, records: list[DevboxRecord]) -> None:
        """Delete what a devbox that has ended should not have left, and the old ones whole."""
        for record in records:
            if record.end_time_ms and record.end_time_ms < now_ms() - KEPT_MS:
                await asyncio.to_thread(_delete, self._home / record.id)
                self._records.forget(record.id)
            elif record.status == "shutdown" and self.directory(record.id).exists():
                await asyncio.to_thread(_delete, self.directory(record.id))


def _variables(record: DevboxRecord) -> dict[str, str]:
    return {**secret_variables(record.secrets), **record.environment_variables}


def _write_files(paths: DevboxPaths, files: Mapping[str, str]) -> None:
    for name, content in files.items():
        write_beneath(paths, name, [content.encode()])


def _delete(directory: Path) -> None:
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        pass  # deleted before
    except OSError:
        logger.exception("cannot delete all of %s", directory)
