"""The files of a dataset: which count, who may add to them.

::

    commits/00000001.json …     what was added and removed, and how far each axon was read
    data/TABLE/day=…/….parquet  rows; only files that a commit names count
    lease.json                  who is writing (object storage; a local path has lock)

A commit is written last and as a whole: a local file appears by a hard link, an object by one
conditional write.  So a killed writer leaves files that are never read, not half of its rows, and
two writers cannot both write commit *n*.

Paths are a local directory or any fsspec URL.  Names of axons never become part of a path.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import filelock
import msgspec

from .errors import AxonError, ParameterError

__all__ = ["Commit", "DataFile", "DatasetFiles", "Reached", "State"]

LEASE_SECONDS: Final = 120.0
FORMAT: Final = 1


class DataFile(msgspec.Struct, frozen=True):
    """A Parquet file of *rows* rows; ``path`` is relative to the dataset."""

    table: str
    path: str
    rows: int


class Reached(msgspec.Struct, frozen=True):
    """How far an axon was exported.

    Attributes:
        sequence: Of its newest exported event.
        name: The axon's name then.
        traced: Up to which event the rows of its trace are there.
    """

    sequence: int
    name: str | None = None
    traced: int = 0


class Commit(msgspec.Struct, frozen=True):
    """One step of an export; all of it counts, or nothing."""

    added: list[DataFile]
    axons: dict[str, Reached]
    removed: list[str] = []
    at: str = ""
    format: int = FORMAT


class State(msgspec.Struct):
    """What all commits together say."""

    files: dict[str, DataFile] = {}
    axons: dict[str, Reached] = {}
    commits: int = 0

    def apply(self, commit: Commit) -> None:
        """Add *commit*, the next one."""
        for path in commit.removed:
            self.files.pop(path, None)
        self.files.update({file.path: file for file in commit.added})
        self.axons.update(commit.axons)
        self.commits += 1

    def paths(self, table: str) -> list[str]:
        """Return the files of *table*."""
        return [file.path for file in self.files.values() if file.table == table]


class _Lease(msgspec.Struct, frozen=True):
    owner: str
    expires: float  # seconds since the epoch


class DatasetFiles:
    """The files below *path*; borrows nothing, owns nothing between calls.

    Args:
        path: A local directory, or an fsspec URL such as ``s3://bucket/runs``.
        options: For fsspec, such as credentials.
        clock: Seconds since the epoch, for leases.

    Raises:
        ParameterError: fsspec, or its part for this kind of URL, is not installed.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        options: dict[str, Any] | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.fs, self.root = _filesystem(os.fspath(path), options or {})
        self.is_local = "file" in _protocols(self.fs)
        self._clock = clock

    def full(self, path: str) -> str:
        """Return *path*, relative to the dataset, as the file system takes it."""
        return f"{self.root}/{path}"

    # -- reading

    def state(self) -> State:
        """Read all commits.

        Raises:
            AxonError: A commit cannot be read, or is of a newer format.
        """
        state = State()
        for path in self._commits():
            state.apply(self._read(path))
        return state

    def _commits(self) -> list[str]:
        """Return the commits in order."""
        self.fs.invalidate_cache()  # fsspec remembers the listings of object stores
        folder = self.full("commits")
        if not self.fs.exists(folder):
            return []
        found = self.fs.ls(folder, detail=False)
        return sorted(path for path in found if path.endswith(".json"))

    def _read(self, path: str) -> Commit:
        try:
            commit = msgspec.json.decode(self.fs.cat_file(path), type=Commit)
        except (msgspec.MsgspecError, OSError) as error:
            raise AxonError(f"{path} is not a commit of a dataset: {error}") from error
        if commit.format != FORMAT:
            raise AxonError(
                f"{path} has format {commit.format}, this version reads {FORMAT}: "
                "update axon-notebook"
            )
        return commit

    # -- writing

    def new_path(self, table: str, day: str) -> str:
        """Return an unused path for a file of *table* with the rows of *day* (ISO date)."""
        return f"data/{table}/day={day}/{secrets.token_hex(8)}.parquet"

    def commit(self, number: int, commit: Commit) -> None:
        """Write *commit* as the *number*-th, from 1.

        Raises:
            AxonError: Another writer made that commit.
        """
        path = self.full(f"commits/{number:08}.json")
        try:
            self._create(path, msgspec.json.encode(commit))
        except FileExistsError:
            raise AxonError(
                f"another export wrote to {self.root} meanwhile: nothing of this step was added; "
                "run the export again"
            ) from None

    def remove_orphans(self, state: State) -> int:
        """Delete data files that no commit names; only for who holds the lock."""
        folder = self.full("data")
        if not self.fs.exists(folder):
            return 0
        known = {self.full(path) for path in state.files}
        orphans = [path for path in self.fs.find(folder) if path not in known]
        for path in orphans:
            self.fs.rm_file(path)
        return len(orphans)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Callable[[], None]]:
        """Be the one writer; yields a function that must be called before each commit.

        On a local path a lock that ends with the process; on object storage a lease of two
        minutes, which the yielded function renews.

        Raises:
            AxonError: Another export is writing.
        """
        self.fs.makedirs(self.root, exist_ok=True)
        if self.is_local:
            with self._locked():
                yield lambda: None
            return
        owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._take_lease(owner)
        try:
            yield lambda: self._renew_lease(owner)
        finally:
            if self._lease() == owner:
                self.fs.rm_file(self.full("lease.json"))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        lock = filelock.FileLock(self.full("lock"))
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            raise AxonError(f"another export is writing to {self.root}: wait for its end") from None
        try:
            yield
        finally:
            lock.release()

    def _take_lease(self, owner: str) -> None:
        path, value = self.full("lease.json"), self._lease_of(owner)
        try:
            self._create(path, value)
        except FileExistsError:
            held = self._lease(valid_only=True)
            if held is not None:
                raise AxonError(
                    f"another export ({held}) is writing to {self.root}: wait for its end, or "
                    f"{LEASE_SECONDS:.0f} s if it was killed"
                ) from None
            # Two that find the same expired lease may both go on; commit() stops one of them.
            self.fs.pipe_file(path, value)

    def _renew_lease(self, owner: str) -> None:
        held = self._lease()
        if held != owner:
            raise AxonError(f"the lease on {self.root} went to {held or 'nobody'}: run it again")
        self.fs.pipe_file(self.full("lease.json"), self._lease_of(owner))

    def _lease_of(self, owner: str) -> bytes:
        return msgspec.json.encode(_Lease(owner, self._clock() + LEASE_SECONDS))

    def _lease(self, *, valid_only: bool = False) -> str | None:
        try:
            lease = msgspec.json.decode(self.fs.cat_file(self.full("lease.json")), type=_Lease)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return None if valid_only and lease.expires < self._clock() else lease.owner

    def _create(self, path: str, value: bytes) -> None:
        """Write a new file as a whole.

        Raises:
            FileExistsError: It is there already.
        """
        if not self.is_local:
            self.fs.pipe_file(path, value, mode="create")
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{secrets.token_hex(8)}")
        try:
            with draft.open("xb") as file:
                file.write(value)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, target)
        finally:
            draft.unlink(missing_ok=True)


def _filesystem(path: str, options: dict[str, Any]) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise ParameterError(
            "datasets need fsspec, pyarrow and DuckDB: pip install 'axon-notebook[datasets]'"
        ) from None
    try:
        fs, root = url_to_fs(path, **options)
    except (ImportError, ValueError) as error:
        raise ParameterError(f"{path}: {error}") from error
    return fs, str(root).rstrip("/")


def _protocols(fs: Any) -> Sequence[str]:
    protocol = fs.protocol
    return (protocol,) if isinstance(protocol, str) else protocol
