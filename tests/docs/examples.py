"""Run the examples of a page in docs/ and hold what they show against what the page says.

A page is Markdown.  Its ``python`` and ``sql`` blocks are cells, run in order in a real IPython
against a service of their own; what a cell shows stands behind it, between two comments::

    <!-- output -->
    …
    <!-- /output -->

A block behind ``<!-- fails -->`` shows an error.  ``make examples`` writes the outputs anew;
``tests/docs/test_examples.py`` compares.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import gzip
import io
import json
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.core.displayhook import DisplayHook
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import axon_notebook
from axon_notebook.local.process.launcher import stop_service
from axon_notebook.local.storage.store import Draft, Store
from axon_notebook.widgets.live import LiveWidget

__all__ = ["RECORDED", "Cell", "Shell", "cells", "masked", "rewrite", "seed", "shell_at"]

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
#: Pages with examples, and the recorded runs whose axons are there when they start.
RECORDED = {
    "cookbook.md": {"nightly": "agent_run.jsonl.gz", "tests": "test_run.jsonl.gz"},
    "tutorial.md": {},
}
ROWS = 12
#: Characters that would not show in a cell of a table as they are.
ESCAPES = {"|": "\\|", "*": "\\*", "`": "\\`", "<": "&lt;", "&": "&amp;", "\n": " ⏎ "}

CELL = re.compile(
    r"^(?P<fails><!-- fails -->\n)?```(?P<language>python|sql)\n(?P<source>.*?)^```\n"
    r"(?:\n<!-- output -->\n(?P<output>.*?)<!-- /output -->\n)?",
    re.MULTILINE | re.DOTALL,
)
#: What differs from run to run: durations, times, identifiers.
VARIABLE = (
    (re.compile(r"\d[\d.,]* (m?s)\b"), r"… \1"),
    (re.compile(r"\(\d[\d.,]*/s\)"), "(…/s)"),
    (re.compile(r"\(server [\d.]+\)"), "(server …)"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00:00)?"), "…"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "…"),
    (re.compile(r"\b(axn|dbx|exec|turn|demo)[-_]\w{6,}"), r"\1_…"),
)


@dataclass(frozen=True)
class Cell:
    """One example: its source, where it stands in the page, and what the page says it shows."""

    source: str
    start: int
    end: int
    output: str
    fails: bool


def cells(text: str) -> list[Cell]:
    """Return the examples of a page."""
    return [
        Cell(
            found["source"],
            found.start("language") - 3,
            found.end(),
            (found["output"] or "").strip(),
            bool(found["fails"]),
        )
        for found in CELL.finditer(text)
    ]


def rewrite(text: str, shown: list[str]) -> str:
    """Return the page with *shown* as the outputs of its examples."""
    for cell, output in reversed(list(zip(cells(text), shown, strict=True))):
        language = CELL.match(text, cell.start)["language"]  # type: ignore[index]
        block = f"```{language}\n{cell.source}```\n"
        if output:
            block += f"\n<!-- output -->\n{output}\n<!-- /output -->\n"
        text = text[: cell.start] + block + text[cell.end :]
    return text


def masked(text: str) -> str:
    """Return *text* without what differs from run to run."""
    for pattern, replacement in VARIABLE:
        text = pattern.sub(replacement, text)
    return text


def seed(home: Path, recordings: dict[str, str]) -> None:
    """Make an axon of each recorded run, with the times of the recording."""
    for name, file in recordings.items():
        with gzip.open(REPOSITORY / "notebooks" / "data" / file) as lines:
            events = [json.loads(line) for line in lines]
        axon_id = asyncio.run(_store(home, name, events))
        times = [(event["timestamp_ms"], n) for n, event in enumerate(events, 1)]
        with contextlib.closing(sqlite3.connect(home / "axons" / f"{axon_id}.db")) as database:
            database.executemany(
                "UPDATE rl_axon_events SET timestamp_ms = ? WHERE sequence = ?", times
            )
            database.commit()


async def _store(home: Path, name: str, events: list[dict[str, Any]]) -> str:
    store = Store(home)
    axon = await store.create_axon(name, {})
    drafts = [Draft(e["source"], e["event_type"], e["origin"], e["payload"]) for e in events]
    for start in range(0, len(drafts), 1000):
        await store.publish_many(axon.id, drafts[start : start + 1000])
    await store.close()
    return axon.id


class Kept(DisplayHook):
    """Keeps the value of a cell for the execution's result, and prints nothing."""

    def write_output_prompt(self) -> None:
        """Print no ``Out[1]:``."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Print no value."""

    def finish_displayhook(self) -> None:
        """Print no line feed."""


