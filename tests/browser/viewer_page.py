"""The event viewer as a person at the page sees and uses it."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, expect

from .notebook_page import NotebookPage

__all__ = ["CONNECT", "Viewer"]

#: The first cell of a notebook that looks at the axon of a test's server.
CONNECT = """\
import time
import axon_notebook as an
client = an.connect({url!r}, api_key="ak_test")
axon = client.axon("axn_1")
"""


class Viewer:
    """One view of an event viewer; *nth* counts the views of the page."""

    def __init__(self, notebook: NotebookPage, nth: int = 0) -> None:
        self.notebook = notebook
        self.page = notebook.page
        self.root: Locator = self.page.locator(".axon[role=region]").nth(nth)
        self.list = self.root.locator(".list")
        self.word = self.root.locator(".state .word")
        self.filter = self.root.locator("input.filter")
        self.search = self.root.locator("input.search")

    def is_live(self, timeout: float = 120) -> None:
        """Wait until the header says so."""
        expect(self.word).to_have_text("live", timeout=1000 * timeout)

    def has(self, count: int, timeout: float = 120) -> None:
        """Wait until the header counts so many events, none of them lost or missing."""
        text = f"{count:,} event{'' if count == 1 else 's'}".replace(",", "[\u202f, .]?")
        expect(self.root.locator(".counts b")).to_have_text(
            re.compile(text), timeout=1000 * timeout
        )
        expect(self.root.locator(".lost")).to_have_text("0 lost")
        expect(self.root.locator(".kept")).to_have_text("", timeout=1000 * timeout)

    def rows(self) -> list[str]:
        """The sequences on the screen, from top to bottom."""
        return self.list.evaluate(
            """list => [...list.querySelectorAll('.row')].filter(row => !row.hidden)
              .map(row => [row.getBoundingClientRect().top, row.querySelector('.seq')?.textContent])
              .filter(([, text]) => text).sort((a, b) => a[0] - b[0]).map(([, text]) => text)"""
        )

    def choose(self, entry: str) -> None:
        """Open the menu and click an entry."""
        self.root.locator(".header .menu summary").click()
        self.root.locator(".header .menu .entry", has_text=entry).click()

    def exported(self) -> list[int]:
        """The sequences of all events in the page, in its order, as its export has them."""
        with self.page.expect_download() as download:
            self.choose("all events, JSON lines")
        lines = download.value.path().read_text("utf-8").splitlines()
        return [json.loads(line)["sequence"] for line in lines]
