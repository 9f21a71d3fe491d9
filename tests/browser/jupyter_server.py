"""A JupyterLab and Notebook 7 server of our own: loopback, a token, temporary directories."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.request import Request, urlopen

import nbformat
import psutil

from axon_notebook.closing import Closing
from axon_notebook.local.process.launcher import stop_service

__all__ = ["App", "JupyterServer", "Theme"]

App = Literal["lab", "notebook"]
Theme = Literal["light", "dark"]

REPOSITORY = Path(__file__).parents[2]
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
ROUTES = {"lab": "doc/tree", "notebook": "notebooks"}


def _notebook(cells: list[str]) -> nbformat.NotebookNode:
    v4 = nbformat.v4
    made = v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "3"}})
    for source in cells:
        make = v4.new_markdown_cell if source.startswith("#md\n") else v4.new_code_cell
        made.cells.append(make(source.removeprefix("#md\n")))
    return made


class JupyterServer(Closing):
    """One process that serves both JupyterLab and Notebook 7.

    It lives as long as the browser tests of the session.  Its kernels run in
    this virtual environment, import the package from the checkout, and find
    the embedded service in :attr:`axon_home`; no key of the surrounding
    environment reaches them.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = home / "root"
        self.axon_home = home / "axon"
        self.token = secrets.token_hex(16)
        self.log = home / "server.log"
        self.environment = self._environment()
        self.root.mkdir(parents=True)
        self._install_extension()
        self._quiet()
        self._process = self._start()
        try:
            self.url = self._wait()
        except BaseException:
            self.close()
            raise

    def notebook(self, name: str, source: list[str] | Path) -> str:
        """Write a notebook into the server's root and return its file name.

        *source* is an ``.ipynb`` to copy, or the sources of the cells; one that
        starts with ``#md`` and a newline becomes a Markdown cell.
        """
        path = self.root / f"{name}.ipynb"
        if isinstance(source, Path):
            shutil.copyfile(source, path)
        else:
            path.write_text(nbformat.writes(_notebook(source)), "utf-8")
        return path.name

    def address(self, file: str, app: App = "lab") -> str:
        """Return the URL, token included, that opens *file* in *app*."""
        return f"{self.url}{ROUTES[app]}/{file}?token={self.token}"

    def use_theme(self, theme: Theme) -> None:
        """Choose the theme of the pages opened from now on."""
        self._setting("apputils-extension/themes", {"theme": THEMES[theme]})

    @contextmanager
    def saving_widget_state(self) -> Iterator[None]:
        """Let the pages that are opened in the block save the state of widgets with a notebook."""
        plugin = "jupyterlab-manager/plugin"
        self._setting(plugin, {"saveState": True}, scope="@jupyter-widgets")
        try:
            yield
        finally:
            self._setting(plugin, {}, scope="@jupyter-widgets")

    def api(self, path: str, method: str = "GET") -> Any:
        """Ask the server's REST interface, for example ``api("sessions")``."""
        headers = {"Authorization": f"token {self.token}"}
        with urlopen(Request(f"{self.url}api/{path}", method=method, headers=headers)) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    @property
    def memory(self) -> int:
        """Bytes that the server itself holds, without its kernels."""
        return int(psutil.Process(self._process.pid).memory_info().rss)

    def end_kernels(self) -> None:
        """Shut every kernel down."""
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")

    def close(self) -> None:
        """End the embedded service, the kernels and the server; a second call does nothing."""
        if self._process.poll() is not None:
            return
        stop_service(self.axon_home)  # a kernel may have started it
        family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, left = psutil.wait_procs(family, timeout=30)
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=30)

    def _environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("RUNLOOP_", "JUPYTER"))}
        before = [keep["PYTHONPATH"]] if keep.get("PYTHONPATH") else []
        return keep | {
            "AXON_NOTEBOOK_HOME": str(self.axon_home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_PREFER_ENV_PATH": "0",
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *before]),
        }

    def _install_extension(self) -> None:
        # JUPYTER_PREFER_ENV_PATH=0 puts this directory before the environment's own, so that the
        # checkout is what is tested, whatever is installed.
        source = REPOSITORY / "axon_notebook" / "labextension"
        shutil.copytree(source, self.home / "data" / "labextensions" / "axon-notebook")

    def _quiet(self) -> None:
        self._setting(
            "apputils-extension/notification",
            {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
        )
        self.use_theme("light")

    def _setting(self, plugin: str, values: dict[str, Any], *, scope: str = "@jupyterlab") -> None:
        path = self.home / "settings" / scope / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")

    def _start(self) -> subprocess.Popen[bytes]:
        options = {
            "ServerApp.ip": "127.0.0.1",
            "ServerApp.port": 0,
            "ServerApp.root_dir": self.root,
            "ServerApp.open_browser": False,
            "ServerApp.allow_root": True,
            "ServerApp.terminals_enabled": False,
            "IdentityProvider.token": self.token,
            "LabApp.news_url": None,
            "LabApp.expose_app_in_browser": True,
            "JupyterNotebookApp.expose_app_in_browser": True,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *arguments],
                env=self.environment,
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self) -> str:
        """Wait until the server has written down where it listens, and return that."""
        note = self.home / "runtime" / f"jpserver-{self._process.pid}.json"
        deadline = time.monotonic() + 240
        while time.monotonic() < deadline and self._process.poll() is None:
            if note.exists() and (text := note.read_text("utf-8")).endswith("}"):
                return str(json.loads(text)["url"])
            time.sleep(0.05)
        raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text('utf-8')[-4000:]}")
