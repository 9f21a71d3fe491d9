"""Notebooks that nobody watches: papermill runs them, nbconvert shows what they left."""

from __future__ import annotations

import warnings
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter

from axon_notebook.local.process.launcher import ServiceAddress

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # papermill 2.7 imports what other libraries call old
    import papermill

pytestmark = pytest.mark.kernel

CELLS = [
    "name = 'nobody'",
    "%load_ext axon_notebook\nimport axon_notebook as an\nclient = an.connect()",
    "axon = client.create_axon(name)\naxon.publish('note', {'text': 'seen by papermill'})",
    "%%axonsql -a nightly --to scalar\nSELECT count(*) FROM events",
    "an.EventViewer(axon)",
    "box = client.create_devbox('papermill')\nrun = box.run('echo from the devbox')\nrun.wait()\n"
    "an.ExecutionLog(run)",
    "mount = {'type': 'broker_mount', 'axon_id': axon.id, 'protocol': 'acp',\n"
    "         'agent_binary': 'axon-notebook-demo-agent'}\n"
    "agent = client.create_devbox(mounts=[mount])\nsession = an.AgentSession(axon)\n"
    "session.prompt('talk 3').result()\n"
    "an.AgentChat(session)",
    "import time\ntime.sleep(0.5)",
]


@pytest.fixture
def run_in(service: ServiceAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose notebooks find the session's service."""
    monkeypatch.setenv("AXON_NOTEBOOK_HOME", str(service.home))
    return tmp_path


def written(place: Path, cells: list[str]) -> Path:
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    book.cells[0].metadata["tags"] = ["parameters"]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "3", "language": "python"}
    path = place / "in.ipynb"
    path.write_text(nbformat.writes(book), "utf-8")
    return path


def test_papermill_runs_it_and_nbconvert_shows_what_was_seen(run_in: Path) -> None:
    """A nightly report holds viewer, log and chat as text, though nobody closed them."""
    out = run_in / "out.ipynb"
    papermill.execute_notebook(written(run_in, CELLS), out, {"name": "nightly"}, progress_bar=False)
    page, _ = HTMLExporter().from_filename(str(out))

    assert "seen by papermill" in page
    assert "from the devbox" in page
    assert "talk 3" in page
    assert "nightly" in page
    assert "application/vnd.jupyter.widget-view+json" not in out.read_text("utf-8")
    assert "attachShadow" not in page  # what every script of a widget does first


def test_papermill_fails_with_the_cell(run_in: Path) -> None:
    """A job must go red, with our error in its log, and not go on to the next cell."""
    path = written(run_in, ["name = 1", CELLS[1], "%axonsql -a no_such_axon SELECT 1", "1 / 0"])

    with pytest.raises(papermill.PapermillExecutionError, match="no_such_axon"):
        papermill.execute_notebook(path, run_in / "out.ipynb", progress_bar=False)
