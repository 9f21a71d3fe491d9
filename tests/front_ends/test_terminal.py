"""Plain IPython in a terminal: no page, no widgets, and still everything is said."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ServiceAddress

from .terminal import Terminal


@pytest.fixture(scope="module")
def terminal(
    service: ServiceAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    """IPython with the extension loaded, connected to the session's service."""
    place = tmp_path_factory.mktemp("terminal")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("RUNLOOP_", "IPYTHON"))}
    more = {"AXON_NOTEBOOK_HOME": str(service.home), "IPYTHONDIR": str(place), "HOME": str(place)}
    with Terminal({**clean, **more}) as terminal:
        said = terminal.run("%load_ext axon_notebook")
        assert "embedded service" in said
        terminal.run("%axon create terminal")
        yield terminal


@pytest.fixture
def axon(service: ServiceAddress) -> Iterator[an.Axon]:
    """The terminal's axon, for somebody else to write to."""
    with an.connect(home=service.home) as client:
        yield client.axon("terminal")


def test_a_query_shows_its_frame_and_its_colours(terminal: Terminal) -> None:
    """The same cell as in a notebook; words, numbers and texts are told apart while typing."""
    cell = terminal.begin("%%axonsql", "SELECT 12 AS dozen, 'text' AS word", start=False)
    keyword, number, text = map(terminal.colours, ("SELECT", "12", "'text'"))
    terminal.type("\r")
    shown = terminal.end(cell)

    assert len(keyword) == len(number) == len(text) == 1
    assert len(keyword | number | text) == 3
    assert "dozen  word" in shown
    assert "1 row" in shown


def test_watch_prints_lines_until_ctrl_c(terminal: Terminal, axon: an.Axon) -> None:
    """Events of others come while one looks on; Ctrl-C is the ordinary end and no error."""
    axon.publish("before", {"n": 1})
    cell = terminal.begin("%axon watch --filter type:after")
    terminal.wait(lambda: "Ctrl-C ends it" in terminal.text())
    axon.publish("after", {"n": 2})
    axon.publish("heartbeat")
    axon.publish("after", {"n": 3})
    terminal.wait(lambda: '"n":3' in terminal.text().replace(" ", ""))
    terminal.interrupt()
    first, *lines = terminal.end(cell).splitlines()

    assert first == "watching terminal, Ctrl-C ends it"
    assert [line.split()[2] for line in lines if "after" in line] == ["after", "after"]
    assert "events shown" in lines[-1]
    assert "Traceback" not in terminal.text()


def test_ctrl_c_leaves_a_command_running_and_says_how_to_come_back(terminal: Terminal) -> None:
    """A build of an hour must survive a closed laptop; the way back is a line to copy."""
    script = "for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.5; done; echo the end"
    cell = terminal.begin(f"%axon run {script}")
    terminal.wait(lambda: "\nline 2" in terminal.text())
    terminal.interrupt()
    left = terminal.end(cell)

    back = next(line for line in left.splitlines() if "come back:" in line)
    assert "left running" in left
    assert "Traceback" not in left
    assert ".kill()" in left

    rest = terminal.run(back.partition("come back:")[2].strip())

    shown = [line for line in rest.splitlines() if line.startswith(("line", "the end"))]
    before = [line for line in left.splitlines() if line.startswith("line ")]
    assert before + shown == [f"line {i}" for i in range(1, 9)] + ["the end"]
    assert "exit status 0" in rest


ERRORS = [
    ("%axonsql SELECT nmae FROM events", "no such column"),
    ("%axonsql SELECT :nothing", "nothing"),
    ("%axon use nothing_like_it", "nothing_like_it"),
    ("%axon_publish t --frm x", "--frm"),
    ("%axon run --devbox none true", "none"),
    ("%axonsql --limt 3 SELECT 1", "--limit"),
]


@pytest.mark.parametrize(("cell", "says"), ERRORS, ids=[cell for cell, _ in ERRORS])
def test_an_error_is_at_most_six_lines(terminal: Terminal, cell: str, says: str) -> None:
    """A traceback through three libraries hides the one line that matters."""
    lines = [line for line in terminal.run(cell).splitlines() if line.strip()]

    assert any(says in line for line in lines), lines
    assert len(lines) <= 6, lines
