"""Files of a devbox, read and written over HTTP.

Paths are relative to the devbox directory; an absolute one is taken as it is,
since a command of the devbox could read and write it just as well.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..http.answers import Receive, Refusal, Scope, Send
from ..http.bodies import read
from .devboxes import Devboxes

__all__ = ["DownloadEndpoint", "FileRoutes"]

#: Bytes of a file that is read in one answer.
READ_LIMIT: Final = 64 * 1024 * 1024


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
        self._devboxes = devboxes

    async def write(self, request: Request) -> Any:
        """Create or replace a file and the folders it is in."""
        wanted = await read(request, WriteFile)
        devbox_id = request.path_params["devbox_id"]
        path = self.path(devbox_id, wanted.file_path)
        await _carried_out(_write, path, wanted.contents)
        return {"devbox_id": devbox_id, "exit_status": 0, "stdout": "", "stderr": ""}

    def path(self, devbox_id: str, name: str) -> Path:
        """Return where a file of a running devbox is.

        Raises:
            Refusal: 404 without the devbox, 400 if it has ended or *name* is none.
        """
        record = self._devboxes.find(devbox_id)
        if record.status == "shutdown":
            raise Refusal(400, "The devbox is not running; its status is shutdown.")
        if not name or "\0" in name:
            raise Refusal(400, "The path must not be empty.")
        return self._devboxes.directory(devbox_id) / name.removeprefix("~/")


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
        path = self._files.path(request.path_params["devbox_id"], name)
        content = await _carried_out(_read, path)
        if self._text:
            content = content.decode("utf-8", "replace").encode()
        kind = "text/plain; charset=utf-8" if self._text else "application/octet-stream"
        headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
        await Response(content, headers=headers, media_type=kind)(scope, receive, send)


async def _carried_out(work: Any, *arguments: Any) -> Any:
    """Do it in a thread; say what the system says when it refuses."""
    try:
        return await asyncio.to_thread(work, *arguments)
    except FileNotFoundError:
        raise Refusal(404, "File not found.") from None
    except (OSError, ValueError) as error:
        raise Refusal(
            400, f"The file cannot be used: {getattr(error, 'strerror', error)}."
        ) from None


def _write(path: Path, contents: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(contents, "utf-8", newline="")


def _read(path: Path) -> bytes:
    if not path.is_file() and path.exists():
        raise ValueError("it is no regular file")  # a pipe would never end
    with path.open("rb") as file:
        content = file.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise ValueError(f"it is larger than {READ_LIMIT} bytes: read it with a command")
    return content
