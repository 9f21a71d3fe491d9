"""How far a replay at speed 1 is from its plan, over a minute.

20 events a second, every tenth of them together with four others, are replayed into an axon of
the embedded service.  The drift of an event is the time that the service stored it at less the
time that the recording had planned, in whole milliseconds.  A thread that only sleeps until each
of these times, in the same minute, says what the machine adds.

    python benchmarks/replay.py
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

from report import report

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service

SECONDS = 60
STEP_MS = 50
TOGETHER = 5


def planned() -> list[int]:
    """Milliseconds from the start at which events are due."""
    times: list[int] = []
    for number, at in enumerate(range(0, SECONDS * 1000, STEP_MS)):
        times += [at] * (TOGETHER if number % 10 == 0 else 1)
    return times


def record(path: Path, times: list[int]) -> None:
    with path.open("w") as file:
        for number, at in enumerate(times, 1):
            event = {
                "sequence": number,
                "timestamp_ms": 1_795_000_000_000 + at,
                "origin": "AGENT_EVENT",
                "source": "agent",
                "event_type": "session/update",
                "payload": json.dumps({"text": "a few words " * 20}),
            }
            file.write(json.dumps(event) + "\n")


class Sleeper(threading.Thread):
    """Wakes at each of *times*, in milliseconds from its start, and notes how late it is."""

    def __init__(self, times: list[int]) -> None:
        super().__init__()
        self._times = times
        self.late: list[float] = []

    def run(self) -> None:
        started = time.monotonic()
        for at in self._times:
            time.sleep(max(0.0, started + at / 1000 - time.monotonic()))
            self.late.append((time.monotonic() - started) * 1000 - at)


def drifts(home: Path) -> tuple[list[float], list[float]]:
    """Replay once; return by how many milliseconds each event, and the sleeper, was off."""
    times = planned()
    record(home / "run.jsonl", times)
    with an.connect(home=home) as client, an.open_recording(home / "run.jsonl") as recording:
        axon = client.create_axon("replayed")
        with an.replay(recording, axon, paused=True) as replay:
            sleeper = Sleeper(times)
            started = time.time() * 1000
            replay.resume()
            sleeper.start()
            replay.wait()
            sleeper.join()
        rows = axon.execute("SELECT timestamp_ms FROM rl_axon_events ORDER BY sequence").rows
    ours = [abs(row[0] - started - at) for row, at in zip(rows, times, strict=True)]
    return ours, sleeper.late


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            found, slept = drifts(Path(folder))
        finally:
            stop_service(Path(folder))
    remark = f"{len(found):,} events; stored times are whole milliseconds"
    for name, values in (("events", found), ("sleeps", slept)):
        median, late = statistics.median(values), sum(value > 20 for value in values)
        print(f"{name}: median {median:.1f} ms, 95 % {p95(values):.1f} ms, {late:,} above 20 ms")
    measure = f"drift over {SECONDS} s"
    sleeping = "a thread that sleeps"
    report(f"{measure}, 95 %", "ms", p95(found), {sleeping: p95(slept)}, goal=20, remark=remark)
    report(f"{measure}, largest", "ms", max(found), {sleeping: max(slept)}, remark=remark)


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    main()
