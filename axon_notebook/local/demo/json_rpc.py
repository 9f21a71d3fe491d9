"""JSON-RPC 2.0 on stdin and stdout, as far as an agent of the Agent Client Protocol needs it.

One message per line.  Requests of the client are handled in tasks of their own, so that a
cancel is read while a prompt runs.  Lines are read in a thread, which works for pipes,
files and terminals of every system.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, Final

import msgspec

__all__ = ["INVALID_PARAMS", "Fields", "JsonRpc", "RpcError"]

INVALID_PARAMS: Final = -32602
INTERNAL: Final = -32603
METHOD_NOT_FOUND: Final = -32601

Fields = dict[str, Any]  # of a message: whatever JSON can hold
Handler = Callable[[Fields], Awaitable[Fields | None]]


class RpcError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Message(msgspec.Struct, omit_defaults=True):
    """A line, either way."""

    id: int | str | None = None
    method: str | None = None
    params: Fields | None = None
    result: Any = None
    error: Fields | None = None
    jsonrpc: str = ""


class JsonRpc:
    """The agent's side of one conversation.

    Args:
        handlers: What the client may ask for, by method; notifications as well.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Fields]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Read until the client hangs up, then end what still runs."""
        while line := await asyncio.to_thread(sys.stdin.buffer.readline):
            try:
                message = msgspec.json.decode(line, type=Message)
            except msgspec.DecodeError as error:
                sys.stderr.write(f"not a JSON-RPC message: {error}\n")
                continue
            if message.method is None:
                self._answered(message)
            else:
                task = asyncio.create_task(self._handle(message.method, message))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def request(self, method: str, params: Fields) -> Fields:
        """Ask the client; wait for its answer.

        Raises:
            RpcError: The answer is an error.
        """
        number = next(self._numbers)
        answer: asyncio.Future[Fields] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send(Message(id=number, method=method, params=params))
            return await answer
        finally:
            del self._waiting[number]

    def notify(self, method: str, params: Fields) -> None:
        """Tell the client something that needs no answer."""
        self._send(Message(method=method, params=params))

    def _answered(self, message: Message) -> None:
        future = self._waiting.get(message.id) if isinstance(message.id, int) else None
        if future is None or future.done():
            return  # it is not waited for any more
        if message.error is not None:
            code, text = message.error.get("code", 0), message.error.get("message", "")
            future.set_exception(RpcError(int(code), str(text)))
        else:
            future.set_result(message.result if isinstance(message.result, dict) else {})

    async def _handle(self, method: str, message: Message) -> None:
        try:
            if (handler := self._handlers.get(method)) is None:
                raise RpcError(METHOD_NOT_FOUND, f"this agent does not know {method}")
            result = await handler(message.params or {})
        except RpcError as error:
            answer = Message(id=message.id, error={"code": error.code, "message": str(error)})
        except Exception as error:  # noqa: BLE001 - the client waits for an answer
            traceback.print_exc()
            answer = Message(id=message.id, error={"code": INTERNAL, "message": repr(error)})
        else:
            answer = Message(id=message.id, result=result or {})
        if message.id is not None:
            self._send(answer)

    def _send(self, message: Message) -> None:
        message.jsonrpc = "2.0"
        sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
        sys.stdout.buffer.flush()
