"""Runloop's own TypeScript SDK, unmodified, with its defaults: HTTP/2, retries, polling."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hatch_build
from axon_notebook.local.process.launcher import ServiceAddress

HERE = Path(__file__).parent

EXPECTED: dict[str, Any] = {
    "axons": {
        "sequences": [1, 2, 3],
        "rows": [[2], [3]],
        "metadata": {"team": "us"},
        "deleted": True,
    },
    "pages": {"each_once": True},
    "stream": {"live": [1, 2, 3, 4, 5], "resumed": [4, 5]},
    "together": {"each_once": True, "streams_alike": True},
    "devbox": {
        "exit": 3,
        "stdout": "mounted\n",
        "lines": {"stdout": ["mounted\n"], "stderr": ["no\n"]},
        "text": "written",
        "shell": "kept sub",
    },
    "objects": {"rows": [[1]], "name": "ts-objects"},
    "agent": {"last": ["session/prompt", "turn.completed"]},
    "refusals": {"statuses": [404, 404, 404]},
}


def run(service: ServiceAddress, scenario: str) -> Any:
    """Run a scenario in a process of its own; return what it printed."""
    node, _ = hatch_build.node_and_npm()
    environment = os.environ | {
        "RUNLOOP_BASE_URL": service.base_url,
        "RUNLOOP_API_KEY": service.token.reveal(),
    }
    command = [node, str(HERE / "sdk.mjs"), scenario]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr[-2000:]}\nmake test installs the SDK"
    return json.loads(done.stdout)


@pytest.mark.timeout(360)
@pytest.mark.parametrize("scenario", EXPECTED)
def test_the_sdk_gets_what_it_expects(service: ServiceAddress, scenario: str) -> None:
    """A scenario that fails shows the SDK's own error."""
    assert run(service, scenario) == EXPECTED[scenario]


@pytest.mark.long
@pytest.mark.timeout(360)
def test_a_stream_that_is_idle_for_70_seconds_goes_on(service: ServiceAddress) -> None:
    """Longer than the SDK's own timeout, and any proxy's."""
    assert run(service, "idle") == {"live": [1, 2]}
