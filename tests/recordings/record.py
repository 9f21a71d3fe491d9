"""Record what a command prints to a terminal of a fixed size.

    python record.py OUT.bin COLUMNS COMMAND [ARGUMENT...]

The bytes are kept as the terminal got them. Names of the machine are replaced by names of
the same length, so that no cursor position changes.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

ROWS = 40
HOST = re.compile(rb"(?<=//)[A-Za-z0-9.-]+\.[a-z]{2,}(?=[/:])|(?<= )[a-z.-]+\.debian\.org\b")
MACHINE_LINE = re.compile(rb"(?m)^N: Ignoring file .*\n")
MACHINE_PATH = re.compile(rb"/(?:root|tmp|work|opt)(?=/)")


def record(columns: int, command: list[str]) -> bytes:
    """Everything the command writes to a terminal of `columns` × ROWS cells."""
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(ROWS))
        os.execvp(command[0], command)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    output = b"".join(_read_all(master))
    os.close(master)
    os.waitpid(pid, 0)
    return output


def scrub(output: bytes) -> bytes:
    """The same cells without hosts and machine paths."""
    hidden = HOST.sub(lambda found: _like(found.group(), b"mirror.example"), output)
    hidden = MACHINE_LINE.sub(b"", hidden)
    return MACHINE_PATH.sub(lambda found: b"/" + b"x" * (len(found.group()) - 1), hidden)


def _like(name: bytes, sample: bytes) -> bytes:
    return (sample + b"." * len(name))[: len(name)]


def _read_all(master: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux answers EIO when the last writer of a pty is gone
            return
        if not piece:
            return
        yield piece


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(scrub(record(int(sys.argv[2]), sys.argv[3:])))
