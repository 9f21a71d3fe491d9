"""The output of a command as a stream that resumes by itself.

:class:`LogStream` follows one of the two streams over any number of connections;
:class:`OutputSubscription` reads both beside the main thread and merges them.  Each
byte comes once or is declared missing, and the end is believed only from an
execution that says it has completed.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, Self

import msgspec

from ..closing import Closing
from ..errors import ApiError, AxonError, ClosedError, ProtocolError
from ..models import OutputChunk, OutputFrame
from .api import ApiClient
from .backoff import Backoff
from .http import ByteStream, Interrupt
from .log_cursor import LogCursor
from .output_merge import OutputMerge
from .reception import frame_error, is_final
from .sse import EventDecoder, ServerSentEvent
from .stream import StreamState
from .wake import watching

__all__ = ["LogStream", "OutputSubscription"]

IDLE_SECONDS: Final = 45.0  # three keep-alives of the embedded service
QUEUE_BYTES: Final = 8 * 1024 * 1024
HOLD_SECONDS: Final = 0.5  # a chunk waits so long for a silent stream to bring what was before it
LOOK_UP_SECONDS: Final = 0.1  # a waiting main thread looks up so often, for the stop button

_FRAME: Final = msgspec.json.Decoder(OutputFrame)


class LogStream:
    """Iterate the new chunks of stdout or stderr; blocks; no thread of its own.

    One thread iterates; :meth:`close` and :meth:`reconnect` may be called from any.
    It reconnects for ever after a cut, 408, 429, 5xx and silence, and stops with
    a typed error where that cannot help.

    Args:
        client: Borrowed; not closed.
        devbox_id: Where the command runs.
        execution_id: The command.
        stream: ``"stdout"`` or ``"stderr"``.
        offset: Position of the first byte wanted.
        backoff: The waits between connections.
        idle: Seconds of silence after which the connection is given up.
        on_state: Called in the iterating thread at every change of state.

    Attributes:
        cursor: What was given so far.
        state: How the stream stands: ``connecting``, ``live``, ``reconnecting``,
            ``ended`` or ``failed``.
        connections: How many were made.
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
        self._client = client
        self._names = devbox_id, execution_id
        self._idle = idle
        self._on_state = on_state
        self._backoff = backoff or Backoff()
        self.cursor = LogCursor(stream, offset)
        self.state = StreamState("connecting")
        self.connections = 0
        self._completed = False  # known before the current connection was made
        self._closed = threading.Event()
        self._wake = threading.Event()  # ends a wait between connections
        self._interrupt = Interrupt()

    def __iter__(self) -> Generator[OutputChunk, None, None]:
        with watching(self.reconnect):
            yield from self._connections()
        self._change(StreamState("ended"))

    def _connections(self) -> Iterator[OutputChunk]:
        """One connection after the other."""
        while not self._closed.is_set():
            error: AxonError | None = None
            try:
                yield from self._connection()
                if self._completed:
                    break
                # What came before may have been cut cleanly, so the end is asked for once more.
                self._completed = self._has_completed()
            except AxonError as caught:
                if self._closed.is_set():
                    break  # the socket was shut down by close()
                error = caught
            if not self._closed.is_set() and (error is not None or not self._completed):
                self._pause(error)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed.is_set()

    def close(self) -> None:
        """End the iteration, from any thread; a blocked reader wakes at once."""
        self._closed.set()
        self.reconnect()

    def reconnect(self) -> None:
        """Drop the connection, or the wait for the next one, and connect now; any thread."""
        self._wake.set()
        self._interrupt.fire()

    def _connection(self) -> Generator[OutputChunk, None, None]:
        """One connection, from the request to its end."""
        self._interrupt = Interrupt()
        if self._closed.is_set():
            return
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
        self._interrupt = Interrupt()
        if self._closed.is_set():
            return True
        found = self._client.get_execution(*self._names, last_n=1, interrupt=self._interrupt)
        return found.status == "completed"

    def _pause(self, error: AxonError | None) -> None:
        """Wait for the next attempt, or raise what cannot be helped by one."""
        reason = str(error) if error else "the server closed the stream of a running command"
        if error is not None and is_final(error):
            self._change(StreamState("failed", reason))
            raise error
        idle = error is None or (isinstance(error, ApiError) and error.status == 408)
        wait = self._backoff.failed(
            retry_after=getattr(error, "retry_after", None),
            at_once=idle,
        )
        failures = self._backoff.failures
        self._change(StreamState("reconnecting", reason, wait, failures=failures))
        self._wake.wait(wait)
        if not self._closed.is_set():
            self._wake.clear()

    def _change(self, state: StreamState) -> None:
        self.state = state
        if self._on_state is not None:
            self._on_state(state)


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


