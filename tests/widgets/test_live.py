"""What every live widget does, whatever it shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from axon_notebook.widgets.live import LiveWidget

from .comms import Comms


class Bare(LiveWidget):
    """A widget with nothing to show."""

    def static_html(self) -> str:
        return ""

    def static_text(self) -> str:
        return ""

    def saved_state(self) -> bytes:
        return b""

    def stop_source(self) -> None:
        pass


def test_a_widget_says_what_stands_in_a_saved_notebook() -> None:
    """One that does not is told when it is written, not when somebody saves."""
    incomplete = type("Incomplete", (LiveWidget,), {"stop_source": lambda self: None})

    with pytest.raises(TypeError, match="Incomplete has no method static_html"):
        incomplete()


def test_a_message_of_the_page_is_no_cell_that_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    """After each cell the inline backend draws unfinished plots, here it would draw half of one."""
    told: list[str] = []
    taken: list[Any] = []
    shell = SimpleNamespace(events=SimpleNamespace(trigger=told.append))
    Comms(monkeypatch)
    widget = Bare(keep=True)
    widget.on_msg(lambda widget, content, buffers: taken.append(content))
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)

    data = {"method": "custom", "content": {"kind": "hello"}}
    widget.comm.handle_msg({"content": {"data": data}, "buffers": []})
    widget.close()

    assert (taken, told) == ([{"kind": "hello"}], [])
