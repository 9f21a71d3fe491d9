"""Publishes a recording into an axon with the timing of the run."""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

from .agent_state import agent_state
from .axon import Axon
from .closing import Closing
from .errors import AxonError, ParameterError
from .models import EVENTS_SELECT, AxonEvent
from .recording import Recording
from .recording_import import publish_recorded

__all__ = ["Clock", "Replay", "replay"]

#: Events that are published together when several are due.
BATCH: Final = 200

State = Literal["playing", "paused", "ended", "failed", "stopped"]


class Clock(Protocol):
    """Where a replay has its time from."""

    def now(self) -> float:
        """Return seconds that only go forward."""

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        """Wait for a change, *seconds* at most; the lock is held."""


class SystemClock:
    """The time of this machine."""

    def now(self) -> float:
        """Return seconds that only go forward."""
        return time.monotonic()

    def wait(self, changed: threading.Condition, seconds: float | None) -> None:
        """Wait for a change."""
        changed.wait(seconds)


def replay(
    recording: Recording,
    axon: Axon,
    speed: float = 1.0,
    *,
    max_idle: float | None = None,
    loop: bool = False,
    paused: bool = False,
) -> Replay:
    """Publish the events of *recording* into *axon*, as they came.

    The embedded service keeps their origins, SYSTEM_EVENT included; on Runloop that becomes
    EXTERNAL_EVENT.  Sequences and times are the axon's own.

    Args:
        recording: What is replayed; borrowed.
        axon: Where to; it must have no agent, because recorded prompts would reach it.
        speed: 1 is as it was, 4 is four times as fast.
        max_idle: Seconds of the recording after which a silence is cut short.
        loop: Begin again at the end, until :meth:`Replay.stop`.
        paused: Begin with a pause.

    Raises:
        ParameterError: The axon has an agent, or a number is out of range.
    """
    if (state := agent_state(axon)).exists:
        raise ParameterError(
            f"{axon.id} has an agent ({state.devbox_id}), which would get the recorded prompts:"
            " replay into another axon"
        )
    return Replay(recording, axon, speed=speed, max_idle=max_idle, loop=loop, paused=paused)


