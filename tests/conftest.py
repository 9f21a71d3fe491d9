"""What every test may use: a home of its own, and one real service for the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_notebook.local.launcher import ServiceAddress, ensure_service, stop_service

from .browser import chromium


def pytest_report_header() -> str:
    return f"chromium: {chromium.describe()}"


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
