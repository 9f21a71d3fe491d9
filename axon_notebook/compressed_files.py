"""Text files line by line, plain or compressed with gzip or zstd, within limits.

Reading looks at the first bytes, not at the name.  A few bytes can unpack to gigabytes:
what is unpacked has a limit, and so has a line, so that memory stays bounded.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, cast

from .errors import ParameterError

__all__ = ["LINE_LIMIT", "UNPACKED_LIMIT", "FileDamagedError", "lines_of", "opened_for_writing"]

#: Bytes of a line: the largest payload, with each byte written as six.
LINE_LIMIT: Final = 32 * 1024 * 1024
#: Bytes of all lines.
UNPACKED_LIMIT: Final = 8 * 1024**3

GZIP: Final = b"\x1f\x8b"
ZSTD: Final = b"\x28\xb5\x2f\xfd"
BUFFER: Final = 1024 * 1024


class FileDamagedError(Exception):
    """The rest of a file cannot be read; the text says why."""


def lines_of(
    path: Path, *, limit: int = UNPACKED_LIMIT, line_limit: int = LINE_LIMIT
) -> Iterator[bytes]:
    """Yield the lines of a file, each with its newline; the last may have none.

    Raises:
        OSError: The file cannot be opened.
        ParameterError: It needs a package that is not installed.
        FileDamagedError: What follows is damaged, or beyond a limit.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        first = raw.read(4)
        raw.seek(0)
        file: Any = raw
        if first.startswith(GZIP):
            file = stack.enter_context(gzip.open(raw, "rb"))
        elif first == ZSTD:
            unpacking = stack.enter_context(_zstd(path).open(raw, "rb"))
            file = io.BufferedReader(unpacking, BUFFER)
            stack.callback(file.detach)
        total = 0
        while True:
            try:
                line = file.readline(line_limit + 1)
            except (EOFError, OSError, zlib.error) as error:
                raise FileDamagedError(str(error)) from None
            except Exception as error:
                if type(error).__name__ != "ZstdError":
                    raise
                raise FileDamagedError(str(error)) from None
            if not line:
                return
            total += len(line)
            if len(line) > line_limit:
                raise FileDamagedError(f"the line is longer than {line_limit:,} bytes")
            if total > limit:
                raise FileDamagedError(f"the file unpacks to more than {limit:,} bytes")
            yield line


def opened_for_writing(path: Path, name: str) -> IO[bytes]:
    """Create *path* and open it, compressed as the file name *name* says.

    Raises:
        OSError: It cannot be created.
        ParameterError: The compression needs a package that is not installed.
    """
    kind = name.lower().rpartition(".")[2]
    if kind in ("zst", "zstd"):
        file: IO[bytes] = _zstd(path).open(path, "xb")
        return file
    if kind == "gz":
        # Without a name and a time in its head, equal content is an equal file.
        return cast("IO[bytes]", _Gzip(path))
    return path.open("xb")


class _Gzip(gzip.GzipFile):
    """A new gzip file that closes the file it writes to."""

    def __init__(self, path: Path) -> None:
        self._raw = path.open("xb")
        super().__init__(filename="", mode="wb", compresslevel=6, fileobj=self._raw, mtime=0)

    def close(self) -> None:
        """Finish the file; idempotent."""
        super().close()
        self._raw.close()


def _zstd(path: Path) -> Any:
    """Return the module that reads and writes zstd: Python's own from 3.14 on, or zstandard."""
    try:
        import compression.zstd as own  # type: ignore[import-not-found, unused-ignore]
    except ModuleNotFoundError:
        pass
    else:
        return own
    try:
        import zstandard
    except ModuleNotFoundError:
        raise ParameterError(
            f"{path} needs zstd: pip install zstandard, or use Python 3.14 or gzip"
        ) from None
    return zstandard
