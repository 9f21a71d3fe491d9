"""One thread that looks after all running commands.

It reads their pipes into their logs, feeds their stdin, signals and reaps them.
Pipes rather than files as stdout: a script that writes to ``/dev/stderr`` would
truncate a file, and a limit could not be kept.  A thread rather than the event
loop: a command must not wait because the service is busy, and a slow disk must
not hold up the service.

Every method that touches a process runs on that thread, so a process is never
signalled after it was reaped, when its number may belong to another process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

from .output_log import CHUNK, LogWriter
from .output_order import OrderWriter

__all__ = ["Command", "STDIN_LIMIT", "Supervisor"]

T = TypeVar("T")

#: Seconds after its exit in which a command's pipes may still bring output: the end of
#: a process substitution, say.  What its background processes write later is dropped.
LINGER: Final = 1.0

#: Seconds between SIGTERM and SIGKILL; less when the whole service ends.
GRACE: Final = 2.0
LAST_GRACE: Final = 1.0

#: Bytes of stdin waiting for a command that does not read.
STDIN_LIMIT: Final = 1024 * 1024

#: Seconds between looks at processes, where the system cannot announce an exit.
POLL: Final = 0.03

logger = logging.getLogger(__name__)


class Command:
    """A running command; made by its execution, then used by the supervisor's thread alone.

    Args:
        process: Started in its own session, with pipes.
        logs: Where stdout and stderr go; closed at the command's end.
        order: Where their order is noted; closed with them.
        on_output: Called when a log grew.
        on_end: Called once with the exit status, when the logs are complete.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        logs: tuple[LogWriter, LogWriter],
        order: OrderWriter,
        on_output: Callable[[], None],
        on_end: Callable[[int], None],
    ) -> None:
        self.process = process
        self.logs = logs
        self.order = order
        self.on_output = on_output
        self.on_end = on_end
        self.open_pipes = {process.stdout, process.stderr}
        self.exit_announcer = -1
        self.kill_at: float | None = None
        self.whole_group = False
        self.linger_until: float | None = None
        self.ended = False
        self.stdin_waiting = bytearray()
        self.stdin_closing = False

    @property
    def exited(self) -> bool:
        """Whether the process was reaped; its pipes may still bring output."""
        return self.process.returncode is not None


