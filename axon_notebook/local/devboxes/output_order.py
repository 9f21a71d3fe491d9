"""In which order a command's two streams were written, as far as two pipes can tell.

A file of runs: so many bytes of stdout, then so many of stderr, and so on.  With it
a reader who gets the streams apart can put them together as a terminal would have
shown them, also long after.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["OrderReader", "OrderWriter", "Run"]

#: Runs kept of one command; what is written after them has no known order.
MOST_RUNS: Final = 200_000

_ENTRY: Final = struct.Struct("<Q")  # length * 2 + stream
_PAGE: Final = 1024 * _ENTRY.size


class OrderWriter:
    """Notes the runs of one command; used by one thread, closed by its maker."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._runs = os.fstat(self._fd).st_size // _ENTRY.size
        self._stream = -1
        self._length = 0
        self._full = False

    def add(self, stream: int, size: int) -> None:
        """Note that *size* bytes of *stream* (0 or 1) come next; call it before they do."""
        if self._full:
            return
        if stream != self._stream:
            self._full = self._runs >= MOST_RUNS
            if self._full:
                return
            self._runs += 1
            self._stream, self._length = stream, 0
        self._length += size
        entry = _ENTRY.pack(self._length << 1 | stream)
        os.pwrite(self._fd, entry, (self._runs - 1) * _ENTRY.size)

    def close(self) -> None:
        """Close the file; idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Run(NamedTuple):
    """Where a byte stands in the output as a whole.

    Attributes:
        order: Bytes of both streams before it.
        left: Bytes from it to the end of its run, itself included.
    """

    order: int
    left: int


class OrderReader:
    """Looks up bytes of one stream, in ascending order; the file may still grow."""

    def __init__(self, fd: int, stream: int) -> None:
        self._fd = fd
        self._stream = stream
        self._entry = 0  # the first run that was not passed
        self._all = 0  # bytes of both streams before it
        self._own = 0  # bytes of this stream before it

    def run_at(self, offset: int) -> Run | None:
        """Return where the byte at *offset* of the stream stands; ``None`` if not known."""
        while page := os.pread(self._fd, _PAGE, self._entry * _ENTRY.size):
            entries = [value for (value,) in _ENTRY.iter_unpack(page[: len(page) // 8 * 8])]
            for place, value in enumerate(entries):
                length, stream = value >> 1, value & 1
                if stream == self._stream and offset < self._own + length:
                    return Run(self._all + offset - self._own, self._own + length - offset)
                if place == len(entries) - 1 and len(page) < _PAGE:
                    return None  # the last run: it may grow
                self._entry += 1
                self._all += length
                self._own += length if stream == self._stream else 0
        return None
