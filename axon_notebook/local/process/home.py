"""The directory that one service serves, and the files in it.

::

    <home>/             0700
      service.lock      held by the living service; the kernel drops it when the process dies
      service.pid       who holds the lock
      service.json      0600: where the service answers, and its token
      service.log       what happened, at most 2 MiB with its predecessor service.log.1
      start.lock        held by the one that is starting a service
      registry.db  axons/  devboxes/   the data
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ...errors import ServiceError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["Home", "ServiceRecord"]


class ServiceRecord(msgspec.Struct, frozen=True):
    """The content of ``service.json``: the service's address and token."""

    url: str
    token: str
    pid: int
    version: str
    started_at: str

    def __repr__(self) -> str:
        return f"ServiceRecord(url={self.url!r}, pid={self.pid}, version={self.version!r})"


class Home:
    """The files of a home; creating the object touches nothing."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self.record_path = self.path / "service.json"
        self.pid_path = self.path / "service.pid"
        self.log_path = self.path / "service.log"
        self.devboxes = self.path / "devboxes"

    @property
    def fingerprint(self) -> str:
        """A short name of this very directory, the same for every spelling of its path."""
        return hashlib.sha256(os.fsencode(self.path.resolve())).hexdigest()[:16]

    def prepare(self) -> None:
        """Make the directory, readable by its owner alone.

        Raises:
            ServiceError: If it cannot be made, or belongs to another user.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix":
                self._make_private()
        except OSError as error:
            raise ServiceError(
                f"cannot use {self.path} as home: {error.strerror}; "
                "choose another with AXON_NOTEBOOK_HOME"
            ) from error

    def service_lock(self) -> BaseFileLock:
        """Return the lock that the living service holds; it belongs to the caller."""
        return _lock(self.path / "service.lock")

    def start_lock(self) -> BaseFileLock:
        """Return the lock that makes starting a service one caller's job."""
        return _lock(self.path / "start.lock")

    def is_served(self) -> bool:
        """Whether a living process holds this home."""
        from filelock import Timeout

        if not (self.path / "service.lock").exists():
            return False
        lock = self.service_lock()
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def record(self) -> ServiceRecord | None:
        """Return what ``service.json`` says, or ``None`` if there is no readable one."""
        try:
            return msgspec.json.decode(self.record_path.read_bytes(), type=ServiceRecord)
        except (OSError, msgspec.MsgspecError):
            return None

    def write_record(self, record: ServiceRecord) -> None:
        """Write ``service.json`` so that no reader ever sees half of it."""
        _write_private(self.record_path, msgspec.json.encode(record))

    def write_pid(self) -> None:
        """Say who holds the lock; call it while holding it."""
        _write_private(self.pid_path, b"%d" % os.getpid())

    def forget(self) -> None:
        """Remove what describes a living service."""
        for path in (self.record_path, self.pid_path):
            path.unlink(missing_ok=True)

    def holder(self) -> int | None:
        """Return the pid of the process that holds the lock, if it has written it."""
        try:
            return int(self.pid_path.read_text("ascii"))
        except (OSError, ValueError):
            return None

    def log_tail(self, lines: int = 12) -> list[str]:
        """Return the last lines of the log."""
        try:
            text = self.log_path.read_text("utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-lines:]

    def _make_private(self) -> None:
        state = self.path.stat()
        if not state.st_mode & 0o077:
            return
        foreign = state.st_uid != os.getuid()
        if foreign or (any(self.path.iterdir()) and not (self.path / "service.lock").exists()):
            raise ServiceError(
                f"{self.path} is used by others or for something else: "
                "choose an empty directory with AXON_NOTEBOOK_HOME, or chmod 700 it"
            )
        self.path.chmod(0o700)


def _lock(path: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(path, mode=0o600, is_singleton=False, thread_local=False)


def _write_private(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
