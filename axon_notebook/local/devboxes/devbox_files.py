"""The file endpoints of a devbox: write, upload, read, download."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import msgspec

from ..http.answers import OCTETS, Answer
from ..http.requests import Request
from ..refusals import Refusal
from .devboxes import Devboxes
from .files import read_beneath, said_by, write_beneath
from .paths import DevboxPaths
from .uploads import received_upload

__all__ = ["FileRoutes"]

P = ParamSpec("P")
T = TypeVar("T")


class WriteFile(msgspec.Struct):
    """Body of ``POST …/write_file_contents``."""

    file_path: str
    contents: str


class ReadFile(msgspec.Struct):
    """Body of ``POST …/read_file_contents``."""

    file_path: str


class DownloadFile(msgspec.Struct):
    """Body of ``POST …/download_file``."""

    path: str


class FileRoutes:
    """Handlers; each gets the request and returns what to answer."""

    def __init__(self, devboxes: Devboxes) -> None:
        self.devboxes = devboxes

    async def write(self, request: Request) -> Any:
        """Create or replace a file and the directories it is in."""
        wanted = await request.read(WriteFile)
        devbox_id = request.path_params["devbox_id"]
        paths = self.paths(devbox_id)
        await _carried_out(write_beneath, paths, wanted.file_path, [wanted.contents.encode()])
        return {"devbox_id": devbox_id, "exit_status": 0, "stdout": "", "stderr": ""}

    async def upload(self, request: Request) -> Answer:
        """Store an uploaded file; its body is read piece by piece."""
        paths = self.paths(request.path_params["devbox_id"])
        async with received_upload(request, paths.directory.parent) as upload:
            await _carried_out(write_beneath, paths, upload.path, upload.pieces())
        return Answer(b"{}")

    async def read_text(self, request: Request) -> Answer:
        """Answer a file as text."""
        wanted = await request.read(ReadFile)
        content = await self._content(request, wanted.file_path)
        return Answer(content.decode("utf-8", "replace").encode(), b"text/plain; charset=utf-8")

    async def download(self, request: Request) -> Answer:
        """Answer a file as it is."""
        wanted = await request.read(DownloadFile)
        return Answer(await self._content(request, wanted.path), OCTETS)

    async def _content(self, request: Request, name: str) -> bytes:
        paths = self.paths(request.path_params["devbox_id"])
        return await _carried_out(read_beneath, paths, name)

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


async def _carried_out(work: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Do it in a worker thread; say what the system says when it refuses."""
    try:
        return await asyncio.to_thread(work, *arguments, **options)
    except FileNotFoundError:
        raise Refusal(404, "File not found.") from None
    except OSError as error:
        raise Refusal(400, f"The file cannot be used: {said_by(error)}") from None
