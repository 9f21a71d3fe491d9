"""The devbox endpoints; :mod:`.execution_routes` has those of executions.

Shapes and names follow ``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from ..devboxes.devbox_files import FileRoutes
from ..devboxes.devbox_params import CreateDevbox
from ..devboxes.devbox_records import DevboxRecord
from ..devboxes.devbox_view import devbox_view
from ..devboxes.devboxes import Devboxes
from ..refusals import Refusal
from .execution_routes import ExecutionRoutes
from .repeats import Repeats
from .requests import Request, hold_time
from .routing import Route, get, post

__all__ = ["devbox_routes"]

#: Seconds that a request for a devbox's status is held at most.
LONGEST_HOLD: Final = 30.0

Status = Literal[
    "scheduled",
    "queued",
    "provisioning",
    "initializing",
    "running",
    "suspending",
    "suspended",
    "resuming",
    "failure",
    "shutdown",
]
STATUSES: Final[tuple[str, ...]] = Status.__args__  # type: ignore[attr-defined]


class UpdateDevbox(msgspec.Struct):
    """Body of ``POST /v1/devboxes/{id}``; ``None`` leaves a value as it is."""

    name: str | None = None
    metadata: dict[str, str] | None = None


class WaitForDevbox(msgspec.Struct):
    """Body of ``POST /v1/devboxes/{id}/wait_for_status``."""

    statuses: list[Status]
    timeout_seconds: float | None = None


class Empty(msgspec.Struct):
    """A body without fields."""


def devbox_routes(devboxes: Devboxes) -> list[Route]:
    """Return the routes of devboxes and executions.

    Args:
        devboxes: Opened and closed by the caller.
    """
    repeats = Repeats()
    routes = DevboxRoutes(devboxes, repeats)
    executions = ExecutionRoutes(devboxes, repeats)
    files = FileRoutes(devboxes)
    one = "/v1/devboxes/{devbox_id}"
    execution = f"{one}/executions/{{execution_id}}"
    routes_of_both = [
        get("/v1/devboxes", routes.list),
        post("/v1/devboxes", routes.create),
        post("/v1/devboxes/create_and_await_running", routes.create_and_await_running),
        get(one, routes.get),
        post(one, routes.update),
        post(f"{one}/shutdown", routes.shutdown),
        post(f"{one}/suspend", routes.suspend),
        post(f"{one}/resume", routes.resume),
        post(f"{one}/keep_alive", routes.keep_alive),
        post(f"{one}/wait_for_status", routes.wait_for_status),
        post(f"{one}/write_file_contents", files.write),
        post(f"{one}/upload_file", files.upload),
        post(f"{one}/read_file_contents", files.read_text),
        post(f"{one}/download_file", files.download),
        get(f"{one}/logs", executions.logs),
        post(f"{one}/execute", executions.execute),
        post(f"{one}/execute_async", executions.execute_async),
        post(f"{one}/execute_sync", executions.execute_sync),
        get(f"{execution}", executions.get),
        post(f"{execution}/wait_for_status", executions.wait_for_status),
        post(f"{execution}/kill", executions.kill),
        post(f"{execution}/send_std_in", executions.send_std_in),
        get(f"{execution}/stream_stdout_updates", executions.stream("stdout")),
        get(f"{execution}/stream_stderr_updates", executions.stream("stderr")),
    ]
    # A process or a devbox may be waited for: none of these holds a slot of those that work.
    return [route._replace(waits=True) for route in routes_of_both]


class DevboxRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, devboxes: Devboxes, repeats: Repeats) -> None:
        self._devboxes = devboxes
        self._repeats = repeats

    async def list(self, request: Request) -> object:
        """Answer a page of devboxes, newest first."""
        query = request.query
        status = dict(query.pairs).get("status")
        if status is not None and status not in STATUSES:
            raise Refusal(400, f"status must be one of {', '.join(STATUSES)}.")
        found, more, total = self._devboxes.page(
            limit=query.limit(),
            after=query.text("starting_after"),
            status=status,
            count=query.flag("include_total_count", default=True),
        )
        views = [self._view(record) for record in found]
        return {"devboxes": views, "has_more": more, "total_count": total}

    async def create(self, request: Request) -> Any:
        """Create a devbox; it is running, or initializing while it launches."""
        wanted = await request.read(CreateDevbox)
        record = await self._repeats.once(
            request.repeat_id, wanted, lambda: self._devboxes.create(wanted)
        )
        return self._view(self._devboxes.find(record.id))

    async def create_and_await_running(self, request: Request) -> object:
        """Create a devbox and hold the answer while it launches, 25 s at most."""
        view = await self.create(request)
        settled = await self._devboxes.wait(
            view["id"], statuses=["running", "failure", "shutdown"], hold=25.0
        )
        return view if settled is None else self._view(settled)

    async def get(self, request: Request) -> object:
        """Answer the devbox."""
        return self._view(self._devboxes.find(request.path_params["devbox_id"]))

    async def update(self, request: Request) -> object:
        """Change name or metadata."""
        wanted = await request.read(UpdateDevbox)
        devbox_id = request.path_params["devbox_id"]
        return self._view(self._devboxes.update(devbox_id, wanted.name, wanted.metadata))

    async def shutdown(self, request: Request) -> object:
        """End the devbox; its answer comes when its processes are gone."""
        await request.read(Empty)
        return self._view(await self._devboxes.shutdown(request.path_params["devbox_id"]))

    async def suspend(self, request: Request) -> object:
        """Begin to suspend the devbox."""
        await request.read(Empty)
        return self._view(await self._devboxes.suspend(request.path_params["devbox_id"]))

    async def resume(self, request: Request) -> object:
        """Begin to resume the devbox."""
        await request.read(Empty)
        return self._view(await self._devboxes.resume(request.path_params["devbox_id"]))

    async def keep_alive(self, request: Request) -> object:
        """Put off ``after_idle``; a local devbox has no other time limit."""
        await request.read(Empty)
        self._devboxes.find(request.path_params["devbox_id"])
        self._devboxes.used(request.path_params["devbox_id"])
        return {}

    async def wait_for_status(self, request: Request) -> object:
        """Answer the devbox once it has one of the statuses, or 408."""
        wanted = await request.read(WaitForDevbox)
        hold = hold_time(wanted.timeout_seconds, LONGEST_HOLD)
        if not wanted.statuses:
            raise Refusal(400, "statuses must name at least one status.")
        record = await self._devboxes.wait(
            request.path_params["devbox_id"], statuses=list(wanted.statuses), hold=hold
        )
        if record is None:
            raise Refusal(408, f"The devbox had none of these statuses within {hold:g} seconds.")
        return self._view(record)

    def _view(self, record: DevboxRecord) -> dict[str, object]:
        return devbox_view(record, self._devboxes.paths(record))
