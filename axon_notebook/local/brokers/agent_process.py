"""The agent's process: lines in, lines out, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from .dialect import LINE_LIMIT, Line

__all__ = ["AgentPlan", "AgentProcess", "LineSplitter", "exit_text", "find_binary"]

CHUNK: Final = 64 * 1024
KEPT: Final = 16 * 1024  # bytes kept of each end of a line that is too long
GRACE: Final = 1.0  # seconds between SIGTERM and SIGKILL
LINGER: Final = 0.3  # seconds in which a pipe may still bring output after the exit


class AgentPlan(msgspec.Struct, frozen=True):
    """How the agent is started.

    Attributes:
        name: The source of its events.
        program: The command, its binary as a full path.
    """

    name: str
    program: list[str]
    directory: Path
    environment: Mapping[str, str]


class LineSplitter:
    """Cuts bytes into lines; never holds more than *limit* bytes and one chunk."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._kept = min(KEPT, limit)
        self._parts: list[bytes] = []
        self._tail = b""
        self._size = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Return the lines that *chunk* completes, empty ones left out."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for piece in complete:
            self._add(piece)
            lines += self.end()
        self._add(rest)
        return lines

    def end(self) -> list[Line]:
        """Return what stands in the last line, if anything."""
        line = Line(b"".join(self._parts), self._size, self._tail)
        self._parts, self._tail, self._size = [], b"", 0
        return [line] if line.data.strip() else []

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._limit:
            self._parts.append(piece)
            return
        if self._tail:
            self._tail = (self._tail + piece)[-self._kept :]
        else:  # it has become too long just now
            start = b"".join([*self._parts, piece])
            self._parts, self._tail = [start[: self._kept]], start[-self._kept :]


class AgentProcess:
    """A running agent, in a session of its own; made by :meth:`start`, ended by :meth:`end`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        self._stdin = process.stdin
        self._over = False

    @classmethod
    async def start(
        cls, program: Sequence[str], *, directory: Path, environment: Mapping[str, str]
    ) -> AgentProcess:
        """Start *program*.

        Raises:
            OSError: The system cannot.
        """
        process = await asyncio.create_subprocess_exec(
            *program,
            cwd=directory,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=CHUNK,
        )
        return cls(process)

    @property
    def pid(self) -> int:
        """Its process id, also that of its group."""
        return self._process.pid

    @property
    def backlog(self) -> int:
        """Bytes that were sent and not read."""
        return self._stdin.transport.get_write_buffer_size()

    async def stdout(self) -> AsyncIterator[list[Line]]:
        """Yield the lines of its output as they come."""
        assert self._process.stdout is not None
        async for lines in _lines(self._process.stdout, LINE_LIMIT):
            yield lines

    async def stderr(self) -> AsyncIterator[list[Line]]:
        """Yield the lines of its log as they come."""
        assert self._process.stderr is not None
        async for lines in _lines(self._process.stderr, CHUNK):
            yield lines

    def send(self, lines: Sequence[bytes]) -> None:
        """Queue *lines* for its stdin; does not wait until it reads them."""
        if not self._stdin.is_closing():
            self._stdin.write(b"".join(lines))

    async def drained(self) -> None:
        """Wait until it has read most of what was sent, or has ended."""
        with contextlib.suppress(ConnectionError):
            await self._stdin.drain()

    async def exit_status(self) -> int:
        """Wait for its exit; a signal shows as a negative number."""
        return await self._process.wait()

    async def end(self) -> None:
        """Close its stdin, terminate its group, after a second kill it; idempotent."""
        if self._over:
            return  # its number may belong to another process by now
        self._over = True
        self._stdin.close()
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        self._signal(signal.SIGKILL)  # what it left behind in its group

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def exit_text(status: int) -> str:
    """Return how an agent ended, for people."""
    how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
    return f"the agent ended {how}"


def find_binary(name: str, search_path: str, directory: Path) -> str | None:
    """Return the path of *name*, or ``None``.

    Looked for as a path if it has a slash, relative to *directory*; else on
    *search_path*, and last next to the service's own Python, where this package's
    commands are, whether or not ``PATH`` leads there.
    """
    if "/" in name:
        return shutil.which(str(directory / Path(name).expanduser()))
    own = str(Path(sys.executable).parent)
    return shutil.which(name, path=f"{search_path}{os.pathsep}{own}")


async def _lines(stream: asyncio.StreamReader, limit: int) -> AsyncIterator[list[Line]]:
    splitter = LineSplitter(limit)
    while chunk := await stream.read(CHUNK):
        if lines := splitter.feed(chunk):
            yield lines
    if lines := splitter.end():
        yield lines
