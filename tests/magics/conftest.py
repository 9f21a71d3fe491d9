"""A real IPython in this process, with the magics loaded and an axon of its own."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import axon_notebook
from axon_notebook.local.process.launcher import ServiceAddress

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def shell(service: ServiceAddress) -> Iterator[InteractiveShell]:
    """IPython with ``%load_ext axon_notebook``, connected to the session's service."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AXON_NOTEBOOK_HOME", str(service.home))
        for name in ("RUNLOOP_API_KEY", "RUNLOOP_BASE_URL"):
            patch.delenv(name, raising=False)
        config = Config()
        config.HistoryManager.enabled = False
        made = InteractiveShell(config=config)
        axon_notebook.load_ipython_extension(made)
        yield made
        axon_notebook.unload_ipython_extension(made)
        made.atexit_operations()
        atexit.unregister(made.atexit_operations)


@pytest.fixture
def run(shell: InteractiveShell) -> Iterator[Run]:
    """Run a cell; return its value, or raise its error.  Variables are the test's own."""

    def run_cell(cell: str, **variables: Any) -> Any:
        shell.user_ns.update(variables)
        result = shell.run_cell(cell)
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            raise error
        return result.result

    before = dict(shell.user_ns)
    run_cell("%axon create test")
    yield run_cell
    shell.user_ns.clear()
    shell.user_ns.update(before)


@pytest.fixture
def messages(run: Run, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """What was written to stderr since the last call: the status line."""
    capsys.readouterr()
    return lambda: capsys.readouterr().err
