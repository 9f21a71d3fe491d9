"""When a devbox goes to sleep, what it does before, and what wakes it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from ..refusals import Refusal

__all__ = ["AfterIdle", "IdleWatch", "Lifecycle", "lifecycle_of"]

#: Milliseconds for what is to be done before a suspend.
DEADLINE_MS: Final = 30_000
LONGEST_DEADLINE_MS: Final = 60_000

#: Seconds between two looks at a devbox that is busy.
LOOK: Final = 0.5


class AfterIdle(msgspec.Struct):
    """What to do with a devbox that is idle for some seconds."""

    idle_time_seconds: float
    on_idle: Literal["shutdown", "suspend"]


class LifecycleHooks(msgspec.Struct):
    """What to do before a suspend."""

    suspend_commands: list[str] | None = None
    suspend_deadline_ms: int | None = None


class ResumeTriggers(msgspec.Struct):
    """What resumes a suspended devbox; ``http`` needs a tunnel, which is not there."""

    axon_event: bool | None = None
    http: bool | None = None


class Lifecycle(msgspec.Struct):
    """``launch_parameters.lifecycle``."""

    after_idle: AfterIdle | None = None
    lifecycle_hooks: LifecycleHooks | None = None
    resume_triggers: ResumeTriggers | None = None

    @property
    def wakes_on_event(self) -> bool:
        """Whether an event for its agent resumes the devbox."""
        return bool(self.resume_triggers and self.resume_triggers.axon_event)

    @property
    def suspend_commands(self) -> list[str]:
        """The commands to run before a suspend."""
        return (self.lifecycle_hooks and self.lifecycle_hooks.suspend_commands) or []

    @property
    def deadline(self) -> float:
        """Seconds for the running turn and the suspend commands together."""
        given = self.lifecycle_hooks.suspend_deadline_ms if self.lifecycle_hooks else None
        return (DEADLINE_MS if given is None else given) / 1000


def lifecycle_of(launch_parameters: Mapping[str, Any]) -> Lifecycle:
    """Return the lifecycle in *launch_parameters*.

    Raises:
        Refusal: 400 with the value that is wrong.
    """
    given = launch_parameters.get("lifecycle") or {}
    older = launch_parameters.get("after_idle")
    try:
        lifecycle = msgspec.convert(given, Lifecycle)
        after_idle = msgspec.convert(older, AfterIdle | None)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"launch_parameters.lifecycle: {error}.") from None
    if after_idle and lifecycle.after_idle and after_idle != lifecycle.after_idle:
        raise Refusal(400, "launch_parameters: after_idle and lifecycle.after_idle differ.")
    lifecycle.after_idle = lifecycle.after_idle or after_idle
    if lifecycle.after_idle and lifecycle.after_idle.idle_time_seconds <= 0:
        raise Refusal(400, "launch_parameters: idle_time_seconds must be greater than 0.")
    if not 0 <= lifecycle.deadline <= LONGEST_DEADLINE_MS / 1000:
        raise Refusal(400, f"suspend_deadline_ms must be from 0 to {LONGEST_DEADLINE_MS}.")
    return lifecycle


class IdleWatch:
    """Acts when devboxes have been idle for as long as they asked; lives on one loop.

    Args:
        busy: Whether something runs in a devbox.
        act: Called with the devbox and what to do, once it was idle long enough.
    """

    def __init__(
        self, busy: Callable[[str], bool], act: Callable[[str, str], Awaitable[None]]
    ) -> None:
        self._busy = busy
        self._act = act
        self._used_at: dict[str, float] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, devbox_id: str, after_idle: AfterIdle) -> None:
        """Begin to watch a devbox that runs."""
        self.stop(devbox_id)
        self.used(devbox_id)
        self._tasks[devbox_id] = asyncio.create_task(self._watch(devbox_id, after_idle))

    def used(self, devbox_id: str) -> None:
        """Note that a client used the devbox."""
        self._used_at[devbox_id] = time.monotonic()

    def stop(self, devbox_id: str) -> None:
        """Stop to watch a devbox; idempotent."""
        task = self._tasks.pop(devbox_id, None)
        # It may be the watch itself that suspends the devbox.
        if task is not None and task is not asyncio.current_task():
            task.cancel()
        self._used_at.pop(devbox_id, None)

    def close(self) -> None:
        """Stop to watch; idempotent."""
        for devbox_id in list(self._tasks):
            self.stop(devbox_id)

    async def _watch(self, devbox_id: str, after_idle: AfterIdle) -> None:
        while True:
            if self._busy(devbox_id):
                self.used(devbox_id)
                await asyncio.sleep(min(LOOK, after_idle.idle_time_seconds))
                continue
            left = self._used_at[devbox_id] + after_idle.idle_time_seconds - time.monotonic()
            if left <= 0:
                break
            await asyncio.sleep(min(left, LOOK))
        await self._act(devbox_id, after_idle.on_idle)
