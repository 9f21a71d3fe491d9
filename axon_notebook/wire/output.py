"""The output of a command, stdout or stderr, as a stream that resumes by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from typing import Final

import msgspec

from ..errors import ApiError, AxonError, ProtocolError
from ..models import OutputChunk, OutputFrame
from .api import ApiClient
from .backoff import Backoff
from .http import ByteStream
from .log_cursor import LogCursor
from .reception import frame_error, is_final
from .resuming import IDLE_SECONDS, ResumingStream, StreamState
from .sse import EventDecoder, ServerSentEvent

__all__ = ["OutputStream"]

_FRAME: Final = msgspec.json.Decoder(OutputFrame)


class OutputStream(ResumingStream[OutputChunk]):
    """Iterate the new chunks of stdout or stderr, each byte once or declared missing.

    The end is believed only from an execution that says it has completed.

    Args:
        client: Borrowed; not closed.
        devbox_id: Where the command runs.
        execution_id: The command.
        stream: ``"stdout"`` or ``"stderr"``.
        offset: Position of the first byte wanted.
        backoff: The waits between connections.
        idle: Seconds of silence after which a connection is given up.
        on_state: Called in the iterating thread at every change of state.

    Attributes:
        cursor: What was given so far.
    """

    def __init__(
        self,
        client: ApiClient,
        devbox_id: str,
        execution_id: str,
        stream: str,
        *,
        offset: int = 0,
        backoff: Backoff | None = None,
        idle: float = IDLE_SECONDS,
        on_state: Callable[[StreamState], None] | None = None,
    ) -> None:
        super().__init__(backoff=backoff or Backoff(), idle=idle, on_state=on_state)
        self._client = client
        self._names = devbox_id, execution_id
        self.cursor = LogCursor(stream, offset)
        self._completed = False  # known before the current connection was made

    @property
    def name(self) -> str:
        """What is read, for the name of the thread that reads it."""
        return f"axon-log {self.cursor.stream}"

    def _connection(self) -> Generator[OutputChunk, None, bool]:
        if not self._fresh_interrupt():
            return True
        cursor = self.cursor
        with self._client.stream_output(
            *self._names,
            cursor.stream,
            cursor.position or None,
            idle=self._idle,
            interrupt=self._interrupt,
        ) as response:
            self.connections += 1
            cursor.opened()
            self._change(StreamState("live"))
            yield from self._read(response)
        if self._completed:
            return True
        # What came before may have been cut cleanly, so the end is asked for once more.
        self._completed = self._has_completed()
        return False

    def _read(self, response: ByteStream) -> Generator[OutputChunk, None, None]:
        decoder = EventDecoder()
        for data in response:
            for event in decoder.feed(data):
                if event.event == "error":
                    raise frame_error(event)
                if (chunk := self.cursor.take(_decoded(event))) is not None:
                    self._backoff.succeeded()
                    yield chunk

    def _has_completed(self) -> bool:
        if not self._fresh_interrupt():
            return True
        found = self._client.get_execution(*self._names, last_n=1, interrupt=self._interrupt)
        return found.status == "completed"

    def _after(self, error: AxonError | None) -> float | None:
        if error is None and self._completed:
            return None
        if error is not None and is_final(error):
            raise error
        idle = error is None or (isinstance(error, ApiError) and error.status == 408)
        retry_after = getattr(error, "retry_after", None)
        return self._backoff.failed(retry_after=retry_after, at_once=idle)

    def _reason(self, error: AxonError | None) -> str:
        running = "the server closed the stream of a running command"
        return running if error is None else super()._reason(error)


def _decoded(event: ServerSentEvent) -> OutputFrame:
    """Return the frame in an event; one without text for a block that carries none."""
    if not event.raw.strip():
        return OutputFrame("")
    try:
        return _FRAME.decode(event.raw)
    except (msgspec.ValidationError, RecursionError) as error:
        shown = event.data[:200]
        raise ProtocolError(f"a chunk of output was expected, got {shown!r}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _with_lone_surrogates(event)


def _with_lone_surrogates(event: ServerSentEvent) -> OutputFrame:
    # Valid JSON, but a server that cuts a surrogate pair in two sends what msgspec refuses.
    try:
        fields = json.loads(event.data)
        return OutputFrame(str(fields["output"]), fields.get("offset"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        shown = event.data[:200]
        raise ProtocolError(f"a chunk of output was expected, got {shown!r}") from error
