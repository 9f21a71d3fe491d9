"""A request in a worker thread, and the one line that tells how it goes.

A blocking request in the main thread would notice the stop button only when the
answer is there.  So the request runs in a thread and the main thread waits in
small steps: it notices the interrupt at once, and it alone writes the line.

The only file of the magics that starts threads.  A thread belongs to one
:class:`Task`; it is a daemon, because an abandoned request ends when the server
answers and must not hold the interpreter until then.
"""

from __future__ import annotations

import html
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Any, Final, Generic, TypeVar

from ..visible import visible

__all__ = ["Background", "Interrupted", "StatusLine", "Task", "in_thread"]

T = TypeVar("T")

STEP: Final = 0.05  # seconds between looks at the clock
QUIET: Final = 0.4  # seconds before a running request is mentioned


class Interrupted(KeyboardInterrupt):
    """The stop button was pressed while a request was running.

    A :class:`KeyboardInterrupt`, so that *Run All* stops; shown as one line.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"abandoned after {seconds:.1f} s; the server may still finish what it was asked"
        )

    def _render_traceback_(self) -> list[str]:
        return [f"Interrupted: {self}"]


class Task(Generic[T]):
    """A piece of work on its way in a thread of its own; starts at once.

    Args:
        work: Called once, in the thread.
        name: The thread's name.
    """

    def __init__(self, work: Callable[[], T], *, name: str) -> None:
        self._work = work
        self._finished = threading.Event()
        self._callbacks: list[Callable[[], None]] = []
        self._guard = threading.Lock()  # serialises finishing with adding a callback
        self._result: T | None = None
        self._error: BaseException | None = None
        self.started = time.monotonic()
        self.seconds: float | None = None
        # A daemon, see the module's docstring.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:  # noqa: BLE001 - carried to the thread that asks
            self._error = error
        self.seconds = time.monotonic() - self.started
        with self._guard:
            self._finished.set()
        for callback in self._callbacks:
            callback()

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        return self._finished.is_set()

    @property
    def failed(self) -> bool:
        """Whether it ended with an error."""
        return self._error is not None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end, at most *timeout* seconds; return whether it came."""
        return self._finished.wait(timeout)

    def result(self) -> T:
        """Return what the finished work returned, or raise what it raised."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call *callback* at the end, in the thread; at once if that is over."""
        with self._guard:
            if not self._finished.is_set():
                self._callbacks.append(callback)
                return
        callback()


def in_thread(work: Callable[[], T], line: StatusLine, progress: Callable[[], str] = str) -> T:
    """Run *work* in a thread and return its result; the stop button works meanwhile.

    Args:
        work: Is abandoned if the user presses stop.
        line: Says how long it takes.
        progress: Returns how far it is.

    Raises:
        Interrupted: If the user pressed stop; the work is abandoned.
    """
    started = time.monotonic()
    try:
        # Within the try: an interrupt may come as soon as the thread has begun.
        task = Task(work, name="axon-request")
        while not task.wait(STEP):
            line.running(time.monotonic() - started, progress())
    except KeyboardInterrupt:
        line.clear()
        raise Interrupted(time.monotonic() - started) from None
    return task.result()


