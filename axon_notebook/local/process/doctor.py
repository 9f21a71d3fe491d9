"""``axon-notebook doctor``: look at what must hold, and say how to fix what does not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from ...config import RUNLOOP_URL, Settings
from ...errors import AxonError, ConfigError
from ...version import __version__
from ..devboxes.namespaces import Namespaces
from .doctor_remote import ask_server, look_at_key
from .findings import Finding
from .home import Home
from .launcher import ServiceStatus, service_status

__all__ = ["Finding", "examine"]

#: What the notebook side needs: distribution, lowest version.
JUPYTER_PARTS: Final = (
    ("anywidget", "0.9"),
    ("ipywidgets", "8.1"),
    ("ipykernel", "6.29"),
    ("ipython", "8.18"),
    ("jupyterlab", "4.2"),
    ("notebook", "7.2"),
)
#: Bytes below which a busy axon may soon fill the disk.
LEAST_FREE: Final = 200 * 1024 * 1024
WIDGETS: Final = ("event-viewer.js", "execution-log.js", "agent-chat.js")
PACKAGE: Final = Path(__file__).parents[2]
REINSTALL: Final = "pip install --force-reinstall --no-deps axon-notebook"


def examine(home: Path) -> list[Finding]:
    """Look at everything, in the order in which it is needed."""
    parts: list[Callable[[], Iterator[Finding]]] = [
        _python,
        lambda: _settings(home),
        lambda: _home(Home(home)),
        lambda: _service(Home(home)),
        lambda: _devboxes(Home(home)),
        _jupyter,
        _widgets,
        _labextension,
    ]
    return [finding for part in parts for finding in part()]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= (3, 11), version, "use Python 3.11 or newer")


def _settings(home: Path) -> Iterator[Finding]:
    try:
        settings = Settings.resolve()
    except ConfigError as error:
        yield Finding("settings", False, str(error), "correct the environment variable it names")
        return
    if settings.local:
        yield Finding("key", True, "RUNLOOP_API_KEY is not set: the embedded service is used")
        return
    if settings.api_key is None:
        return
    url = settings.base_url or RUNLOOP_URL
    yield from look_at_key(settings.api_key, settings.key_source or "the environment", url)
    yield Finding("base URL", True, url)
    yield from ask_server(url, settings.api_key)


def _home(home: Home) -> Iterator[Finding]:
    if not home.path.exists():
        parent = next(p for p in home.path.parents if p.exists())
        free = os.access(parent, os.W_OK)
        remedy = "set AXON_NOTEBOOK_HOME to a directory that you can write"
        yield Finding("home", free, f"{home.path} will be made", remedy)
        yield from _disk(parent)
        return
    mode = home.path.stat().st_mode & 0o777
    private = os.name != "posix" or not mode & 0o077
    yield Finding("home", private, f"{home.path}, mode {mode:o}", f"chmod 700 {home.path}")
    for path in (home.record_path, home.log_path):
        if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
            yield Finding(
                path.name, False, f"others may read it ({path})", f"chmod 600 {path}, then restart"
            )
    if not os.access(home.path, os.W_OK):
        yield Finding("home", False, f"{home.path} cannot be written", "correct its permissions")
    yield from _disk(home.path)


def _disk(place: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(place).free
    what = f"{free / 1e9:,.1f} GB free" if free >= 1e9 else f"{free / 1e6:,.0f} MB free"
    remedy = f"free some space on the disk of {place}, or set AXON_NOTEBOOK_HOME to another"
    yield Finding("disk", free >= LEAST_FREE, what, remedy)


def _service(home: Home) -> Iterator[Finding]:
    try:
        with socket.create_server(("127.0.0.1", 0)):
            yield Finding("loopback", True, "127.0.0.1 can be listened on")
    except OSError as error:
        yield Finding("loopback", False, str(error), "bring the loopback interface up")
    try:
        status, served = service_status(home.path), home.is_served()
    except (OSError, AxonError) as error:
        yield Finding("service", False, str(error), "correct the permissions of the home")
        return
    if status:
        yield _version(status)
    elif served:
        what = f"process {home.holder()} holds the home but does not answer"
        yield Finding("service", False, what, "axon-notebook stop, then try again")
    elif home.record() is not None:
        last = (home.log_tail(1) or ["nothing"])[0]
        yield Finding(
            "service", True, f"not running; exited without a message, its log says: {last}"
        )
    else:
        yield Finding("service", True, "not running; starts when needed")


def _devboxes(home: Home) -> Iterator[Finding]:
    """Tell what /home/user is to the commands of a devbox."""
    reason = Namespaces(home.devboxes).check()
    what = "/home/user is the devbox directory, in commands too (mount namespaces)"
    if reason is not None:
        what = f"/home/user is mapped in paths, not inside commands: {reason}"
    yield Finding("devboxes", True, what)


def _version(status: ServiceStatus) -> Finding:
    what = f"process {status.pid}, version {status.version}, answers"
    if _numbers(status.version) > _numbers(__version__):
        remedy = "pip install -U axon-notebook here, or axon-notebook stop"
        return Finding("service", False, f"{what}; this package is {__version__}", remedy)
    if _numbers(status.version) < _numbers(__version__):
        remedy = "axon-notebook stop; the next connect() starts the new one"
        return Finding("service", False, f"{what}; this package is {__version__}", remedy)
    return Finding("service", True, what)


def _jupyter() -> Iterator[Finding]:
    for name, lowest in JUPYTER_PARTS:
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            needed = name in ("anywidget", "ipywidgets")
            yield Finding(name, not needed, "not installed here", f"pip install {name}")
            continue
        fine = _numbers(version) >= _numbers(lowest)
        yield Finding(name, fine, version, f"pip install -U '{name}>={lowest}'")


def _widgets() -> Iterator[Finding]:
    lacking = [name for name in WIDGETS if not (PACKAGE / "static" / name).exists()]
    what = f"{', '.join(lacking)} missing from {PACKAGE / 'static'}" if lacking else "in place"
    yield Finding("widgets", not lacking, what, f"{REINSTALL} (in a checkout: make widgets)")


def _labextension() -> Iterator[Finding]:
    """Look for the extension as JupyterLab does; without Jupyter there is nothing to colour."""
    if importlib.util.find_spec("jupyterlab_server") is None:
        return
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    places = [Path(path) / "axon-notebook" for path in jupyter_path("labextensions")]
    found = next((path for path in places if (path / "package.json").exists()), None)
    if found is None:
        what = f"not in {places[0].parent}: cells are not coloured"
        yield Finding("labextension", False, what, REINSTALL)
        return
    version = _fields(found / "package.json").get("version")
    if version != __version__:
        what = f"version {version} in {found}, the package is {__version__}"
        yield Finding("labextension", False, what, f"rm -r {found}; {REINSTALL}")
        return
    remedy = "jupyter labextension enable axon-notebook"
    switched_off = _switched_off([Path(path) / "labconfig" for path in jupyter_config_path()])
    yield Finding("labextension", not switched_off, f"{switched_off or found}", remedy)


def _switched_off(places: list[Path]) -> str:
    """Return in words which page_config.json disables the extension, if one does."""
    for place in places:
        path = place / "page_config.json"
        disabled = _fields(path).get("disabledExtensions", {})
        named = disabled.get("axon-notebook") if isinstance(disabled, dict) else None
        if named or (isinstance(disabled, list) and "axon-notebook" in disabled):
            return f"switched off in {path}"
        if named is False:
            return ""  # the first file that speaks of it decides
    return ""


def _fields(path: Path) -> dict[str, Any]:
    """Return the fields of a JSON file; a file that is missing or broken says nothing."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:3])
