"""Find the service of a home, start it, stop it.

Used by ``connect()``: light to import (no HTTP client library, no server).
Processes that ask at the same time end up with one service.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ...config import Secret
from ...errors import ServiceError
from ...version import __version__
from .home import Home, ServiceRecord

__all__ = [
    "ServiceAddress",
    "ServiceStatus",
    "ensure_service",
    "find_service",
    "service_status",
    "stop_service",
]

#: Seconds that a living service may take to answer; it is on this machine.
ANSWER_TIME: Final = 2.0
PAUSE: Final = 0.02


class ServiceAddress(msgspec.Struct, frozen=True):
    """Where a living service answers.

    ``started`` tells whether this very call started it.
    """

    base_url: str
    token: Secret
    pid: int
    started: bool
    home: Path


class ServiceStatus(msgspec.Struct, frozen=True):
    """What a running service reports of itself (``GET /healthz``)."""

    service: str
    pid: int
    version: str
    home: str
    started_at_ms: int
    axons: int
    streams: int
    busy: bool


def ensure_service(home: Path, *, timeout: float = 20.0) -> ServiceAddress:
    """Return the service of *home*, starting it if none lives.

    A service of an older version that is not in use is replaced.

    Args:
        home: The directory whose data it serves.
        timeout: Seconds to wait for a service that starts.

    Raises:
        ServiceError: If it cannot start, or lives but does not answer.
    """
    place = Home(home)
    if address := _usable(place):
        return address
    place.prepare()
    deadline = time.monotonic() + timeout
    from filelock import Timeout

    try:
        with place.start_lock().acquire(timeout=timeout, poll_interval=PAUSE):
            return _usable(place, replace=True) or _started(place, deadline)
    except Timeout:
        raise ServiceError(
            f"another process has been starting the service of {place.path} for {timeout:.0f} s: "
            "try again, or look with `axon-notebook doctor`"
        ) from None


def find_service(home: Path) -> ServiceAddress | None:
    """Return the service of *home* if it lives and answers."""
    place = Home(home)
    record = place.record()
    if record is None or _status_of(record, place) is None:
        return None
    return _address(record, place, started=False)


def service_status(home: Path) -> ServiceStatus | None:
    """Return what the service of *home* reports of itself, or ``None`` if none answers."""
    place = Home(home)
    record = place.record()
    return _status_of(record, place) if record else None


def stop_service(home: Path, *, timeout: float = 5.0) -> bool:
    """End the service of *home*; return whether there was one.

    It is asked first.  One that does not end within *timeout* seconds is killed:
    what it answered to publishers is on disk.

    Raises:
        ServiceError: If it lives on.
    """
    place = Home(home)
    if not place.is_served():
        return False
    record = place.record()
    asked = record is not None and _ask(record, "POST", "/stop") is not None
    pid = place.holder()
    if not asked and pid is not None:
        _signal(pid, "SIGTERM")
    if _wait_for_end(place, timeout):
        return True
    if pid is not None and place.holder() == pid:
        _signal(pid, "SIGKILL")
    if _wait_for_end(place, 2.0):
        return True
    raise ServiceError(f"the service of {place.path} (process {pid}) does not end: kill {pid}")


def _usable(place: Home, *, replace: bool = False) -> ServiceAddress | None:
    """Return the living service, unless it is to be replaced; only the starter replaces it."""
    record = place.record()
    status = _status_of(record, place) if record else None
    if record is None or status is None:
        return None
    if _version(status.version) < _version(__version__) and not status.busy:
        if replace:
            stop_service(place.path)
        return None
    return _address(record, place, started=False)


def _started(place: Home, deadline: float) -> ServiceAddress:
    """Start a service and wait for it; the caller holds the start lock."""
    if place.is_served():
        # Alive without answering: it is starting or ending just now, or stuck.
        if address := _wait_for_other(place, deadline):
            return address
        if place.is_served():
            raise ServiceError(
                f"process {place.holder()} serves {place.path} but does not answer: "
                "end it with `axon-notebook stop`, then try again"
            )
    complaint = _spawn(place, max(1.0, deadline - time.monotonic()))
    record = place.record()
    if record is not None and _status_of(record, place) is not None:
        return _address(record, place, started=True)
    raise ServiceError(
        f"the service of {place.path} did not start: {complaint or 'it gave no reason'} "
        f"(the log is {place.log_path}; `axon-notebook doctor` looks for the cause)",
        detail=place.log_tail(),
    )


def _wait_for_other(place: Home, deadline: float) -> ServiceAddress | None:
    while time.monotonic() < deadline and place.is_served():
        if address := find_service(place.path):
            return address
        time.sleep(PAUSE)
    return None


def _spawn(place: Home, timeout: float) -> str:
    """Run the service in a session of its own; return what it complains of, if anything.

    The child forks and ends at once, so the service has no parent: it needs
    no reaping and survives its starter.  It keeps the pipe until it answers.
    """
    command = [sys.executable, "-P", "-m", "axon_notebook.local", "--home", str(place.path)]
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        options = {
            "creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        }
    with open(place.log_path, "ab", opener=_private) as log:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=place.path,
            env=_environment(),
            **options,
        )
    with child:
        try:
            said, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            return f"it was not ready after {timeout:.0f} s"
    return str(said, "utf-8", "replace").strip()


def _environment() -> dict[str, str]:
    """The caller's environment, able to import this very package, without Runloop's key."""
    env = dict(os.environ)
    env.pop("RUNLOOP_API_KEY", None)
    package_parent = str(Path(__file__).resolve().parents[3])
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [env.get("PYTHONPATH"), package_parent]))
    return env


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _status_of(record: ServiceRecord, place: Home) -> ServiceStatus | None:
    """Ask the service; ``None`` unless it is ours, alive and serving this very home."""
    body = _ask(record, "GET", "/healthz")
    try:
        status = msgspec.json.decode(body or b"", type=ServiceStatus)
    except msgspec.MsgspecError:
        return None  # another program has the port now
    return status if status.home == place.fingerprint else None


def _ask(record: ServiceRecord, method: str, path: str) -> bytes | None:
    """Send one request, past any proxy; ``None`` if no proper answer comes."""
    parts = urlsplit(record.url)
    if parts.hostname != "127.0.0.1" or not parts.port:
        return None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_TIME)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {record.token}"})
        answer = connection.getresponse()
        body = answer.read(64 * 1024)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return body if answer.status == 200 else None


def _address(record: ServiceRecord, place: Home, *, started: bool) -> ServiceAddress:
    return ServiceAddress(record.url, Secret(record.token), record.pid, started, place.path)


def _wait_for_end(place: Home, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    while place.is_served():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE)
    return True


def _signal(pid: int, name: str) -> None:
    import signal

    try:
        os.kill(pid, getattr(signal, name, signal.SIGTERM))
    except (ProcessLookupError, PermissionError):
        return  # gone, or not ours: the lock tells how it ended


def _version(text: str) -> tuple[int, ...]:
    numbers = []
    for part in text.split(".")[:3]:
        digits = "".join(c for c in part if c.isdigit())
        numbers.append(int(digits or 0))
    return tuple(numbers)
