"""What a front end sees: cells run by a real kernel, as papermill and nbclient run them."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_core.utils import run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from axon_notebook.local.process.launcher import ServiceAddress, find_service

from ..waiting import wait_until

pytestmark = pytest.mark.kernel

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Kernel:
    """One kernel with the magics loaded; cells are executed as nbclient does."""

    def __init__(self, client: NotebookClient) -> None:
        self._client = client
        self.run("%load_ext axon_notebook")

    def run(self, *cells: str, allow_errors: bool = True) -> list[Any]:
        """Run *cells* and return them with their outputs."""
        self._client.allow_errors = allow_errors
        notebook = self._client.nb
        ran = []
        for source in cells:
            notebook.cells.append(nbformat.v4.new_code_cell(source))
            self._client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1)
            ran.append(notebook.cells[-1])
        return ran

    def complete(self, cell: str) -> dict[str, Any]:
        """Ask for completion at the end of *cell*, as a front end does."""
        assert self._client.kc is not None
        channel = self._client.kc
        message = channel.complete(cell, len(cell))
        reply = run_sync(self._client.async_wait_for_reply)(message)
        found: dict[str, Any] = reply["content"]
        return found


OLDER = "6.29.5"


@pytest.fixture(scope="module", params=["installed", OLDER])
def kernel(
    request: pytest.FixtureRequest,
    service: ServiceAddress,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Kernel]:
    """A kernel of the installed ipykernel, and one of the generation before.

    Starting one takes seconds, so these tests share it.
    """
    with pytest.MonkeyPatch.context() as patch:
        if request.param == OLDER:
            patch.setenv("PYTHONPATH", str(older_ipykernel(tmp_path_factory)))
        patch.setenv("AXON_NOTEBOOK_HOME", str(service.home))
        patch.delenv("RUNLOOP_API_KEY", raising=False)
        patch.delenv("RUNLOOP_BASE_URL", raising=False)
        client = NotebookClient(nbformat.v4.new_notebook(), timeout=300, kernel_name="python3")
        with client.setup_kernel():
            yield Kernel(client)


def older_ipykernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install another ipykernel into a folder of its own, in front of the installed one."""
    folder = tmp_path_factory.mktemp("ipykernel")
    wanted = [f"ipykernel=={OLDER}", "nest-asyncio"]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*command, str(folder), *wanted], check=True, capture_output=True, timeout=300)
    return folder


def texts(cell: Any) -> str:
    """Everything the cell shows, as text."""
    shown = []
    for output in cell.outputs:
        if output.output_type == "stream":
            shown.append(output.text)
        elif output.output_type == "error":
            shown.append("\n".join(output.traceback))
        else:
            shown.append(output.data["text/plain"])
    return "\n".join(shown)


