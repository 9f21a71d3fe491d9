"""The file endpoints of a devbox: write, upload, read, download."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..http.answers import Receive, Refusal, Scope, Send, send_json
from ..http.bodies import read
from .devboxes import Devboxes
from .files import read_beneath, said_by, write_beneath
from .paths import DevboxPaths
from .uploads import received_upload

__all__ = ["DownloadEndpoint", "FileRoutes", "UploadEndpoint"]

P = ParamSpec("P")
T = TypeVar("T")


class WriteFile(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST …/write_file_contents``."""

    file_path: str
    contents: str


class ReadFile(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST …/read_file_contents``."""

    file_path: str


class DownloadFile(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST …/download_file``."""

    path: str


class FileRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, devboxes: Devboxes) -> None:
        self.devboxes = devboxes

    async def write(self, request: Request) -> Any:
        """Create or replace a file and the directories it is in."""
        wanted = await read(request, WriteFile)
        devbox_id = request.path_params["devbox_id"]
        paths = self.paths(devbox_id)
        await _carried_out(write_beneath, paths, wanted.file_path, [wanted.contents.encode()])
        return {"devbox_id": devbox_id, "exit_status": 0, "stdout": "", "stderr": ""}

    def paths(self, devbox_id: str) -> DevboxPaths:
        """Return the paths of a devbox that has files.

        Raises:
            Refusal: 404 without the devbox, 400 if it has ended.
        """
        record = self.devboxes.find(devbox_id)
        if record.status == "shutdown":
            raise Refusal(400, "The devbox is not running; its status is shutdown.")
        self.devboxes.used(devbox_id)
        return self.devboxes.paths(record)


class UploadEndpoint:
    """An ASGI application that stores an uploaded file; reads its body itself."""

    #: Tells the service to leave body and media type to this endpoint.
    reads_body = True

    def __init__(self, files: FileRoutes) -> None:
        self._files = files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        paths = self._files.paths(scope["path_params"]["devbox_id"])
        async with received_upload(scope, receive, paths.directory.parent) as upload:
            await _carried_out(write_beneath, paths, upload.path, upload.pieces())
        await send_json(send, b"{}")


class DownloadEndpoint:
    """An ASGI application that answers with the bytes of a file."""

    def __init__(self, files: FileRoutes, *, text: bool) -> None:
        self._files = files
        self._text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        if self._text:
            name = (await read(request, ReadFile)).file_path
        else:
            name = (await read(request, DownloadFile)).path
        paths = self._files.paths(request.path_params["devbox_id"])
        content = await _carried_out(read_beneath, paths, name)
        if self._text:
            content = content.decode("utf-8", "replace").encode()
        kind = "text/plain; charset=utf-8" if self._text else "application/octet-stream"
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        await Response(content, headers=headers, media_type=kind)(scope, receive, send)


async def _carried_out(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Do it in a worker thread; say what the system says when it refuses."""
    try:
        return await asyncio.to_thread(work, *arguments, **options)
    except FileNotFoundError:
        raise Refusal(404, "File not found.") from None
    except OSError as error:
        raise Refusal(400, f"The file cannot be used: {said_by(error)}") from None
