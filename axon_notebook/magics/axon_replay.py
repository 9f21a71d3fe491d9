"""``%axon replay``: a recording is published with the timing of the run."""

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
    from ..replaying import Replay

__all__ = ["MAGICS"]

STEP: Final = 0.2  # seconds between two states of the line


def _replay(call: Call) -> Any:
    from ..recording import open_recording
    from ..replaying import replay

    path = Path(word(call, "file")).expanduser()
    axon, speed = call.axon(), call.options.get("speed", 1.0)
    max_idle = call.options.get("max_idle")
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    with in_thread(lambda: open_recording(path), line) as recording:
        started = time.monotonic()
        running = in_thread(lambda: replay(recording, axon, speed, max_idle=max_idle), line)
        with running:
            _follow(running, len(recording), line)
        for note in recording.notes:
            line.note(f"⚠ {note}")
    seconds = time.monotonic() - started
    line.done(f"✓ {running.position:,} events in {seconds:.1f} s → {label(axon)}")
    return None


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
            AXON,
        ),
        arguments="FILE",
    ),
)
