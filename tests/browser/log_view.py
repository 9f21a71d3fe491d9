"""The execution log as a person at the page sees and uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from .notebook_page import NotebookPage

__all__ = ["SETUP", "LogView"]

#: The first cell of a notebook that runs commands in a devbox of the embedded service.
SETUP = """\
import axon_notebook as an
client = an.connect()
box = client.create_devbox("browser")
def run(command, **more):
    return box.run(command, **more)
"""

LINES = """pane => {
  const top = pane.getBoundingClientRect().top;
  const bottom = top + pane.clientHeight;
  return [...pane.querySelectorAll('.line')]
    .map(line => [line.getBoundingClientRect(), line])
    .filter(([box]) => box.bottom > top && box.top < bottom && box.height > 0)
    .sort((a, b) => a[0].top - b[0].top)
    .map(([, line]) => ['.tag', '.text'].map(part => line.querySelector(part).textContent).join(''))
}"""


class LogView:
    """One view of a log; *nth* counts the views of the page."""

    def __init__(self, notebook: NotebookPage, nth: int = 0) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.root: Locator = self.page.locator(".axon[role=region]").nth(nth)
        self.pane = self.root.locator(".pane").first
        self.word = self.root.locator(".state .word")
        self.line = self.root.locator(".state-line")
        self.counts = self.root.locator(".counts")
        self.search = self.root.locator("input.search")
        self.stdin = self.root.locator(".stdin input")

    def says(self, word: str, timeout: float = 120) -> None:
        """Wait until the header says how the command stands."""
        expect(self.word).to_contain_text(word, timeout=1000 * timeout)

    def lines(self) -> list[str]:
        """The lines on the screen, from top to bottom; those of stderr begin with ``err``."""
        return list(self.pane.evaluate(LINES))

    def shows(self, text: str, timeout: float = 120) -> None:
        """Wait until a line on the screen has this text."""
        self.page.wait_for_function(
            "([pane, text]) => [...pane.querySelectorAll('.line')]"
            ".some(line => line.querySelector('.text').textContent.includes(text))",
            arg=[self.pane.element_handle(), text],
            timeout=1000 * timeout,
        )

    def choose(self, entry: str) -> None:
        """Open the menu and click an entry."""
        self.root.locator(".header .menu summary").click()
        self.root.locator(".header .menu .entry", has_text=entry).click()

    def saved(self, stream: str = "stdout") -> bytes:
        """The stream as the page has it, byte for byte."""
        with self.page.expect_download() as download:
            self.choose(f"{stream}, byte for byte")
        return download.value.path().read_bytes()
