"""The frames of a trace by name, for one axon and for many."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TraceFrames"]


class TraceFrames:
    """Names for the tables that :meth:`frame` returns; see :data:`.trace_tables.TABLES`."""

    def frame(self, table: str) -> pd.DataFrame:
        """Return one of the tables as a DataFrame."""
        raise NotImplementedError

    @property
    def turns(self) -> pd.DataFrame:
        """One row per turn that has begun."""
        return self.frame("turns")

    @property
    def tool_calls(self) -> pd.DataFrame:
        """One row per tool call; those of subagents have a ``parent_id``."""
        return self.frame("tool_calls")

    @property
    def messages(self) -> pd.DataFrame:
        """One row per message of the agent, thought, or message of a user within a turn."""
        return self.frame("messages")

    @property
    def questions(self) -> pd.DataFrame:
        """One row per question of the agent."""
        return self.frame("questions")

    @property
    def notices(self) -> pd.DataFrame:
        """One row per piece of news of agent, broker and devbox."""
        return self.frame("notices")

    @property
    def annotations(self) -> pd.DataFrame:
        """One row per annotation that was not retracted."""
        return self.frame("annotations")
