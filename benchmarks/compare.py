"""Compare another commit with this one: each benchmark runs for both, one after the other.

    python benchmarks/compare.py 55ecb94             # all that both commits have
    python benchmarks/compare.py 55ecb94 ingest sql  # those whose name contains a word

The other commit is checked out and installed into a temporary folder.  A measure that is not
in both is left out.  A ratio above 1 means that this commit is better; the exit status is 1 if
one is below 0.95.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from report import ROWS_FILE, Row, figure, ratio, read_rows
from run import choose

ROOT = Path(__file__).parents[1]
WORST = 0.95
LONGEST = 900.0  # seconds for one program


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """Check *commit* out and install it with its development tools; return its root."""
    place = folder / "before"
    git = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(place), commit], check=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place / ".venv")], check=True)
        python = place / ".venv" / "bin" / "python"
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "uv"], check=True)
        uv = [str(python.with_name("uv")), "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*uv, "-e", ".[dev]"], cwd=place, check=True)
        yield place
    finally:
        subprocess.run([*git, "remove", "--force", str(place)], check=True)


def rows_of(python: Path, program: Path, rows_file: Path) -> list[Row]:
    """Run *program* and return what it reported, which may be nothing if it fails."""
    environment = os.environ | {ROWS_FILE: str(rows_file), f"{ROWS_FILE}_PROGRAM": program.stem}
    done = subprocess.run(
        [str(python), str(program)], env=environment, timeout=LONGEST, stdout=subprocess.DEVNULL
    )
    if done.returncode:
        print(f"{program}: exit status {done.returncode}", file=sys.stderr)
    return read_rows(rows_file)


def compared(before: list[Row], after: list[Row]) -> Iterator[tuple[Row, float]]:
    """Pair the rows of both by their measure; yield ours and the other's figure."""
    known = {(row.program, row.measure): row.ours for row in before}
    for row in after:
        theirs = known.get((row.program, row.measure))
        if row.ours is not None and theirs is not None:
            yield row, theirs


def factor(row: Row, theirs: float) -> float:
    """How many times better this commit is."""
    worse, best = (theirs, row.ours) if row.better == "lower" else (row.ours, theirs)
    return float("inf") if not best else (worse or 0.0) / best


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("commit", help="what is compared with")
    parser.add_argument("words", nargs="*", help="parts of the names of those to run")
    args = parser.parse_args()
    worse: list[str] = []
    with tempfile.TemporaryDirectory() as scratch, checked_out(args.commit, Path(scratch)) as old:
        print(f"{'measure':<60}{args.commit:>16}{'now':>16}{'ratio':>8}", flush=True)
        for program in choose(args.words):
            if not (other := old / "benchmarks" / program.name).exists():
                continue
            python = old / ".venv" / "bin" / "python"
            before = rows_of(python, other, Path(scratch) / f"{program.stem}.before")
            after = rows_of(Path(sys.executable), program, Path(scratch) / f"{program.stem}.after")
            for row, theirs in compared(before, after):
                figures = f"{figure(theirs, row.unit):>16}{figure(row.ours, row.unit):>16}"
                print(f"{row.measure:<60}{figures}{ratio(row, theirs):>8}", flush=True)
                if factor(row, theirs) < WORST:
                    worse.append(row.measure)
    print(f"below {WORST}: {', '.join(worse) or 'none'}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
