"""The service is stopped, killed and started again, while a client stays."""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

import axon_notebook as an
from axon_notebook.local.process.launcher import ensure_service, stop_service

from .kernels import wait_for


def held() -> dict[str, int]:
    """What this process holds."""
    gc.collect()
    process = psutil.Process()
    return {
        "threads": threading.active_count(),
        "files": process.num_fds(),
        "sockets": len(process.net_connections()),
        "processes": len(process.children()),  # what a browser's processes start is its own
    }


def names(home: Path) -> set[str]:
    return {path.name for path in home.rglob("*") if path.is_file()}


def services(home: Path) -> list[int]:
    """The processes that serve *home*, zombies included."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(home) in (process.info["cmdline"] or []):
            found.append(process.pid)
    return found


@pytest.mark.parametrize("times", [4, pytest.param(100, marks=pytest.mark.long)])
def test_restarting_the_service_leaves_nothing(
    home: Path, times: int, record_property: pytest.RecordProperty
) -> None:
    """Every third time it is killed; the client and its subscription go on with the next one."""
    ensure_service(home)
    with an.connect(home=home) as client:
        axon = client.create_axon("restarted")
        axon.publish("tick", {"n": 0})
        with axon.subscribe() as events:
            assert next(events).sequence == 1
            before, files = held(), names(home)
            for turn in range(1, times + 1):
                if turn % 3:
                    assert stop_service(home)
                else:
                    os.kill(ensure_service(home).pid, signal.SIGKILL)
                axon.publish("tick", {"n": turn})
                assert next(events).sequence == turn + 1
            wait_for(lambda: all(held()[name] <= count for name, count in before.items()))
            after = held()
        history = axon.events(5000)["sequence"].tolist()
        running = services(home)
        more = names(home) - files

    record_property("before", str(before))
    record_property("after", str(after))
    assert {name: count for name, count in after.items() if count > before[name]} == {}
    assert history == list(range(1, times + 2))
    assert len(running) == 1
    assert more == set()
