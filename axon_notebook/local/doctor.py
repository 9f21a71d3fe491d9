"""``axon-notebook doctor``: look at what must hold, and say how to mend what does not."""

from __future__ import annotations

import http.client
import importlib.metadata
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ..config import RUNLOOP_URL, Settings
from ..errors import AxonError, ConfigError
from .home import Home
from .launcher import service_status

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
#: Seconds that the clock may be wrong before signatures and time columns mislead.
CLOCK_SKEW: Final = 30.0
REACH_TIME: Final = 5.0


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; ``mend`` says what to do if it is not fine."""

    subject: str
    fine: bool
    what: str
    mend: str = ""

    def __str__(self) -> str:
        line = f"{'ok ' if self.fine else 'BAD'}  {self.subject:<12} {self.what}"
        return f"{line}\n     {'':<12} → {self.mend}" if self.mend and not self.fine else line


def examine(home: Path) -> list[Finding]:
    """Look at everything, in the order in which it is needed."""
    parts: list[Callable[[], Iterator[Finding]]] = [
        _python,
        lambda: _settings(home),
        lambda: _home(Home(home)),
        lambda: _service(Home(home)),
        _jupyter,
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
    yield Finding("key", True, f"from {settings.key_source}")
    url = settings.base_url or RUNLOOP_URL
    yield Finding("base URL", True, url)
    yield from _reach(url)


def _reach(url: str) -> Iterator[Finding]:
    """One request without the key: the host, its certificate, and its clock."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=REACH_TIME)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
    except ssl.SSLError as error:
        mend = "a proxy that opens TLS? set SSL_CERT_FILE to its certificate"
        yield Finding("host", False, f"{parts.hostname}: {error.reason}", mend)
        return
    except (OSError, http.client.HTTPException) as error:
        mend = "check the network, the proxy variables, and RUNLOOP_BASE_URL"
        yield Finding("host", False, f"{parts.hostname}: {error}", mend)
        return
    finally:
        connection.close()
    yield Finding("host", True, f"{parts.hostname} answers")
    yield from _clock(answer.getheader("Date"))


def _clock(date: str | None) -> Iterator[Finding]:
    if date is None:
        return
    import time

    skew = time.time() - parsedate_to_datetime(date).timestamp()
    what = f"{abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the host"
    yield Finding("clock", abs(skew) <= CLOCK_SKEW, what, "set the clock (NTP)")


def _home(home: Home) -> Iterator[Finding]:
    if not home.path.exists():
        parent = next(p for p in home.path.parents if p.exists())
        free = os.access(parent, os.W_OK)
        mend = "set AXON_NOTEBOOK_HOME to a directory that you can write"
        yield Finding("home", free, f"{home.path} will be made", mend)
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
        yield Finding("service", True, f"process {status.pid}, version {status.version}, answers")
    elif served:
        what = f"process {home.holder()} holds the home but does not answer"
        yield Finding("service", False, what, "axon-notebook stop, then try again")
    elif home.record() is not None:
        last = (home.log_tail(1) or ["nothing"])[0]
        yield Finding("service", True, f"not running; ended without a word, its log says: {last}")
    else:
        yield Finding("service", True, "not running; starts when needed")


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


def _labextension() -> Iterator[Finding]:
    place = Path(sys.prefix) / "share/jupyter/labextensions/axon-notebook"
    what = str(place) if place.exists() else f"not in {place.parent}: cells are not coloured"
    yield Finding(
        "labextension", place.exists(), what, "pip install --force-reinstall axon-notebook"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdigit, part)) or 0) for part in version.split(".")[:3])
