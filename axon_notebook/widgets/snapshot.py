"""What a viewer leaves in a saved notebook: HTML and text without script, style or id.

Every word that comes from an event is escaped.  Only what notebook sanitisers
keep is used: inline styles with literal colours, ``details``, ``table`` and an
image as a data URL.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from ..models import AxonEvent
from ..visible import visible

__all__ = ["events_html", "events_text", "shown"]

ROWS: Final = 200
ROWS_BYTES: Final = 128 * 1024  # of table rows; a notebook is mailed around
PAYLOAD_CHARS: Final = 300
TEXT_ROWS: Final = 10
BINS: Final = 60
MUTED: Final = "#808080"  # reads on white and on #111
ACCENT: Final = "#3b82c4"
CELL: Final = "text-align: left; vertical-align: top; padding: 1px 10px 1px 0;"


def shown(text: str, limit: int = PAYLOAD_CHARS) -> str:
    """Return *text* in one line, cut to *limit*, with hidden characters made visible."""
    cut = text[:limit] + ("…" if len(text) > limit else "")
    return visible(cut)


#: Names of axons by their ids, where there are several.
Names = Mapping[str, str] | None


def events_html(
    title: str,
    status: str,
    events: Sequence[AxonEvent],
    *,
    total: int,
    facts: Sequence[str] = (),
    names: Names = None,
) -> str:
    """Return a self-contained snapshot: a headline, types with counts, the newest 200 events."""
    head = " · ".join(
        [f"<b>{escape(shown(title))}</b>", escape(shown(status)), *map(escape, facts)]
    )
    parts = [
        '<div style="font-family: system-ui, sans-serif; font-size: 13px;">',
        f'<div style="padding: 4px 0;">{head}</div>',
    ]
    if events:
        parts += [_sparkline(events), _types(events), _rows(events[-ROWS:], total, names)]
    return "\n".join([*parts, "</div>"])


def events_text(
    title: str, status: str, events: Sequence[AxonEvent], *, total: int, names: Names = None
) -> str:
    """Return a headline and the newest ten events, one line each."""
    lines = [f"{shown(title)} · {shown(status)} · {total:,} event{'' if total == 1 else 's'}"]
    for event in events[-TEXT_ROWS:]:
        payload = shown(event.payload, 60)
        axon = "" if names is None else f"{shown(_name(event, names), 20):<20} "
        lines.append(
            f"{axon}{event.sequence:>7} {_clock(event)} {shown(event.event_type, 24):<24} {payload}"
        )
    return "\n".join(lines)


def _name(event: AxonEvent, names: Mapping[str, str]) -> str:
    return names.get(event.axon_id) or event.axon_id


def _rows(events: Sequence[AxonEvent], total: int, names: Names) -> str:
    """A table of the newest events that fit, oldest first."""
    rows: list[str] = []
    size = 0
    for event in reversed(events):
        row = _row(event, names)
        size += len(row.encode())
        if size > ROWS_BYTES:
            break
        rows.append(row)
    head = "".join(
        f'<th style="{CELL} color: {MUTED};">{name}</th>'
        for name in (
            *(() if names is None else ("axon",)),
            *("sequence", "time (UTC)", "event_type", "source", "payload"),
        )
    )
    more = f"the newest {len(rows):,} of {total:,} events" if total > len(rows) else "events"
    return (
        f'<details><summary style="color: {MUTED};">{more}</summary><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(reversed(rows))}</tbody></table></details>"
    )


def _row(event: AxonEvent, names: Names) -> str:
    axon = (
        "" if names is None else f'<td style="{CELL}">{escape(shown(_name(event, names), 80))}</td>'
    )
    mono = f"{CELL} font-family: monospace;"
    return (
        f"<tr>{axon}"
        f'<td style="{mono}">{event.sequence}</td><td style="{mono}">{_clock(event)}</td>'
        f'<td style="{CELL}">{escape(shown(event.event_type, 80))}</td>'
        f'<td style="{CELL} color: {MUTED};">{escape(shown(event.source, 80))}</td>'
        f'<td style="{mono}">{escape(shown(event.payload))}</td>'
        "</tr>"
    )


def _types(events: Sequence[AxonEvent]) -> str:
    counts = Counter(event.event_type for event in events).most_common(12)
    words = [f"{escape(shown(name, 60))} <b>{count:,}</b>" for name, count in counts]
    return f'<div style="padding: 2px 0; color: {MUTED};">{" · ".join(words)}</div>'


def _sparkline(events: Sequence[AxonEvent]) -> str:
    """An image of events over time; no data goes into it but counts."""
    first, last = events[0].timestamp_ms, events[-1].timestamp_ms
    span = max(1, last - first)
    bins = [0] * BINS
    for event in events:
        bins[min(BINS - 1, max(0, (event.timestamp_ms - first) * BINS // span))] += 1
    peak = max(bins)
    heights = [round(28 * n / peak) for n in bins]
    bars = "".join(
        f'<rect x="{i * 8}" y="{30 - height}" width="7" height="{height}"/>'
        for i, height in enumerate(heights)
        if height
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{BINS * 8}" height="30" fill="{ACCENT}">'
        f"{bars}</svg>"
    )
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="events over time" src="data:image/svg+xml;base64,{data}">'


def _clock(event: AxonEvent) -> str:
    try:
        when = datetime.fromtimestamp(event.timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # a time no calendar has
        return str(event.timestamp_ms)
    return when.strftime("%Y-%m-%d %H:%M:%S.") + f"{event.timestamp_ms % 1000:03d}"
