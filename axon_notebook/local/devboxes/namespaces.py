"""Mount namespaces in which ``/home/user`` is the devbox directory.

Where the kernel permits it, each process of a devbox starts in the namespace of
its devbox, so that ``cat /home/user/x`` reads the devbox's file, as on Runloop.
Where it does not, paths are only mapped (:mod:`.paths`).  **Neither is a sandbox**:
the process runs with the user's rights and reaches everything else of the machine.

A namespace is made once per devbox by :mod:`.namespace_helper`; open descriptors
keep it alive.  Processes enter it with ``nsenter`` of util-linux, which replaces
itself by the program: the process id, its session and its exit status are the
program's own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from .paths import RUNLOOP_HOME

__all__ = ["Namespaces", "SWITCH"]

#: Set to ``off`` in the environment of the service, it leaves the mapping alone.
SWITCH: Final = "AXON_NOTEBOOK_NAMESPACES"

HELPER: Final = Path(__file__).with_name("namespace_helper.py")

#: Seconds after which making a namespace is given up.
PATIENCE: Final = 20.0


class Namespaces:
    """The namespaces of one service's devboxes; any thread; closed by its owner.

    Args:
        home: The service's directory, which must stay reachable.
        environment: Where the switch is looked up; the service's own by default.
    """

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self._home = home
        self._environment = os.environ if environment is None else environment
        self._lock = threading.Lock()  # one maker at a time, and no use of a closed descriptor
        self._open: dict[str, list[tuple[str, int]]] = {}
        self._checked = False
        self._reason: str | None = None
        self._nsenter = ""
        self._changes_directory = False  # nsenter can itself, from util-linux 2.38 on

    @property
    def bound(self) -> bool:
        """Whether processes see the devbox directory at ``/home/user``; false until checked."""
        return self._checked and self._reason is None

    def check(self) -> str | None:
        """Return why there are no namespaces here, or ``None``; blocks 0.1 s the first time."""
        with self._lock:
            if not self._checked:
                self._reason = self._obstacle() or self._tried()
                self._checked = True
            return self._reason

    def entry(self, devbox_id: str, directory: Path, *, start: str = RUNLOOP_HOME) -> list[str]:
        """Return the words in front of a program that make it start in the devbox's namespace.

        No words where :meth:`check` found a reason.  Blocks while the namespace is made.

        Args:
            devbox_id: Whose namespace.
            directory: The devbox directory.
            start: The working directory of the program, as the namespace has it.

        Raises:
            OSError: The namespace cannot be made.
        """
        if self.check() is not None:
            return []
        with self._lock:
            if devbox_id not in self._open:
                self._open[devbox_id] = _made(directory)
            return self._words(self._open[devbox_id], start)

    def release(self, devbox_id: str) -> None:
        """Let go of a devbox's namespace; processes in it keep it as long as they live."""
        with self._lock:
            _close(self._open.pop(devbox_id, []))

    def close(self) -> None:
        """Let go of all namespaces; idempotent."""
        for devbox_id in list(self._open):
            self.release(devbox_id)

    def _words(self, opened: list[tuple[str, int]], start: str) -> list[str]:
        kinds = [f"--{kind}=/proc/{os.getpid()}/fd/{fd}" for kind, fd in opened]
        words = [self._nsenter, "--preserve-credentials", *kinds]
        if self._changes_directory:
            return [*words, f"--wdns={start}", "--"]
        return [*words, "--", "/bin/sh", "-c", 'cd "$0" && exec "$@"', start]

    def _obstacle(self) -> str | None:
        """Return what stands against namespaces before one is tried."""
        if sys.platform != "linux":
            return "this system has no mount namespaces"
        if self._environment.get(SWITCH, "").lower() in ("off", "0", "no", "false"):
            return f"{SWITCH} switches it off"
        nsenter = shutil.which("nsenter")
        if nsenter is None:
            return "nsenter is not installed (package util-linux)"
        self._nsenter = nsenter
        options = subprocess.run([nsenter, "--help"], capture_output=True, timeout=PATIENCE)
        self._changes_directory = b"--wdns" in options.stdout
        own = [Path.home(), self._home, Path(sys.prefix), Path(sys.base_prefix), HELPER]
        if any(path.is_relative_to(RUNLOOP_HOME) for path in own):
            return f"{RUNLOOP_HOME} holds this account's own files"
        if _mounted_on_demand():
            return "/home is mounted on demand (autofs)"
        return None

    def _tried(self) -> str | None:
        """Make a namespace and enter it; return what went wrong, or ``None``."""
        with tempfile.TemporaryDirectory(prefix="axon-notebook-") as folder:
            Path(folder, "seen").touch()
            try:
                opened = _made(Path(folder))
            except OSError as error:
                return str(error)
            try:
                words = [*self._words(opened, RUNLOOP_HOME), "/bin/sh", "-c", "test -e seen"]
                done = subprocess.run(words, capture_output=True, timeout=PATIENCE)
            except (OSError, subprocess.TimeoutExpired) as error:
                return str(error)
            finally:
                _close(opened)
        if done.returncode:
            return done.stderr.decode("utf-8", "replace").strip() or "nsenter failed"
        return None


def _made(directory: Path) -> list[tuple[str, int]]:
    """Make a namespace; return its open descriptors by kind, in the order of entering.

    Raises:
        OSError: The system does not permit it, or something in it is not as expected.
    """
    helper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(HELPER), str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    watchdog = threading.Timer(PATIENCE, helper.kill)
    watchdog.start()
    try:
        assert helper.stdout is not None
        if helper.stdout.readline() == b"ready\n":
            return _opened(helper.pid)
        errors = helper.communicate()[1].decode("utf-8", "replace").strip()
        raise OSError(errors.rpartition("\n")[2] or "the namespace was not made in time")
    finally:
        watchdog.cancel()
        helper.communicate()


def _opened(pid: int) -> list[tuple[str, int]]:
    """Open the namespaces of *pid*; the user namespace is entered first, if it has one."""
    opened: list[tuple[str, int]] = []
    try:
        for kind, name in (("user", "user"), ("mount", "mnt")):
            path = f"/proc/{pid}/ns/{name}"
            if kind == "user" and Path(path).samefile(f"/proc/self/ns/{name}"):
                continue
            opened.append((kind, os.open(path, os.O_RDONLY | os.O_CLOEXEC)))
    except OSError:
        _close(opened)
        raise
    return opened


def _close(opened: list[tuple[str, int]]) -> None:
    for _, descriptor in opened:
        os.close(descriptor)


def _mounted_on_demand() -> bool:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            place = before.split()[4]
            if after.startswith("autofs") and (place == "/home" or place.startswith("/home/")):
                return True
    return False
