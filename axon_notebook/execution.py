"""A command in a devbox, in your hands: follow, wait, feed, end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from .errors import ExecutionError, ServerError, TransportError
from .models import ExecutionInfo, OutputChunk
from .wire.output import OutputStream
from .wire.output_subscription import OutputSubscription

if TYPE_CHECKING:
    from .errors import AxonError
    from .wire.api import ApiClient
    from .wire.resuming import StreamState

__all__ = ["CommandOutput", "Execution"]

LONGEST_HOLD: Final = 25.0  # seconds for which the server holds a question for the status
AWAIT_HOLD: Final = 1.0  # the same, where a coroutine waits that may be cancelled

StreamName = Literal["stdout", "stderr"]
Streams = Literal["stdout", "stderr", "both"]


class CommandOutput:
    """The output of a command, for ``for`` and ``async for``; each loop closes what it opens.

    Args:
        follow: Starts to read.
    """

    def __init__(self, follow: Callable[[], OutputSubscription]) -> None:
        self._follow = follow
        self._chunks = _read(follow)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OutputChunk:
        return next(self._chunks)

    def close(self) -> None:
        """End what ``for`` has opened; idempotent."""
        self._chunks.close()

    async def __aiter__(self) -> AsyncIterator[OutputChunk]:
        async with self._follow() as chunks:
            async for chunk in chunks:
                yield chunk


def _read(follow: Callable[[], OutputSubscription]) -> Generator[OutputChunk, None, None]:
    # No method: it would hold its object, and a forgotten one would be closed late.
    with follow() as chunks:
        yield from chunks


class Execution:
    """One command; borrows its client's connection and owns nothing to close.

    ``await execution`` waits for its end as :meth:`wait` does, without blocking the event loop.

    Made by :meth:`Devbox.run` and :meth:`Devbox.execution`.  Every method blocks
    until the server has answered, reacts to Ctrl-C, and raises
    :class:`~axon_notebook.errors.AxonError`.  Leaving a method, or the notebook,
    leaves the command running.

    Attributes:
        devbox_id: Where it runs.
        id: The execution's identifier.
        command: What was run; ``None`` if it was found by its id.
    """

    def __init__(
        self, api: ApiClient, devbox_id: str, execution_id: str, *, command: str | None = None
    ) -> None:
        self._api = api
        self.devbox_id = devbox_id
        self.id = execution_id
        self.command = command

    def __repr__(self) -> str:
        what = f" {self.command!r}" if self.command else ""
        return f"<Execution{what} ({self.id} in {self.devbox_id})>"

    def output(
        self, stream: Streams = "both", offset: int | Mapping[StreamName, int] = 0
    ) -> CommandOutput:
        """Iterate over the output, from the beginning to the end of the command.

        ::

            for chunk in execution.output():
                print(chunk.text, end="")

        In a coroutine it is ``async for``.

        Both streams come as they were written: exactly with the embedded service, as
        far as two pipes can tell, else in the order of arrival.  Over any number of reconnects
        each byte comes once; where the server lost some, the next chunk says in
        ``missing`` how many.  Ctrl-C and ``break`` leave the command running.

        Args:
            stream: ``"stdout"``, ``"stderr"`` or ``"both"``.
            offset: Byte to start at, the same for both streams or one for each:
                ``{"stdout": 100, "stderr": 0}``.
        """
        return CommandOutput(lambda: self.follow(stream, offset))

    def follow(
        self,
        stream: Streams = "both",
        offset: int | Mapping[StreamName, int] = 0,
        *,
        sink: Callable[[OutputChunk], None] | None = None,
        on_end: Callable[[AxonError | None], None] | None = None,
        on_state: Callable[[str, StreamState], None] | None = None,
    ) -> OutputSubscription:
        """Start to read the output in a thread; close what is returned.

        What :meth:`output` and the log viewer stand on.

        Args:
            stream: As for :meth:`output`.
            offset: As for :meth:`output`.
            sink: Called with each chunk in a reader thread, instead of a queue.
            on_end: Called in a reader thread at the end, with the error or ``None``.
            on_state: Called in a reader thread with ``"stdout"`` or ``"stderr"`` and
                the new state of that stream.
        """
        names: tuple[StreamName, ...] = ("stdout", "stderr") if stream == "both" else (stream,)
        if not set(names) <= {"stdout", "stderr"}:
            raise ExecutionError(f'stream {stream!r} is none of "stdout", "stderr" and "both"')
        return OutputSubscription(
            [self._stream(name, offset, on_state) for name in names], sink=sink, on_end=on_end
        )

    def wait(self, timeout: float | None = None) -> ExecutionInfo:
        """Wait until the command has completed.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Its ``exit_status`` and the last 100 lines of ``stdout`` and ``stderr``.

        Raises:
            ExecutionError: If it still runs after *timeout* seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONGEST_HOLD if deadline is None else deadline - time.monotonic()
            try:
                hold = max(0.0, min(left, LONGEST_HOLD))
                return self._api.wait_for_execution(self.devbox_id, self.id, hold=hold)
            except ServerError as error:
                if error.status != 408:
                    raise
            except TransportError:
                self.status()  # tries again where that can help, and raises where it cannot
            if deadline is not None and time.monotonic() >= deadline:
                raise ExecutionError(
                    f"{self!r} still runs after {timeout:g} s: wait longer, or kill() it"
                )

    def status(self) -> ExecutionInfo:
        """Ask the server how the command stands: ``queued``, ``running`` or ``completed``."""
        return self._api.get_execution(self.devbox_id, self.id)

    def kill(self, *, group: bool = True) -> ExecutionInfo:
        """End the command and, unless *group* is false, what it started; return how it stands.

        Killing a command that has completed changes nothing.
        """
        return self._api.kill_execution(self.devbox_id, self.id, process_group=group)

    def __await__(self) -> Generator[Any, None, ExecutionInfo]:
        return self._completed().__await__()

    async def _completed(self) -> ExecutionInfo:
        """Wait in worker threads, for a second each, so that none outlives a cancellation long."""
        while True:
            try:
                return await asyncio.to_thread(
                    self._api.wait_for_execution, self.devbox_id, self.id, hold=AWAIT_HOLD
                )
            except ServerError as error:
                if error.status != 408:
                    raise
            except TransportError:
                # Tries again where that can help, and raises where it cannot.
                await asyncio.to_thread(self.status)

    def send_stdin(self, text: str) -> None:
        """Write *text* to the command's stdin; it must have been run with ``stdin``.

        Raises:
            ExecutionError: If the command does not take it, because it has ended, its
                stdin was closed, or it has not read the megabyte before.
        """
        if text:
            self._send({"text": text})

    def close_stdin(self) -> None:
        """Tell the command that nothing more will come."""
        self._send({"signal": "EOF"})

    def interrupt(self) -> None:
        """Send the command what Ctrl-C in a terminal sends; needs ``stdin``, too."""
        self._send({"signal": "INTERRUPT"})

    def _send(self, body: Mapping[str, str]) -> None:
        if not self._api.send_stdin(self.devbox_id, self.id, body):
            raise ExecutionError(
                f"{self!r} did not take it: it has ended, its stdin is closed, or it does not read"
            )

    def _stream(
        self,
        name: StreamName,
        offset: int | Mapping[StreamName, int],
        on_state: Callable[[str, StreamState], None] | None,
    ) -> OutputStream:
        return OutputStream(
            self._api,
            self.devbox_id,
            self.id,
            name,
            offset=offset if isinstance(offset, int) else offset.get(name, 0),
            on_state=None if on_state is None else lambda state: on_state(name, state),
        )
