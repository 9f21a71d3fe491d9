"""A bar to direct a replay with: pause, step, seek, speed, loop, markers, stop."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Final
from weakref import WeakValueDictionary

import ipywidgets

from ..recording import Recording
from ..replaying import Replay

__all__ = ["SPEEDS", "ReplayBar"]

SPEEDS: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 25.0, 100.0)
MARKED: Final = "turn.started"
POLL_SECONDS: Final = 0.25
_OVER: Final = ("stopped", "failed")

#: The bar whose replay publishes into an axon, by its id.
_bars: WeakValueDictionary[str, ReplayBar] = WeakValueDictionary()


class ReplayBar(ipywidgets.HBox):
    """Controls of a replay, and how far it is.  Everything happens in the kernel's main thread.

    Args:
        replay: Owned: closing the bar stops it.
        recording: Owned, too; what is replayed.

    Attributes:
        replay: For what Python directs.
    """

    def __init__(self, replay: Replay, recording: Recording) -> None:
        self.replay = replay
        self._recording = recording
        self._is_showing = False  # what changes now was changed by the replay
        self._play = _button("pause", "Pause")
        self._step = _button("step-forward", "Publish the next event")
        self._stop = _button("stop", "Stop; what was published stays")
        layout = ipywidgets.Layout(flex="1 1 160px", min_width="100px")
        self._seek = ipywidgets.IntSlider(
            0, 0, replay.count, continuous_update=False, readout=False, layout=layout
        )
        self._seek.tooltip = "How many events were published; back publishes them again"
        speeds = sorted({*SPEEDS, replay.speed})
        self._speed = ipywidgets.Dropdown(
            options=[(f"{speed:g}×", speed) for speed in speeds],
            value=replay.speed,
            tooltip="Times as fast as it was",
            layout=ipywidgets.Layout(width="76px"),
        )
        self._loop = ipywidgets.Checkbox(
            replay.loop, description="loop", indent=False, layout=ipywidgets.Layout(width="64px")
        )
        turns = replay.markers(MARKED)
        self._marks = ipywidgets.Dropdown(
            options=[("to turn …", 0), *((f"turn {n}", at) for n, at in enumerate(turns, 1))],
            tooltip="Go to the beginning of a turn",
            layout=ipywidgets.Layout(width="100px", display=None if turns else "none"),
        )
        self._state = ipywidgets.Label()
        parts = [self._play, self._step, self._stop, self._seek, self._marks, self._speed]
        wrapped = ipywidgets.Layout(align_items="center", flex_flow="row wrap")
        super().__init__([*parts, self._loop, self._state], layout=wrapped)
        self._listen()
        self.show()
        if (before := _bars.get(replay.axon.id)) is not None:
            before.close()
        _bars[replay.axon.id] = self
        self._polling: asyncio.Task[None] | None = None
        with contextlib.suppress(RuntimeError):  # no event loop: nothing to poll in
            self._polling = asyncio.get_running_loop().create_task(self._poll())

    def __repr__(self) -> str:
        return f"<ReplayBar of {self.replay!r}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        bundle = super()._repr_mimebundle_(**kwargs)
        if isinstance(bundle, dict):
            bundle["text/plain"] = repr(self)
        return bundle

    def close(self) -> None:
        """Stop the replay, and take the bar away.  Idempotent."""
        self.replay.stop()
        self._recording.close()
        if getattr(self, "_polling", None) is not None:
            self._polling.cancel()  # type: ignore[union-attr]
        super().close()

    def show(self) -> None:
        """Show how the replay stands now."""
        replay = self.replay
        self._is_showing = True
        try:
            state, position = replay.state, replay.position
            is_over = state in _OVER
            label = "Resume" if state == "paused" else "Pause"
            self._play.icon, self._play.tooltip = ("play" if state == "paused" else "pause"), label
            self._play.disabled = is_over or state == "ended"
            for part in (self._step, self._stop, self._seek, self._speed, self._marks, self._loop):
                part.disabled = is_over
            self._seek.value = position
            why = f": {replay.error}" if replay.error is not None else ""
            self._state.value = f"{position:,} of {replay.count:,} events · {state}{why}"
        finally:
            self._is_showing = False

    async def _poll(self) -> None:
        while self.replay.state not in _OVER:
            await asyncio.sleep(POLL_SECONDS)
            self.show()

    def _listen(self) -> None:
        self._play.on_click(lambda _: self._do(self._toggle))
        self._step.on_click(lambda _: self._do(self.replay.step))
        self._stop.on_click(lambda _: self._do(self.replay.stop))
        self._seek.observe(self._sought, "value")
        self._speed.observe(self._sped, "value")
        self._loop.observe(self._looped, "value")
        self._marks.observe(self._marked, "value")

    def _do(self, act: Any) -> None:
        if self.replay.state not in _OVER:
            act()
        self.show()

    def _toggle(self) -> None:
        if self.replay.state == "paused":
            self.replay.resume()
        else:
            self.replay.pause()

    def _sought(self, change: Any) -> None:
        if not self._is_showing:
            self._do(lambda: self.replay.step(change["new"] - self.replay.position))

    def _sped(self, change: Any) -> None:
        self.replay.speed = change["new"]

    def _looped(self, change: Any) -> None:
        self.replay.loop = change["new"]

    def _marked(self, change: Any) -> None:
        if change["new"]:
            self._do(lambda: self.replay.seek(change["new"]))
            self._marks.value = 0


def _button(icon: str, tooltip: str) -> Any:
    layout = ipywidgets.Layout(width="36px")
    return ipywidgets.Button(icon=icon, tooltip=tooltip, layout=layout)