def test_the_kernels_are_of_two_generations(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """What is proven here holds for both, or this file proves nothing about the older."""
    installed = importlib.metadata.version("ipykernel")
    (cell,) = kernel.run("import ipykernel; print(ipykernel.__version__)")

    older = request.node.callspec.params["kernel"] == OLDER
    assert texts(cell).strip() == (OLDER if older else installed)


def test_cells_show_what_they_should(kernel: Kernel) -> None:
    """One kernel, many facts: the outputs as they are stored in the notebook."""
    hostile = "<img src=x onerror=alert(1)>"
    created, published, query, assigned, slow, batch, captured, failed, after, tb = kernel.run(
        "%axon create <b>name</b>",
        f'%axon_publish --json \'{{"h": "{hostile}"}}\' deploy',
        "%%axonsql\nSELECT sequence, payload FROM events",
        "%%axonsql df <<\nSELECT 1 AS a",
        f"%axonsql --timeout 1 {ENDLESS}",
        "%%axonsql\nCREATE TABLE t(a);\nSELECT 1 AS one",
        "%%capture kept\n%axonsql SELECT 5 AS five",
        "%%axonsql\nSELECT 1,\n  sequnce FROM events",
        "print('ran', 'five' in str(kept.outputs[-1].data))",
        "%tb",
    )

    assert [o.output_type for o in published.outputs] == ["display_data", "execute_result"]
    assert "✓ #1 deploy" in texts(published)
    # The line is one display; its HTML and the frame's hold the names as text.
    html = [o.data.get("text/html", "") for c in (published, query, batch) for o in c.outputs]
    assert not any("<img" in text or "<b>name" in text for text in html)
    assert "&lt;b&gt;name" in html[0]
    assert "✓ df: 1 row × 1 · " in texts(assigned)
    assert [o.output_type for o in assigned.outputs] == ["display_data"]
    # It was mentioned while it ran, and replaced in place by nothing.
    assert [o.output_type for o in slow.outputs] == ["display_data", "error"]
    assert slow.outputs[1].ename in ("ReadTimedOut", "SqlError")
    assert "one transaction" in texts(batch)
    assert captured.outputs == []
    error = failed.outputs[-1]
    assert (error.ename, error.evalue) == ("SqlError", "no such column: sequnce")
    assert error.traceback[1:3] == ["  2 │   sequnce FROM events", "    │   ^^^^^^^"]
    assert "did you mean sequence?" in error.traceback[3]
    assert texts(after) == "ran True\n"
    assert "Traceback (most recent call last)" in texts(tb)
    assert "<Axon <b>name</b> (axn_" in texts(created)


def test_a_failing_cell_stops_the_notebook_with_our_message(kernel: Kernel) -> None:
    """Where others print an error and let the notebook go on, or fail without a word."""
    kernel.run("%axon create fails")
    with pytest.raises(CellExecutionError) as caught:
        kernel.run("%axonsql SELEC 1", allow_errors=False)

    assert 'SqlError: near "SELEC": syntax error' in str(caught.value)
    assert "did you mean SELECT?" in str(caught.value)


#: The stop button is pressed once ``begun()`` is true.
PRESSING = """
import os, signal, threading, time
def press():
    while not begun():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
get_ipython().run_line_magic({magic!r}, {line!r})
"""


def test_the_stop_button_stops(kernel: Kernel) -> None:
    """While the request is still running, as a KeyboardInterrupt, in one line."""
    _, interrupted, after = kernel.run(
        "%axon create stop\n"
        "def begun(): return any(t.name == 'axon-request' for t in threading.enumerate())",
        "import threading\n" + PRESSING.format(magic="axonsql", line=ENDLESS),
        "%axonsql --to scalar SELECT 1",
    )
    error = interrupted.outputs[-1]

    assert error.ename == "Interrupted"
    assert error.traceback == [f"Interrupted: {error.evalue}"]
    # The server alone would have ended it with another error.
    assert error.evalue.startswith("abandoned after ")
    assert texts(after).endswith("1")


def test_a_cell_on_many_axons_shows_how_it_went_and_stops(kernel: Kernel) -> None:
    asked, summary, interrupted = kernel.run(
        "for n in range(3): _ = get_ipython().run_line_magic('axon', f'create kernel-set-{n}')\n"
        "%axonsql -a 'kernel-set-*' --since 1h -t rows SELECT 6 * 7",
        "%axon summary 'kernel-set-*'",
        "import threading\n"
        "def begun(): return any(t.name.startswith('axon-set') for t in threading.enumerate())\n"
        + PRESSING.format(magic="axonsql", line=f"-a kernel-set-* {ENDLESS}"),
    )

    assert "3 rows × 3" in texts(asked)
    assert "3 axons" in texts(asked)
    assert "3 runs" in texts(summary)
    assert interrupted.outputs[-1].ename == "Interrupted"
    offered = kernel.complete("%%axonsql -a kernel-set-")["matches"]
    assert "kernel-set-2" in offered


STOPPING_A_PUBLISH = """
import os, signal, threading
import axon_notebook as an
def press():
    with an.connect() as client:
        axon = client.axon("stop-publish")
        while not axon.execute("SELECT max(sequence) FROM rl_axon_events").rows[0][0]:
            pass
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
%axon_publish --yes -o done --from events
"""


def test_publishing_many_can_be_stopped_and_continued(kernel: Kernel) -> None:
    """It says how many there are already, keeps them, and names the way on."""
    stopped, count = kernel.run(
        "%axon create stop-publish\n"
        "events = [{'event_type': 'n', 'payload': 'p'}] * 500_000",  # seconds, many requests
        STOPPING_A_PUBLISH,
        "count = %axonsql -q -o stored --to scalar SELECT count(*) FROM events\n"
        "print(len(done) == stored > 0, len(done))",
    )[1:]
    error = stopped.outputs[-1]
    kept, published = texts(count).splitlines()[-1].split()

    assert error.ename == "PublishStopped"
    assert f"{int(published):,} published (#1 to #{published})" in error.evalue
    assert f"go on with --skip {published}" in error.evalue
    assert kept == "True"


def test_a_background_query_shows_how_it_stands(kernel: Kernel) -> None:
    """Its display is updated when the answer comes; nobody has to run it again."""
    _, shown, awaited = kernel.run(
        "%axon create bg",
        "h = %axonsql --bg --to scalar SELECT 6 * 7\ndisplay(h)\nh.result(120)",
        "await h",
    )

    # The display is updated by a thread, maybe while a later cell runs.
    wait_until(lambda: kernel.run("pass") and "✓ done after" in texts(shown))
    assert texts(awaited) == "42"


def test_completion_works_through_the_kernel(kernel: Kernel) -> None:
    """As JupyterLab asks for it."""
    kernel.run("%axon create completion", "%axonsql CREATE TABLE seen(a)", "t = %axon tables")
    cell = "%%axonsql\nSELECT * FROM se"
    offered = kernel.complete(cell)

    assert offered["matches"] == ["seen"]
    assert cell[offered["cursor_start"] : offered["cursor_end"]] == "se"


LOADING = """
import json, sys
before = set(sys.modules)
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
config = Config()
config.HistoryManager.enabled = False
shell = InteractiveShell(config=config)
import axon_notebook
shell.run_line_magic("load_ext", "axon_notebook")
print(repr(shell.run_line_magic("axon", "")))
heavy = ["pandas", "numpy", "httpx", "anywidget", "ipywidgets", "polars", "pyarrow"]
print(json.dumps([name for name in heavy if name in sys.modules]))
"""


def test_loading_is_light_says_one_line_and_starts_nothing(tmp_path: Path) -> None:
    """The first impression: quick, quiet, and without a process behind the user's back."""
    home = tmp_path / "home"
    environment = {"PATH": "/usr/bin", "HOME": str(tmp_path), "AXON_NOTEBOOK_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LOADING],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = done.stdout.splitlines()

    assert done.stderr == ""
    assert lines[0] == f"Axons of the embedded service, data in {home} · %axon help"
    assert lines[1] == "axon          none chosen"
    assert json.loads(lines[-1]) == []
    assert find_service(home) is None
    assert not home.exists()


def test_the_key_is_never_shown(tmp_path: Path) -> None:
    """Only where it came from."""
    environment = {
        "PATH": "/usr/bin",
        "HOME": str(tmp_path),
        "RUNLOOP_API_KEY": "ak_very_secret",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOADING],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    assert "https://api.runloop.ai, key from RUNLOOP_API_KEY" in done.stdout
    assert "very_secret" not in done.stdout + done.stderr
