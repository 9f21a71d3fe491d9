"""The rig itself: what the other browser tests stand on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .jupyter_server import REPOSITORY
from .notebook_page import KernelError

APPS = pytest.mark.parametrize("app", ["lab", "notebook"])


@APPS
def test_a_notebook_runs_in_a_real_page(open_notebook, app):
    """Everything else in this directory assumes it."""
    notebook = open_notebook(["#md\n# Title", "answer = 6 * 7\nanswer"], app=app)
    notebook.run_all()

    assert notebook.output(1).inner_text() == "42"
    assert notebook.execute("print(answer)") == "42\n"


def test_pages_and_kernels_use_the_checkout(open_notebook):
    """An installed copy, perhaps an old one, could be tested in its place."""
    notebook = open_notebook([""])
    extensions = notebook.page.evaluate(
        "JSON.parse(document.getElementById('jupyter-config-data').textContent)"
        ".federated_extensions"
    )
    package = Path(notebook.execute("import axon_notebook; print(axon_notebook.__file__)")).parent
    written = json.loads((REPOSITORY / "axon_notebook/labextension/package.json").read_text())

    assert package == REPOSITORY / "axon_notebook"
    assert written["jupyterlab"]["_build"] in [
        {"load": found["load"], "extension": found["extension"]}
        for found in extensions
        if found["name"] == "axon-notebook"
    ]


def test_kernels_have_a_home_of_their_own(open_notebook, jupyter):
    """A test must never reach a person's data or account."""
    notebook = open_notebook([""])
    seen = notebook.execute(
        "import os; print(os.environ['AXON_NOTEBOOK_HOME'], os.environ.get('RUNLOOP_API_KEY'))"
    )

    assert seen.split() == [str(jupyter.axon_home), "None"]


def test_a_restart_empties_the_kernel_and_a_reload_does_not(open_notebook):
    """The two look alike in a page; tests of lost connections need to tell them apart."""
    notebook = open_notebook(["x = 1"])
    notebook.run_all()
    notebook.reload()

    assert notebook.execute("print(x)") == "1\n"

    notebook.restart()

    assert notebook.execute("print('x' in globals())") == "False\n"


def test_what_goes_wrong_reaches_the_test(open_notebook):
    """An error nobody reads is an error nobody fixes."""
    notebook = open_notebook([""])
    notebook.expected_errors.append("on purpose")
    notebook.page.evaluate("console.error('by accident'); console.error('on purpose')")

    assert [error.split(" (")[0] for error in notebook.errors()] == ["console: by accident"]

    notebook.expected_errors.append("by accident")

    with pytest.raises(KernelError, match="ZeroDivisionError"):
        notebook.execute("1 / 0")


def test_two_windows_show_one_notebook(open_notebook):
    """Who looks at a run from two places must see the same kernel."""
    first = open_notebook(["x = 5"])
    first.run_all()
    second = open_notebook(first, app="notebook")

    assert second.execute("print(x)") == "5\n"


@pytest.mark.parametrize(("ci", "outcome"), [("", "1 skipped"), ("true", "1 error")])
def test_without_chromium_nothing_passes_in_silence(ci, outcome):
    """A green run of CI that opened no page would promise what nobody has seen."""
    target = f"{__file__}::test_what_goes_wrong_reaches_the_test"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", target],
        env=os.environ | {"PATH": "/nowhere", "CHROMIUM": "", "CI": ci},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert outcome in run.stdout.splitlines()[-1]
    assert "the browser tests need Chromium: apt-get install chromium" in run.stdout
    assert "chromium: none found" in run.stdout
