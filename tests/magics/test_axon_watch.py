"""``%axon watch``: the viewer in a kernel, lines in a terminal."""

from __future__ import annotations

import _thread
import threading
from collections.abc import Callable
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

import axon_notebook as an
from axon_notebook.errors import ParameterError

from ..widgets.comms import Comms

Run = Callable[..., Any]


@pytest.fixture
def kernel(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> Comms:
    """The shell says that it belongs to a kernel; its comms are the test's."""
    monkeypatch.setattr(shell, "kernel", object(), raising=False)
    return Comms(monkeypatch)


def test_in_a_kernel_it_is_the_viewer(run: Run, kernel: Comms) -> None:
    """A line, and the stream is on the screen."""
    run('%axon_publish note text="one"')
    viewer = run('%axon watch --filter "type:note -heartbeat" --after 1 --height 300 -o seen')
    with viewer:
        assert isinstance(viewer, an.EventViewer)
        assert (viewer.filter, viewer.height) == ("type:note -heartbeat", 300)
        assert viewer.stats()["start"] == 2
        assert run("seen") is viewer


def test_options_that_contradict_each_other_are_refused(run: Run, kernel: Comms) -> None:
    """Quietly preferring one of them would show something else than was asked for."""
    with pytest.raises(ParameterError, match="--after and --new"):
        run("%axon watch --after 3 --new")
    with pytest.raises(ParameterError, match="filter: type: needs a value"):
        run("%axon watch -f type:")


def test_in_a_terminal_it_prints_lines_until_ctrl_c(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is no page there, and Ctrl-C is the ordinary end, not an error."""
    run('%axon_publish note text="one\\x1b[31m"')
    run("%axon_publish heartbeat n=1")
    run('%axon_publish note text="two"')
    capsys.readouterr()
    threading.Timer(2.0, _thread.interrupt_main).start()
    run("%axon watch -f type:note")

    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("watching test")
    assert [line.split()[0] for line in lines[:2]] == ["1", "3"]
    assert "\x1b" not in "".join(lines)
    assert lines[-1] == "2 of 3 events shown"
