"""The execution endpoints: start, look, wait, kill, feed, follow.

Shapes and names follow Runloop's OpenAPI document for executions and the types
of ``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Final, Literal
from uuid import UUID

import msgspec

from ...models import ExecutionInfo, OutputFrame
from ...wire.sse import encode_event
from ..devboxes.devbox_records import ExecutionRecord
from ..devboxes.devboxes import Devboxes
from ..devboxes.executions import STREAMS, Executions, Stream
from ..refusals import Refusal
from .repeats import Repeats
from .requests import INT64_MAX, Request, hold_time
from .routing import Handler
from .streams import EventStream
from .streams import Stream as OpenStream

__all__ = ["ExecutionRoutes"]

#: Seconds that a request for an execution is held at most.
LONGEST_HOLD: Final = 25.0

#: Lines of output in a view, if the request does not say.
LINES: Final = 100
MOST_LINES: Final = 1_000_000

#: Bytes of each stream in the answer of ``execute_sync``.
SYNC_LIMIT: Final = 16 * 1024 * 1024

#: Lines in an answer of ``…/logs``, and those of one stream of one execution.
LOG_LINES: Final = 10_000
LINES_OF_ONE: Final = 1000

_encode = msgspec.json.Encoder().encode
_escape = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode


class Execute(msgspec.Struct):
    """Body of ``POST …/execute``."""

    command: str
    command_id: str
    optimistic_timeout: float | None = None
    shell_name: str | None = None


class ExecuteAsync(msgspec.Struct):
    """Body of ``POST …/execute_async`` and ``…/execute_sync``."""

    command: str
    attach_stdin: bool | None = None
    shell_name: str | None = None


class WaitForExecution(msgspec.Struct):
    """Body of ``POST …/wait_for_status``."""

    statuses: list[Literal["queued", "running", "completed"]]
    timeout_seconds: float | None = None


class Kill(msgspec.Struct):
    """Body of ``POST …/kill``."""

    kill_process_group: bool | None = None


class SendStdIn(msgspec.Struct):
    """Body of ``POST …/send_std_in``: exactly one of the two."""

    text: str | None = None
    signal: Literal["EOF", "INTERRUPT"] | None = None


class ExecutionRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, devboxes: Devboxes, repeats: Repeats) -> None:
        self._devboxes = devboxes
        self._executions: Executions = devboxes.executions
        self._repeats = repeats

    async def execute(self, request: Request) -> ExecutionInfo:
        """Start a command under the client's id and wait a while for its end."""
        wanted = await request.read(Execute)
        record = await self._devboxes.execute(
            request.path_params["devbox_id"],
            wanted.command,
            execution_id=_command_id(wanted.command_id),
            shell_name=wanted.shell_name,
        )
        hold = hold_time(wanted.optimistic_timeout, LONGEST_HOLD)
        await self._executions.wait(record.devbox_id, record.id, hold=hold)
        return self._view(request, self._executions.find(record.devbox_id, record.id))

    async def execute_async(self, request: Request) -> ExecutionInfo:
        """Start a command."""
        wanted = await request.read(ExecuteAsync)
        devbox_id = request.path_params["devbox_id"]
        record = await self._repeats.once(
            request.repeat_id,
            wanted,
            lambda: self._devboxes.execute(
                devbox_id,
                wanted.command,
                attach_stdin=bool(wanted.attach_stdin),
                shell_name=wanted.shell_name,
            ),
        )
        return self._view(request, record)

    async def execute_sync(self, request: Request) -> object:
        """Run a command and answer its whole output, or the last 16 MiB of each stream."""
        wanted = await request.read(ExecuteAsync)
        if wanted.attach_stdin:
            raise Refusal(400, "attach_stdin is not available for execute_sync: use execute_async.")
        devbox_id = request.path_params["devbox_id"]
        record = await self._repeats.once(
            request.repeat_id,
            wanted,
            lambda: self._devboxes.execute(devbox_id, wanted.command, shell_name=wanted.shell_name),
        )
        await self._executions.wait(record.devbox_id, record.id)
        record = self._executions.find(record.devbox_id, record.id)
        out, err = [
            await asyncio.to_thread(
                self._executions.tail, record, stream, MOST_LINES, limit=SYNC_LIMIT
            )
            for stream in STREAMS
        ]
        return {
            "devbox_id": record.devbox_id,
            "exit_status": record.exit_status,
            "stdout": out.text,
            "stderr": err.text,
        }

    async def get(self, request: Request) -> ExecutionInfo:
        """Answer the execution, with its last lines once it has completed."""
        return self._view(request, self._find(request))

    async def wait_for_status(self, request: Request) -> ExecutionInfo:
        """Answer the execution once it has one of the statuses, or 408."""
        wanted = await request.read(WaitForExecution)
        if not wanted.statuses:
            raise Refusal(400, "statuses must name at least one status.")
        hold = hold_time(wanted.timeout_seconds, LONGEST_HOLD)
        record = await self._executions.wait(
            *_names(request), statuses=list(wanted.statuses), hold=hold
        )
        if record is None:
            raise Refusal(408, f"The execution had none of these statuses within {hold:g} seconds.")
        return self._view(request, record)

    async def kill(self, request: Request) -> ExecutionInfo:
        """Terminate the command; if asked, its whole process group."""
        wanted = await request.read(Kill)
        record = await self._executions.kill(
            *_names(request), group=bool(wanted.kill_process_group)
        )
        return self._view(request, record)

    async def send_std_in(self, request: Request) -> object:
        """Feed the command's stdin, close it, or interrupt the command."""
        wanted = await request.read(SendStdIn)
        if (not wanted.text) == (wanted.signal is None):
            raise Refusal(400, "Give either a non-empty text or a signal.")
        devbox_id, execution_id = _names(request)
        sent = await self._repeats.once(
            request.repeat_id, wanted, lambda: self._send(devbox_id, execution_id, wanted)
        )
        return {"devbox_id": devbox_id, "execution_id": execution_id, "success": sent}

    async def logs(self, request: Request) -> object:
        """Answer the devbox's output line by line, each execution under its command.

        Lines carry no time of their own; theirs is that of the command's end, or start.
        """
        devbox_id = request.path_params["devbox_id"]
        query = request.query
        only, shell = query.text("execution_id"), query.text("shell_name")
        records = self._devboxes.logs_of(devbox_id)
        if shell is not None:
            records = [record for record in records if record.shell_name == shell]
        if only is not None:
            records = [self._executions.find(devbox_id, only)]
        return {"logs": await asyncio.to_thread(self._logs_of, records)}

    def stream(self, name: Stream) -> Handler:
        """Return the handler that follows one of the two streams.

        The stream ends when the command has and all was sent.
        """

        async def follow(request: Request) -> EventStream:
            record, query = self._find(request), request.query
            offset = query.integer("offset", 0, 0, INT64_MAX) if query.text("offset") else 0

            async def pump(stream: OpenStream) -> None:
                chunks = self._executions.follow(record, name, offset=offset)
                async with contextlib.aclosing(chunks):
                    async for chunk in chunks:
                        await stream.write(encode_chunk(chunk))

            return EventStream(pump)

        return follow

    async def _send(self, devbox_id: str, execution_id: str, wanted: SendStdIn) -> bool:
        if wanted.signal is not None:
            return await self._executions.send_signal(devbox_id, execution_id, wanted.signal)
        return await self._executions.send(devbox_id, execution_id, (wanted.text or "").encode())

    def _find(self, request: Request) -> ExecutionRecord:
        return self._executions.find(*_names(request))

    def _view(self, request: Request, record: ExecutionRecord) -> ExecutionInfo:
        query = request.query
        lines = query.integer("last_n", LINES, 0, MOST_LINES)
        return self._executions.view(record, lines=lines)

    def _logs_of(self, records: list[ExecutionRecord]) -> list[dict[str, object]]:
        """Return the lines of executions, oldest first, as many of the newest as fit."""
        found: list[list[dict[str, object]]] = []
        room = LOG_LINES
        for record in reversed(records):
            found.append(self._log_of(record, min(room, LINES_OF_ONE)))
            room -= len(found[-1])
            if room <= 0:
                break
        return [line for lines in reversed(found) for line in lines]

    def _log_of(self, record: ExecutionRecord, most: int) -> list[dict[str, object]]:
        about = {"source": record.purpose, "cmd_id": record.id, "level": "info"}
        if record.shell_name is not None:
            about["shell_name"] = record.shell_name
        when = record.end_time_ms or record.start_time_ms
        lines: list[dict[str, object]] = [
            {**about, "timestamp_ms": record.start_time_ms, "cmd": record.command}
        ]
        for stream, level in zip(STREAMS, ("info", "error"), strict=True):
            text = self._executions.tail(record, stream, most).text
            lines += (
                {**about, "level": level, "timestamp_ms": when, "message": line}
                for line in text.removesuffix("\n").split("\n")
                if text
            )
        if record.status == "completed":
            lines.append({**about, "timestamp_ms": when, "exit_code": record.exit_status})
        return lines


def encode_chunk(chunk: OutputFrame) -> bytes:
    """Return a chunk as a frame in ASCII; some clients split lines at U+2028, too."""
    data = _encode(chunk)
    if not data.isascii():
        data = _escape(msgspec.to_builtins(chunk)).encode("ascii")
    return encode_event(data)


def _names(request: Request) -> tuple[str, str]:
    return request.path_params["devbox_id"], request.path_params["execution_id"]


def _command_id(text: str) -> str:
    try:
        value = UUID(text)
    except ValueError:
        value = None
    if value is None or value.version != 7:
        raise Refusal(400, "command_id must be a UUID of version 7.")
    return str(value)
