"""Tests of what lives on an event loop, written as coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from axon_notebook.local.devboxes.devbox_params import CreateDevbox
from axon_notebook.local.devboxes.devboxes import Devboxes


def scenario(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the coroutine function *test* on a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


@contextlib.asynccontextmanager
async def opened(home: Path, **options: Any) -> AsyncIterator[Devboxes]:
    """Devboxes of *home*, as the service opens and closes them."""
    devboxes = Devboxes(home, **options)
    try:
        await devboxes.recover()
        yield devboxes
    finally:
        await devboxes.close()


async def a_devbox(devboxes: Devboxes, **wanted: Any) -> str:
    """Create a devbox and wait until it is running."""
    record = await devboxes.create(CreateDevbox(**wanted))
    assert await devboxes.wait(record.id, statuses=["running"], hold=20)
    return record.id


class Ran:
    """A command that has completed."""

    def __init__(self, devboxes: Devboxes, devbox_id: str, execution_id: str) -> None:
        self.record = devboxes.executions.find(devbox_id, execution_id)
        self.view = devboxes.executions.view(self.record)
        self.exit_status = self.record.exit_status
        self.stdout = self.view.stdout
        self.stderr = self.view.stderr


async def ran(devboxes: Devboxes, devbox_id: str, command: str) -> Ran:
    """Run *command* to its end."""
    record = await devboxes.execute(devbox_id, command)
    assert await devboxes.executions.wait(devbox_id, record.id, hold=30)
    return Ran(devboxes, devbox_id, record.id)
