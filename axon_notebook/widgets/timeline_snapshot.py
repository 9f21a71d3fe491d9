"""What a timeline leaves in a saved notebook: a picture of its spans, and the turns as a table.

Like :mod:`.snapshot`: no script, every word escaped, an image as a data URL.  No data goes into
the image but times and states.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final, NamedTuple

from .snapshot import ACCENT, CELL, MUTED, shown
from .timeline_spans import Span

__all__ = ["MARKS", "timeline_html", "timeline_text"]

MARKS: Final = 2000  # of the image
WIDTH: Final = 1000
LANE: Final = 14
BAR: Final = 10
DEPTHS: Final = 6
LANES: Final = 6  # of one depth
ROWS: Final = 100
TEXT_ROWS: Final = 10
TOOL: Final = "#b07a2a"
COLOURS: Final = {"failed": "#d04545", "stopped": MUTED, "cancelled": MUTED, "queued": MUTED}


class _Mark(NamedTuple):
    lane: int
    left: float
    right: float
    colour: str


def timeline_html(title: str, status: str, spans: Sequence[Span], *, titles: bool) -> str:
    """Return a self-contained snapshot; without *titles* it says nothing that was said."""
    head = f"<b>{escape(shown(title))}</b> · {escape(shown(status))} · {_counts(spans)}"
    parts = [
        '<div style="font-family: system-ui, sans-serif; font-size: 13px;">',
        f'<div style="padding: 4px 0;">{head}</div>',
    ]
    if spans:
        marks = _marks(spans)
        parts.append(_image(marks))
        if len(marks) < len(spans):
            note = f"{len(spans):,} spans, drawn as {len(marks):,} marks: short ones are joined"
            parts.append(f'<div style="color: {MUTED};">{note}</div>')
        if titles:
            parts.append(_table(spans))
    return "\n".join([*parts, "</div>"])


def timeline_text(title: str, status: str, spans: Sequence[Span], *, titles: bool) -> str:
    """Return a headline and the newest ten turns, one line each."""
    lines = [f"{shown(title)} · {shown(status)} · {_counts(spans)}"]
    if titles:
        lines += ["  ".join(cells) for cells in _turns(spans, TEXT_ROWS)]
    return "\n".join(lines)


def _counts(spans: Sequence[Span]) -> str:
    turns = sum(span.kind == "turn" for span in spans)
    calls = len(spans) - turns
    plural = {1: ""}
    return f"{turns:,} turn{plural.get(turns, 's')} · {calls:,} tool call{plural.get(calls, 's')}"


def _now(spans: Sequence[Span]) -> int:
    return max(max(span.start_ms, span.end_ms or 0) for span in spans)


def _marks(spans: Sequence[Span]) -> list[_Mark]:
    """The bars, coarser and coarser until they are few enough."""
    first = min(span.start_ms for span in spans)
    now = _now(spans)
    scale = WIDTH / max(1, now - first)
    bars = [
        _Mark(
            lane,
            (span.start_ms - first) * scale,
            max((span.start_ms - first) * scale + 1, ((span.end_ms or now) - first) * scale),
            COLOURS.get(span.status) or (ACCENT if span.kind == "turn" else TOOL),
        )
        for span, lane in _lanes(spans, now)
    ]
    bars.sort()
    step = 1.0
    marks = bars
    while len(marks) > MARKS:
        marks = list(_joined(bars, step))
        step *= 2
    return marks


def _lanes(spans: Sequence[Span], now: int) -> Iterator[tuple[Span, int]]:
    """Each span with its lane: turns on top, calls below, parallel ones in lanes of their own."""
    parents = {span.id: span.parent for span in spans}
    ends: dict[int, list[int]] = {}
    placed: list[tuple[Span, int, int]] = []
    for span in sorted(spans, key=lambda span: span.start_ms):
        depth, at = int(span.kind == "tool"), parents.get(span.id, 0)
        while at and depth < DEPTHS:
            at = parents.get(at, 0)
            depth += bool(at)
        lanes = ends.setdefault(depth, [])
        free = (n for n, end in enumerate(lanes) if end <= span.start_ms)
        lane = next(free, min(len(lanes), LANES - 1))
        if lane == len(lanes):
            lanes.append(0)
        lanes[lane] = max(lanes[lane], span.end_ms or now)
        placed.append((span, depth, lane))
    before = {depth: sum(len(ends[d]) for d in ends if d < depth) for depth in ends}
    for span, depth, lane in placed:
        yield span, before[depth] + lane


def _joined(bars: Sequence[_Mark], step: float) -> Iterator[_Mark]:
    """Bars of one lane that are nearer to each other than *step* become one."""
    current: _Mark | None = None
    for bar in bars:
        if current is not None and bar.lane == current.lane and bar.left - current.right < step:
            failed = COLOURS["failed"]
            colour = failed if failed in (bar.colour, current.colour) else current.colour
            current = current._replace(right=max(current.right, bar.right), colour=colour)
            continue
        if current is not None:
            yield current
        current = bar
    if current is not None:
        yield current


def _image(marks: Sequence[_Mark]) -> str:
    height = (max(mark.lane for mark in marks) + 1) * LANE
    bars = "".join(
        f'<rect x="{mark.left:.1f}" y="{mark.lane * LANE + 2}" '
        f'width="{mark.right - mark.left:.1f}" height="{BAR}" fill="{mark.colour}"/>'
        for mark in marks
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}">{bars}</svg>'
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="turns and tool calls over time" src="data:image/svg+xml;base64,{data}">'


def _table(spans: Sequence[Span]) -> str:
    names = ("turn", "state", "seconds", "tool calls", "tokens", "cost")
    head = "".join(f'<th style="{CELL} color: {MUTED};">{name}</th>' for name in names)
    rows = "".join(
        "<tr>"
        + "".join(f'<td style="{CELL}">{escape(shown(cell))}</td>' for cell in cells)
        + "</tr>"
        for cells in _turns(spans, ROWS)
    )
    return (
        f'<details><summary style="color: {MUTED};">turns</summary><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>"
    )


def _turns(spans: Sequence[Span], limit: int) -> list[list[str]]:
    """The newest turns, as words."""
    turns = [span for span in spans if span.kind == "turn"][-limit:]
    calls = Counter(span.parent for span in spans)
    return [_cells(turn, calls[turn.id]) for turn in turns]


def _cells(turn: Span, calls: int) -> list[str]:
    seconds = "" if turn.end_ms is None else f"{(turn.end_ms - turn.start_ms) / 1000:.1f}"
    tokens = "" if turn.tokens is None else f"{turn.tokens:,}"
    cost = "" if turn.cost is None else f"{turn.cost:.4f} {turn.currency}".strip()
    return [shown(turn.title, 60), turn.status, seconds, f"{calls:,}", tokens, cost]
