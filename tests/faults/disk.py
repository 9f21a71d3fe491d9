"""A disk under SQLite that fills up, fails, or loses power when the test says so.

    with Disk() as disk, opened(home) as store:
        disk.fail(3, apsw.FullError)     # the third write from now fails, and all after it
        ...
        disk.after_power_cut(file)       # what a machine would find that lost power now

Every database that is opened inside the block is on this disk: it becomes
SQLite's default way to files.  Names of files are taken as durable at once.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import apsw

__all__ = ["Disk"]

NAME: Final = "axon_notebook_test_disk"


class Disk(apsw.VFS):
    """Files of this machine, with a list of what was written and not yet synced.

    Attributes:
        writes: Calls that wrote, since :meth:`fail` was called last.
        failed: How many calls failed.
        real: The name of SQLite's own way to files.
    """

    def __init__(self) -> None:
        self.real = apsw.vfs_details()[0]["zName"]
        super().__init__(NAME, self.real)
        self.writes = self.failed = 0
        self._first: int | None = None
        self._error: type[Exception] = apsw.IOError
        self._only: str = ""
        self._guard = threading.Lock()
        self._durable: dict[str, bytes] = {}
        self._pending: dict[str, list[Callable[[bytearray], None]]] = {}

    def __enter__(self) -> Self:
        apsw.set_default_vfs(NAME)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        apsw.set_default_vfs(self.real)
        self.unregister()

    def fail(self, first: int | None, error: type[Exception], *, only: str = "") -> None:
        """Let the *first* write from now (from 1) and all after it fail; ``None``: none does.

        *only* narrows that to calls of one kind: ``"write"``, ``"sync"``.
        """
        with self._guard:
            self.writes = self.failed = 0
            self._first, self._error, self._only = first, error, only

    def after_power_cut(self, database: Path, seed: int | None = None) -> dict[str, bytes]:
        """Each file of *database* as a machine would find it that lost power now.

        Of what was not synced a random part arrived, in any order; ``None``: nothing of it.
        """
        draw = random.Random(seed)
        with self._guard:
            found = {}
            for path in (str(database), f"{database}-wal"):
                content, pending = self._durable[path], list(self._pending[path])
                arrived = [] if seed is None else [p for p in pending if draw.random() < 0.5]
                draw.shuffle(arrived)
                found[Path(path).name] = applied(content, arrived)
            return found

    def xOpen(self, name: Any, flags: list[int]) -> DiskFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        with self._guard:
            if path not in self._durable:
                file = Path(path)
                self._durable[path] = file.read_bytes() if file.exists() else b""
                self._pending[path] = []
        return DiskFile(self, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        with self._guard:
            self._durable.pop(filename, None)
            self._pending.pop(filename, None)

    def wrote(self, path: str, change: Callable[[bytearray], None]) -> None:
        with self._guard:
            self._count("write")
            self._pending[path].append(change)

    def synced(self, path: str) -> None:
        with self._guard:
            self._count("sync")
            self._durable[path] = applied(self._durable[path], self._pending[path])
            self._pending[path] = []

    def _count(self, kind: str) -> None:
        if self._only not in ("", kind):
            return
        self.writes += 1
        if self._first is not None and self.writes >= self._first:
            self.failed += 1
            raise self._error


class DiskFile(apsw.VFSFile):
    """One open file; it writes through, and tells the disk."""

    def __init__(self, disk: Disk, path: str, name: Any, flags: list[int]) -> None:
        super().__init__(disk.real, name, flags)
        self._disk, self._path = disk, path

    def xWrite(self, data: bytes, offset: int) -> None:
        data = bytes(data)

        def change(content: bytearray) -> None:
            content.extend(bytes(max(0, offset - len(content))))
            content[offset : offset + len(data)] = data

        self._disk.wrote(self._path, change)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        def change(content: bytearray) -> None:
            del content[newsize:]

        self._disk.wrote(self._path, change)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        self._disk.synced(self._path)
        super().xSync(flags)


def applied(content: bytes, changes: list[Callable[[bytearray], None]]) -> bytes:
    result = bytearray(content)
    for change in changes:
        change(result)
    return bytes(result)
