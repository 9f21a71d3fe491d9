"""Agents behind an axon's broker: pure codecs, and the session on top of them.

The names below are what a turn yields and a session's entries hold.
"""

from __future__ import annotations

from .timeline import (
    Diff,
    Entry,
    Info,
    Notice,
    Option,
    PermissionAnswer,
    PermissionRequest,
    Plan,
    Step,
    Text,
    Tool,
    TurnEnded,
    TurnStarted,
    Update,
    Usage,
)

__all__ = [
    "Diff",
    "Entry",
    "Info",
    "Notice",
    "Option",
    "PermissionAnswer",
    "PermissionRequest",
    "Plan",
    "Step",
    "Text",
    "Tool",
    "TurnEnded",
    "TurnStarted",
    "Update",
    "Usage",
]
