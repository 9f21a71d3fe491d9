"""One row per run in a cell: sortable, and a button of each row opens its events or its trace."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Final

import msgspec
import traitlets

from ..axon_set_trace import SUMMARY
from .event_viewer import EventViewer
from .live import STATIC, LiveWidget
from .snapshot import CELL, shown
from .timeline import Timeline

if TYPE_CHECKING:
    import pandas as pd

    from ..axon_set import AxonSet

__all__ = ["RunsTable"]

ROWS: Final = 200  # of what is saved with the notebook
#: How the page writes a column, where that is not its type.
KINDS: Final = {"seconds": "seconds"}


class RunsTable(LiveWidget):
    """The runs of a set as a table; lives until :meth:`close`.

    ::

        an.RunsTable(client.axon_set("nightly-*", since="7d"))

    A click on a heading sorts, a button of a row opens the run's events or its trace below.
    What the table shows does not change.

    Args:
        axons: The runs.
        height: In pixels.
        keep: Do not close the table that the same cell made before.

    Attributes:
        frame: What it shows, as :meth:`AxonSet.summary` returns it.
    """

    script = STATIC / "runs-table.js"
    _esm = script

    opened = traitlets.Any(None, allow_none=True).tag(sync=True)
    opens = traitlets.Bool(True).tag(sync=True)
    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self, axons: AxonSet, *, height: int = 360, keep: bool = False, **traits: Any
    ) -> None:
        self.frame: pd.DataFrame = axons.summary()
        self._axons = {axon.id: axon for axon in axons}
        self._packed = _packed(self.frame)
        self._below: LiveWidget | None = None
        self._output: Any = None
        super().__init__(title="runs", height=height, keep=keep, _snapshot=self._packed, **traits)
        self.observe(self._open, "opened")

    def __repr__(self) -> str:
        return f"<RunsTable of {len(self.frame):,} runs>"

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        if self._is_shown and not self._closed and self._output is None:
            from IPython.display import display
            from ipywidgets import Output

            self._output = Output()
            display(self._output)

    def _open(self, change: Any) -> None:
        """Show what was asked for below the table, in place of what was there."""
        if self._closed or not isinstance(change["new"], list) or self._output is None:
            return
        axon = self._axons.get(str(change["new"][0]))
        if axon is None:
            return
        if self._below is not None:
            self._below.close("replaced")
        self._output.clear_output()
        kind = Timeline if change["new"][1] == "trace" else EventViewer
        with self._output:
            self._below = kind(axon, keep=True, snapshot=False)
            self._below._ipython_display_()

    # -- what LiveWidget asks for

    def stop_source(self) -> None:
        """Close what was opened below."""
        if self._below is not None:
            self._below.close("replaced")
            self._below = None

    def static_html(self) -> str:
        """Return the first runs as a table."""
        rows = "\n".join(_static_rows(self.frame))
        return f'<div style="font-family: system-ui, sans-serif;"><table>\n{rows}\n</table></div>'

    def static_text(self) -> str:
        """Return the first runs as text."""
        return str(self.frame.drop(columns="axon").head(10).to_string())

    def saved_state(self) -> bytes:
        """Return what the table shows."""
        return self._packed

    def _view_traits(self) -> dict[str, Any]:
        return {**super()._view_traits(), "opens": False}


def _packed(frame: pd.DataFrame) -> bytes:
    names = ["axon_name", *SUMMARY]
    kinds = ["text", *(KINDS.get(name, kind) for name, kind in SUMMARY.items())]
    body = {
        "version": 1,
        "columns": [{"name": name, "kind": kind} for name, kind in zip(names, kinds, strict=True)],
        "rows": [list(row) for row in _values(frame, ["axon", *names])],
    }
    return zlib.compress(msgspec.json.encode(body), 6)


def _values(frame: pd.DataFrame, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Return rows of plain values: ``None`` for NA, milliseconds for times."""
    columns = [
        [
            None
            if missing
            else round(value.timestamp() * 1000)
            if hasattr(value, "timestamp")
            else value.item()
            if hasattr(value, "item")
            else value
            for value, missing in zip(frame[name], frame[name].isna(), strict=True)
        ]
        for name in names
    ]
    return zip(*columns, strict=True)


def _static_rows(frame: pd.DataFrame) -> Iterator[str]:
    part = frame.drop(columns="axon").head(ROWS)
    yield f"<tr>{''.join(f'<th>{escape(str(name))}</th>' for name in part.columns)}</tr>"
    for row in part.astype(object).where(part.notna(), "").itertuples(index=False):
        cells = (f'<td style="{CELL}">{escape(shown(str(value)))}</td>' for value in row)
        yield f"<tr>{''.join(cells)}</tr>"
