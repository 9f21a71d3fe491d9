"""``%axon replay``: a recording is published with the timing of the run.

Where a page shows widgets the cell returns at once with a bar that directs the replay; elsewhere,
and with ``--wait``, it returns at the end of the replay.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .command_requests import word
from .event_publishing import PublishStopped
from .options import Option
from .registry import AXON, Call, Magic
from .shell_session import label
from .status import StatusLine, in_thread

if TYPE_CHECKING:
    from ..recording import Recording
    from ..replaying import Replay

__all__ = ["MAGICS"]

STEP: Final = 0.2  # seconds between two states of the line


def _replay(call: Call) -> Any:
    from ..recording import open_recording
    from ..replaying import replay

    path = Path(word(call, "file")).expanduser()
    axon, options = call.axon(), call.options
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    recording = in_thread(lambda: open_recording(path), line)
    try:
        for note in recording.notes:
            line.note(f"⚠ {note}")
        running = in_thread(
            lambda: replay(
                recording,
                axon,
                options.get("speed", 1.0),
                max_idle=options.get("max_idle"),
                loop=bool(options.get("loop")),
                paused=bool(options.get("paused")),
            ),
            line,
        )
    except BaseException:
        recording.close()
        raise
    if not options.get("wait") and _has_page(call):
        line.clear()
        return _bar(running, recording)
    if options.get("paused"):
        running.resume()  # there is no bar to do it
    started = time.monotonic()
    with recording, running:
        _follow(running, len(recording), line)
    seconds = time.monotonic() - started
    line.done(f"✓ {running.position:,} events in {seconds:.1f} s → {label(axon)}")
    return None


def _has_page(call: Call) -> bool:
    """Whether buttons can be pressed."""
    if getattr(call.magics.shell, "kernel", None) is None:
        return False
    from ..widgets.hosts import shows_widgets

    return shows_widgets()


def _bar(running: Replay, recording: Recording) -> Any:
    from ..widgets.replay_bar import ReplayBar

    return ReplayBar(running, recording)


def _follow(running: Replay, count: int, line: StatusLine) -> None:
    """Show how far it is, until the end or the stop button."""
    started = time.monotonic()
    try:
        while not running.wait(STEP):
            line.running(time.monotonic() - started, f"{running.position:,} of {count:,} events")
    except KeyboardInterrupt:
        running.stop()
        line.clear()
        done = f"{running.position:,} of {count:,} events were published"
        raise PublishStopped(f"stopped: {done}") from None


MAGICS: Final = (
    Magic(
        "axon replay",
        "publish a recording with the timing of the run",
        _replay,
        (
            Option("--speed", "", "number", "N", "times as fast (1)"),
            Option("--max-idle", "", "number", "SECONDS", "cut longer silences short"),
            Option("--loop", "", "flag", "", "begin again at the end"),
            Option("--paused", "", "flag", "", "begin with a pause"),
            Option("--wait", "", "flag", "", "return at the end, without a bar of buttons"),
            AXON,
        ),
        arguments="FILE",
    ),
)
