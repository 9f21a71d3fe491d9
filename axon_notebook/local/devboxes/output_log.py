"""The output of a command as byte logs on disk, one file per stream.

A log is what the command wrote, byte for byte, up to a limit.  Offsets are
positions in that file.  Text is made when it is read: a chunk never splits a
UTF-8 sequence, and bytes that are no UTF-8 become U+FFFD while the offset goes
on counting the raw bytes.
"""

from __future__ import annotations

import codecs
import os
from pathlib import Path
from typing import Final, NamedTuple

from ...models import OutputFrame

__all__ = [
    "CHUNK",
    "LIMIT",
    "VIEW_LIMIT",
    "LogWriter",
    "Tail",
    "append_note",
    "read_chunk",
    "read_tail",
]

#: Bytes of log in one chunk of a stream, at most.
CHUNK: Final = 64 * 1024

#: Bytes kept of one stream of one command; the rest is read and dropped.
LIMIT: Final = 256 * 1024 * 1024

#: Bytes of log that a view shows at most, however long its lines are.
VIEW_LIMIT: Final = 1024 * 1024


class Tail(NamedTuple):
    """The end of a log; ``truncated`` when there is more before it."""

    text: str
    truncated: bool


class LogWriter:
    """Appends to one log until its limit; used by one thread, closed by its maker.

    Attributes:
        truncated: Bytes were dropped, because of the limit or a disk that refused them.
    """

    def __init__(self, path: Path, *, limit: int = LIMIT) -> None:
        self.truncated = False
        self._limit = limit
        self._size = 0
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def fitting(self, data: bytes) -> bytes:
        """Return what of *data* the limit allows, and at the limit a line that says so."""
        if self.truncated:
            return b""
        room = self._limit - self._size
        self.truncated = len(data) > room
        if not self.truncated:
            return data
        return data[:room] + note(
            f"output limit of {self._limit} bytes reached; the rest is not kept"
        )

    def append(self, data: bytes) -> None:
        """Write *data*, which :meth:`fitting` returned.

        Raises:
            OSError: The disk refused; the log takes nothing more.
        """
        try:
            self._write(data)
        except OSError:
            self.truncated = True
            raise

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._fd, view)
            self._size += written
            view = view[written:]


def note(text: str) -> bytes:
    """Return a line of the service's own for a log, apart from the command's output."""
    return f"\n[axon-notebook: {text}]\n".encode()


def append_note(path: Path, text: str) -> int:
    """Add a line of the service's own to a log that no command writes any more.

    Returns:
        Its bytes.
    """
    with path.open("ab") as log:
        return log.write(note(text))


def read_chunk(fd: int, offset: int, *, complete: bool, size: int = CHUNK) -> OutputFrame | None:
    """Read the log behind *fd* from *offset* on, in whole characters.

    Args:
        fd: The log, open for reading.
        offset: Position of the first byte wanted.
        complete: Nothing will be written any more, so that an unfinished
            sequence at the very end is not held back.
        size: Bytes at most, from 4 on.

    Returns:
        The text and the position after it; ``None`` if there is nothing (yet).
    """
    data = os.pread(fd, size, offset)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, final=complete and len(data) < size)
    held = len(decoder.getstate()[0])
    if not text:
        return None
    return OutputFrame(output=text, offset=offset + len(data) - held)


def read_tail(path: Path, lines: int, *, limit: int = VIEW_LIMIT) -> Tail:
    """Return the last *lines* lines of a log, from its last *limit* bytes at most."""
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        window = min(size, CHUNK, limit)
        while True:
            log.seek(size - window)
            data = log.read(window)
            start = line_start(data, lines)
            if start or window in (size, limit):
                break
            window = min(size, limit, window * 4)
    if not start and window < size:
        start = next((i for i in range(min(4, window)) if data[i] & 0xC0 != 0x80), 0)
    return Tail(data[start:].decode("utf-8", "replace"), size - window + start > 0)


def line_start(data: bytes, lines: int) -> int:
    """Return where the last *lines* lines of *data* begin; 0 if it has no more than those."""
    if lines == 0:
        return len(data)
    position = len(data) - data.endswith(b"\n")
    for _ in range(lines):
        position = data.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1
