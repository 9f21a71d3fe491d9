"""Opens files below a folder, and none outside it, whatever the path or a link says.

Each component is opened relative to the directory before it, without following
links; links are read and walked here.  So a link, a ``..`` or a directory that is
exchanged meanwhile cannot lead out: there is no moment in which the system itself
resolves more than one name.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from .paths import Location

__all__ = ["OutsideError", "opened_beneath"]

#: Links followed in one path, as many as Linux follows.
LINKS: Final = 40

#: A directory on the way: only to be walked through.
WALK: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OutsideError(OSError):
    """The path leads out of the folder."""


@contextlib.contextmanager
def opened_beneath(
    location: Location,
    flags: int,
    *,
    locate: Callable[[str], Location],
    make_parents: bool = False,
) -> Iterator[int]:
    """Open the file at *location*; the descriptor is closed at the end.

    Args:
        location: Where it is.
        flags: As for :func:`os.open`; links are followed, inside the folder.
        locate: Says where the absolute target of a link is; may raise.
        make_parents: Create directories that are missing on the way.

    Raises:
        OutsideError: The path leads out of ``location.folder``.
        OSError: The system refuses.
    """
    walk = _Walk(location, locate, make_parents=make_parents)
    try:
        descriptor = walk.open(flags | os.O_CLOEXEC | os.O_NOFOLLOW)
    finally:
        walk.close()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Walk:
    """The directories from the folder to where the walk has come, all open."""

    def __init__(
        self, location: Location, locate: Callable[[str], Location], *, make_parents: bool
    ) -> None:
        self._folder = location.folder
        self._locate = locate
        self._make = make_parents
        self._todo = deque(location.parts)
        self._links = LINKS
        # The folder itself is the service's, or the user's choice: its path may have links.
        self._open = [os.open(location.folder, WALK & ~os.O_NOFOLLOW)]

    def open(self, flags: int) -> int:
        """Walk to the end and open what is there."""
        while self._todo:
            part = self._todo.popleft()
            if part == "..":
                self._up()
                continue
            try:
                if not self._todo:
                    return os.open(part, flags, 0o666, dir_fd=self._open[-1])
                self._down(part)
            except OSError:
                target = self._link(part)
                if target is None:
                    raise
                self._follow(target)
        return os.open(".", flags & ~os.O_CREAT, dir_fd=self._open[-1])

    def close(self) -> None:
        """Close the directories."""
        while self._open:
            os.close(self._open.pop())

    def _up(self) -> None:
        if len(self._open) == 1:
            raise OutsideError("the path leads out of the devbox")
        os.close(self._open.pop())

    def _down(self, part: str) -> None:
        try:
            self._open.append(os.open(part, WALK, dir_fd=self._open[-1]))
        except FileNotFoundError:
            if not self._make:
                raise
            with contextlib.suppress(FileExistsError):  # made by another process meanwhile
                os.mkdir(part, dir_fd=self._open[-1])
            self._open.append(os.open(part, WALK, dir_fd=self._open[-1]))

    def _link(self, part: str) -> str | None:
        """Return the target of *part* if it is a link."""
        try:
            return os.readlink(part, dir_fd=self._open[-1])
        except OSError:
            return None

    def _follow(self, target: str) -> None:
        self._links -= 1
        if self._links < 0:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        parts = [part for part in target.split("/") if part not in ("", ".")]
        if target.startswith("/"):
            location = self._locate(target)
            if location.folder != self._folder:
                raise OutsideError("a link leads out of the devbox")
            parts = list(location.parts)
            while len(self._open) > 1:
                os.close(self._open.pop())
        self._todo.extendleft(reversed(parts))
