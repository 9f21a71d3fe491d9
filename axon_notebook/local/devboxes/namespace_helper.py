"""Makes the mount namespace of one devbox; run as a script by :mod:`.namespaces`.

The devbox directory is bound at ``/home/user``.  Every other entry of ``/home``
stays where it is, and everything outside ``/home`` is untouched.  The script says
``ready`` on stdout and holds the namespace until its stdin ends; by then the
service has opened it.  A process of its own, because a process with threads
cannot enter a user namespace.

An ordinary user gets a user namespace as well, in which the user's own id is the
only one that is mapped.  Root needs none, and keeps all ids that way.

Usage: ``python -I -S namespace_helper.py DIRECTORY``
"""

# Importing pathlib would double the time this takes.
# ruff: noqa: PTH102, PTH123, PTH208, PTH211

from __future__ import annotations

import ctypes
import os
import stat
import sys

HOME = "/home"
BOUND = "/home/user"

# From linux/sched.h and linux/mount.h.
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_RDONLY, MS_NOSUID, MS_NODEV = 1, 2, 4
MS_REMOUNT, MS_BIND, MS_REC, MS_SLAVE = 32, 4096, 16384, 1 << 19

#: Entries of ``/home`` beyond which each namespace would cost too much to make.
ENTRIES = 512

libc = ctypes.CDLL(None, use_errno=True)


def main(directory: str) -> None:
    """Make the namespace, say so, and wait for the end of stdin."""
    enter(directory)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()


def enter(directory: str) -> None:
    """Put this process into a new namespace with *directory* at ``/home/user``."""
    user, group = os.geteuid(), os.getegid()
    _checked(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)), "unshare")
    if user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    # New mounts of the machine still appear here; those made here stay here.
    _mount(None, "/", None, MS_REC | MS_SLAVE)
    bind(os.open(directory, os.O_PATH | os.O_DIRECTORY))


def bind(devbox: int) -> None:
    """Bind the open directory *devbox* at ``/home/user``."""
    if os.path.lexists(BOUND):
        if not stat.S_ISDIR(os.lstat(BOUND).st_mode):
            raise OSError(f"{BOUND} exists and is not a directory")
        _mount(_opened(devbox), BOUND, None, MS_BIND | MS_REC)
        return
    home = os.path.realpath(HOME)
    names = os.listdir(home)
    if len(names) > ENTRIES:
        raise OSError(f"{HOME} has more than {ENTRIES} entries")
    # Opened before the new mount covers them, and in this namespace: it binds only its own.
    held = [(name, os.open(f"{home}/{name}", os.O_PATH | os.O_NOFOLLOW)) for name in names]
    flags = MS_NOSUID | MS_NODEV
    _mount("tmpfs", home, "tmpfs", flags, b"mode=0755,size=4m")
    for name, entry in held:
        _keep(f"{home}/{name}", entry)
        os.close(entry)
    os.mkdir(f"{home}/user")
    _mount(_opened(devbox), f"{home}/user", None, MS_BIND | MS_REC)
    _mount(None, home, None, MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def _keep(path: str, entry: int) -> None:
    """Put the entry of the covered ``/home`` back to *path*."""
    mode = os.fstat(entry).st_mode
    if stat.S_ISLNK(mode):
        os.symlink(os.readlink("", dir_fd=entry), path)
        return
    if stat.S_ISDIR(mode):
        os.mkdir(path)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    _mount(_opened(entry), path, None, MS_BIND | MS_REC)


def _opened(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, data: bytes | None = None
) -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    _checked(libc.mount(*words, ctypes.c_ulong(flags), data), f"mount on {target}")


def _write(path: str, text: str) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(os.fsencode(text))


def _checked(result: int, what: str) -> None:
    if result:
        raise OSError(f"{what}: {os.strerror(ctypes.get_errno())}")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except OSError as error:
        sys.exit(str(error))
