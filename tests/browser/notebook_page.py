"""One notebook, open in a real JupyterLab or Notebook 7, as a test drives it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request

from ..waiting import becomes
from .jupyter_server import App, JupyterServer
from .session import BrowserSession

__all__ = ["Frames", "KernelError", "LabPage", "NotebookPage"]

OUT = Path(__file__).parents[1] / "out"
IN_PAGE = Path(__file__).parent / "in_page.js"

# What JupyterLab 4.6 and Notebook 7.6 complain about themselves, on pages that work.
UPSTREAM_NOISE = (
    r"reading 'schema'",  # Notebook 7.6, now and then while loading
    r"Command 'filebrowser:open-path' not registered",  # Notebook 7.6 without its file browser
    r"net::ERR_ABORTED",  # requests that leaving a page cuts off
    r"Canceled future for",  # JupyterLab's debugger, when the kernel restarts
)


class KernelError(Exception):
    """Code that a test ran in the notebook's kernel raised."""


@dataclass(frozen=True)
class Frames:
    """How smoothly the page moved: frame times and long tasks, in milliseconds."""

    times: tuple[float, ...]
    long_tasks: tuple[float, ...]

    @property
    def median(self) -> float:
        """Time of the middle frame; 16.7 at 60 frames a second."""
        return sorted(self.times)[len(self.times) // 2]

    @property
    def longest(self) -> float:
        """Time of the longest frame."""
        return max(self.times)

    @property
    def per_second(self) -> float:
        """Frames per second over the whole measurement."""
        return 1000 * len(self.times) / sum(self.times)


class LabPage:
    """A page of JupyterLab that stays open from test to test, with no document open between them.

    What a test may change of it (documents, the window's size, network) is as before afterwards;
    after a failure, and with a dialog on the screen, the next test gets a new one.
    """

    def __init__(self, session: BrowserSession) -> None:
        self._session = session
        self._page: Page | None = None
        self._lent = False

    def borrow(self, size: tuple[int, int]) -> Page:
        """The page, for one test."""
        if self._page is None or self._page.is_closed():
            context = self._session.browser.new_context(color_scheme="light")
            self._session.kept.add(context)
            self._page = context.new_page()
            self._page.set_default_timeout(240_000)
        self._page.set_viewport_size({"width": size[0], "height": size[1]})
        self._lent = True
        return self._page

    def give_back(self, *, usable: bool) -> None:
        """End the use of the page; if not *usable*, the page too."""
        if self._page is None or not self._lent:
            return
        self._lent = False
        page = self._page
        if usable and not page.is_closed() and page.evaluate("window.axonTest?.closeAll()"):
            page.unroute_all()
            page.context.set_offline(False)
            return
        self._session.kept.discard(page.context)
        self._page = None  # its context ends with the test


class NotebookPage:
    """A notebook in a browser page, during one test.

    :attr:`page` is the playwright page, for everything not said here.  Cells
    count from 0.  Whatever waits gives up with playwright's ``TimeoutError``.
    """

    def __init__(self, page: Page, server: JupyterServer, file: str, app: App) -> None:
        self.page = page
        self.server = server
        self.file = file
        self.app = app
        self.expected_errors: list[str] = []
        self._complaints: list[str] = []
        self._listeners = {
            "console": self._on_console,
            "pageerror": self._on_page_error,
            "requestfailed": self._on_request_failed,
        }
        for event, listener in self._listeners.items():
            page.on(event, listener)
        if page.url.startswith(server.url):  # JupyterLab, without a document
            page.evaluate("file => axonTest.open(file)", file)
            self._wait_shown()
        else:
            page.add_init_script(path=IN_PAGE)
            self.reload()

    def reload(self) -> None:
        """Load the page anew, as the browser's reload button does; the kernel goes on."""
        self.page.goto(self.server.address(self.file, self.app), wait_until="domcontentloaded")
        # A function that is waited for survives JupyterLab's own navigation to a second workspace.
        self.page.wait_for_function("window.jupyterapp?.restored.then(() => true)")
        self._wait_shown()

    def leave(self) -> None:
        """Stop to listen to the page, which may serve another test."""
        for event, listener in self._listeners.items():
            self.page.remove_listener(event, listener)

    def run_all(self, *, wait: bool = True) -> None:
        """Run every cell; a failing one stops the rest, as the menu's "Run All" does."""
        self._run("notebook:run-all-cells", None, wait)

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        """Run one cell; with ``wait=False`` return while it runs."""
        self._run("notebook:run-cell", index, wait)

    def wait_idle(self, timeout: float = 240) -> None:
        """Wait until the kernel is idle and no cell shows ``[*]``; *timeout* in seconds."""
        self.page.wait_for_function("axonTest.idle()", timeout=1000 * timeout)

    def execute(self, code: str) -> str:
        """Run *code* in the notebook's kernel without a cell; return what it printed.

        Raises:
            KernelError: If it raised.
        """
        answer = self.page.evaluate("code => axonTest.execute(code)", code)
        if answer["error"]:
            raise KernelError(answer["error"])
        return str(answer["text"])

    def becomes(self, expression: str, value: object) -> None:
        """Wait until *expression* has this value in the kernel, by its ``repr``."""
        becomes(lambda: self.execute(f"print(repr({expression}))"), f"{value!r}\n")

    def restart(self) -> None:
        """Restart the kernel, without the confirmation that the button asks for."""
        self.page.evaluate("axonTest.kernel().restart()")
        self.wait_idle()

    def save(self) -> Path:
        """Save the notebook and return its file."""
        self.page.evaluate("axonTest.panel().context.save()")
        return self.server.root / self.file

    def cell(self, index: int) -> Locator:
        """Return the cell at *index*."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def output(self, index: int) -> Locator:
        """Return the output area of the cell at *index*: ``output(0).inner_text()``."""
        return self.cell(index).locator(".jp-OutputArea-child .jp-OutputArea-output")

    def edit(self, index: int) -> None:
        """Put the cursor at the end of the cell's source; ``page.keyboard`` then types there."""
        self.cell(index).locator(".cm-content").first.click()
        self.page.keyboard.press("Control+End")

    def screenshot(self, name: str, part: Locator | None = None) -> Path:
        """Write ``tests/out/NAME.png``, of the window or of one part of it."""
        OUT.mkdir(exist_ok=True)
        path = OUT / f"{name}.png"
        (self.page if part is None else part).screenshot(path=path)
        return path

    def frames(self, seconds: float = 2) -> Frames:
        """Watch the page for some seconds and return the times of its frames."""
        seen = self.page.evaluate("time => axonTest.frames(time)", 1000 * seconds)
        return Frames(tuple(seen["frames"]), tuple(seen["longTasks"]))

    def errors(self) -> list[str]:
        """Return what the page complained about: console errors, exceptions, failed requests.

        Known noise of JupyterLab and Notebook 7 is left out, and whatever matches a
        regular expression in :attr:`expected_errors`.
        """
        expected = [*UPSTREAM_NOISE, *self.expected_errors]
        return [c for c in self._complaints if not any(re.search(e, c) for e in expected)]

    def _wait_shown(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.wait_idle()

    def _run(self, command: str, index: int | None, wait: bool) -> None:
        call = "([command, index]) => { const done = axonTest.run(command, index); return %s; }"
        self.page.evaluate(call % ("done" if wait else "null"), [command, index])
        if wait:
            self.wait_idle()

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_page_error(self, error: Error) -> None:
        self._complaints.append(f"exception: {error.message}\n{error.stack}")

    def _on_request_failed(self, request: Request) -> None:
        self._complaints.append(f"request: {request.method} {request.url} {request.failure}")
