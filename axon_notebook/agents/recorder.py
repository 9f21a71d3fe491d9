"""Writes entries: each change of one becomes a revision that names the current event."""

from __future__ import annotations

from typing import Any

from .model import Entry, Revision, apply, grow

__all__ = ["Recorder"]


class Recorder:
    """The entries of a trace, and the revisions that the current event has caused.

    Attributes:
        entries: All entries; the id of one is its index + 1.
        sequence: Of the current event; ``at_ms``: its time.
        revisions: What the current event has changed so far.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.revisions: list[Revision] = []
        self.sequence = 0
        self.at_ms = 0

    def add(self, kind: str, **state: Any) -> Any:
        """Return a new entry of *kind*; fields that are ``None`` or empty are left out."""
        known = {"kind": kind}
        known |= {name: value for name, value in state.items() if value not in (None, "", [])}
        revision = Revision(len(self.entries) + 1, 1, self.sequence, self.at_ms, state=known)
        self.revisions.append(revision)
        return apply(self.entries, revision)

    def entry(self, number: int) -> Entry:
        """Return the entry of this id."""
        return self.entries[number - 1]

    def append(self, entry: Entry, text: str) -> None:
        """Append *text* to the entry's text."""
        if not text:
            return
        revision = Revision(entry.id, entry.revision + 1, self.sequence, self.at_ms, text)
        self.revisions.append(revision)
        grow(entry, revision, text)

    def change(self, entry: Entry, **state: Any) -> None:
        """Set fields; those that have the value already are left out."""
        changed = {name: value for name, value in state.items() if getattr(entry, name) != value}
        if changed:
            revision = Revision(
                entry.id, entry.revision + 1, self.sequence, self.at_ms, state=changed
            )
            self.revisions.append(revision)
            apply(self.entries, revision)
