"""What every test may use: a home of its own, and one real service for the session."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from axon_notebook.local.process.launcher import ServiceAddress, ensure_service, stop_service

from .browser import chromium
from .browser.session import browser, browser_session, chromium_path
from .not_run import (
    pytest_addoption,
    pytest_collection_modifyitems,
    pytest_deselected,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
)

__all__ = [
    "browser",
    "browser_session",
    "chromium_path",
    "pytest_addoption",
    "pytest_collection_modifyitems",
    "pytest_deselected",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
    "pytest_testnodedown",
]

# No example is judged by a clock, and the same examples come every time; `make faults` draws
# others, many more of them (--hypothesis-profile=long).
UNHURRIED = [HealthCheck.too_slow]
settings.register_profile("long", deadline=None, max_examples=1000, suppress_health_check=UNHURRIED)
settings.register_profile(
    "suite", deadline=None, max_examples=40, derandomize=True, suppress_health_check=UNHURRIED
)
settings.load_profile("suite")


# Files whose tests share a server, a kernel or a built package.
TOGETHER = (
    "tests/browser/",
    "tests/front_ends/",
    "tests/leaks/",
    "tests/test_packaging.py",
)


def pytest_configure() -> None:
    # What a shell starts in the background ignores Ctrl-C; here it is pressed.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    return f"chromium: {chromium.describe()}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Send to one worker what shares a costly fixture.

    A file of browser tests, because the largest scopes start first and each worker has a Jupyter
    server; the examples of the docs, which run in their order, and the site they are in.
    The mark ``xdist_group`` would say the same, but pytest-xdist 3.8 overlooks it
    with pytest 9.2 (pytest-dev/pytest-xdist#1386).
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Together(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file.startswith("tests/docs/"):
                return "tests/docs/"
            return file if file.startswith(TOGETHER) else super()._split_scope(nodeid)

    return Together(config, log)


@pytest.fixture(autouse=True)
def no_account(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches an account, nor what another test pointed Runloop's SDK at."""
    if "/conformance/" not in request.node.nodeid:
        monkeypatch.delenv("RUNLOOP_API_KEY", raising=False)
        monkeypatch.delenv("RUNLOOP_BASE_URL", raising=False)


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is kept between runs is not kept where the user's is; kernels inherit this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home for this test alone; a service that runs there ends with the test."""
    path = tmp_path / "home"
    yield path
    stop_service(path)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceAddress]:
    """The embedded service in a process of its own, shared by the session's tests.

    Tests see each other's axons: make your own, and do not stop the service.
    """
    path = tmp_path_factory.mktemp("service") / "home"
    yield ensure_service(path)
    stop_service(path)
