"""A database in memory, for what the SQL tests bind."""

from __future__ import annotations

from collections.abc import Iterator

import apsw
import pytest


@pytest.fixture(scope="module")
def database() -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    yield connection
    connection.close()
