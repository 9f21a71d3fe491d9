"""A devbox: run commands in it, shut it down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from .errors import ExecutionError, ServerError
from .execution import Execution
from .models import DevboxInfo
from .visible import visible

if TYPE_CHECKING:
    from .wire.api import ApiClient

__all__ = ["Devbox"]

LONGEST_HOLD: Final = 30.0  # seconds for which the server holds a question for the status


class Devbox:
    """A place to run commands in; borrows its client's connection.

    Made by :meth:`Client.create_devbox` and :meth:`Client.devbox`.  It goes on
    existing when the notebook ends; use it in a ``with`` to shut it down.

    On Runloop a devbox is a virtual machine of its own.  **In the embedded service
    it is a directory on this machine, and its commands run with your rights: no
    sandbox.**  ``info().isolation`` tells which.

    Attributes:
        id: The devbox's identifier, ``dbx_…``.
        name: Its name, or ``None``.
    """

    def __init__(self, api: ApiClient, info: DevboxInfo) -> None:
        self._api = api
        self._isolation = info.isolation
        self.id = info.id
        self.name = info.name

    def __repr__(self) -> str:
        local = ", on this machine: no sandbox" if self._isolation else ""
        return f"<Devbox {visible(self.name or 'unnamed')} ({self.id}{local})>"

    def run(self, command: str, *, stdin: str | bool | None = None) -> Execution:
        """Start *command* in the shell; return at once.

        Args:
            command: What a shell understands; it starts in the home directory.
            stdin: A text is all the command can read.  ``True`` leaves its stdin
                open for :meth:`Execution.send_stdin`.  Without it there is nothing
                to read.
        """
        attach = stdin is not None and stdin is not False
        started = self._api.execute_async(self.id, command, attach_stdin=attach)
        execution = Execution(self._api, self.id, started.execution_id, command=command)
        if isinstance(stdin, str):
            execution.send_stdin(stdin)
            execution.close_stdin()
        return execution

    def execution(self, execution_id: str) -> Execution:
        """Return the command with this id; sends nothing."""
        return Execution(self._api, self.id, execution_id)

    def info(self) -> DevboxInfo:
        """Ask the server what it knows of this devbox."""
        return self._api.get_devbox(self.id)

    def wait(self, timeout: float | None = None) -> DevboxInfo:
        """Wait until the devbox is running.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            ExecutionError: If it failed, was shut down, or is not running in time.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = LONGEST_HOLD if deadline is None else deadline - time.monotonic()
            info = self._settled(max(0.0, min(left, LONGEST_HOLD)))
            if info is not None and info.status == "running":
                return info
            if info is not None:
                why = info.failure_reason or info.shutdown_reason or "no reason given"
                raise ExecutionError(
                    f"devbox {self.id} is not running but {info.status} ({why}): "
                    "its launch commands may say why in its logs"
                )
            if deadline is not None and time.monotonic() >= deadline:
                raise ExecutionError(
                    f"devbox {self.id} is not running after {timeout:g} s: wait longer"
                )

    def shutdown(self) -> DevboxInfo:
        """End the devbox, its processes and its files; the output of its commands stays."""
        return self._api.shutdown_devbox(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _settled(self, hold: float) -> DevboxInfo | None:
        """Return the devbox once it is running or never will be; ``None`` after *hold* s."""
        try:
            return self._api.wait_for_devbox(self.id, ["running", "failure", "shutdown"], hold=hold)
        except ServerError as error:
            if error.status != 408:
                raise
            return None


def create_body(
    name: str | None,
    *,
    mounts: Iterable[Mapping[str, Any]],
    metadata: Mapping[str, str] | None,
    environment: Mapping[str, str] | None,
    files: Mapping[str, str] | None,
    launch_commands: Sequence[str],
    project_folders: Sequence[str],
) -> dict[str, Any]:
    """Return the body of ``POST /v1/devboxes``, without what is not given."""
    launch = {"launch_commands": list(launch_commands)} if launch_commands else None
    body = {
        "name": name,
        "mounts": [dict(mount) for mount in mounts],
        "metadata": dict(metadata or {}),
        "environment_variables": dict(environment or {}),
        "file_mounts": dict(files or {}),
        "launch_parameters": launch,
        "project_folders": [str(folder) for folder in project_folders],
    }
    return {field: value for field, value in body.items() if value}
