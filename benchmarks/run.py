"""Run every benchmark, one after the other, and print one table.

    python benchmarks/run.py             # all of them; writes docs/benchmarks.md
    python benchmarks/run.py ingest      # those whose name contains a word; writes nothing
    python benchmarks/run.py --page PATH ingest

Each is a program of its own, which prints what it measured and hands its figures over with
:func:`report.report`; a ratio to a peer in the same run says more than seconds on somebody's
machine.  A program that fails, hands over nothing, or is not done in time is a row that says
so, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from report import ROWS_FILE, Row, markdown, plain, read_rows

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
NOT_PROGRAMS = ("compare.py", "report.py", "run.py", "service_load.py")
#: For all of them together.
MINUTES = 15.0
#: Seconds for each of them at most, so that one that hangs leaves the others their time.
LONGEST = 400.0
#: Seconds that a program may take to end after it was told to.
GRACE = 20.0
LIBRARIES = (
    "anywidget",
    "apsw",
    "httpx",
    "httpx-sse",
    "ipywidgets",
    "jupyterlab",
    "msgspec",
    "pandas",
    "runloop-api-client",
)


@dataclass(frozen=True)
class Machine:
    """What the figures were taken on."""

    processor: str
    cores: int
    memory: str
    system: str
    python: str
    browser: str
    libraries: str
    load: str
    date: str

    @classmethod
    def here(cls) -> Machine:
        """Look at this machine."""
        one, five, fifteen = os.getloadavg()
        return cls(
            processor=_field("/proc/cpuinfo", "model name") or platform.processor() or "unknown",
            cores=os.cpu_count() or 1,
            memory=f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=f"{platform.python_implementation()} {platform.python_version()}",
            browser=_browser(),
            libraries=", ".join(f"{name} {_version(name)}" for name in LIBRARIES),
            load=f"{one:.1f}, {five:.1f}, {fifteen:.1f} (1, 5, 15 minutes)",
            date=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        )

    def lines(self) -> list[tuple[str, str]]:
        """Return name and value of each fact."""
        return [
            ("processor", f"{self.processor}, {self.cores} cores"),
            ("memory", self.memory),
            ("system", self.system),
            ("Python", self.python),
            ("browser", self.browser),
            ("libraries", self.libraries),
            ("load before", self.load),
            ("date", self.date),
        ]


def _field(path: str, name: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path(path).read_text("utf-8").splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    return ""


def _browser() -> str:
    sys.path.insert(0, str(HERE.parent))
    from tests.browser import chromium

    return chromium.describe().partition("(")[2].removesuffix(")")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def run(program: Path, rows_file: Path, seconds: float) -> list[Row]:
    """Run one program for at most *seconds*; return its rows, a failure among them."""
    before = len(read_rows(rows_file))
    environment = os.environ | {ROWS_FILE: str(rows_file), f"{ROWS_FILE}_PROGRAM": program.stem}
    failed = _failure([sys.executable, str(program)], environment, seconds)
    rows = read_rows(rows_file)[before:]
    if not failed and not rows:
        failed = "it reported no figure"
    return [*rows, Row(program.stem, "", failed=failed)] if failed else rows


def _failure(command: list[str], environment: dict[str, str], seconds: float) -> str:
    """Run *command* with all it starts; say why it failed, or nothing."""
    with subprocess.Popen(command, env=environment, start_new_session=True) as process:
        try:
            status = process.wait(seconds)
            return f"exit status {status}" if status else ""
        except subprocess.TimeoutExpired:
            # Ctrl-C lets it end its browser and servers, which may be sessions of their own.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(GRACE)
            return f"not done after {seconds:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def page(machine: Machine, rows: list[Row], seconds: float) -> str:
    """Return ``docs/benchmarks.md``."""
    facts = "\n".join(f"| {name} | {value} |" for name, value in machine.lines())
    return f"""\
# Benchmarks

<!-- Written by `make bench`; change benchmarks/run.py, not this page. -->

`make bench` runs every program of `benchmarks/`, prints this table and writes this page; here it
took {seconds / 60:.1f} minutes. Each line compares with a peer that did the same work in the same
run, on the same machine. A ratio above 1 means that ours is better, below 1 that it is worse.
*Limit* is what a program reaches that does only what cannot be left out, or the goal that was set.

A durable publish is answered after its transaction is on the disk. Of 32 connections half wait for
one transaction while the other half arrive for the next. So "beside the disk" compares with SQLite
alone, in transactions of 16 and of 32 events, on the same disk in the same run: no server answers
32 connections faster than the second. What else a durable publish costs is processor time, which
has a row of its own.

{markdown(rows)}

| | |
| --- | --- |
{facts}
"""


def choose(words: list[str]) -> list[Path]:
    """Return the programs whose name contains one of *words*; all of them if there are none."""
    programs = sorted(path for path in HERE.glob("*.py") if path.name not in NOT_PROGRAMS)
    return [p for p in programs if not words or any(word in p.stem for word in words)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="parts of the names of those to run")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all of them together")
    parser.add_argument("--page", type=Path, help=f"write the page there; all: {PAGE.name}")
    args = parser.parse_args()
    if not (chosen := choose(args.words)):
        print(f"no benchmark is called {args.words}; there are {[p.stem for p in choose([])]}")
        return 2
    machine = Machine.here()
    print("\n".join(f"{name:<12} {value}" for name, value in machine.lines()))
    started = time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for program in chosen:
            print(f"\n== {program.stem} ==", flush=True)
            left = 60 * args.minutes - (time.monotonic() - started)
            rows += run(program, Path(scratch) / "rows.jsonl", min(LONGEST, max(0.0, left)))
    seconds = time.monotonic() - started
    print(f"\n{plain(rows)}\n\n{seconds / 60:.1f} minutes")
    if target := args.page or (None if args.words else PAGE):
        target.write_text(page(machine, rows, seconds), "utf-8")
    return 1 if any(row.failed for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
