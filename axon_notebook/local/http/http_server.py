"""The listening socket and its connections, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sized
from typing import Final

from .app import ServiceApp
from .http1_protocol import Http1Protocol
from .server_state import ServerState

__all__ = ["HttpServer"]

#: Connections that the system accepts before the service does.
BACKLOG: Final = 2048
#: Seconds for the answers that are under way when the server stops; for what HTTP/2 clients
#: say at the end; for tasks whose clients are gone.
ANSWER_TIME: Final = 0.5
FAREWELL_TIME: Final = 0.2
TASK_TIME: Final = 0.5


class HttpServer:
    """Serves *app*, by HTTP/1.1 and HTTP/2.

    Args:
        app: Answers each request.
        listener: Listens; stays the caller's.
    """

    def __init__(self, app: ServiceApp, listener: socket.socket) -> None:
        self._app = app
        self._listener = listener
        self._state = ServerState()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Accept connections from now on."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Http1Protocol(self._app, self._state, loop),
            sock=self._listener,
            backlog=BACKLOG,
        )

    async def stop(self) -> None:
        """Tell the streams, then let the last answers go out, then cut what is left."""
        if self._server is None:
            return
        self._server.close()
        await self._app.streams.stop()
        await _until_empty(self._state.tasks, ANSWER_TIME)
        # Only now: clients made with h2 take nothing after GOAWAY (python-hyper/h2#1181).
        for connection in tuple(self._state.connections):
            connection.shutdown()
        await _until_empty(self._state.connections, FAREWELL_TIME)
        for connection in tuple(self._state.connections):
            connection.transport.abort()
        await _until_empty(self._state.tasks, TASK_TIME)
        for task in tuple(self._state.tasks):
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TASK_TIME):
                await self._server.wait_closed()


async def _until_empty(things: Sized, seconds: float) -> None:
    """Wait until nothing is left, but not for long."""
    for _ in range(int(seconds / 0.01)):
        if not things:
            break
        await asyncio.sleep(0.01)
