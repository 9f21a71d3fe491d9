"""Named shells: commands that share a working directory and environment variables.

Each command is a process of its own.  At its end bash writes the working directory
and the exported variables into a file of the shell; the next command of that name
begins with them.  What was exported may be secret: the file is its user's alone (0600,
in a folder of 0700), and is deleted with the devbox.  Commands of one shell run one
after the other.  A command that is killed with SIGKILL, replaces itself (``exec``) or
sets an EXIT trap leaves no state.
"""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path
from typing import Final, Generic, TypeVar

from ..refusals import Refusal

__all__ = ["SCRIPT", "ShellQueues", "state_file", "states_folder"]

T = TypeVar("T")

#: Characters of a shell's name.
NAME_LIMIT: Final = 200

#: Run by bash with the state file, the profile (or nothing) and the command.
#: The mark of the execution is the only variable that does not come from the state.
SCRIPT: Final = """
__state=$1 __profile=$2 __command=$3 __mark=$AXON_NOTEBOOK_EXECUTION
set --
if [ -r "$__state" ]; then
  for __name in $(compgen -e); do unset -v "$__name" 2>/dev/null; done
  . "$__state"
  unset -v __name
elif [ -n "$__profile" ]; then
  . "$__profile"
fi
export AXON_NOTEBOOK_EXECUTION=$__mark
trap '(umask 077; { export -p; printf "cd -- %q\\n" "$PWD"; } >| "$__state")' EXIT
eval "$__command"
"""


def states_folder(folder: Path) -> Path:
    """Return where the states of the shells of a devbox are kept; *folder* is the devbox's."""
    return folder / "shells"


def state_file(folder: Path, name: str) -> Path:
    """Return where the state of the shell *name* is kept; make the folder of the states.

    *folder* is the devbox's.

    Raises:
        Refusal: 400 if the name cannot be one.
    """
    if not name or len(name) > NAME_LIMIT or "\0" in name:
        raise Refusal(400, f"shell_name must have 1 to {NAME_LIMIT} characters.")
    states = states_folder(folder)
    states.mkdir(mode=0o700, exist_ok=True)
    return states / hashlib.sha256(name.encode()).hexdigest()[:32]


class ShellQueues(Generic[T]):
    """Which command of each named shell runs, and which wait, in their order."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], deque[T]] = {}

    def enter(self, devbox_id: str, name: str, command: T) -> bool:
        """Put *command* at the end; return whether it may start at once."""
        queue = self._queues.setdefault((devbox_id, name), deque())
        queue.append(command)
        return len(queue) == 1

    def leave(self, devbox_id: str, name: str, command: T) -> T | None:
        """Take *command* out; return the one that may start now, if there is one."""
        queue = self._queues[devbox_id, name]
        was_first = queue[0] is command
        queue.remove(command)
        if not queue:
            del self._queues[devbox_id, name]
        return queue[0] if queue and was_first else None