class Replay(Closing):
    """A replay that runs in a thread of its own, until :meth:`stop`.

    Every method may be called from any thread.

    Attributes:
        axon: Where the events go.
        seconds: How long the recording takes at speed 1, silences cut short.
    """

    def __init__(
        self,
        recording: Recording,
        axon: Axon,
        *,
        speed: float = 1.0,
        max_idle: float | None = None,
        loop: bool = False,
        paused: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self.axon = axon
        self._recording = recording
        self._clock = clock or SystemClock()
        self._sequences, self._offsets = _timeline(recording, max_idle)
        self.seconds = self._offsets[-1] if self._offsets else 0.0
        self._changed = threading.Condition()  # guards everything below
        self._loop = loop
        self._speed = _positive(speed)
        self._state: State = "paused" if paused else "playing"
        self._next = 0  # the index of the event that comes next
        self._at_once = 0  # events before this index are published without waiting
        self._anchor = (self._clock.now(), 0.0)  # a moment, and where the replay was
        self._error: AxonError | None = None
        # A daemon: a replay that was not stopped must not keep the interpreter from exiting.
        name = f"axon-replay {axon.id}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        done = f"{self.position:,} of {len(self._sequences):,} events"
        return f"<Replay {self.state} at {self._speed:g}×, {done}>"

    @property
    def state(self) -> State:
        """``playing``, ``paused``, ``ended``, ``failed`` or ``stopped``."""
        return self._state

    @property
    def position(self) -> int:
        """How many events of the recording were published; less again after a seek back."""
        return self._next

    @property
    def count(self) -> int:
        """How many events the recording has."""
        return len(self._sequences)

    @property
    def error(self) -> AxonError | None:
        """What it failed with."""
        return self._error

    @property
    def loop(self) -> bool:
        """Whether it begins again at the end; can be set at any time."""
        return self._loop

    @loop.setter
    def loop(self, loop: bool) -> None:
        with self._changed:
            self._loop = loop
            self._changed.notify_all()

    @property
    def speed(self) -> float:
        """How fast it is; can be set at any time."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        with self._changed:
            self._set_anchor()
            self._speed = _positive(speed)
            self._changed.notify_all()

    def pause(self) -> None:
        """Stop the time of the replay."""
        self._set("paused", ("playing",))

    def resume(self) -> None:
        """Go on after a pause."""
        self._set("playing", ("paused",))

    def step(self, count: int = 1) -> None:
        """Publish the next *count* events now; time goes on after the last of them.

        A negative *count* goes back: those events come again.
        """
        self._jump(self._next + count)

    def seek(self, sequence: int) -> None:
        """Go to the event of the recording with this *sequence*, which comes next.

        Forward, what lies between is published at once; back, events are published again.
        """
        self._jump(bisect_left(self._sequences, sequence))

    def markers(self, event_type: str = "turn.started") -> list[int]:
        """Return the sequences of the events of this type, to seek to; ``*`` is any text."""
        operator = "GLOB" if "*" in event_type else "="
        sql = "SELECT sequence FROM rl_axon_events WHERE event_type"
        found = self._recording.execute(f"{sql} {operator} ? ORDER BY sequence", [event_type])
        return [row[0] for row in found.rows]

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end; return whether it has come within *timeout* seconds.

        Raises:
            AxonError: What the replay failed with.
        """
        with self._changed:
            over = self._changed.wait_for(
                lambda: self._state in ("ended", "failed", "stopped"), timeout
            )
        if self._error is not None:
            raise self._error
        return over

    def stop(self) -> None:
        """End the replay; what was published stays.  Idempotent."""
        with self._changed:
            if self._state not in ("failed",):
                self._state = "stopped"
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join()

    close = stop

    # -- in any thread, with the lock

    def _set(self, state: State, before: Sequence[State]) -> None:
        with self._changed:
            if self._state in before:
                self._set_anchor()
                self._state = state
            self._changed.notify_all()

    def _jump(self, index: int) -> None:
        with self._changed:
            if self._state in ("failed", "stopped"):
                raise ParameterError(f"the replay has {self._state}: make another one")
            index = max(0, min(index, len(self._sequences)))
            if index < self._next:
                self._next = index
            if self._state == "ended":
                self._state = "playing"
            self._at_once = index
            self._anchor = (self._clock.now(), self._offset(index))
            self._changed.notify_all()

    def _set_anchor(self) -> None:
        moment, offset = self._anchor
        now = self._clock.now()
        if self._state == "playing":
            offset += (now - moment) * self._speed
        self._anchor = (now, offset)

    def _offset(self, index: int) -> float:
        return self._offsets[index] if index < len(self._offsets) else self.seconds

    def _due(self) -> float | None:
        """Return the seconds until the next event; ``None`` if none will come by itself."""
        if self._next < self._at_once:
            return 0.0
        if self._state != "playing":
            return None
        moment, offset = self._anchor
        wanted = moment + (self._offset(self._next) - offset) / self._speed
        return max(0.0, wanted - self._clock.now())

    # -- in the thread

    def _run(self) -> None:
        try:
            while (events := self._take()) is not None:
                publish_recorded(self.axon.api, self.axon.id, events)
        except AxonError as error:
            with self._changed:
                self._error, self._state = error, "failed"
                self._changed.notify_all()

    def _take(self) -> list[AxonEvent] | None:
        """Wait until events are due, and return them; ``None`` after :meth:`stop`."""
        with self._changed:
            while self._state not in ("stopped", "failed"):
                if self._next >= len(self._sequences):
                    self._finish()
                    continue
                seconds = self._due()
                if seconds is None or seconds > 0:
                    self._clock.wait(self._changed, seconds)
                    continue
                first = last = self._next
                while last < len(self._sequences) and last - first < BATCH:
                    self._next = last
                    if self._due() != 0.0:
                        break
                    last += 1
                self._next = last
                return self._events(first, last)
        return None

    def _finish(self) -> None:
        """Begin again, or wait for a seek."""
        if self._loop and self._state == "playing" and self._sequences:
            self._next = self._at_once = 0
            self._anchor = (self._clock.now(), 0.0)
            return
        if self._state == "playing":
            self._state = "ended"
            self._changed.notify_all()
        self._changed.wait()

    def _events(self, first: int, last: int) -> list[AxonEvent]:
        sql = f"{EVENTS_SELECT} WHERE sequence BETWEEN ? AND ? ORDER BY sequence"
        span = [self._sequences[first], self._sequences[last - 1]]
        rows = self._recording.execute(sql, span).rows
        return [AxonEvent.from_row(self.axon.id, row) for row in rows]


def _timeline(recording: Recording, max_idle: float | None) -> tuple[array[int], array[float]]:
    """Return the sequences, and the seconds from the first event, silences cut short."""
    if max_idle is not None:
        _positive(max_idle, "max_idle")
    sequences, offsets = array("q"), array("d")
    sql = "SELECT sequence, timestamp_ms FROM rl_axon_events WHERE sequence > ? ORDER BY sequence"
    edge, before, offset = 0, None, 0.0
    while rows := recording.execute(f"{sql} LIMIT 5000", [edge]).rows:
        for sequence, timestamp in rows:
            gap = 0.0 if before is None else max(0.0, (timestamp - before) / 1000)
            offset += gap if max_idle is None else min(gap, max_idle)
            before = timestamp
            sequences.append(sequence)
            offsets.append(offset)
        edge = rows[-1][0]
    return sequences, offsets


def _positive(value: Any, name: str = "speed") -> float:
    if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        raise ParameterError(f"{name} {value!r} is not a number greater than 0")
    return float(value)
