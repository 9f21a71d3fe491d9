"""Where ``/home/user`` is: the one mapping between a client's paths and the disk.

A Runloop devbox has its home at ``/home/user``.  Here it is the devbox directory.
Clients say ``/home/user/x``, ``~/x``, ``x`` or the directory's real path, and mean
the same file.  Where processes see the directory at ``/home/user`` as well
(:mod:`.namespaces`), they are given such paths as they are; elsewhere they get the
real ones.  Text inside a command is never rewritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ..refusals import Refusal

__all__ = ["DevboxPaths", "RUNLOOP_HOME", "Location"]

#: The home directory of a Runloop devbox.
RUNLOOP_HOME: Final = "/home/user"


class Location(msgspec.Struct, frozen=True):
    """A path below a folder that a client may use.

    Attributes:
        folder: The devbox directory, or a project folder.
        parts: The components below it; ``..`` and links are not resolved yet.
    """

    folder: Path
    parts: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The path on disk."""
        return self.folder.joinpath(*self.parts)


class DevboxPaths(msgspec.Struct, frozen=True):
    """The paths of one devbox.

    Attributes:
        directory: The devbox directory.
        bound: Whether its processes see that directory at ``/home/user``.
        folders: Project folders outside it that the user allowed.
    """

    directory: Path
    bound: bool = False
    folders: tuple[Path, ...] = ()

    @property
    def home(self) -> str:
        """The home directory as the devbox's processes know it."""
        return RUNLOOP_HOME if self.bound else str(self.directory)

    def locate(self, name: str) -> Location:
        """Return where the file is that a client calls *name*.

        Raises:
            Refusal: 400 if it is empty, has NUL, or is outside the devbox and its folders.
        """
        if not name or "\0" in name:
            raise Refusal(400, "The path must not be empty, and must not have NUL.")
        if name == "~" or name.startswith("~/"):
            return Location(self.directory, _parts(name[1:]))
        if not name.startswith("/"):
            return Location(self.directory, _parts(name))
        for prefix, folder in self._roots():
            if (parts := _below(name, prefix)) is not None:
                return Location(folder, parts)
        raise Refusal(
            400,
            f"{_quoted(name)} is outside the devbox: paths start at {RUNLOOP_HOME},"
            " or in a folder of project_folders.",
        )

    def for_process(self, name: str) -> str:
        """Return the path *name* as a process of the devbox must be given it.

        For the working directory of a command or an agent, and for ``cwd`` in an agent's
        protocol.  Only paths at or below ``/home/user`` and ``~`` change.
        """
        if name == "~" or name.startswith("~/"):
            name = RUNLOOP_HOME + name[1:]
        if self.bound or (parts := _below(name, RUNLOOP_HOME)) is None:
            return name
        return str(self.directory.joinpath(*parts))

    def as_seen(self, path: Path) -> str:
        """Return the *path* on disk as a process of the devbox sees it."""
        parts = _below(str(path), str(self.directory)) if self.bound else None
        return str(path) if parts is None else "/".join((RUNLOOP_HOME, *parts))

    def on_disk(self, name: str) -> str:
        """Return the path *name* of a process of the devbox as the service must open it."""
        if name == "~" or name.startswith("~/"):
            name = RUNLOOP_HOME + name[1:]
        parts = _below(name, RUNLOOP_HOME)
        return name if parts is None else str(self.directory.joinpath(*parts))

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return environment variables with the paths in them as processes must be given them.

        A value is taken as paths between colons, as in ``PATH``.
        """
        return {name: self._each(value, self.for_process) for name, value in given.items()}

    def search_path(self, environment: Mapping[str, str]) -> str:
        """Return the ``PATH`` of a process's *environment* as the service can search it."""
        return self._each(environment.get("PATH", os.defpath), self.on_disk)

    def _each(self, value: str, change: Callable[[str], str]) -> str:
        if RUNLOOP_HOME not in value:
            return value
        return ":".join(change(part) if part[:1] == "/" else part for part in value.split(":"))

    def _roots(self) -> list[tuple[str, Path]]:
        real = os.path.realpath(self.directory)
        own = [(RUNLOOP_HOME, self.directory), (str(self.directory), self.directory)]
        more = [(str(folder), folder) for folder in self.folders]
        return [*own, (real, self.directory), *more]


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in ("", "."))


def _below(name: str, prefix: str) -> tuple[str, ...] | None:
    """Return the components of the absolute path *name* below *prefix*, or ``None``."""
    if not name.startswith("/"):
        return None
    parts, above = _parts(name), _parts(prefix)
    return parts[len(above) :] if parts[: len(above)] == above else None


def _quoted(name: str) -> str:
    return json.dumps(name if len(name) <= 80 else name[:79] + "…", ensure_ascii=False)
