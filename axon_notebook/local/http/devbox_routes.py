"""The devbox endpoints; :mod:`.execution_routes` has those of executions.

Shapes and names follow ``runloop-api-client`` 3.0.0.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from ..devboxes.devbox_files import DownloadEndpoint, FileRoutes, UploadEndpoint
from ..devboxes.devbox_params import CreateDevbox
from ..devboxes.devbox_records import DevboxRecord
from ..devboxes.devbox_view import devbox_view
from ..devboxes.devboxes import Devboxes
from .answers import Refusal
from .bodies import held, json_get, json_post, read, request_id
from .execution_routes import ExecutionRoutes
from .repeats import Repeats
from .requests import Query
from .streams import Streams

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


class UpdateDevbox(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/devboxes/{id}``; ``None`` leaves a value as it is."""

    name: str | None = None
    metadata: dict[str, str] | None = None


class WaitForDevbox(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /v1/devboxes/{id}/wait_for_status``."""

    statuses: list[Status]
    timeout_seconds: float | None = None


class Empty(msgspec.Struct):
    """A body that says nothing here, whatever it holds."""


def devbox_routes(devboxes: Devboxes, streams: Streams) -> list[Route]:
    """Return the routes of devboxes and executions.

    Args:
        devboxes: Opened and closed by the caller.
        streams: Where the output streams are counted, kept alive and ended.
    """
    repeats = Repeats()
    routes = DevboxRoutes(devboxes, repeats)
    executions = ExecutionRoutes(devboxes, streams, repeats)
    files = FileRoutes(devboxes)
    one = "/v1/devboxes/{devbox_id}"
    return [
        json_get("/v1/devboxes", routes.list),
        json_post("/v1/devboxes", routes.create),
        json_post("/v1/devboxes/create_and_await_running", routes.create_and_await_running),
        json_get(one, routes.get),
        json_post(one, routes.update),
        json_post(f"{one}/shutdown", routes.shutdown),
        json_post(f"{one}/suspend", routes.suspend),
        json_post(f"{one}/resume", routes.resume),
        json_post(f"{one}/keep_alive", routes.keep_alive),
        json_post(f"{one}/wait_for_status", routes.wait_for_status),
        json_post(f"{one}/write_file_contents", files.write),
        Route(f"{one}/upload_file", UploadEndpoint(files), methods=["POST"]),
        Route(f"{one}/read_file_contents", DownloadEndpoint(files, text=True), methods=["POST"]),
        Route(f"{one}/download_file", DownloadEndpoint(files, text=False), methods=["POST"]),
        json_get(f"{one}/logs", executions.logs),
        json_post(f"{one}/execute", executions.execute),
        json_post(f"{one}/execute_async", executions.execute_async),
        json_post(f"{one}/execute_sync", executions.execute_sync),
        json_get(f"{one}/executions/{{execution_id}}", executions.get),
        json_post(f"{one}/executions/{{execution_id}}/wait_for_status", executions.wait_for_status),
        json_post(f"{one}/executions/{{execution_id}}/kill", executions.kill),
        json_post(f"{one}/executions/{{execution_id}}/send_std_in", executions.send_std_in),
        Route(
            f"{one}/executions/{{execution_id}}/stream_stdout_updates",
            executions.stream("stdout"),
            methods=["GET"],
        ),
        Route(
            f"{one}/executions/{{execution_id}}/stream_stderr_updates",
            executions.stream("stderr"),
            methods=["GET"],
        ),
    ]


class DevboxRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, devboxes: Devboxes, repeats: Repeats) -> None:
        self._devboxes = devboxes
        self._repeats = repeats

    async def list(self, request: Request) -> Any:
        """Answer a page of devboxes, newest first."""
        query = Query(request.scope["query_string"])
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
        wanted = await read(request, CreateDevbox)
        record = await self._repeats.once(
            request_id(request), wanted, lambda: self._devboxes.create(wanted)
        )
        return self._view(self._devboxes.find(record.id))

    async def create_and_await_running(self, request: Request) -> Any:
        """Create a devbox and hold the answer while it launches, 25 s at most."""
        view = await self.create(request)
        settled = await self._devboxes.wait(
            view["id"], statuses=["running", "failure", "shutdown"], hold=25.0
        )
        return view if settled is None else self._view(settled)

    async def get(self, request: Request) -> Any:
        """Answer the devbox."""
        return self._view(self._devboxes.find(request.path_params["devbox_id"]))

    async def update(self, request: Request) -> Any:
        """Change name or metadata."""
        wanted = await read(request, UpdateDevbox)
        devbox_id = request.path_params["devbox_id"]
        return self._view(self._devboxes.update(devbox_id, wanted.name, wanted.metadata))

    async def shutdown(self, request: Request) -> Any:
        """End the devbox; its answer comes when its processes are gone."""
        await read(request, Empty)
        return self._view(await self._devboxes.shutdown(request.path_params["devbox_id"]))

    async def suspend(self, request: Request) -> Any:
        """Begin to suspend the devbox."""
        await read(request, Empty)
        return self._view(await self._devboxes.suspend(request.path_params["devbox_id"]))

    async def resume(self, request: Request) -> Any:
        """Begin to resume the devbox."""
        await read(request, Empty)
        return self._view(await self._devboxes.resume(request.path_params["devbox_id"]))

    async def keep_alive(self, request: Request) -> Any:
        """Put off ``after_idle``; a local devbox has no other time limit."""
        await read(request, Empty)
        self._devboxes.find(request.path_params["devbox_id"])
        self._devboxes.used(request.path_params["devbox_id"])
        return {}

    async def wait_for_status(self, request: Request) -> Any:
        """Answer the devbox once it has one of the statuses, or 408."""
        wanted = await read(request, WaitForDevbox)
        hold = held(wanted.timeout_seconds, LONGEST_HOLD)
        if not wanted.statuses:
            raise Refusal(400, "statuses must name at least one status.")
        record = await self._devboxes.wait(
            request.path_params["devbox_id"], statuses=list(wanted.statuses), hold=hold
        )
        if record is None:
            raise Refusal(408, f"The devbox had none of these statuses within {hold:g} seconds.")
        return self._view(record)

    def _view(self, record: DevboxRecord) -> dict[str, Any]:
        return devbox_view(record, self._devboxes.paths(record))
