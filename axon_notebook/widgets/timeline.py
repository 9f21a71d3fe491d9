"""The timeline of an axon's runs: turns and tool calls as bars of time, live, in a cell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import traitlets

from ..models import AxonEvent
from .axon_widget import AxonWidget, Redact, redacted
from .live import STATIC
from .span_store import SpanStore
from .timeline_snapshot import timeline_html, timeline_text
from .timeline_spans import Span

if TYPE_CHECKING:
    import pandas as pd

    from ..axon import Axon

__all__ = ["Timeline"]


class Timeline(AxonWidget):
    """Show what the agents of *axon* did over time; lives until :meth:`close`.

    ::

        Timeline(axon)
        Timeline(an.open_recording("run.jsonl.gz"))

    One bar per turn, below it its tool calls, below those what a subagent called; waiting for a
    person is a lighter part of a bar, failed ones are red.  Hover or the arrow keys tell
    duration, tokens and cost.  Bars of what runs grow.

    Args:
        axon: The axon, or a recording; borrowed.
        height: In pixels.
        redact: Called with every event before it is read; returns what to read instead, or
            ``None`` to leave it out.
        snapshot: ``False`` saves no title with the notebook, only counts.
        keep: Do not close the timeline that the same cell made before.

    Attributes:
        time_range: What is selected on the axis: first and last millisecond, or ``None``.
        opened: First and last sequence of the bar that was clicked, or ``None``.
    """

    saved_events = 0

    script = STATIC / "timeline.js"
    _esm = script

    time_range = traitlets.Any(None, allow_none=True).tag(sync=True)
    opened = traitlets.Any(None, allow_none=True).tag(sync=True)

    def __init__(
        self,
        axon: Axon,
        *,
        height: int = 260,
        redact: Redact | None = None,
        snapshot: bool = True,
        keep: bool = False,
        **traits: Any,
    ) -> None:
        super().__init__(
            [axon], redact=redact, snapshot=snapshot, keep=keep, height=height, **traits
        )
        self._spans = SpanStore(redact and partial(redacted, redact))
        self.start([axon], self._spans)

    def frame(self, limit: int | None = None) -> pd.DataFrame:
        """Return the spans, oldest first: one row per turn and tool call.

        Args:
            limit: Only the newest.
        """
        from ..sql.frames import rows_frame

        spans = self._spans.spans()[-limit if limit else 0 :]
        return rows_frame([msgspec.structs.astuple(span) for span in spans], Span.__struct_fields__)

    # -- what LiveWidget asks for

    def on_page_message(self, message: Mapping[str, Any]) -> None:
        """Carry out a button."""
        if message.get("name") == "retry":
            self.reconnect()

    def static_html(self) -> str:
        """Return a picture of the spans, and the turns as a table."""
        return timeline_html(self.title, self.status(), self._spans.spans(), titles=self._saves)

    def static_text(self) -> str:
        """Return the newest turns as text."""
        return timeline_text(self.title, self.status(), self._spans.spans(), titles=self._saves)

    def saved(self, *, everything: bool = False) -> list[AxonEvent]:
        """Return no event: spans are saved instead."""
        return []

    def saved_fields(self) -> dict[str, Any]:
        """Return the spans, all of them in any case."""
        spans = self._spans.spans() if self._saves else []
        return {"spans": spans, "newest_ms": self._spans.newest_ms}
