"""What ``%%axonsql`` shows instead of rows: what would be sent, and how SQLite would run it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..models import SqlResult
    from ..sql.binding import BoundStatement

__all__ = ["DryRun", "Plan", "cut"]


class DryRun:
    """What a cell would send."""

    def __init__(self, sent: Sequence[str], bound: Sequence[BoundStatement]) -> None:
        self.statements = list(sent)
        self.params = [list(one.params) for one in bound]
        self._values = [one.values for one in bound]

    def __repr__(self) -> str:
        lines = []
        for sql, params, values in zip(self.statements, self.params, self._values, strict=True):
            kinds = ", ".join(f"{value.source}: {value.kind}" for value in values)
            lines.append(f"{sql};" if len(self.statements) > 1 else sql)
            if params:
                lines.append(f"params: {cut(str(params))}")
            if kinds:
                lines.append(f"({kinds})")
        return "\n".join(lines)


class Plan:
    """How SQLite would run a statement, as a tree."""

    def __init__(self, result: SqlResult) -> None:
        self.steps = [(row[0], row[1], row[3]) for row in result.rows]

    def __repr__(self) -> str:
        depth = {0: -1}
        lines = []
        for step, parent, detail in self.steps:
            depth[step] = depth.get(parent, -1) + 1
            # A scan that no index helps reads every row.
            note = "   ⚠ reads every row" if detail.startswith("SCAN ") else ""
            lines.append(f"{'   ' * depth[step]}└─ {detail}{note}")
        return "\n".join(lines)


def cut(text: str, width: int = 400) -> str:
    """Return *text* on one line, at most *width* characters of it."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
