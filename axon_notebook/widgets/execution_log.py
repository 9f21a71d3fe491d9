"""The output of a command in a notebook cell, like in a good terminal."""

from __future__ import annotations

import codecs
import html
import time
import uuid
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
import traitlets

from ..errors import AxonError, ParameterError
from ..models import ExecutionInfo, OutputChunk
from ..wire.resuming import StreamState
from .interrupts import deferred_interrupt
from .live import STATIC, LiveWidget
from .output_store import OutputStore, Piece
from .screen_text import ScreenText
from .snapshot import shown

if TYPE_CHECKING:
    from ..execution import Execution

__all__ = ["ExecutionLog"]

DEFAULT_BYTES: Final = 256 * 1024 * 1024
SAVED_BYTES: Final = 100_000  # of the newest output stay in a saved notebook
SAVED_LINES: Final = 400
TEXT_LINES: Final = 10
PRE: Final = "font-family: monospace; font-size: 12px; line-height: 1.3; overflow: auto;"
LINE_CHARS: Final = 2000
_Utf8: Final = codecs.getincrementaldecoder("utf-8")
YOUNG_MS: Final = 1000  # a command that is over, but no older, has ended about now


class ExecutionLog(LiveWidget):
    """Show what *execution* prints, live; lives until :meth:`close`.

    ::

        execution = devbox.run("pytest -q")
        ExecutionLog(execution)

    Colours, progress bars and cursor movements look as in a terminal; searching,
    folding and scrolling happen in the page, also while a cell runs.  Closing
    the log leaves the command running.

    Args:
        execution: The command; its connection is borrowed.
        title: For the headline, in place of the command.
        height: In pixels.
        max_bytes: Of output to keep in the kernel; the oldest goes first, and the
            log says how much.
        snapshot: ``False`` saves no output with the notebook.
        stdin: Whether the command was run with ``stdin=True`` and may be written to.
        keep: Do not close the log that the same cell made before.
        traits: How it looks at first: ``streams`` (``"both"``, ``"stdout"``, ``"stderr"``
            or ``"apart"``), ``follow``, ``wrap``, ``times``, ``numbers``, ``fold``, ``theme``.
    """

    script = STATIC / "execution-log.js"
    _esm = script

    execution_id = traitlets.Unicode("").tag(sync=True)
    streams = traitlets.Enum(["both", "stdout", "stderr", "apart"], default_value="both").tag(
        sync=True
    )
    follow = traitlets.Bool(True).tag(sync=True)
    wrap = traitlets.Bool(False).tag(sync=True)
    times = traitlets.Bool(False).tag(sync=True)
    numbers = traitlets.Bool(True).tag(sync=True)
    fold = traitlets.Bool(False).tag(sync=True)
    stdin = traitlets.Bool(False).tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self,
        execution: Execution,
        *,
        title: str = "",
        height: int = 480,
        max_bytes: int = DEFAULT_BYTES,
        snapshot: bool = True,
        stdin: bool = False,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        if max_bytes < 1:
            raise ParameterError(f"max_bytes is {max_bytes}: give at least 1")
        super().__init__(
            keep=keep,
            title=title or execution.command or execution.id,
            execution_id=execution.id,
            height=height,
            stdin=stdin,
            **traits,
        )
        self._execution = execution
        self._saves = snapshot
        self._was_over: bool | None = None  # before this log began to read; None: not known yet
        self._store = OutputStore(max_bytes=max_bytes, started_ms=_started_ms(execution.id))
        feed = self.start_feed(self._store, f"axon-feed {execution.id}")
        self._feed_notify = feed.notify
        self._subscription = execution.follow(
            sink=self._sink, on_end=self._ended, on_state=self._state_changed
        )

    def text(self, stream: str = "both") -> str:
        """Return what is kept of ``"stdout"``, ``"stderr"`` or ``"both"``, as it was printed.

        Raises:
            ParameterError: If *stream* is none of the three.
        """
        if stream not in ("both", "stdout", "stderr"):
            raise ParameterError(f'stream {stream!r} is none of "stdout", "stderr" and "both"')
        raws = [p.raw for p in self._store.pieces() if stream in ("both", p.stream)]
        return b"".join(raws).decode("utf-8", "replace")

    def stats(self) -> dict[str, Any]:
        """Return counters: of what is kept and of what pages have acknowledged."""
        pump = self._feed.stats() if self._feed is not None else {}
        return {**self._store.stat(), **pump}

    def __repr__(self) -> str:
        return f"<ExecutionLog {self.title!r} {self._status()}>"

    # -- what LiveWidget asks for

    def stop_source(self) -> None:
        """Close the subscription; the command goes on."""
        self._subscription.close()

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button."""
        if message.get("kind") != "cmd":
            return
        try:
            self._carry_out(message.get("name"), str(message.get("value", "")))
            note = ""
        except AxonError as error:
            note = str(error)  # there is no cell to fail: the log itself says it
        if note != self._store.note:
            self._store.note = note
            self._feed_notify(stat=True)

    def static_html(self) -> str:
        """Return the newest output as plain, escaped text."""
        head = f"<b>{html.escape(shown(self.title))}</b> · {html.escape(shown(self._status()))}"
        body = html.escape("\n".join(self._plain_lines()))
        shown_lines = f'<pre style="{PRE}">{body}</pre>' if body else ""
        return f'<div style="font-family: system-ui, sans-serif;">{head}</div>{shown_lines}'

    def static_text(self) -> str:
        """Return the last lines."""
        head = f"{shown(self.title)} · {shown(self._status())}"
        return "\n".join([head, *self._plain_lines()[-TEXT_LINES:]])

    @deferred_interrupt()
    def close(self, reason: str = "closed") -> None:
        """End the log and the display; the last output stays as HTML.  Idempotent."""
        if not self._closed and reason != "replaced":
            self._snapshot = self._packed_snapshot()
        super().close(reason)

    # -- from the reader threads

    def _sink(self, chunk: OutputChunk) -> None:
        self._store.append(chunk)
        self._feed_notify(stat=bool(chunk.missing))

    def _state_changed(self, stream: str, state: StreamState) -> None:
        self._store.change(stream, state)
        self._feed_notify(stat=True)
        if state.name == "live" and stream == "stdout" and self._was_over is None:
            self._was_over = self._is_over()

    def _ended(self, error: AxonError | None) -> None:
        info: ExecutionInfo | None = None
        if error is None and not self._closed:
            try:
                info = self._execution.status()
            except AxonError as caught:
                error = caught
        ended_ms = self._ended_ms() if info else None
        self._store.finish(info, str(error) if error else "", ended_ms=ended_ms)
        self._feed_notify(stat=True)
        # At once: JupyterLab draws a refreshed display anew, and a search that has begun by then
        # would be lost.
        if not self._closed:
            self.refresh()

    def _is_over(self) -> bool:
        """Ask whether the command has ended already: then its end time is unknown."""
        try:
            return self._execution.status().status == "completed"
        except AxonError:
            return False  # the streams meet the same trouble, and say so

    def _ended_ms(self) -> int | None:
        now, started = int(time.time() * 1000), self._store.started_ms
        young = started is not None and now - started < YOUNG_MS
        return None if self._was_over and not young else now

    def _carry_out(self, name: object, value: str) -> None:
        if name == "kill":
            self._execution.kill()
        elif name == "stdin":
            self._execution.send_stdin(value)
        elif name == "stdin_eof":
            self._execution.close_stdin()
        elif name == "retry":
            self._subscription.reconnect()
        elif name == "close":
            self.close()

    # -- what is saved

    def _status(self) -> str:
        stat = self._store.stat()
        if stat["exit_status"] is not None:
            return f"exit status {stat['exit_status']}"
        reason = stat["state"].get("reason")
        return f"{stat['state']['name']}{f': {reason}' if reason else ''}"

    def _plain_lines(self) -> list[str]:
        """The newest output as text, as the screen shows it in the end."""
        order: list[tuple[str, int]] = []  # lines in the order in which they ended

        def screen(stream: str) -> ScreenText:
            return ScreenText(lambda line: order.append((stream, line)))

        screens = {stream: screen(stream) for stream in ("stdout", "stderr")}
        decoders = {stream: _Utf8(errors="replace") for stream in screens}
        for piece in self._newest():
            screens[piece.stream].feed(decoders[piece.stream].decode(piece.raw))
        for stream, shows in screens.items():
            if shows.text(shows.open_line):
                order.append((stream, shows.open_line))
        lines = [screens[stream].text(line) for stream, line in order[-SAVED_LINES:]]
        return [shown(line, LINE_CHARS) for line in lines]

    def _newest(self, size: int = SAVED_BYTES) -> list[Piece]:
        """The newest pieces, a little more than *size* bytes; none if nothing may be saved."""
        pieces = self._store.pieces() if self._saves else []
        first = len(pieces)
        while first > 0 and size > 0:
            first -= 1
            size -= len(pieces[first].raw)
        return pieces[first:]

    def saved_state(self) -> bytes:
        """Return what a file of its own shows: all output that is kept."""
        return self._packed_snapshot(self._store.bytes, file=True)

    def _packed_snapshot(self, size: int = SAVED_BYTES, **marks: bool) -> bytes:
        stat = self._store.stat()
        names = ("state", "status", "exit_status", "started_ms", "ended_ms")
        counts = ("stdout_bytes", "stderr_bytes")
        pieces = [
            {
                "stream": p.stream,
                "offset": p.offset,
                "at_ms": p.at_ms,
                "text": p.raw.decode("utf-8", "replace"),
            }
            for p in self._newest(size)
        ]
        body = {
            "version": 1,
            "taken_ms": int(time.time() * 1000),
            **marks,
            **{name: stat[name] for name in (*names, *counts)},
            "pieces": pieces,
        }
        return zlib.compress(msgspec.json.encode(body), 6)


def _started_ms(execution_id: str) -> int | None:
    """Execution ids are UUIDs of version 7: they begin with the time they were made."""
    try:
        made = uuid.UUID(execution_id)
    except ValueError:
        return None
    return made.int >> 80 if made.version == 7 else None
