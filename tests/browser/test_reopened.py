"""What was live when it was saved shows its last state when opened without its kernel."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from ..faults.scripted_server import ScriptedServer, events_up_to
from .notebook_page import NotebookPage
from .viewer_page import CONNECT, Viewer


def give_up(notebook: NotebookPage) -> None:
    """Wait until the widget manager has looked for the model, and says so in the console."""
    while not notebook.errors():
        notebook.page.wait_for_timeout(50)
    notebook.expected_errors.append("widget model not found")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_a_live_viewer_shows_its_rows_when_reopened_until_it_is_run(open_notebook, jupyter, app):
    """A trusted notebook asks for the widget first, and its model went with the kernel."""
    with ScriptedServer(events_up_to(30)) as server:
        cells = [CONNECT.format(url=server.base_url), "an.EventViewer(axon)"]
        notebook = open_notebook(cells, app=app)
        notebook.run_all()
        Viewer(notebook).has(30)
        saved = notebook.save()
        jupyter.end_kernels()

        again = open_notebook(saved, app=app)
        output = again.output(1)
        output.locator("details summary").click()
        expect(output.locator("td", has_text='{"n":30}')).to_be_visible()
        give_up(again)
        again.screenshot(f"reopened-{app}")

        # What was opened stays open, and nobody reads of loading or an error.
        expect(output.locator("td", has_text='{"n":30}')).to_be_visible()
        expect(output.get_by_text("widget")).to_have_count(0)

        again.run_all()
        Viewer(again).has(30)

        expect(output.locator(".axon-snapshot")).to_have_count(0)


def test_a_page_loaded_anew_ends_with_the_live_viewer(open_notebook):
    """The snapshot holds the place only until the kernel, which went on, gives the model."""
    with ScriptedServer(events_up_to(30)) as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), "an.EventViewer(axon)"])
        notebook.run_all()
        Viewer(notebook).has(30)
        notebook.save()
        notebook.reload()
        Viewer(notebook).has(30)

        expect(notebook.output(1).locator(".axon-snapshot")).to_have_count(0)
