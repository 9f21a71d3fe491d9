"""How long it takes to align two runs of 2,000 tool calls, and whether what changed is found.

Runs call five tools with arguments that repeat; in the second one 40 calls are removed, changed or
moved.  The peer is difflib with its default heuristic, on the same keys: its time, and how many
of the steps it calls different.

    python benchmarks/compare_runs.py
"""

from __future__ import annotations

import difflib
import random
import time

from report import report

from axon_notebook.comparison import RunComparison, RunStep

CALLS = 2_000
ROUNDS = 5


def run_of(calls: int) -> list[RunStep]:
    chosen = random.Random(1)
    return [
        RunStep(
            "tool call", f"tool{chosen.randrange(5)}", f'{{"n": {n % 7}}}', "ok", "completed",
            0.1, None, None, n,
        )
        for n in range(calls)
    ]  # fmt: skip


def changed(steps: list[RunStep]) -> list[RunStep]:
    """Remove 20 steps, change 10, move 10; far from each other."""
    made = list(steps)
    for n in range(40, CALLS, 200):
        made[n] = made[n]._replace(input='{"other": 1}')
    for n in range(80, CALLS, 200):
        made[n], made[n + 3] = made[n + 3], made[n]
    dropped = set(range(120, CALLS, 100))
    return [step for n, step in enumerate(made) if n not in dropped]


def main() -> None:
    a = run_of(CALLS)
    b = changed(a)
    seconds, found = min((timed(a, b) for _ in range(ROUNDS)), key=lambda pair: pair[0])
    start = time.perf_counter()
    codes = difflib.SequenceMatcher(None, [s.key for s in a], [s.key for s in b]).get_opcodes()
    theirs = time.perf_counter() - start
    apart = sum(max(a1 - a0, b1 - b0) for tag, a0, a1, b0, b1 in codes if tag != "equal")
    print(f"{CALLS:,} against {len(b):,} calls: {1000 * seconds:.1f} ms, {found} differences")
    print(f"difflib: {1000 * theirs:.1f} ms, {apart} steps differ")
    remark = f"{found} differences, difflib says {apart}"
    report("compare runs of 2,000 calls", "s", seconds, {"difflib": theirs}, goal=1, remark=remark)


def timed(a: list[RunStep], b: list[RunStep]) -> tuple[float, int]:
    start = time.perf_counter()
    found = len(RunComparison(a, b, ("a", "b")).differences)
    return time.perf_counter() - start, found


if __name__ == "__main__":
    main()
