"""How long the first cell takes: ``%load_ext axon_notebook`` in a warm kernel.

    python benchmarks/load_ext.py

Each round is a fresh process with IPython running and what every kernel has loaded.  The imports
that other extensions do at this point are measured beside it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

from report import report

ROUNDS = 7
PROGRAM = """
import asyncio, subprocess, sys, time, uuid
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("1 + 1")
began = time.perf_counter()
{statement}
print("ms", (time.perf_counter() - began) * 1000)
"""
STATEMENTS = {
    "%load_ext axon_notebook": "shell.extension_manager.load_extension('axon_notebook')",
    "import httpx": "import httpx",
    "import anywidget": "import anywidget",
    "import pandas": "import pandas",
    "import runloop_api_client": "import runloop_api_client",
}


def milliseconds(statement: str) -> float:
    program = PROGRAM.format(statement=statement)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split("ms ")[-1])


def main() -> int:
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    for _ in range(ROUNDS):
        for name, statement in STATEMENTS.items():
            times[name].append(milliseconds(statement))
    print(f"median of {ROUNDS} fresh processes")
    ours = statistics.median(times["%load_ext axon_notebook"])
    for name, values in times.items():
        median = statistics.median(values)
        print(f"  {name:<28} {median:>8.1f} ms   {median / ours:6.1f} times ours")
    peers = {name: statistics.median(values) for name, values in times.items()}
    report("%load_ext", "ms", peers.pop("%load_ext axon_notebook"), peers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
