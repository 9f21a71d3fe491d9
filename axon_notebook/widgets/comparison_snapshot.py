"""What a comparison leaves in a saved notebook: HTML without script, every word escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from ..comparison import RunComparison, what_of
from .snapshot import CELL, MUTED, shown

__all__ = ["comparison_html"]

ROWS: Final = 100
DIFF_CHARACTERS: Final = 2000
PREVIEW: Final = 160


def comparison_html(comparison: RunComparison) -> str:
    """Return the summary, and the first differences with their texts."""
    head, *totals = repr(comparison).split("\n")
    parts = [
        '<div style="font-family: system-ui, sans-serif; font-size: 13px;">',
        f'<div style="padding: 4px 0;"><b>{escape(head)}</b></div>',
        *(f"<div>{escape(line)}</div>" for line in totals),
    ]
    if comparison.differences:
        parts += ["<table>", *_rows(comparison), "</table>"]
    more = len(comparison.differences) - ROWS
    if more > 0:
        parts.append(f'<div style="color: {MUTED};">{more:,} more differences</div>')
    return "\n".join([*parts, "</div>"])


def _rows(comparison: RunComparison) -> Iterator[str]:
    for place, pair in enumerate(comparison.differences[:ROWS]):
        step = pair.b or pair.a
        assert step is not None
        diff = comparison.diff(place)
        cut = diff[:DIFF_CHARACTERS] + ("…" if len(diff) > DIFF_CHARACTERS else "")
        cells = [escape(what_of(pair)), f"<b>{escape(shown(step.name))}</b>"]
        texts = (
            f"<details><summary>{escape(shown(step.input, PREVIEW))}</summary>"
            f'<pre style="white-space: pre-wrap;">{escape(cut)}</pre></details>'
        )
        row = "".join(f'<td style="{CELL}">{cell}</td>' for cell in [*cells, texts])
        yield f"<tr>{row}</tr>"
