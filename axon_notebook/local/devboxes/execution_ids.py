"""The ids of executions and the times in their records."""

from __future__ import annotations

import os
import time
from uuid import UUID

__all__ = ["new_execution_id", "now_ms"]


def new_execution_id() -> str:
    """Return a UUID of version 7: sorted by time, as the API's own are."""
    random = int.from_bytes(os.urandom(10), "big")
    value = (now_ms() & (2**48 - 1)) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    return str(UUID(int=value & ~(0x3 << 62) | 0x2 << 62))


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
