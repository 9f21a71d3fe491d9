"""Commands of devboxes: started, followed, ended, and remembered.

The loop's side of running commands; :mod:`.supervisor` has the processes.  An
execution is in the registry before its process exists, and complete there only
when its logs are, so a reader of "completed" finds the whole output.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Literal

from ...models import ExecutionInfo, OutputFrame
from ..refusals import Refusal
from ..wakeup import Wakeup
from .devbox_records import DevboxRecords, ExecutionRecord
from .execution_ids import new_execution_id, now_ms
from .named_shells import ShellQueues, state_file
from .namespaces import Namespaces
from .output_log import (
    CHUNK,
    LIMIT,
    VIEW_LIMIT,
    LogWriter,
    Tail,
    append_note,
    read_chunk,
    read_tail,
)
from .output_order import OrderReader, OrderWriter
from .paths import DevboxPaths
from .processes import command_environment, start_shell
from .supervisor import STDIN_LIMIT, Command, Supervisor

__all__ = ["Executions", "LOST", "RUNNING_LIMIT", "Stream"]

Stream = Literal["stdout", "stderr"]
ORDER: Final = "order"
STREAMS: Final[tuple[Stream, Stream]] = ("stdout", "stderr")

#: ``exit_status`` of a command whose end was not seen, because the service was killed.
LOST: Final = -1

LOST_NOTE: Final = (
    "the service was killed while this command ran; it was ended, its exit status and any later"
    " output are lost"
)

#: ``exit_status`` of a command that was killed before it started: that of SIGTERM.
KILLED: Final = 143

#: Commands running at once; each needs up to eight file descriptors.
RUNNING_LIMIT: Final = 128

#: Seconds between two small chunks of a stream, so that single bytes travel together.
GATHER: Final = 0.01

logger = logging.getLogger(__name__)


class Running:
    """A command that has not ended: its record, its process, and who waits for news of it."""

    def __init__(self, record: ExecutionRecord) -> None:
        self.record = record
        self.news = Wakeup()
        self.command: Command | None = None
        self.launch: Callable[[], None] | None = None  # until it starts; blocks


class Executions:
    """All executions of one service; lives as long as it.

    Args:
        records: The registry.
        home: Its ``devboxes`` directory: ``<devbox>/executions/<execution>/std*.log``.
        namespaces: Where the devboxes' processes start.
        log_limit: Bytes kept per stream and command.
    """

    def __init__(
        self,
        records: DevboxRecords,
        home: Path,
        namespaces: Namespaces,
        *,
        log_limit: int = LIMIT,
    ) -> None:
        self._records = records
        self._namespaces = namespaces
        self._home = home
        self._log_limit = log_limit
        self._running: dict[tuple[str, str], Running] = {}
        self._shells: ShellQueues[Running] = ShellQueues()
        self._starting: set[asyncio.Task[None]] = set()
        self._supervisor = Supervisor()
        self._loop = asyncio.get_running_loop()

    @property
    def running(self) -> int:
        """How many commands have not ended."""
        return len(self._running)

    def runs_in(self, devbox_id: str) -> bool:
        """Whether a command of this devbox has not ended."""
        return any(devbox == devbox_id for devbox, _ in self._running)

    async def start(
        self,
        devbox_id: str,
        command: str,
        *,
        paths: DevboxPaths,
        variables: Mapping[str, str],
        execution_id: str | None = None,
        attach_stdin: bool = False,
        purpose: str = "exec",
        shell_name: str | None = None,
    ) -> ExecutionRecord:
        """Start *command* in the home directory; with a known *execution_id*, find it instead.

        With *shell_name* it may stay ``queued`` until the commands of that shell before
        it have ended.

        Raises:
            Refusal: 400 if the command cannot be one, 409 if the id belongs to another
                command, 429 if too many run, 503 if the system cannot start it.
        """
        if "\0" in command or not command.strip():
            raise Refusal(400, "command must be text without NUL, and not empty.")
        if execution_id and (known := self._known(devbox_id, execution_id, command)):
            return known
        if len(self._running) >= RUNNING_LIMIT:
            later = [(b"retry-after", b"5")]
            raise Refusal(429, f"{RUNNING_LIMIT} commands are running.", headers=later)
        record = ExecutionRecord(
            devbox_id=devbox_id,
            id=execution_id or new_execution_id(),
            command=command,
            status="queued",
            start_time_ms=now_ms(),
            attach_stdin=attach_stdin,
            purpose=purpose,
            shell_name=shell_name,
        )
        folder = self._home / devbox_id
        state = None if shell_name is None else state_file(folder, shell_name)
        running = self._running[devbox_id, record.id] = Running(record)
        self._records.save_execution(record)
        environment = command_environment(paths, f"{devbox_id}/{record.id}", variables)
        running.launch = partial(self._launch, running, paths, environment, state)
        if shell_name is None or self._shells.enter(devbox_id, shell_name, running):
            await self._launched(running)
        else:
            self._make_logs(record)
        return record

    async def _launched(self, running: Running) -> None:
        """Start the process of a command whose turn has come.

        Raises:
            Refusal: 400 or 503 if the system cannot start it.
        """
        launch, running.launch = running.launch, None
        assert launch is not None
        try:
            await asyncio.to_thread(launch)
        except (OSError, RuntimeError) as error:
            self._ended(running, 126)
            raise _cannot_start(error) from None
        self._records.save_execution(running.record)

    def find(self, devbox_id: str, execution_id: str) -> ExecutionRecord:
        """Return the execution as it is now.

        Raises:
            Refusal: 404.
        """
        if running := self._running.get((devbox_id, execution_id)):
            return running.record
        record = self._records.execution(devbox_id, execution_id)
        if record is None:
            raise Refusal(404, "Execution not found.")
        return record

    async def wait(
        self,
        devbox_id: str,
        execution_id: str,
        *,
        statuses: Collection[str] = ("completed",),
        hold: float | None = None,
    ) -> ExecutionRecord | None:
        """Return the execution once its status is one of *statuses*; ``None`` after *hold* s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(hold):
                while True:
                    record = self.find(devbox_id, execution_id)
                    running = self._running.get((devbox_id, execution_id))
                    # A completed one has no other status to come, whatever was asked for.
                    if record.status in statuses or running is None:
                        return record
                    await running.news.wait()
        return None

    async def kill(self, devbox_id: str, execution_id: str, *, group: bool) -> ExecutionRecord:
        """Terminate the command if it runs, and give it 2.5 s to be gone."""
        self.find(devbox_id, execution_id)
        running = self._running.get((devbox_id, execution_id))
        if running is not None and running.launch is not None:
            self._ended(running, KILLED)
        elif running is not None and (command := running.command) is not None:
            await self._ask(partial(self._supervisor.terminate, command, group=group))
            await self.wait(devbox_id, execution_id, hold=2.5)
        return self.find(devbox_id, execution_id)

    async def send(self, devbox_id: str, execution_id: str, data: bytes) -> bool:
        """Queue *data* for the command's stdin; ``False`` if it does not take it."""
        command = self._with_stdin(devbox_id, execution_id)
        if len(data) > STDIN_LIMIT:
            raise Refusal(413, f"text is larger than {STDIN_LIMIT} bytes.")
        if command is None:
            return False
        return await self._ask(partial(self._supervisor.write, command, data))

    async def send_signal(self, devbox_id: str, execution_id: str, name: str) -> bool:
        """Send ``EOF`` or ``INTERRUPT`` to the command; ``False`` if it has ended."""
        command = self._with_stdin(devbox_id, execution_id)
        if command is None:
            return False
        act = self._supervisor.end_input if name == "EOF" else self._supervisor.interrupt
        return await self._ask(partial(act, command))

    async def follow(
        self, record: ExecutionRecord, stream: Stream, *, offset: int
    ) -> AsyncGenerator[OutputFrame, None]:
        """Yield the stream from *offset* on until the command has ended and all was said."""
        key = (record.devbox_id, record.id)
        with contextlib.ExitStack() as files:
            log = _opened(self.log_path(record, stream), files)
            order = OrderReader(_opened(self._folder(record) / ORDER, files), STREAMS.index(stream))
            while True:
                running = self._running.get(key)
                chunk = _next_chunk(log, order, offset, complete=running is None)
                if chunk is not None:
                    yield chunk
                    size, offset = (chunk.offset or 0) - offset, chunk.offset or 0
                    caught_up = running and size < CHUNK // 4 and os.fstat(log).st_size == offset
                    await asyncio.sleep(GATHER if caught_up else 0)
                elif running is None:
                    return
                else:
                    await running.news.wait()

    def tail(
        self, record: ExecutionRecord, stream: Stream, lines: int, *, limit: int = VIEW_LIMIT
    ) -> Tail:
        """Return the last *lines* lines of a stream, from its last *limit* bytes."""
        return read_tail(self.log_path(record, stream), lines, limit=limit)

    def view(self, record: ExecutionRecord, *, lines: int = 100) -> ExecutionInfo:
        """Return the API's view; output is unset until the command has completed."""
        info = ExecutionInfo(record.devbox_id, record.id, record.status, record.exit_status)
        if record.status != "completed":
            return info
        out, err = (self.tail(record, stream, lines) for stream in STREAMS)
        return ExecutionInfo(
            record.devbox_id,
            record.id,
            record.status,
            record.exit_status,
            stdout=out.text,
            stderr=err.text,
            stdout_truncated=out.truncated or record.stdout_dropped,
            stderr_truncated=err.truncated or record.stderr_dropped,
        )

    def log_path(self, record: ExecutionRecord, stream: Stream) -> Path:
        """Return where a stream's log is."""
        return self._folder(record) / f"{stream}.log"

    async def end_all(self, devbox_id: str) -> None:
        """Terminate what runs in a devbox, or is just starting, until nothing does."""
        while keys := [key for key in self._running if key[0] == devbox_id]:
            await asyncio.gather(*(self.kill(*key, group=True) for key in keys))
            await asyncio.sleep(0)

    def recover(self) -> int:
        """Complete what the registry still calls running: its service was killed.

        Called before anything starts, after the processes are gone.

        Returns:
            How many commands were lost.
        """
        lost = list(self._records.executions(unfinished=True))
        for record in lost:
            self._make_logs(record)
            with contextlib.closing(OrderWriter(self._folder(record) / ORDER)) as order:
                order.add(1, append_note(self.log_path(record, "stderr"), LOST_NOTE))
            record.status, record.exit_status, record.end_time_ms = "completed", LOST, now_ms()
            self._records.save_execution(record)
        return len(lost)

    async def close(self) -> None:
        """End every command and wait until all are complete; idempotent."""
        for running in [running for running in self._running.values() if running.launch]:
            self._ended(running, KILLED)
        await asyncio.to_thread(self._supervisor.close)
        while self._running:  # the last ends are on their way from the thread
            await next(iter(self._running.values())).news.wait()

    def _launch(
        self,
        running: Running,
        paths: DevboxPaths,
        environment: Mapping[str, str],
        state: Path | None,
    ) -> None:
        """Start the process and hand it over; runs in a thread, because starting blocks."""
        record = running.record
        self._make_logs(record)
        with contextlib.ExitStack() as undo:
            logs = self._open_log(record, "stdout", undo), self._open_log(record, "stderr", undo)
            order = OrderWriter(self._folder(record) / ORDER)
            undo.callback(order.close)
            process = start_shell(
                record.command,
                paths=paths,
                entry=self._namespaces.entry(record.devbox_id, paths.directory),
                environment=environment,
                stdin=record.attach_stdin,
                state=state,
            )
            undo.callback(process.communicate)
            undo.callback(process.kill)
            command = Command(
                process, logs, order, running.news.notify, partial(self._on_end, running, logs)
            )
            record.status, running.command = "running", command
            self._supervisor.submit(partial(self._supervisor.watch, command)).result()
            undo.pop_all()

    def _open_log(
        self, record: ExecutionRecord, stream: Stream, undo: contextlib.ExitStack
    ) -> LogWriter:
        log = LogWriter(self.log_path(record, stream), limit=self._log_limit)
        undo.callback(log.close)
        return log

    def _on_end(self, running: Running, logs: tuple[LogWriter, LogWriter], status: int) -> None:
        # Still on the supervisor's thread.
        running.record.stdout_dropped, running.record.stderr_dropped = (
            log.truncated for log in logs
        )
        self._loop.call_soon_threadsafe(self._ended, running, status)

    def _ended(self, running: Running, status: int) -> None:
        record = running.record
        record.status, record.exit_status, record.end_time_ms = "completed", status, now_ms()
        self._records.save_execution(record)
        running.launch = None
        self._running.pop((record.devbox_id, record.id), None)
        running.news.notify()
        if record.shell_name is not None:
            following = self._shells.leave(record.devbox_id, record.shell_name, running)
            if following is not None:
                self._start_later(following)

    def _start_later(self, running: Running) -> None:
        """Start the next command of a named shell."""

        def started(task: asyncio.Task[None]) -> None:
            self._starting.discard(task)
            if error := task.exception():
                logger.warning("command %s did not start: %s", running.record.id, error)

        task = asyncio.create_task(self._launched(running))
        self._starting.add(task)
        task.add_done_callback(started)

    def _known(self, devbox_id: str, execution_id: str, command: str) -> ExecutionRecord | None:
        """Return the execution that was started under this id before, if there is one."""
        if running := self._running.get((devbox_id, execution_id)):
            known: ExecutionRecord | None = running.record
        else:
            known = self._records.execution(devbox_id, execution_id)
        if known is not None and known.command != command:
            raise Refusal(409, "command_id was used with another command.")
        return known

    def _with_stdin(self, devbox_id: str, execution_id: str) -> Command | None:
        record = self.find(devbox_id, execution_id)
        if not record.attach_stdin:
            raise Refusal(400, "The execution was started without attach_stdin.")
        running = self._running.get((devbox_id, execution_id))
        return running.command if running else None

    async def _ask(self, work: partial[bool]) -> bool:
        try:
            return await asyncio.wrap_future(self._supervisor.submit(work))
        except RuntimeError:
            raise Refusal(503, "The service is stopping.") from None

    def _make_logs(self, record: ExecutionRecord) -> None:
        self._folder(record).mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (
            *(self.log_path(record, stream) for stream in STREAMS),
            self._folder(record) / ORDER,
        ):
            path.touch(mode=0o600)

    def _folder(self, record: ExecutionRecord) -> Path:
        return self._home / record.devbox_id / "executions" / record.id


def _opened(path: Path, files: contextlib.ExitStack) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    files.callback(os.close, fd)
    return fd


def _next_chunk(log: int, order: OrderReader, offset: int, *, complete: bool) -> OutputFrame | None:
    """Read on, up to the end of the run at *offset*, so that a chunk has one place in the order."""
    run = order.run_at(offset)
    if run is None:
        return read_chunk(log, offset, complete=complete)
    chunk = read_chunk(log, offset, complete=False, size=min(CHUNK, run.left))
    if chunk is None:  # a character that is split between two runs
        chunk = read_chunk(log, offset, complete=complete)
    return chunk and OutputFrame(chunk.output, chunk.offset, run.order)


def _cannot_start(error: Exception) -> Refusal:
    if isinstance(error, OSError) and error.errno == errno.E2BIG:
        return Refusal(400, "command is too long for this system: put it into a file and run that.")
    if isinstance(error, OSError):
        return Refusal(503, f"The system cannot start the command: {error.strerror or error}.")
    return Refusal(503, "The service is stopping.")
