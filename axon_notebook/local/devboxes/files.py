"""Reads and writes the files of a devbox, and none outside it and its project folders."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..refusals import Refusal
from .beneath import opened_beneath
from .paths import DevboxPaths

__all__ = ["READ_LIMIT", "directory_beneath", "read_beneath", "said_by", "write_beneath"]

#: Bytes of a file that is read in one answer.
READ_LIMIT: Final = 64 * 1024 * 1024

#: A pipe without a peer must not hold up the service.
NO_WAIT: Final = os.O_NONBLOCK | os.O_NOCTTY


def write_beneath(paths: DevboxPaths, name: str, content: Iterable[bytes]) -> None:
    """Create or replace the file *name* and the directories it is in.

    Raises:
        Refusal: 400 if the path is outside.
        OSError: The system refuses, or it is not a regular file.
    """
    flags = os.O_WRONLY | os.O_CREAT | NO_WAIT
    location = paths.locate(name)
    with opened_beneath(location, flags, locate=paths.locate, make_parents=True) as descriptor:
        _check_regular(descriptor)
        os.ftruncate(descriptor, 0)
        with open(descriptor, "wb", closefd=False) as file:
            for part in content:
                file.write(part)


def read_beneath(paths: DevboxPaths, name: str) -> bytes:
    """Return the content of the file *name*.

    Raises:
        Refusal: 400 if the path is outside.
        OSError: The system refuses, it is not a regular file, or larger than 64 MiB.
    """
    location = paths.locate(name)
    with opened_beneath(location, os.O_RDONLY | NO_WAIT, locate=paths.locate) as descriptor:
        _check_regular(descriptor)
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise OSError(f"it is larger than {READ_LIMIT} bytes: read it with a command")
    return content


def directory_beneath(paths: DevboxPaths, name: str) -> Path:
    """Return where the directory *name* really is.

    Raises:
        Refusal: 400 if it is outside, or not a directory that is there.
    """
    location = paths.locate(name)
    try:
        with opened_beneath(
            location, os.O_RDONLY | os.O_DIRECTORY, locate=paths.locate
        ) as descriptor:
            found = os.fstat(descriptor)
    except OSError as error:
        raise Refusal(400, f"The directory {name} cannot be used: {said_by(error)}") from None
    # The real path, but below the folder's own name, which may have links in it.
    path, folder = location.path.resolve(), location.folder.resolve()
    if not path.is_relative_to(folder) or not os.path.samestat(found, path.stat()):
        raise Refusal(400, f"The directory {name} was exchanged while it was looked up.")
    return location.folder / path.relative_to(folder)


def said_by(error: OSError | Refusal) -> str:
    """Return the sentence of *error*."""
    if isinstance(error, Refusal):
        return str(error)
    return f"{error.strerror or error}."


def _check_regular(descriptor: int) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError("it is not a regular file")
