"""The summary of a trace: states, slowest calls, failures, tokens, cost, idle time.

As text for terminals and as HTML for notebooks; every text in it is untrusted and escaped.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import Final

from ..visible import visible
from .model import Entry, Question, Tool, Turn
from .trace_tables import begun_turns

__all__ = ["card_html", "card_text"]

SLOWEST: Final = 3
FAILURES: Final = 5
GAP_MS: Final = 60_000  # idle time between turns is told from here on
TEXT: Final = 100  # characters of a title or a reason


def card_text(title: str, entries: Sequence[Entry]) -> str:
    """Return the summary as lines."""
    lines = _lines(entries)
    head = f"Trace of {visible(title)}" if title else "Trace"
    return "\n".join([head, *(f"  {name:<12} {text}" for name, text in lines)])


def card_html(title: str, entries: Sequence[Entry]) -> str:
    """Return the summary as a table."""
    cells = "".join(
        '<tr><td style="text-align: left; padding: 1px 12px 1px 0; opacity: 0.7;">'
        f'{escape(name)}</td><td style="text-align: left;">{escape(text)}</td></tr>'
        for name, text in _lines(entries)
    )
    head = escape(f"Trace of {visible(title)}" if title else "Trace")
    return f"<div><b>{head}</b><table>{cells}</table></div>"


def _lines(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    turns = begun_turns(entries)
    calls = [e for e in entries if isinstance(e, Tool)]
    if not turns and not calls:
        return [("turns", "none: no agent has worked on this axon")]
    lines = [("turns", _states(Counter(turn.status for turn in turns)))]
    lines.append(("tool calls", _states(Counter(call.status for call in calls))))
    lines += [("slowest", text) for text in _slowest(calls)]
    lines += [("failed", text) for text in _failures(turns, calls)]
    waiting = [e for e in entries if isinstance(e, Question) and e.status == "open"]
    lines += [("waits for", _short(question.title)) for question in waiting]
    lines += _totals(turns)
    return lines


def _states(counts: Counter[str]) -> str:
    total = sum(counts.values())
    if not total:
        return "0"
    return f"{total:,}: " + ", ".join(f"{n:,} {state}" for state, n in counts.most_common())


def _slowest(calls: Sequence[Tool]) -> list[str]:
    ended = [(c.ended_ms - c.started_ms, c) for c in calls if c.ended_ms is not None]
    ended.sort(key=lambda pair: -pair[0])
    return [f"{_time(ms)}  {_short(c.title or c.name)}" for ms, c in ended[:SLOWEST] if ms > 0]


def _failures(turns: Sequence[Turn], calls: Sequence[Tool]) -> list[str]:
    found = [f"turn {_short(t.text)!r}: {_short(t.error)}" for t in turns if t.status == "failed"]
    found += [
        f"{_short(c.title or c.name)}: {_short(c.error or c.text)}".rstrip(": ")
        for c in calls
        if c.status == "failed"
    ]
    rest = len(found) - FAILURES
    return [*found[:FAILURES], *([f"and {rest:,} more"] if rest > 0 else [])]


def _totals(turns: Sequence[Turn]) -> list[tuple[str, str]]:
    lines = []
    words = []
    for name in ("input", "output", "cache_read", "cache_write", "thought"):
        known = [n for turn in turns if (n := getattr(turn.usage, name)) is not None]
        if known:
            words.append(f"{sum(known):,} {name.replace('_', ' ')}")
    lines.append(("tokens", ", ".join(words) or "unknown"))
    costs: dict[str, float] = {}
    for turn in turns:
        if turn.cost is not None:
            costs[turn.currency] = costs.get(turn.currency, 0.0) + turn.cost
    unknown = sum(turn.cost is None for turn in turns)
    text = ", ".join(f"{cost:.4f} {currency}" for currency, cost in costs.items()) or "unknown"
    if costs and unknown:
        text += f" (unknown for {unknown:,} of {len(turns):,} turns)"
    lines.append(("cost", text))
    spent = sum(t.ended_ms - t.running_ms for t in turns if t.ended_ms and t.running_ms)
    lines.append(("time", f"{_time(spent)} in turns{_idle(turns)}"))
    return lines


def _idle(turns: Sequence[Turn]) -> str:
    begun = [turn for turn in turns if turn.running_ms is not None]
    gaps = [
        later.running_ms - before.ended_ms
        for before, later in itertools.pairwise(begun)
        if before.ended_ms is not None and later.running_ms is not None
    ]
    long = [gap for gap in gaps if gap >= GAP_MS]
    return f", {_time(sum(long))} idle in {len(long):,} gaps" if long else ""


def _short(text: str) -> str:
    line = visible(text.strip().partition("\n")[0])
    return line if len(line) <= TEXT else f"{line[: TEXT - 1]}…"


def _time(ms: int) -> str:
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