class _Readers:
    """The threads, one per stream, and what they have read.

    They do not know the subscription, so that a forgotten one can be collected.
    """

    def __init__(
        self,
        streams: Sequence[LogStream],
        sink: Callable[[OutputChunk], None] | None,
        on_end: Callable[[AxonError | None], None] | None,
    ) -> None:
        self.streams = tuple(streams)
        self.sink = sink
        self.on_end = on_end
        self.changed = threading.Condition()  # guards everything below, and calls of the sink
        from_start = all(stream.cursor.position == 0 for stream in streams)
        names = [stream.cursor.stream for stream in streams]
        self.merge = OutputMerge(names, start=0 if from_start else None)
        self.arrived = 0  # chunks, so that a stream that brings some is told from a silent one
        self.queue: deque[OutputChunk] = deque()
        self.queued = 0
        self.running = len(self.streams)
        self.error: BaseException | None = None

    def run(self, stream: LogStream) -> None:
        """Drive one stream to its end: what a thread runs."""
        try:
            with contextlib.closing(iter(stream)) as chunks:
                for chunk in chunks:
                    self._hand_on(stream, chunk)
        except AxonError as caught:
            self._fail(caught)
        except BaseException as caught:  # cannot happen; kept so that the iteration shows it
            self._fail(caught)
            raise
        finally:
            with self.changed:
                self._deliver(self.merge.ended(stream.cursor.stream))
                self.running -= 1
                last = self.running == 0
                self.changed.notify_all()
            if last and self.on_end is not None:
                self.on_end(self.error if isinstance(self.error, AxonError) else None)

    def close(self) -> None:
        """Make every thread end."""
        for stream in self.streams:
            stream.close()
        with self.changed:
            self.changed.notify_all()

    def take(self, timeout: float | None) -> OutputChunk | None:
        """Wait for a chunk; ``None`` at the end or after *timeout* seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            while not self.queue:
                left = LOOK_UP_SECONDS if deadline is None else deadline - time.monotonic()
                if self.running == 0 or left <= 0:
                    return None
                self.changed.wait(min(left, LOOK_UP_SECONDS))
            chunk = self.queue.popleft()
            self.queued -= len(chunk.text)
            self.changed.notify_all()
            return chunk

    def _hand_on(self, stream: LogStream, chunk: OutputChunk) -> None:
        with self.changed:
            # While there is no room, TCP holds the server back.
            while self.queued > QUEUE_BYTES and not stream.closed:
                self.changed.wait(1.0)
            self.arrived += 1
            self._deliver(self.merge.take(chunk))
            self._wait_for_others(stream)

    def _wait_for_others(self, stream: LogStream) -> None:
        """Read on when what was written before has come, or will not soon; the lock is held."""

        def is_given() -> bool:
            lost = any(s.state.name not in ("connecting", "live") for s in self.streams)
            return not self.merge.holds(stream.cursor.stream) or stream.closed or lost

        arrived = -1
        while arrived != self.arrived and not is_given():
            arrived = self.arrived
            self.changed.wait_for(is_given, HOLD_SECONDS)
        if self.merge.holds(stream.cursor.stream):
            self._deliver(self.merge.flush())

    def _deliver(self, chunks: list[OutputChunk]) -> None:
        """Give *chunks* to the sink or the queue; the lock is held."""
        for chunk in chunks:
            if self.sink is not None:
                self.sink(chunk)
            else:
                self.queue.append(chunk)
                self.queued += len(chunk.text)
        self.changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        """Keep the first error and end the other stream, too."""
        self.error = self.error or error
        for stream in self.streams:
            stream.close()


class OutputSubscription(Closing):
    """The output of one command as it comes, both streams merged; lives until :meth:`close`.

    Iterate it: :class:`~axon_notebook.models.OutputChunk` in the order of writing
    where the server knows it, else of arrival.
    The iteration ends when the command has completed and everything was read, or
    with the error that stopped a stream.  Ctrl-C leaves it within 0.3 seconds and
    leaves the command running.

    Args:
        streams: Owned: closed with the subscription.
        sink: Called with every chunk instead of the queue, in one of the reader
            threads, never in two at once.
        on_end: Called once in a reader thread when all have ended, with the error or
            ``None``.
    """

    def __init__(
        self,
        streams: Sequence[LogStream],
        *,
        sink: Callable[[OutputChunk], None] | None = None,
        on_end: Callable[[AxonError | None], None] | None = None,
    ) -> None:
        self.streams = tuple(streams)
        self._readers = _Readers(streams, sink, on_end)
        # Daemons: a forgotten subscription must not keep the interpreter from exiting.
        self._threads = [
            threading.Thread(
                target=self._readers.run,
                args=(stream,),
                name=f"axon-log {stream.cursor.stream}",
                daemon=True,
            )
            for stream in self.streams
        ]
        for thread in self._threads:
            thread.start()

    @property
    def ended(self) -> bool:
        """Whether every stream has ended; chunks may still be waiting to be taken."""
        return self._readers.running == 0

    @property
    def missing(self) -> int:
        """Bytes that the servers did not deliver, so far."""
        return sum(stream.cursor.missing for stream in self.streams)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OutputChunk:
        chunk = self.next_chunk()
        if chunk is None:
            raise StopIteration
        return chunk

    def next_chunk(self, timeout: float | None = None) -> OutputChunk | None:
        """Wait for the next chunk; ``None`` at the end, or after *timeout* seconds.

        Raises:
            AxonError: What stopped a stream, after the last chunk before it.
        """
        if self._readers.sink is not None:
            raise ClosedError("this subscription feeds a sink: make another one to iterate")
        chunk = self._readers.take(timeout)
        if chunk is None and self.ended and self._readers.error is not None:
            error, self._readers.error = self._readers.error, None
            raise error
        return chunk

    def reconnect(self) -> None:
        """Connect now instead of waiting for the next attempt; from any thread."""
        for stream in self.streams:
            stream.reconnect()

    def close(self) -> None:
        """End the threads and their connections, at most two seconds each; idempotent."""
        self._readers.close()
        for thread in self._threads:
            if thread is threading.current_thread():
                continue
            thread.join(timeout=2.0)
            if thread.is_alive():
                warnings.warn(f"{thread.name} did not end", ResourceWarning, stacklevel=2)

    def __del__(self) -> None:
        if any(thread.is_alive() for thread in getattr(self, "_threads", ())):
            message = f"unclosed {self!r}: use it as a context manager"
            warnings.warn(message, ResourceWarning, stacklevel=2)
            self._readers.close()

    def __repr__(self) -> str:
        stands = ", ".join(f"{s.cursor.stream} {s.state.name}" for s in self.streams)
        return f"<OutputSubscription {stands}>"