class Supervisor:
    """Reads, feeds, signals and reaps commands on its own thread until ``close()``."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._requests: deque[Callable[[], None]] = deque()
        self._commands: set[Command] = set()
        self._lingering: set[Any] = set()
        self._closing = False
        self._closed = False
        self._door = threading.Lock()  # between submit() and the thread's last look at requests
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ, self._hear)
        # A daemon: a process that must leave at once does not wait for its commands.
        self._thread = threading.Thread(target=self._run, name="axon-executions", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Run *work* on the supervisor's thread; any thread may ask.

        Raises:
            RuntimeError: After ``close()``.
        """
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(work())
            except Exception as error:  # noqa: BLE001 - it belongs to who asked
                future.set_exception(error)

        with self._door:
            if self._closed:
                raise RuntimeError("the supervisor is closed")
            self._requests.append(run)
        self._ring()
        return future

    def close(self) -> None:
        """End all commands (SIGTERM, after 1 s SIGKILL), wait for them, stop; idempotent."""
        with self._door:
            self._closing = True
        if not self._closed:
            self._ring()
        self._thread.join()

    # What follows runs on the supervisor's thread; the public ones by ``submit``.

    def watch(self, command: Command) -> None:
        """Look after *command* until it ends."""
        self._commands.add(command)
        for stream, pipe in enumerate((command.process.stdout, command.process.stderr)):
            assert pipe is not None
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, self._reader(command, pipe, stream))
        if command.process.stdin is not None:
            os.set_blocking(command.process.stdin.fileno(), False)
        command.exit_announcer = announcer_of(command.process.pid)
        if command.exit_announcer >= 0:
            self._selector.register(
                command.exit_announcer, selectors.EVENT_READ, lambda: self._look(command)
            )
        if self._closing:
            self.terminate(command, group=True)

    def write(self, command: Command, data: bytes) -> bool:
        """Queue *data* for stdin; ``False`` if it will not be read or too much waits."""
        stdin = command.process.stdin
        if stdin is None or stdin.closed or command.stdin_closing or command.exited:
            return False
        if len(command.stdin_waiting) + len(data) > STDIN_LIMIT:
            return False
        command.stdin_waiting += data
        self._feed(command)
        return not stdin.closed

    def end_input(self, command: Command) -> bool:
        """Close stdin as soon as what waits for it is written."""
        stdin = command.process.stdin
        if stdin is None or stdin.closed:
            return False
        command.stdin_closing = True
        self._feed(command)
        return True

    def interrupt(self, command: Command) -> bool:
        """Send SIGINT to the process group, as ^C in a terminal does."""
        return self._signal(command, signal.SIGINT, group=True)

    def terminate(self, command: Command, *, group: bool) -> bool:
        """Send SIGTERM now, and SIGKILL to what has not ended 2 s later."""
        if command.exited:
            return False
        command.whole_group |= group
        if command.kill_at is None:
            command.kill_at = time.monotonic() + (LAST_GRACE if self._closing else GRACE)
        return self._signal(command, signal.SIGTERM, group=group)

    def _run(self) -> None:
        try:
            while not self._finished():
                for key, _ in self._selector.select(self._patience()):
                    key.data()
                while self._requests:
                    self._requests.popleft()()
                self._keep_time()
        except BaseException:
            logger.exception("the supervisor of commands stopped unexpectedly")
            raise
        finally:
            self._tidy()

    def _finished(self) -> bool:
        with self._door:
            if self._closing and not self._commands and not self._requests:
                self._closed = True
            return self._closed

    def _patience(self) -> float | None:
        """Seconds until something is due; ``None``: only news can wake the thread."""
        moments = [m for c in self._commands for m in (c.kill_at, c.linger_until) if m is not None]
        waits = [max(0.0, min(moments) - time.monotonic())] if moments else []
        if any(c.exit_announcer < 0 and not c.exited for c in self._commands):
            waits.append(POLL)
        return min(waits, default=None)

    def _keep_time(self) -> None:
        now = time.monotonic()
        for command in list(self._commands):
            if self._closing and command.kill_at is None:
                self.terminate(command, group=True)
            if command.exit_announcer < 0 and not command.exited:
                self._look(command)
            if command.kill_at is not None and now >= command.kill_at:
                command.kill_at = None
                self._signal(command, signal.SIGKILL, group=command.whole_group)
            if command.linger_until is not None and now >= command.linger_until:
                self._end(command)

    def _reader(self, command: Command, pipe: Any, stream: int) -> Callable[[], None]:
        def read() -> None:
            try:
                data = os.read(pipe.fileno(), CHUNK)
            except BlockingIOError:
                return
            if not data:
                self._close_pipe(command, pipe)
            elif not command.ended:
                self._keep(command, stream, data)

        return read

    def _keep(self, command: Command, stream: int, data: bytes) -> None:
        log = command.logs[stream]
        if not (data := log.fitting(data)):
            return
        try:
            command.order.add(stream, len(data))
            log.append(data)
        except OSError:
            logger.exception("output of process %d is no longer kept", command.process.pid)
        command.on_output()

    def _close_pipe(self, command: Command, pipe: Any) -> None:
        self._selector.unregister(pipe)
        pipe.close()
        command.open_pipes.discard(pipe)
        self._lingering.discard(pipe)
        if command.exited and not command.open_pipes:
            self._end(command)

    def _look(self, command: Command) -> None:
        """Reap the process if it has exited; its pipes may hold more."""
        if command.process.poll() is None:
            return
        if command.exit_announcer >= 0:
            self._selector.unregister(command.exit_announcer)
            os.close(command.exit_announcer)
            command.exit_announcer = -1
        command.kill_at = None
        self._close_stdin(command)
        command.linger_until = time.monotonic() + LINGER
        if not command.open_pipes:
            self._end(command)

    def _end(self, command: Command) -> None:
        if command.ended:
            return
        command.ended = True
        command.linger_until = None
        self._commands.discard(command)
        # Background processes still hold these; closing them would be their SIGPIPE.
        self._lingering |= command.open_pipes
        for file in (*command.logs, command.order):
            file.close()
        code = command.process.returncode
        command.on_end(code if code >= 0 else 128 - code)

    def _feed(self, command: Command) -> None:
        stdin = command.process.stdin
        if stdin is None or stdin.closed:
            return  # closed by an earlier event of the same round
        try:
            while command.stdin_waiting:
                written = os.write(stdin.fileno(), command.stdin_waiting)
                del command.stdin_waiting[:written]
        except BlockingIOError:
            if stdin not in self._selector.get_map():
                self._selector.register(stdin, selectors.EVENT_WRITE, lambda: self._feed(command))
            return
        except BrokenPipeError:
            command.stdin_closing = True
        if stdin in self._selector.get_map():
            self._selector.unregister(stdin)
        if command.stdin_closing:
            self._close_stdin(command)

    def _close_stdin(self, command: Command) -> None:
        stdin = command.process.stdin
        if stdin is None or stdin.closed:
            return
        if stdin in self._selector.get_map():
            self._selector.unregister(stdin)
        command.stdin_waiting.clear()
        stdin.close()

    def _signal(self, command: Command, number: int, *, group: bool) -> bool:
        if command.exited:
            return False
        try:
            (os.killpg if group else os.kill)(command.process.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # enough wake-ups are pending
            self._ringer.send(b"\0")

    def _hear(self) -> None:
        self._bell.recv(4096)

    def _tidy(self) -> None:
        with self._door:
            self._closed = True
            abandoned = list(self._requests)
        for command in list(self._commands):  # only after an unexpected end of this thread
            command.process.kill()
            command.process.wait()
            self._end(command)
        for pipe in self._lingering:
            pipe.close()
        self._selector.close()
        self._bell.close()
        self._ringer.close()
        for request in abandoned:
            request()


def announcer_of(pid: int) -> int:
    """Return a descriptor that becomes readable when *pid* exits, or -1 where there is none."""
    if not hasattr(os, "pidfd_open"):
        return -1
    try:
        return os.pidfd_open(pid)
    except OSError:
        return -1  # an old kernel, or no descriptor left: look at the clock instead
