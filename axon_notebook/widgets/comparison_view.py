"""Two runs side by side: what they did differently, in a cell."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import traitlets

from ..alignment import Pair
from ..comparison import RunComparison, RunStep, Traced, differing, steps_of, what_of
from .comparison_snapshot import comparison_html
from .live import STATIC, LiveWidget

__all__ = ["Comparison", "ComparisonView", "compare"]

#: Of a text that is shown; longer ones are cut.
CHARACTERS: Final = 20_000
PREVIEW_CHARACTERS: Final = 200  # of a step that is the same
#: Of all that crosses to the page; what does not fit is named there.
BYTES: Final = 8 * 1024 * 1024


class Comparison(RunComparison):
    """The differences of two runs: a widget in a notebook, a summary in a terminal.

    Made by :func:`compare`.

    Attributes:
        names: What the runs are called.
        pairs: All aligned steps, also those that are the same.
    """

    def view(self, *, height: int = 480, keep: bool = False) -> ComparisonView:
        """Return a widget of its own, such as for :meth:`ComparisonView.save_html`."""
        return ComparisonView(self, height=height, keep=keep)

    def _ipython_display_(self) -> None:
        self.view()._ipython_display_()


class ComparisonView(LiveWidget):
    """Both runs side by side; lives until :meth:`close`.

    ``n`` and ``p``, or the buttons, go to the next and the previous difference.  Steps that are the
    same are folded.  What it shows does not change.

    Args:
        comparison: What :func:`compare` returned.
        height: In pixels.
        keep: Do not close the view that the same cell made before.
    """

    script = STATIC / "comparison.js"
    _esm = script

    _snapshot = traitlets.Bytes(b"").tag(sync=True)

    def __init__(
        self, comparison: RunComparison, *, height: int = 480, keep: bool = False, **traits: Any
    ) -> None:
        self._comparison = comparison
        self._packed = _packed(comparison)
        super().__init__(
            title=" and ".join(comparison.names),
            height=height,
            keep=keep,
            _snapshot=self._packed,
            **traits,
        )

    def __repr__(self) -> str:
        return f"<ComparisonView {self.title}, {len(self._comparison.differences):,} differences>"

    # -- what LiveWidget asks for

    def stop_source(self) -> None:
        """Do nothing: no thread feeds this widget."""

    def static_html(self) -> str:
        """Return the summary and the first differences."""
        return comparison_html(self._comparison)

    def static_text(self) -> str:
        """Return the summary."""
        return repr(self._comparison)

    def saved_state(self) -> bytes:
        """Return what the view shows."""
        return self._packed


def compare(a: Traced, b: Traced) -> Comparison:
    """Compare the runs on two axons, or in two recordings, turn by turn and call by call.

    ::

        difference = an.compare(client.axon("monday"), client.axon("tuesday"))
        difference                # both runs side by side
        difference.frame()        # one row per difference

    Raises:
        ParameterError: RapidFuzz is not installed.
        AxonError: A history cannot be read.
    """
    names = (a.name or "a", b.name or "b")
    return Comparison(steps_of(a.trace().entries), steps_of(b.trace().entries), names)


def _packed(comparison: RunComparison) -> bytes:
    pairs: list[Mapping[str, Any]] = []
    left = BYTES
    for pair in comparison.pairs:
        made = _pair(pair)
        left -= len(msgspec.json.encode(made))
        if left < 0:
            break
        pairs.append(made)
    a, b = comparison.names
    body = {
        "version": 1,
        "a": a,
        "b": b,
        "pairs": pairs,
        "totals": [{"name": n, "a": x, "b": y} for n, x, y in comparison.totals()],
        "left_out": len(comparison.pairs) - len(pairs),
    }
    return zlib.compress(msgspec.json.encode(body), 6)


def _pair(pair: Pair[RunStep]) -> Mapping[str, Any]:
    step = pair.b or pair.a
    assert step is not None
    differs = differing(pair)
    limit = CHARACTERS if differs else PREVIEW_CHARACTERS
    return {
        "what": what_of(pair),
        "step": step.kind,
        "name": step.name,
        "differs": differs,
        "a": _side(pair.a, limit),
        "b": _side(pair.b, limit),
    }


def _side(step: RunStep | None, limit: int) -> Mapping[str, Any] | None:
    if step is None:
        return None
    whole = limit == CHARACTERS
    return {
        "input": _cut(_readable(step.input) if whole else step.input, limit),
        "output": _cut(step.output, limit) if whole else "",
        "status": step.status,
        "seconds": step.seconds,
        "tokens": step.tokens,
        "cost": step.cost,
        "sequence": step.sequence,
    }


def _readable(text: str) -> str:
    """Return JSON with one value per line, so that a changed argument is one changed line."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters)"
