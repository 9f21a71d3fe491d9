"""One Chromium for all tests of a session that open pages; starting one takes seconds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

__all__ = ["BrowserSession", "browser", "browser_session", "chromium_path"]


class BrowserSession:
    """Playwright and its Chromium.

    Playwright's event loop suspends inside a greenlet of this thread and stays the thread's
    running loop, under which no other test could call ``asyncio.run``.  So it is the running loop
    only between :meth:`enter` and :meth:`leave`; playwright itself sets it in the same way
    whenever it returns to its caller (``playwright/_impl/_sync_base.py``).
    """

    def __init__(self, path: Path) -> None:
        from playwright.sync_api import sync_playwright

        self._playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        self.browser: Browser = self._playwright.chromium.launch(
            executable_path=path,
            args=chromium.FLAGS,
            # People have scroll bars; playwright hides them when it shows no window.
            ignore_default_args=["--hide-scrollbars"],
        )
        self.kept: set[BrowserContext] = set()  # what outlives a test
        self.leave()

    def enter(self) -> None:
        """Let this thread use playwright."""
        asyncio._set_running_loop(self._loop)

    def leave(self) -> None:
        """Close what the test opened; let this thread run other loops."""
        for context in self.browser.contexts:
            if context not in self.kept:
                context.close()
        asyncio._set_running_loop(None)

    def close(self) -> None:
        self.enter()
        self.browser.close()
        self._playwright.stop()
        asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The browser; without one the test is skipped, or fails under CI."""
    if path := chromium.find():
        return path
    reason = f"the browser tests need Chromium: {chromium.INSTALL}"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(reason)
    pytest.fail(reason)


@pytest.fixture(scope="session")
def browser_session(chromium_path: Path) -> Iterator[BrowserSession]:
    """Playwright and Chromium, for the whole session."""
    session = BrowserSession(chromium_path)
    yield session
    session.close()


@pytest.fixture
def browser(browser_session: BrowserSession) -> Iterator[Browser]:
    """Chromium; the contexts that the test makes in it end with the test."""
    browser_session.enter()
    yield browser_session.browser
    browser_session.leave()
