"""A marimo app of our own, served on loopback, and its page as a test drives it."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request

from axon_notebook.closing import Closing
from axon_notebook.local.process.launcher import stop_service

from .notebook_page import OUT

__all__ = ["MarimoApp", "MarimoPage"]

REPOSITORY = Path(__file__).parents[2]
CONFIG = """\
[runtime]
auto_instantiate = true
[display]
theme = "{theme}"
"""
PORT = re.compile(r"URL: http://[\w.]+:(\d+)")

# What marimo 0.25 complains about itself, on pages that work.
UPSTREAM_NOISE = (r"net::ERR_ABORTED",)  # requests that leaving a page cuts off


class MarimoApp(Closing):
    """``marimo run`` of one app; *source* is the text of its file.

    The app imports the package from the checkout and finds the embedded service
    in :attr:`axon_home`; no key of the surrounding environment reaches it.
    """

    def __init__(
        self, home: Path, source: str, *, theme: str = "light", options: Sequence[str] = ()
    ) -> None:
        self.axon_home = home / "axon"
        self.log = home / "marimo.log"
        self._token = secrets.token_hex(16)
        (home / "marimo").mkdir(parents=True)
        (home / "marimo" / "marimo.toml").write_text(CONFIG.format(theme=theme), "utf-8")
        file = home / "app.py"
        file.write_text(source, "utf-8")
        self._process = self._start(home, file, options)
        try:
            self.url = f"{self._wait()}/?access_token={self._token}"
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the app and its embedded service; a second call does nothing."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        stop_service(self.axon_home)

    def _start(self, home: Path, file: Path, more: Sequence[str]) -> subprocess.Popen[bytes]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RUNLOOP_")}
        places = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")
        environment = clean | dict.fromkeys(places, str(home))
        environment |= {
            "AXON_NOTEBOOK_HOME": str(self.axon_home),
            "MARIMO_SKIP_UPDATE_CHECK": "1",
            "PYTHONPATH": str(REPOSITORY),
        }
        options = ["--headless", "--host", "127.0.0.1", "--token", "--token-password", self._token]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "marimo", "-y", "run", str(file), *options, *more],
                env=environment,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, timeout: float = 240) -> str:
        """Return the address, whose port it prints, once it answers there."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._process.poll() is None:
            printed = PORT.search(self.log.read_text("utf-8"))
            if printed and healthy(url := f"http://127.0.0.1:{printed[1]}"):
                return url
            time.sleep(0.05)
        raise RuntimeError("marimo does not answer:\n" + self.log.read_text("utf-8")[-3000:])


def healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=60) as answer:
            return bool(answer.status == 200)
    except URLError:
        return False


class MarimoPage:
    """The page of an app; the views of ``viewer_page`` and its like take it as their notebook."""

    def __init__(self, page: Page, app: MarimoApp) -> None:
        self.page = page
        self.app = app
        self._complaints: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)
        page.on("requestfailed", self._on_request_failed)
        page.goto(app.url, wait_until="domcontentloaded")

    def press(self, button: str) -> None:
        """Press one of the app's own buttons; the cells that name it run again."""
        self.page.get_by_role("button", name=button, exact=True).click()

    def screenshot(self, name: str, part: Locator | None = None) -> Path:
        """Write ``tests/out/NAME.png``, of the window or of one part of it."""
        OUT.mkdir(exist_ok=True)
        path = OUT / f"{name}.png"
        shot: Any = self.page if part is None else part
        shot.screenshot(path=path)
        return path

    def errors(self) -> list[str]:
        """Return what the page complained about, but for marimo's own noise."""
        return [c for c in self._complaints if not any(re.search(e, c) for e in UPSTREAM_NOISE)]

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _on_page_error(self, error: Error) -> None:
        self._complaints.append(f"exception: {error.message}\n{error.stack}")

    def _on_request_failed(self, request: Request) -> None:
        self._complaints.append(f"request: {request.method} {request.url} {request.failure}")
