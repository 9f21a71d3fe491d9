"""Raw bytes to a service, as in the tests of the service itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from axon_notebook.local.process.launcher import ServiceAddress

from ..local.conftest import Wire

__all__ = ["wire", "wire_to"]


@pytest.fixture(scope="session")
def wire(service: ServiceAddress) -> Wire:
    """Raw access to the session's service."""
    return Wire(service)


@pytest.fixture(scope="session")
def wire_to() -> Callable[[ServiceAddress], Any]:
    """Raw access to any service."""
    return Wire
