r"""Browser tests: a real JupyterLab 4 and Notebook 7 in a real Chromium.

How to write one
----------------
Ask for :func:`open_notebook`, give it the sources of the cells, and look::

    import pytest


    @pytest.mark.parametrize("app", ["lab", "notebook"])
    def test_the_answer_is_shown(open_notebook, app):
        '''A result that no page shows was never computed, as far as people can tell.'''
        notebook = open_notebook(["#md\n# Title", "answer = 6 * 7\nanswer"], app=app)
        notebook.run_all()
        notebook.screenshot(f"answer-{app}")

        assert notebook.output(1).inner_text() == "42"
        assert notebook.execute("print(answer)") == "42\n"

* ``open_notebook(source, *, app="lab", theme="light", size=(1280, 900))`` takes the sources of
  cells (one that starts with ``#md`` and a newline is Markdown), the path of an ``.ipynb``, or an
  open notebook, which a second window then shows.  It returns a
  :class:`~.notebook_page.NotebookPage`: ``page`` (playwright's), ``run_all``,
  ``run_cell``, ``wait_idle``, ``execute``, ``restart``, ``reload``, ``save``, ``cell``,
  ``output``, ``edit``, ``screenshot``, ``frames``, ``errors``.
* ``jupyter`` is the server (:class:`~.jupyter_server.JupyterServer`): ``root`` holds the
  notebooks, ``axon_home`` the data of the embedded service that the kernels use.
* A page that logs an error fails its test.  If the test is about an error, say which:
  ``notebook.expected_errors.append(r"regular expression")``.
* Wait for what a person would see (``page.wait_for_selector``, ``expect(locator)``), never for
  a number of seconds.  Screenshots land in ``tests/out/``; a failing test leaves
  ``failed-NAME.png`` there and the end of the server's log in its report.

One server and one Chromium serve the session (of each worker of pytest-xdist), both applications
included.  A page of JupyterLab in the light theme stays open from test to test, because loading
one takes seconds; a test begins with no document open in it.  Every other page, and the kernels,
end with the test.

Without Chromium these tests are skipped, with the reason in the summary; under ``CI`` they fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, expect

from .jupyter_server import App, JupyterServer, Theme
from .notebook_page import OUT, LabPage, NotebookPage
from .session import BrowserSession

expect.set_options(timeout=120_000)  # ends a hang; no test is judged by it

FAILED = pytest.StashKey[bool]()


class OpenNotebook(Protocol):
    """What the fixture :func:`open_notebook` gives."""

    def __call__(
        self,
        source: list[str] | Path | NotebookPage,
        *,
        app: App = "lab",
        theme: Theme = "light",
        size: tuple[int, int] = (1280, 900),
    ) -> NotebookPage: ...


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.browser)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def jupyter(
    browser_session: BrowserSession, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[JupyterServer]:
    """The server of the session; it ends before the browser, whose page it serves."""
    with JupyterServer(tmp_path_factory.mktemp("jupyter") / "home") as server:
        yield server


@pytest.fixture(scope="session")
def lab_page(browser_session: BrowserSession) -> LabPage:
    """The page that JupyterLab is loaded in once."""
    return LabPage(browser_session)


@pytest.fixture
def open_notebook(
    request: pytest.FixtureRequest, jupyter: JupyterServer, browser: Browser, lab_page: LabPage
) -> Iterator[OpenNotebook]:
    """Open notebooks; kernels and all pages but :func:`lab_page` end with the test."""
    name = re.sub(r"\W+", "-", request.node.name).strip("-").removeprefix("test_")
    opened: list[NotebookPage] = []

    def open_one(
        source: list[str] | Path | NotebookPage,
        *,
        app: App = "lab",
        theme: Theme = "light",
        size: tuple[int, int] = (1280, 900),
    ) -> NotebookPage:
        jupyter.use_theme(theme)
        if isinstance(source, NotebookPage):
            file = source.file
        else:
            file = jupyter.notebook(f"{name}-{len(opened)}", source)
        if (app, theme) == ("lab", "light") and not opened:
            page = lab_page.borrow(size)
        else:
            viewport = {"width": size[0], "height": size[1]}
            page = browser.new_page(viewport=viewport, color_scheme=theme)
            page.set_default_timeout(240_000)
        opened.append(NotebookPage(page, jupyter, file, app))
        if isinstance(source, NotebookPage):
            # The kernel sends the messages of each window's comms to both.
            for notebook in (source, opened[-1]):
                notebook.expected_errors.append("Comm not found for comm id")
        return opened[-1]

    yield open_one

    failed = request.node.stash.get(FAILED, False)
    if failed:
        _leave_evidence(request.node, name, opened, jupyter)
    complaints = [complaint for notebook in opened for complaint in notebook.errors()]
    for notebook in opened:
        notebook.leave()
    lab_page.give_back(usable=not failed and not complaints)
    jupyter.end_kernels()
    assert not complaints, "the page complained:\n" + "\n".join(complaints)


def _leave_evidence(
    item: pytest.Item, name: str, opened: list[NotebookPage], jupyter: JupyterServer
) -> None:
    for number, notebook in enumerate(opened):
        if notebook.page.is_closed():
            continue
        notebook.screenshot(f"failed-{name}-{number}")
    log = jupyter.log.read_text("utf-8")[-3000:]
    item.add_report_section("teardown", "screenshots", f"{OUT}/failed-{name}-*.png")
    item.add_report_section("teardown", "end of the server's log", log)
