"""Commands as processes of this machine: how they start, and how strays are found.

A command runs in its own session, in the shell, with the environment of the
service minus everything that names the service or carries a key.  Each process
inherits a mark in its environment, which tells later to which devbox it
belongs, even when the service that started it was killed.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from .named_shells import SCRIPT
from .paths import DevboxPaths

__all__ = ["MARK", "command_environment", "end_marked", "marked_processes", "start_shell"]

#: The environment variable that says to whom a process belongs: ``devbox/execution``.
MARK: Final = "AXON_NOTEBOOK_EXECUTION"

UUID_LENGTH: Final = 36

#: Prefixes of variables that a command gets only when its devbox asks for them.
PRIVATE: Final = ("RUNLOOP_", "AXON_NOTEBOOK_")

#: What a login shell reads, in bash's order; the first one found counts.
PROFILES: Final = (".bash_profile", ".bash_login", ".profile")


logger = logging.getLogger(__name__)


def command_environment(
    paths: DevboxPaths,
    mark: str,
    wanted: Mapping[str, str],
    *,
    base: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of a command in a devbox.

    ``HOME`` is the devbox directory, and its ``.local/bin`` comes first in ``PATH``; npm
    installs its global packages there as well.  Python is asked not to buffer, so that
    its output can be followed.  *wanted* wins over everything but the mark.
    """
    inherited = os.environ if base is None else base
    kept = {name: value for name, value in inherited.items() if not name.startswith(PRIVATE)}
    defaults = {
        "HOME": paths.home,
        "PWD": paths.home,
        "PATH": f"{paths.home}/.local/bin:{kept.get('PATH', os.defpath)}",
        "NPM_CONFIG_PREFIX": f"{paths.home}/.local",
        "PYTHONUNBUFFERED": "1",
    }
    return {**kept, **defaults, **paths.variables(wanted), MARK: mark}


def start_shell(
    command: str,
    *,
    paths: DevboxPaths,
    entry: Sequence[str],
    environment: Mapping[str, str],
    stdin: bool,
    state: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start *command* in a shell in the home directory, with unbuffered pipes to its output.

    *entry* is what :meth:`Namespaces.entry` returned, *state* the file of a named shell.

    The shell reads the profile of the devbox directory if there is one, as a
    login shell does, but not ``/etc/profile``: on Debian that one replaces
    ``PATH``, and the notebook's own Python would be gone.

    Raises:
        OSError: The system cannot start it (too long, too many processes, no memory).
    """
    bash = shutil.which("bash")
    shell = bash or "/bin/sh"
    profiles = (name for name in PROFILES if (paths.directory / name).is_file())
    profile = next((f"{paths.home}/{name}" for name in profiles), "")
    if state is not None:
        if bash is None:
            raise FileNotFoundError(errno.ENOENT, "shell_name needs bash, which is not installed")
        arguments = [bash, "-c", SCRIPT, bash, str(state), profile, command]
    elif profile:
        arguments = [shell, "-c", '. "$1"; exec "$0" -c "$2"', shell, profile, command]
    else:
        arguments = [shell, "-c", command]
    return subprocess.Popen(
        [*entry, *arguments],
        bufsize=0,
        cwd=paths.directory,
        env=environment,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def marked_processes(devbox_ids: set[str], *, of_commands: bool = False) -> Iterator[int]:
    """Find the processes of these devboxes, except this one and its parent.

    With *of_commands* only what an execution started, not what the service runs for
    itself in a devbox, such as an agent.
    """
    marks = _marks_in_proc() if Path("/proc/self/environ").exists() else _marks_by_ps()
    for pid, mark in marks:
        devbox_id, _, started_by = mark.partition("/")
        wanted = devbox_id in devbox_ids and (not of_commands or len(started_by) == UUID_LENGTH)
        if wanted and pid not in (os.getpid(), os.getppid()):
            yield pid


def end_marked(devbox_ids: set[str], *, grace: float = 1.0) -> int:
    """End every process of these devboxes; blocks up to *grace* seconds and a little.

    SIGTERM first, SIGKILL for what is left after *grace*.  Used for processes
    that are not children of this one any more, or never were.

    Returns:
        How many processes got a signal.
    """
    signalled: set[int] = set()
    deadline = time.monotonic() + grace
    while left := set(marked_processes(devbox_ids)):
        late = time.monotonic() >= deadline
        for pid in left if late else left - signalled:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        signalled |= left
        if time.monotonic() > deadline + grace:
            logger.warning("processes %s do not end", sorted(left))
            break
        time.sleep(0.02)
    return len(signalled)


def _marks_in_proc() -> Iterator[tuple[int, str]]:
    prefix = f"{MARK}=".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # ended meanwhile, or of another user
        for variable in variables:
            if variable.startswith(prefix):
                yield int(entry.name), variable.removeprefix(prefix).decode("utf-8", "replace")


def _marks_by_ps() -> Iterator[tuple[int, str]]:
    # macOS has no /proc; its ps prints the environment after the command with -E.
    listing = subprocess.run(
        ["ps", "-x", "-E", "-ww", "-o", "pid=,command="], capture_output=True, check=True
    )
    for line in listing.stdout.decode("utf-8", "replace").splitlines():
        pid, _, rest = line.strip().partition(" ")
        _, found, mark = rest.partition(f"{MARK}=")
        if found:
            yield int(pid), mark.partition(" ")[0]
