"""A notebook that is executed without a page: the file shows what happened, without a script."""

from __future__ import annotations

import nbconvert
import nbformat
import pytest
from nbclient import NotebookClient

from axon_notebook.local.process.launcher import ServiceAddress

CELLS = [
    """\
import axon_notebook as an
client = an.connect({url!r}, api_key={key!r})
axon = client.create_axon("headless")
axon.publish_many([("tick", {{"n": n}}) for n in range(30)])""",
    "an.EventViewer(axon)",
    """\
box = client.create_devbox("headless")
execution = box.run("printf 'half'; sleep 0.2; printf '\\\\rdone\\\\n'")
an.ExecutionLog(execution)""",
    'axon.publish("last", {{"word": "at the end"}})\nexecution.wait()',
    "import time\ntime.sleep(0.5)",
]


@pytest.fixture(scope="module")
def executed(service: ServiceAddress) -> nbformat.NotebookNode:
    v4 = nbformat.v4
    sources = [cell.format(url=service.base_url, key=service.token.reveal()) for cell in CELLS]
    book = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    NotebookClient(book, timeout=120, kernel_name="python3").execute()
    return book


def test_widgets_that_were_never_closed_are_saved_as_snapshots(
    executed: nbformat.NotebookNode,
) -> None:
    """Papermill and nbconvert end the kernel after the last cell: nobody calls close."""
    viewer, log = (executed.cells[i].outputs[0]["data"] for i in (1, 2))

    assert "application/vnd.jupyter.widget-view+json" not in {*viewer, *log}
    assert "at the end" in viewer["text/html"]  # published two cells later
    assert ">done</pre>" in log["text/html"]  # "half" was overwritten


def test_the_html_of_it_has_the_snapshots_and_none_of_the_script(
    executed: nbformat.NotebookNode,
) -> None:
    """A page that loads nothing shows them, and ten widgets cost no ten copies of a bundle."""
    page = nbconvert.HTMLExporter().from_notebook_node(executed)[0]
    states = str(executed.metadata.get("widgets", ""))

    assert "at the end" in page
    assert "done" in page
    assert "attachShadow" not in page  # what every bundle does first
    assert len(states) < 10_000