class StatusLine:
    """One line of output, updated in place; belongs to the thread that runs the cell.

    In a kernel it is one display that is updated; on a terminal it is
    overwritten; anywhere else only its last state is written.

    Args:
        shell: The running IPython, or ``None`` outside of one.
        quiet: Show nothing at all.
    """

    def __init__(self, shell: Any, *, quiet: bool = False) -> None:
        self._shell = shell
        self._quiet = quiet
        self._kernel = getattr(shell, "kernel", None) is not None
        self._display: Any = None
        self._width = 0
        self._notes: list[str] = []

    def note(self, text: str) -> None:
        """Say *text* under the last state of the line."""
        self._notes.append(text)

    def running(self, seconds: float, text: str = "") -> None:
        """Say that the work goes on, after a short while of silence."""
        if seconds >= QUIET and not self._quiet:
            self._write(f"⏳ {seconds:.1f} s{f' · {text}' if text else ''}", last=False)

    def done(self, text: str) -> None:
        """Replace the line by its last state."""
        if not self._quiet:
            self._write("\n".join([text, *(f"  {note}" for note in self._notes)]), last=True)

    def clear(self) -> None:
        """Take back what was shown while running."""
        if self._display is not None:
            self._display.update(_bundle(""), raw=True)
        elif self._width:
            sys.stderr.write(f"\r{' ' * self._width}\r")
            sys.stderr.flush()
            self._width = 0

    def _write(self, text: str, *, last: bool) -> None:
        text = visible(text, keep="\n")  # names of axons and columns are others' words
        if self._kernel:
            self._show(text)
        elif sys.stderr.isatty():
            first, *more = text.split("\n")
            sys.stderr.write("\r" + first.ljust(self._width) + "".join(f"\n{m}" for m in more))
            sys.stderr.write("\n" if last else "")
            sys.stderr.flush()
            self._width = 0 if last else len(first)
        elif last:
            sys.stderr.write(f"{text}\n")

    def _show(self, text: str) -> None:
        from IPython.display import display

        if self._display is None:
            self._display = display(_bundle(text), raw=True, display_id=True)
        else:
            self._display.update(_bundle(text), raw=True)


def _bundle(text: str) -> dict[str, str]:
    """The line as a front end takes it; column names and axon names are only text."""
    style = "margin:0;color:var(--jp-content-font-color2,#666);font-size:90%"
    return {
        "text/plain": text,
        "text/html": f'<pre style="{style}">{html.escape(text)}</pre>' if text else "",
    }


class Background(Generic[T]):
    """A query that runs while the notebook goes on; ``await`` it, or ask for its result.

    Shown in a notebook it says how it stands, and is updated at the end.
    """

    def __init__(self, work: Callable[[], T], *, label: str) -> None:
        self._task: Task[T] = Task(work, name="axon-background")
        self._label = label
        self._cancelled = False

    @property
    def done(self) -> bool:
        """Whether the result is there, or the query failed or was cancelled."""
        return self._cancelled or self._task.done

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result; the stop button ends the waiting, not the query.

        Args:
            timeout: Seconds to wait at most; ``None`` waits for ever.

        Raises:
            TimeoutError: If it is not there in time.
            AxonError: What the query raised.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self.done:
            left = STEP if until is None else min(STEP, until - time.monotonic())
            if left <= 0:
                raise TimeoutError(f"not there after {timeout:g} s: {self._label}")
            self._task.wait(left)
        if self._cancelled:
            raise Interrupted(time.monotonic() - self._task.started)
        return self._task.result()

    def cancel(self) -> bool:
        """Give the query up, unless it is done; return whether it was given up.

        Nothing will be assigned or returned; the server may still finish.
        """
        if not self._task.done:
            self._cancelled = True
        return self._cancelled

    @property
    def failed(self) -> bool:
        """Whether the query ended with an error."""
        return self._task.failed

    @property
    def cancelled(self) -> bool:
        """Whether it was given up."""
        return self._cancelled

    def when_done(self, callback: Callable[[], None]) -> None:
        """Call *callback* when the work has ended, in the thread of the work."""
        self._task.when_done(callback)

    def __await__(self) -> Generator[Any, None, T]:
        import asyncio

        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def wake() -> None:
            if not arrived.done():
                arrived.set_result(None)

        def arrive() -> None:
            loop.call_soon_threadsafe(wake)

        self._task.when_done(arrive)
        yield from arrived
        return self.result()

    def __repr__(self) -> str:
        seconds = self._task.seconds or time.monotonic() - self._task.started
        if self._cancelled:
            state = "✗ cancelled"
        elif not self._task.done:
            state = f"⏳ running {seconds:.1f} s"
        else:
            state = f"{'✗ failed' if self._task.failed else '✓ done'} after {seconds:.1f} s"
        return f"{state} · {self._label}"

    def _ipython_display_(self) -> None:
        from IPython.display import display

        shown = display(_bundle(repr(self)), raw=True, display_id=True)

        def update() -> None:
            shown.update(_bundle(repr(self)), raw=True)

        if shown is not None:
            self._task.when_done(update)
