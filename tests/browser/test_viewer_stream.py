"""The event viewer under a fast stream: nothing lost, nothing doubled, alive while a cell runs."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import expect

from ..faults.rate_server import RateServer
from ..waiting import becomes
from .viewer_page import CONNECT, Viewer

LONG = bool(os.environ.get("AXON_LONG"))
SECONDS = 30 if LONG else 6
RATE = 5000

# What the kernel knows at the end of the blocking cell: the page's answers came while it ran.
BLOCKED = """\
import pathlib
viewer = an.EventViewer(axon, max_bytes=10**9)
display(viewer)
while not pathlib.Path({ready!r}).exists():  # the main thread sleeps
    time.sleep(0.05)
heard = viewer.stats()
print("pages", heard["pages"], "unacknowledged", heard["unacked_bytes"] < heard["sent_bytes"] / 2)
"""


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_five_thousand_events_a_second_while_the_cell_sleeps(open_notebook, app, tmp_path):
    """The run that is watched is the cell that blocks: the view must live through it."""
    count = RATE * (SECONDS if app == "lab" else SECONDS // 2)
    ready = tmp_path / "ready"
    with RateServer() as server:
        cells = [CONNECT.format(url=server.base_url), BLOCKED.format(ready=str(ready))]
        notebook = open_notebook(cells, app=app)
        notebook.run_cell(0)
        notebook.run_cell(1, wait=False)
        viewer = Viewer(notebook)
        viewer.is_live()
        server.run(RATE, count)

        # The filter, the list and the inspector answer while the kernel's main thread sleeps.
        expect(viewer.list.locator(".row:not([hidden])").nth(8)).to_be_visible()
        viewer.filter.fill("n2500n")
        expect(viewer.root.locator(".shown")).to_contain_text("1 of")
        becomes(viewer.rows, ["2500"])
        viewer.filter.fill("type:tool.*")
        expect(viewer.root.locator(".shown")).not_to_contain_text(re.compile("^1 of"))
        viewer.list.focus()
        notebook.page.keyboard.press("Home")
        expect(viewer.list.locator(".row .seq").get_by_text("1", exact=True)).to_be_visible()
        becomes(lambda: viewer.rows()[:3], ["1", "2", "7"])
        notebook.page.keyboard.press("ArrowDown")
        notebook.page.keyboard.press("Enter")
        expect(viewer.root.locator(".details")).to_contain_text("n2n")
        assert not notebook.page.evaluate("axonTest.idle()"), "the cell must still be running"
        notebook.screenshot(f"viewer-stream-{app}")

        viewer.has(count, timeout=300)
        ready.touch()
        notebook.wait_idle()

        assert "pages 1 unacknowledged True" in notebook.output(1).last.inner_text()
        assert viewer.exported() == list(range(1, count + 1))


# A seam between kernel and page: every third numbered message never leaves the kernel.
LOSSY = """\
viewer = an.EventViewer(axon)
post, dropped = viewer._post, []
def lossy(content, buffers):
    if content["kind"] == "ev" and content["batch"] % 3 == 2 and not (content["batch"] in dropped):
        dropped.append(content["batch"])
    else:
        post(content, buffers)
viewer._feed._send = lossy
viewer
"""


def test_batches_lost_on_the_way_are_recovered(open_notebook):
    """Between kernel and page messages vanish without an error, as busy servers drop them."""
    with RateServer() as server:
        notebook = open_notebook([CONNECT.format(url=server.base_url), LOSSY])
        notebook.run_all()
        viewer = Viewer(notebook)
        viewer.is_live()
        server.run(3000, 9000)

        viewer.has(9000, timeout=300)

        assert int(notebook.execute("print(len(dropped))")) >= 3
        assert viewer.exported() == list(range(1, 9001))
