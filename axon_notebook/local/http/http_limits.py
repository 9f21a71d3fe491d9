"""Bounds of a connection, the same for HTTP/1.1 and HTTP/2; sizes in bytes, times in seconds."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BODY_TIME",
    "CONNECTIONS",
    "HEADER_COUNT",
    "HEAD_LIMIT",
    "HEAD_TIME",
    "IDLE_TIME",
    "WRITE_TIME",
]

#: The head of a request: its target, and its headers in all.
HEAD_LIMIT: Final = 16 * 1024
HEADER_COUNT: Final = 100
#: For the head of a request, from its first byte (or the connection's start).
HEAD_TIME: Final = 5.0
#: For its body.
BODY_TIME: Final = 30.0
#: For a connection on which nothing is asked.
IDLE_TIME: Final = 30.0
#: For a client to take what it is sent.
WRITE_TIME: Final = 60.0
CONNECTIONS: Final = 2048
