"""Agents behind an axon's broker: one reader of all protocols, and conversations on top of it.

Events go to a :class:`~.trace.Trace`, whose codec turns them into :class:`~.model.Entry`
records: turns, messages, tool calls, plans, questions, notices, and one for the session.
"""

from __future__ import annotations

from .model import (
    Entry,
    Message,
    Notice,
    Plan,
    Question,
    Revision,
    Session,
    Tool,
    Turn,
    fold,
)
from .trace import Trace

__all__ = [
    "Entry",
    "Message",
    "Notice",
    "Plan",
    "Question",
    "Revision",
    "Session",
    "Tool",
    "Trace",
    "Turn",
    "fold",
]
