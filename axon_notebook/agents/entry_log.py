"""A numbered log of revisions, for those who pass them on.

Number *n* is the *n*-th revision of the trace, from 1.  A consumer keeps the number of the last
one that it has and asks for those :meth:`EntryLog.since` it.

Most of the memory of a long conversation would be its revisions: hundreds of bytes for a few
letters each.  So beyond a limit the older ones of an entry become one, which has its whole state.
Nothing of an entry is lost by that, only its states in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from .model import KINDS, Entry, Revision, apply, fold

__all__ = ["LOG_BYTES", "EntryLog"]

#: Of revisions that are kept one by one.
LOG_BYTES: Final = 64 * 1024 * 1024
#: What a revision takes besides its texts, roughly.
OVERHEAD: Final = 400
#: Revisions that are merged when there are too many.
MERGED: Final = 0.75
_LEFT_OUT: Final = ("id", "pieces", "revision")


class EntryLog:
    """The revisions of one trace in order.

    Not locked: fed and read in one thread, or under the owner's lock.

    Args:
        entries: Those of the trace, whose texts are shared.
        max_bytes: Of revisions to keep one by one.

    Attributes:
        merged_to: Revisions up to this number are merged: of events before them only the later
            state is known.
    """

    def __init__(
        self,
        revisions: Iterable[Revision] = (),
        *,
        entries: Sequence[Entry] = (),
        max_bytes: int = LOG_BYTES,
    ) -> None:
        self.max_bytes = max_bytes
        self.merged_to = 0
        self._shared = entries
        self._bytes = 0
        self._merged: list[tuple[Revision, int]] = []  # with the number of the entry's last one
        self._revisions: list[Revision] = []  # after those
        self.extend(revisions)

    @property
    def last(self) -> int:
        """The number of the newest revision; 0 if there is none."""
        return self.merged_to + len(self._revisions)

    def extend(self, revisions: Iterable[Revision]) -> None:
        """Append what :meth:`.trace.Trace.feed` returned."""
        for revision in revisions:
            self._revisions.append(revision)
            self._bytes += _size(revision)
        if self._bytes > self.max_bytes:
            self._merge()

    def since(self, number: int, limit: int | None = None) -> tuple[list[Revision], int]:
        """Return revisions after *number*, and the number of the last of them.

        *limit* of them at most, but those that are merged come together.  There are no more if
        the number is :attr:`last`.
        """
        if number < self.merged_to:
            return [made for made, end in self._merged if end > number], self.merged_to
        start = number - self.merged_to
        found = self._revisions[start : None if limit is None else start + limit]
        return found, number + len(found)

    def entries(self, as_of: int | None = None) -> list[Entry]:
        """Return the entries as of the event with the sequence *as_of*, or the newest."""
        merged = [revision for revision, _ in self._merged]
        return fold([*merged, *self._revisions], as_of)

    def _merge(self) -> None:
        end = int(len(self._revisions) * MERGED)
        entries: list[Entry] = []
        ends: list[int] = []
        for revision, number in self._merged:
            apply(entries, revision)
            ends.append(number)
        for number, revision in enumerate(self._revisions[:end], self.merged_to + 1):
            apply(entries, revision)
            if len(entries) > len(ends):
                ends.append(number)
            ends[revision.entry - 1] = number
        self._merged = [(self._whole(e), n) for e, n in zip(entries, ends, strict=True)]
        del self._revisions[:end]
        self.merged_to += end
        self._bytes = sum(map(_size, self._revisions))

    def _whole(self, entry: Entry) -> Revision:
        """Return one revision for all of an entry's."""
        default = KINDS[entry.kind](id=entry.id, kind=entry.kind)
        state: dict[str, Any] = {"kind": entry.kind}
        for name in entry.__struct_fields__:
            value = getattr(entry, name)
            if name not in _LEFT_OUT and value != getattr(default, name):
                state[name] = value
        if text := entry.text:
            shared = self._shared[entry.id - 1].text if entry.id <= len(self._shared) else ""
            state["text"] = shared if shared == text else text
        return Revision(entry.id, entry.revision, entry.last_sequence, state=state)


def _size(revision: Revision) -> int:
    if revision.append is not None:
        return OVERHEAD + len(revision.append)
    state = revision.state or {}
    plain = all(isinstance(value, str | int | float | None) for value in state.values())
    if plain:
        return OVERHEAD + sum(len(v) for v in state.values() if isinstance(v, str))
    return OVERHEAD + len(msgspec.json.encode(state))
