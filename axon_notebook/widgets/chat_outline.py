"""Entries as a conversation: turns with their items, tool calls with what happened in them.

The rules of ``js/src/trace/outline.ts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from ..agents.model import Annotation, Entry, Session, Tool, Turn
from .markdown import Block

__all__ = ["Group", "Outline", "Shown", "of_turn"]

#: An entry and the blocks of its Markdown.
Shown: TypeAlias = "tuple[Entry, list[Block]]"

#: The turn id of what happened outside of all turns begins so: see ``TurnTracker.place``.
OUTSIDE: Final = "outside-"


class Group(msgspec.Struct):
    """A turn and its items; ``turn`` is ``None`` while only items of it are here."""

    items: list[Entry]
    turn: Turn | None = None


class Outline:
    """The places of all entries."""

    def __init__(self, entries: Sequence[Shown]) -> None:
        self.parts: list[Group | Entry] = []
        self.turns: list[Turn] = []
        self.session: Session | None = None
        self._blocks = {entry.id: blocks for entry, blocks in entries if blocks}
        self._groups: dict[str, Group] = {}
        self._annotations: dict[int, list[Annotation]] = {}
        self._children: dict[str, list[Entry]] = {}
        self._parents = {
            entry.call_id: entry.parent_id
            for entry, _ in entries
            if isinstance(entry, Tool) and entry.call_id
        }
        for entry, _ in entries:
            self._add(entry)

    def blocks(self, entry: Entry) -> list[Block]:
        """Return the Markdown blocks of an entry's text."""
        return self._blocks.get(entry.id, [])

    def children(self, tool: Tool) -> Sequence[Entry]:
        """Return what happened in a tool call: the work of a subagent."""
        return self._children.get(tool.call_id, ()) if tool.call_id else ()

    def annotations(self, entry: Entry) -> list[Annotation]:
        """Return what was judged of an entry, and not taken back."""
        found = self._annotations.get(entry.id, [])
        return [one for one in found if one.status != "retracted"]

    def _add(self, entry: Entry) -> None:
        if isinstance(entry, Session):
            self.session = entry
        elif isinstance(entry, Turn):
            self.turns.append(entry)
            self._group(entry.turn_id).turn = entry
        elif entry.parent_id in self._parents and not self._is_own_ancestor(entry):
            self._children.setdefault(entry.parent_id, []).append(entry)
        elif isinstance(entry, Annotation) and entry.target:
            self._annotations.setdefault(entry.target, []).append(entry)
        elif entry.turn_id and not entry.turn_id.startswith(OUTSIDE):
            self._group(entry.turn_id).items.append(entry)
        else:
            self.parts.append(entry)

    def _group(self, turn_id: str) -> Group:
        if turn_id not in self._groups:
            group = self._groups[turn_id] = Group([])
            self.parts.append(group)
        return self._groups[turn_id]

    def _is_own_ancestor(self, entry: Entry) -> bool:
        """A call that is inside of itself stays in the main text."""
        if not isinstance(entry, Tool):
            return False
        at, seen = entry.parent_id, 0
        while at and seen < 32:
            if at == entry.call_id:
                return True
            at, seen = self._parents.get(at, ""), seen + 1
        return bool(at)


def of_turn(entries: Sequence[Shown], prompt: int) -> list[Shown]:
    """Return the entries of the turn whose prompt is event *prompt*, and the session's."""
    turns = {e.turn_id for e, _ in entries if isinstance(e, Turn) and e.prompt_sequence == prompt}
    return [(e, b) for e, b in entries if isinstance(e, Session) or e.turn_id in turns]