class Shell:
    """A real IPython with the extension loaded; shows what a notebook would show."""

    def __init__(self, home: Path) -> None:
        self.home = home
        config = Config()
        config.HistoryManager.enabled = False
        self._shell = InteractiveShell(config=config, displayhook_class=Kept)

    def close(self) -> None:
        """Take the extension away again, with all it opened, and the widgets."""
        for value in list(self._shell.user_ns.values()):
            if isinstance(value, LiveWidget):
                value.close()
        axon_notebook.unload_ipython_extension(self._shell)
        self._shell.atexit_operations()
        atexit.unregister(self._shell.atexit_operations)

    def show(self, cell: Cell) -> str:
        """Run a cell; return what it shows, as Markdown.

        Raises:
            AssertionError: If it fails though it should not, or does not though it should.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            result = self._shell.run_cell(cell.source)
        error = result.error_before_exec or result.error_in_exec
        if cell.fails != (error is not None):
            raise AssertionError(f"{cell.source}\n{printed.getvalue()}") from error
        text = printed.getvalue().replace(str(self.home), "~/.local/share/axon-notebook")
        text = re.sub(r"\x1b\[[0-9;]*m", "", text).strip("\n")
        parts = [f"```text\n{text}\n```"] if text.strip() else []
        if result.result is not None:
            parts.append(shown(result.result))
        return "\n\n".join(parts)


def shown(value: Any) -> str:
    """Return a value as Markdown: a table if it is a frame, else its repr."""
    if not isinstance(value, pd.DataFrame):
        return f"```text\n{value!r}\n```"
    rows = value.head(ROWS).itertuples(index=False, name=None)
    lines = [value.columns, ["---" if _is_text(value[name]) else "--:" for name in value], *rows]
    table = "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)
    more = len(value) - ROWS
    return table + (f"\n\n… and {more:,} rows more" if more > 0 else "")


def _is_text(column: pd.Series[Any]) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _cell(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # NaN
        return "*NULL*"
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    text = str(value) if not isinstance(value, float) else f"{value:g}"
    return "".join(ESCAPES.get(character, character) for character in text)


@contextlib.contextmanager
def shell_at(home: Path, recordings: dict[str, str]) -> Iterator[Shell]:
    """A shell whose service has the recorded runs; both end with the block."""
    if recordings:
        home.mkdir(parents=True, exist_ok=True)
        seed(home, recordings)
    shell = Shell(home)
    try:
        yield shell
    finally:
        shell.close()
        stop_service(home)


def main() -> int:
    """Write the outputs of all pages, or of those that are named."""
    os.environ.pop("RUNLOOP_API_KEY", None)
    os.environ.pop("RUNLOOP_BASE_URL", None)
    for name in sys.argv[1:] or RECORDED:
        page = DOCS / name
        text = page.read_text("utf-8")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(REPOSITORY / "notebooks"):
            os.environ["AXON_NOTEBOOK_HOME"] = f"{folder}/home"
            with shell_at(Path(folder) / "home", RECORDED[name]) as shell:
                outputs = [shell.show(cell) for cell in cells(text)]
        kept = [
            cell.output if masked(cell.output) == masked(output) else output
            for cell, output in zip(cells(text), outputs, strict=True)
        ]
        page.write_text(rewrite(text, kept), "utf-8")
        sys.stderr.write(f"{name}: {len(outputs)} examples\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
