"""The service's process: one home, one port, one token, from start to end.

:func:`run` blocks until the service is stopped (signal, ``POST /stop``) or
has been idle.  Everything it owns ends within two seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import Final

from filelock import Timeout

from ...config import Secret
from ...errors import ServiceError
from ...version import __version__
from ..brokers.broker import Brokers
from ..devboxes.devboxes import Devboxes
from ..http.app import ServiceApp, build_app
from ..http.devbox_routes import devbox_routes
from ..http.http_server import HttpServer
from ..http.streams import Streams
from ..storage.store import Store
from .home import Home, ServiceRecord

__all__ = ["IDLE_SECONDS", "run"]

log = logging.getLogger(__name__)

#: Without a request, a stream or anything running for this long, the service ends.
IDLE_SECONDS: Final = 30 * 60.0
LOG_BYTES: Final = 1024 * 1024
#: New objects between two looks of the garbage collector; a result of SQL has 10,000 rows.
GARBAGE: Final = 20_000

Ready = Callable[[ServiceRecord], None]


def run(home: Home, *, idle_seconds: float = IDLE_SECONDS, ready: Ready = lambda _: None) -> None:
    """Serve *home* until stopped.

    Args:
        home: Whose data to serve; made if missing.
        idle_seconds: End after this long without client and work.
        ready: Called once the service answers, on its event loop.

    Raises:
        ServiceError: If the home is served already or cannot be used.
    """
    home.prepare()
    os.umask(0o077)
    with _held(home), _logging(home), asyncio.Runner(loop_factory=_loop_factory()) as runner:
        _raise_file_limit()
        runner.run(_serve(home, idle_seconds, ready))


async def _serve(home: Home, idle_seconds: float, ready: Ready) -> None:
    token = Secret(secrets.token_urlsafe(32))
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(listener.close)
        store = Store(home.path)
        stack.push_async_callback(store.close)
        devboxes = Devboxes(home.devboxes)
        stack.push_async_callback(devboxes.close)
        await devboxes.recover()
        brokers = Brokers(store, devboxes, home=home.path)
        stack.push_async_callback(brokers.close)
        streams, ending = Streams(), Ending()
        app = build_app(
            store,
            token=token,
            home=home.fingerprint,
            routes=devbox_routes(devboxes),
            busy=[lambda: devboxes.busy, lambda: brokers.busy],
            streams=streams,
            on_stop=lambda: ending.ask("asked to stop"),
        )
        stack.push_async_callback(app.close)
        store.on_published = brokers.with_brokers(store.on_published)
        await devboxes.remount()
        server = HttpServer(app, listener)
        record = ServiceRecord(
            url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            token=token.reveal(),
            pid=os.getpid(),
            version=__version__,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        stack.callback(home.forget)
        stack.push_async_callback(server.stop)
        await server.start()
        _end_at_signals(ending)
        _announce(home, record, ready)
        await ending.wait(app, idle_seconds)
    log.info("ended")


def _settle_memory() -> None:
    """Let the collector look less often, and never again at what lives as long as the process.

    A full look at the modules and classes took 20 to 40 ms, in the middle of an answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _announce(home: Home, record: ServiceRecord, ready: Ready) -> None:
    _settle_memory()
    home.write_record(record)
    log.info("version %s serves at %s", record.version, record.url)
    ready(record)


class Ending:
    """Whether the service is to end, and why; lives on its loop."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    def ask(self, reason: str) -> None:
        """Begin to end; from the event loop only."""
        if not self._asked.is_set():
            log.info("ending: %s", reason)
        self._asked.set()

    async def wait(self, app: ServiceApp, idle_seconds: float) -> None:
        """Return when the service was asked to end, or has been idle for long enough."""
        while not self._asked.is_set():
            if app.idle_seconds() >= idle_seconds:
                self.ask(f"idle for {idle_seconds:.0f} s")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._asked.wait()


def _end_at_signals(ending: Ending) -> None:
    """End at a signal, and do not raise it again: the end was clean."""
    loop = asyncio.get_running_loop()
    names = [n for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    for name in names:
        number = getattr(signal, name)
        try:
            loop.add_signal_handler(number, ending.ask, name)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(ending.ask, "signal"))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def _held(home: Home) -> Iterator[None]:
    lock = home.service_lock()
    try:
        # Others hold it for a moment when they look whether the home is served.
        lock.acquire(timeout=1.0, poll_interval=0.02)
    except Timeout:
        raise ServiceError(
            f"{home.path} is already served by process {home.holder() or '(starting)'}: "
            "use it, or end it with `axon-notebook stop`"
        ) from None
    try:
        home.write_pid()
        yield
    finally:
        home.forget()
        lock.release()


@contextlib.contextmanager
def _logging(home: Home) -> Iterator[None]:
    handler = RotatingFileHandler(home.log_path, maxBytes=LOG_BYTES, backupCount=1, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("axon_notebook")
    levels = {ours: logging.INFO, logging.getLogger("asyncio"): logging.WARNING}
    for logger, level in levels.items():
        logger.setLevel(level)
        logger.addHandler(handler)
    try:
        yield
    except BaseException as error:
        expected = isinstance(error, ServiceError)
        ours.critical("the service failed: %s", error, exc_info=None if expected else error)
        raise
    finally:
        for logger in levels:
            logger.removeHandler(handler)
        handler.close()


def _raise_file_limit() -> None:
    """Make room for 1,024 streams and a database for each axon."""
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
