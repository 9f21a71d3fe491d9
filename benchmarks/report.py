"""The rows that benchmarks report, and the table that is made of them.

A benchmark prints what it likes, and hands the figures that belong into the table to
:func:`report`, each beside its peers in the same run::

    report("publish, 32 connections", "answers/s", 5_200, {"empty POST": 9_100}, better="higher")
    report("event to pixel, p50", "ms", 31, goal=60)

The unit and which way is better are part of the figure; the ratio of a peer is always
written so that more than 1 means that ours is better.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Better = Literal["lower", "higher"]

#: Names the file to which the rows go; ``run.py`` sets it for the programs it starts.
ROWS_FILE = "AXON_NOTEBOOK_BENCHMARK_ROWS"
HEAD = ("measure", "ours", "peer", "theirs", "ratio", "limit")


@dataclass(frozen=True)
class Row:
    """One measure: our figure, those of the peers, and what bounds it.

    Attributes:
        unit: Of all figures of the row: ``ms``, ``MB``, ``events/s``.
        peers: Figures of others for the same work, in the same run.  ``None`` for a peer that
            could not be measured.
        limit: A figure, from the same run, of a program that does nothing but what cannot be
            left out.
        goal: What was aimed at; the table says whether it was reached.
        remark: A few words that the figure needs to be understood.
        failed: Why there is no figure.
    """

    program: str
    measure: str
    unit: str = ""
    ours: float | None = None
    peers: Mapping[str, float | None] = field(default_factory=dict)
    better: Better = "lower"
    limit: float | None = None
    goal: float | None = None
    remark: str = ""
    failed: str = ""


def report(
    measure: str,
    unit: str,
    ours: float,
    peers: Mapping[str, float | None] | None = None,
    *,
    better: Better = "lower",
    limit: float | None = None,
    goal: float | None = None,
    remark: str = "",
) -> None:
    """Add a row to the table of ``make bench``; outside of it, do nothing."""
    if not (path := os.environ.get(ROWS_FILE)):
        return
    program = os.environ.get(f"{ROWS_FILE}_PROGRAM", "")
    row = Row(program, measure, unit, ours, dict(peers or {}), better, limit, goal, remark)
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Return what the programs have reported so far."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def figure(value: float | None, unit: str) -> str:
    """Write a number with three significant digits, or all of an integer's."""
    if value is None:
        return "–"
    digits = 0 if abs(value) >= 100 or value == int(value) else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip()


def ratio(row: Row, theirs: float | None) -> str:
    """Say how many times better ours is; below 1 it is worse."""
    if row.ours is None or theirs is None:
        return ""
    worse, best = (theirs, row.ours) if row.better == "lower" else (row.ours, theirs)
    if best == 0:
        return "equal" if worse == 0 else "∞"
    value = worse / best
    return f"{value:.0f}×" if value >= 10 else f"{value:.2f}×"


def bound(row: Row) -> str:
    """Say what bounds our figure, measured or aimed at."""
    notes = [] if row.limit is None else [figure(row.limit, row.unit)]
    if row.goal is not None and row.ours is not None:
        sign = "≤" if row.better == "lower" else "≥"
        reached = row.ours <= row.goal if row.better == "lower" else row.ours >= row.goal
        word = "reached" if reached else "MISSED"
        notes.append(f"goal {sign} {figure(row.goal, row.unit)}, {word}")
    return "; ".join(notes)


def lines(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """Return the cells of the table: a line per peer, the measure on the first of them."""
    table: list[tuple[str, ...]] = []
    for row in rows:
        name = f"{row.program}: {row.measure}" if row.measure else row.program
        if row.failed:
            table.append((name, "FAILED", "", "", "", row.failed))
            continue
        first = (f"{name} ({row.remark})" if row.remark else name, figure(row.ours, row.unit))
        for number, (peer, theirs) in enumerate(row.peers.items() or [("", None)]):
            compared = (peer, figure(theirs, row.unit) if peer else "", ratio(row, theirs))
            table.append(
                (*(first if number == 0 else ("", "")), *compared, "" if number else bound(row))
            )
    return table


def plain(rows: Iterable[Row]) -> str:
    """Return the table for a terminal."""
    table = [HEAD, *lines(rows)]
    widths = [max(len(cells[i]) for cells in table) for i in range(len(HEAD))]
    padded = [
        "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in table
    ]
    return "\n".join([padded[0], "-" * sum(widths, 2 * len(HEAD) - 2), *padded[1:]])


def markdown(rows: Iterable[Row]) -> str:
    """Return the table for a page."""

    def line(cells: Iterable[Any]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    rule = line(["---", "--:", "---", "--:", "--:", "---"])
    return "\n".join([line(HEAD), rule, *map(line, lines(rows))])
