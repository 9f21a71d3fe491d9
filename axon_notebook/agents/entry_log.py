"""A numbered log of revisions, for those who pass them on.

Number *n* is the *n*-th revision of the trace, from 1.  A consumer keeps the number of the last
one that it has and asks for those :meth:`EntryLog.since` it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .model import Entry, Revision, fold

__all__ = ["EntryLog"]


class EntryLog:
    """The revisions of one trace in order.

    Not locked: fed and read in one thread, or under the owner's lock.
    """

    def __init__(self, revisions: Iterable[Revision] = ()) -> None:
        self._revisions: list[Revision] = list(revisions)

    @property
    def last(self) -> int:
        """The number of the newest revision; 0 if there is none."""
        return len(self._revisions)

    def extend(self, revisions: Iterable[Revision]) -> None:
        """Append what :meth:`.trace.Trace.feed` returned."""
        self._revisions.extend(revisions)

    def since(self, number: int, limit: int | None = None) -> list[Revision]:
        """Return the revisions numbered *number* + 1 and on, *limit* of them at most."""
        end = None if limit is None else number + limit
        return self._revisions[number:end]

    def entries(self, as_of: int | None = None) -> list[Entry]:
        """Return the entries as of the event with the sequence *as_of*, or the newest."""
        return fold(self._revisions, as_of)
