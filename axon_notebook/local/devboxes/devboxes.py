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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..http.answers import Refusal
from ..wakeup import Bell
from .devbox_params import (
    CreateDevbox,
    broker_mounts,
    files_to_mount,
    launch_commands,
    record_for,
)
from .devbox_records import DevboxRecord, DevboxRecords, ExecutionRecord, Transition
from .executions import Executions, now_ms
from .files import directory_beneath, said_by, write_beneath
from .namespaces import Namespaces
from .output_log import LIMIT
from .paths import DevboxPaths
from .processes import command_environment, end_marked, marked_processes

__all__ = ["Devboxes", "MountHook", "devbox_view"]

#: Called with a devbox and its broker mounts.
MountHook = Callable[[DevboxRecord, list[dict[str, Any]]], Awaitable[None]]

#: What every view says of the walls around a devbox.
ISOLATION: Final = (
    "none: commands run as this machine's user, with that user's rights; this is no sandbox"
)

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
        self._news = Bell()
        self._booting: dict[str, asyncio.Task[None]] = {}
        self._closing = False
        self._background = False
        self._look_again_at = 0.0

    @property
    def busy(self) -> bool:
        """Whether a command runs, has left something running, or a devbox is starting."""
        return bool(self.executions.running or self._booting or self._in_background())

    async def recover(self) -> None:
        """Put in order what a killed service left: end its processes, complete its commands."""
        devboxes = {record.id: record for record in self._all()}
        await asyncio.to_thread(self._namespaces.check)
        await asyncio.to_thread(end_marked, set(devboxes))
        self.executions.recover()
        for record in devboxes.values():
            if record.status == "initializing":
                self._become(record, "failure", failure_reason="execution_failed")
        await self._clear(list(devboxes.values()))

    async def remount(self) -> None:
        """Tell ``on_devbox_created`` of the devboxes that outlived the last service."""
        for record in self._all(status="running"):
            if brokers := broker_mounts(record):
                self._boot_later(record, brokers, commands=[])

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
        commands = launch_commands(wanted)
        if not commands and not (brokers and self.on_devbox_created):
            self._become(record, "running")
            return record
        self._become(record, "initializing")
        self._boot_later(record, brokers, commands)
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
        if record.status == "initializing":
            raise Refusal(409, "The devbox is initializing: wait until it is running.")
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
        self._become(record, "shutdown")
        if booting := self._booting.get(devbox_id):
            booting.cancel()
        await self._unmount(record)
        await self.executions.end_all(devbox_id)
        await asyncio.to_thread(end_marked, {devbox_id})
        await asyncio.to_thread(self._namespaces.release, devbox_id)
        await asyncio.to_thread(_delete, self.directory(devbox_id))
        return record

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
        return command_environment(
            self.paths(record), f"{record.id}/{purpose}", record.environment_variables
        )

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
        self._news.ring()
        booting = list(self._booting.values())
        for task in booting:
            task.cancel()
        await asyncio.gather(*booting, return_exceptions=True)
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

    def _boot_later(
        self, record: DevboxRecord, brokers: list[dict[str, Any]], commands: list[str]
    ) -> None:
        task = asyncio.create_task(self._boot(record, brokers, commands))
        self._booting[record.id] = task
        task.add_done_callback(lambda _: self._booting.pop(record.id, None))

    async def _boot(
        self, record: DevboxRecord, brokers: list[dict[str, Any]], commands: list[str]
    ) -> None:
        """Run the launch commands, then the hook, then say ``running``; or ``failure``."""
        try:
            for command in commands:
                started = await self._start(record, command, purpose="setup_commands")
                ended = await self.executions.wait(record.id, started.id)
                if ended is None or ended.exit_status != 0:
                    raise Refusal(400, "A launch command failed: see the logs of the devbox.")
            if brokers and self.on_devbox_created is not None:
                await self.on_devbox_created(record, brokers)
        except Exception as error:
            unexpected = None if isinstance(error, Refusal) else error
            logger.warning("devbox %s did not start: %s", record.id, error, exc_info=unexpected)
            self._become(record, "failure", failure_reason="execution_failed")
        else:
            if record.status != "running":
                self._become(record, "running")

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
            variables=record.environment_variables,
            execution_id=execution_id,
            attach_stdin=attach_stdin,
            purpose=purpose,
            shell_name=shell_name,
        )

    async def _unmount(self, record: DevboxRecord) -> None:
        if (brokers := broker_mounts(record)) and self.on_devbox_shutdown is not None:
            try:
                await self.on_devbox_shutdown(record, brokers)
            except Exception:
                # The devbox ends all the same; its processes are found by their mark.
                logger.exception("the broker of devbox %s did not end properly", record.id)

    def _become(
        self, record: DevboxRecord, status: str, *, failure_reason: str | None = None
    ) -> None:
        now = now_ms()
        record.status, record.failure_reason = status, failure_reason
        if failure_reason:
            record.end_time_ms = now
        record.state_transitions.append(Transition(status, now, failure_reason))
        self._records.save_devbox(record)
        self._news.ring()

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


def devbox_view(record: DevboxRecord, directory: Path) -> dict[str, Any]:
    """Return the API's view (``DevboxView``) with ``isolation`` and ``directory`` added."""
    return {
        "id": record.id,
        "name": record.name,
        "status": record.status,
        "capabilities": [],
        "create_time_ms": record.create_time_ms,
        "end_time_ms": record.end_time_ms,
        "launch_parameters": record.launch_parameters,
        "metadata": record.metadata,
        "state_transitions": record.state_transitions,
        "failure_reason": record.failure_reason,
        "shutdown_reason": record.shutdown_reason,
        "isolation": ISOLATION,
        "directory": str(directory),
        "project_folders": record.project_folders,
    }


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
