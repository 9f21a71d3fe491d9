"""The notebook is saved, mailed and opened by somebody else: it still shows what was seen."""

from __future__ import annotations

from pathlib import Path

import nbconvert
import nbformat
from playwright.sync_api import expect

from ..faults.scripted_server import ScriptedServer, events_up_to
from ..waiting import wait_until
from .notebook_page import NotebookPage
from .viewer_page import CONNECT, Viewer

SLIDER = "import ipywidgets\nipywidgets.IntSlider()"
CELLS = ["viewer = an.EventViewer(axon)\nviewer", "closed = an.EventViewer(axon)\nclosed"]


def test_a_saved_notebook_shows_the_events_wherever_it_is_opened(open_notebook, jupyter, tmp_path):
    """Without a kernel, without trust, without a network: the snapshot is there."""
    with ScriptedServer(events_up_to(30)) as server:
        # Where pages save the state of widgets, too, ours is left out: nobody could show it.
        with jupyter.saving_widget_state():
            notebook = open_notebook([CONNECT.format(url=server.base_url), *CELLS, SLIDER])
        notebook.run_all()
        Viewer(notebook).has(30)
        expect(notebook.output(3).locator(".widget-slider")).to_be_visible()
        Viewer(notebook, 1).has(30)
        notebook.execute("closed.close()")
        expect(notebook.output(2).locator("details")).to_have_count(1)
        # The page learns of the setting and of the slider in its own time.
        wait_until(lambda: "widgets" in nbformat.read(notebook.save(), as_version=4).metadata)
        saved = notebook.save()
    book = nbformat.read(saved, as_version=4)
    holds_the_events_as_html(book)

    jupyter.end_kernels()
    is_shown_in_a_new_kernel(open_notebook(saved))

    # Opened by somebody else: not trusted, both are HTML, cleaned by the notebook.
    book.cells[0].source += "\n# changed by mail"
    mailed, exported = tmp_path / "mailed.ipynb", tmp_path / "saved.html"
    nbformat.write(book, mailed)
    other = open_notebook(mailed, theme="dark")
    is_shown_untrusted(other)

    exported.write_text(nbconvert.HTMLExporter().from_notebook_node(book)[0], "utf-8")
    is_shown_without_a_network(other, exported)


def holds_the_events_as_html(book: nbformat.NotebookNode) -> None:
    """What was live as well as what was closed; and nothing of the widget's state."""
    live, frozen = (book.cells[i].outputs[0]["data"] for i in (1, 2))
    for data in (live, frozen):
        assert "{&quot;n&quot;:30}" in data["text/html"]
        assert '{"n":30}' in data["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in live
    assert "application/vnd.jupyter.widget-view+json" not in frozen
    states = str(book.metadata["widgets"])
    assert "IntSliderModel" in states
    assert "axon_notebook" not in states


def is_shown_in_a_new_kernel(again: NotebookPage) -> None:
    """By the same person: trusted, what was closed is HTML."""
    # What was still live when it was saved asks for its model, which went with its kernel.
    again.expected_errors.append("widget model not found")
    expect(again.output(2).locator("details summary")).to_contain_text("events")
    again.output(2).locator("details summary").click()
    expect(again.output(2).locator("td", has_text='{"n":30}')).to_be_visible()
    again.screenshot("viewer-reopened-trusted")


def is_shown_untrusted(other: NotebookPage) -> None:
    for index in (1, 2):
        expect(other.output(index).locator("details summary")).to_contain_text("events")
        other.output(index).locator("details summary").click()
        expect(other.output(index).locator("td", has_text='{"n":30}')).to_be_visible()
        expect(other.output(index).locator("img")).to_be_visible()
    other.screenshot("viewer-snapshot-untrusted")


def is_shown_without_a_network(other: NotebookPage, exported: Path) -> None:
    """What nbconvert made of it."""
    other.expected_errors.append("ERR_|requirejs|MathJax|cdnjs|jsdelivr|unpkg|is not defined")
    other.page.route("https://**", lambda route: route.abort())
    other.page.goto(exported.as_uri(), wait_until="domcontentloaded")
    expect(other.page.locator("details summary", has_text="events")).to_have_count(2)
    other.page.locator("details summary").first.click()
    expect(other.page.locator("td", has_text='{"n":30}').first).to_be_visible()
    other.screenshot("viewer-snapshot-nbconvert")
