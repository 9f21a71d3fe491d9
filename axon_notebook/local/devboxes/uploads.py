"""The body of ``upload_file``: a form with the fields ``path`` and ``file``.

The body is written to a temporary file as it comes, and looked through there, so
memory stays small whatever is uploaded.  The field ``file`` may come before ``path``.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.message import Message
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import BinaryIO, Final

from ..http.answers import Receive
from ..http.requests import Disconnected, Request
from ..refusals import Refusal

__all__ = ["UPLOAD_LIMIT", "Upload", "received_upload"]

#: Bytes of an upload, the form around the file included.
UPLOAD_LIMIT: Final = 2 * 1024**3

#: Bytes handed on at once.
PIECE: Final = 1024 * 1024


class Upload:
    """An upload that has been received."""

    def __init__(self, path: str, body: mmap.mmap, start: int, end: int) -> None:
        self.path = path
        self._body = body
        self._start = start
        self._end = end

    def pieces(self) -> Iterator[bytes]:
        """Yield the content of the file."""
        for start in range(self._start, self._end, PIECE):
            yield self._body[start : min(start + PIECE, self._end)]


@asynccontextmanager
async def received_upload(
    request: Request, folder: Path, *, limit: int = UPLOAD_LIMIT
) -> AsyncIterator[Upload]:
    """Receive an upload into a temporary file in *folder*; gone at the end.

    Raises:
        Refusal: 413 beyond *limit* bytes, 415 or 400 if it is not such a form.
        Disconnected: The client left in the middle.
    """
    boundary = _boundary(request.header(b"content-type") or b"")
    with tempfile.TemporaryFile(dir=folder) as file:
        await _save(request.receive, file, limit)
        if not file.tell():
            raise Refusal(400, "The form is empty.")
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as body:
            fields = dict(_fields(body, boundary))
            if "path" not in fields or "file" not in fields:
                raise Refusal(400, "The form must have the fields path and file.")
            start, end = fields["path"]
            try:
                path = body[start:end].decode()
            except UnicodeDecodeError:
                raise Refusal(400, "path is not UTF-8.") from None
            yield Upload(path, body, *fields["file"])


async def _save(receive: Receive, file: BinaryIO, limit: int) -> None:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        file.write(message["body"])
        if file.tell() > limit:
            raise Refusal(413, f"Request body is larger than {limit} bytes.", close=True)
        more = message.get("more_body", False)


def _boundary(content_type: bytes) -> bytes:
    message = Message()
    message["content-type"] = content_type.decode("latin-1")
    boundary = message.get_param("boundary")
    if message.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise Refusal(415, "Content-Type must be multipart/form-data with a boundary.")
    if not 0 < len(boundary) <= 200:
        raise Refusal(400, "The boundary of the form must have 1 to 200 characters.")
    return b"--" + boundary.encode("latin-1")


def _fields(body: mmap.mmap, boundary: bytes) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the name of each field and where its content is."""
    position = body.find(boundary)
    while position >= 0:
        head = position + len(boundary)
        if body[head : head + 2] == b"--":
            return
        content = body.find(b"\r\n\r\n", head, head + 16 * 1024)
        position = body.find(b"\r\n" + boundary, content)
        if content < 0 or position < 0:
            break
        headers = BytesHeaderParser().parsebytes(body[head + 2 : content + 4])
        name = headers.get_param("name", header="content-disposition")
        if isinstance(name, str):
            yield name, (content + 4, position)
        position += 2
    raise Refusal(400, "The form is incomplete.")
