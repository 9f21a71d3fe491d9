"""Run every benchmark, one after the other, each beside its peers.

    python benchmarks/run.py            # all of them
    python benchmarks/run.py ingest     # those whose name contains a word

Each is a program of its own that prints what it measured; a ratio to a peer in
the same run says more than seconds on somebody's machine.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
LIBRARIES = ("httpx", "msgspec", "pandas", "apsw", "uvicorn", "runloop-api-client")


def machine() -> str:
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, {versions}; load before {load}"
    )


def main() -> int:
    words = sys.argv[1:]
    programs = sorted(path for path in HERE.glob("*.py") if path.name != "run.py")
    chosen = [p for p in programs if not words or any(word in p.stem for word in words)]
    if not chosen:
        print(f"no benchmark is called {words}; there are {[p.stem for p in programs]}")
        return 2
    print(machine())
    failed = []
    for program in chosen:
        print(f"\n== {program.stem} ==", flush=True)
        started = time.monotonic()
        done = subprocess.run([sys.executable, str(program)], check=False)
        if done.returncode != 0:
            failed.append(program.stem)
        print(f"({time.monotonic() - started:.0f} s)", flush=True)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
