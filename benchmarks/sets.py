"""How long questions to many axons take: a count of 2,000, the summary of 1,000 runs.

The axons are in an embedded service of their own.  Beside the count stands the same question asked
of one axon after the other; beside the summary the one from the cache.

    python benchmarks/sets.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from report import report

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service

AXONS = 2_000
RUNS = 1_000
ONE_BY_ONE = 200  # asked one after the other, and reckoned up
COUNT = "SELECT count(*) AS n FROM rl_axon_events"
RUN = Path(__file__).parents[1] / "notebooks" / "data" / "agent_run.jsonl.gz"


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def make(client: an.Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: client.create_axon(f"plain-{n:04}"), range(AXONS)))
        list(pool.map(lambda n: client.import_recording(RUN, f"run-{n:04}"), range(RUNS)))


def measure(client: an.Client) -> None:
    seconds, _ = timed(lambda: make(client))
    print(f"{AXONS:,} axons and {RUNS:,} runs made in {seconds:.0f} s", flush=True)
    plain = client.axon_set("plain-*")
    counting, frame = min(
        (timed(lambda: plain.sql(COUNT, progress=False)) for _ in range(3)), key=lambda p: p[0]
    )
    assert len(frame) == AXONS
    single, _ = timed(lambda: [axon.execute(COUNT) for axon in plain[:ONE_BY_ONE]])
    single *= AXONS / ONE_BY_ONE
    print(f"a count of {AXONS:,} axons: {counting:.2f} s, one by one {single:.2f} s", flush=True)
    report(f"count over {AXONS:,} axons", "s", counting, {"one by one": single}, goal=3)
    runs = client.axon_set("run-*")
    first, frame = timed(lambda: runs.summary(progress=False))
    assert frame["turns"].sum() == 15 * RUNS
    cached, again = min(
        (timed(lambda: runs.summary(progress=False)) for _ in range(3)), key=lambda pair: pair[0]
    )
    assert again.equals(frame)
    print(f"summary of {RUNS:,} runs: {first:.1f} s, then {cached:.2f} s", flush=True)
    report(f"summary of {RUNS:,} runs of 308 events, first", "s", first, goal=15)
    report(f"summary of {RUNS:,} runs, cached", "s", cached, {"first": first}, goal=2)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        home = Path(scratch) / "home"
        try:
            with an.connect(home=home) as client:
                measure(client)
        finally:
            stop_service(home)


if __name__ == "__main__":
    main()
