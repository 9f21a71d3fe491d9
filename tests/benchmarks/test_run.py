"""The table of the benchmarks, and the program that makes it, with benchmarks made for the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]

GOOD = """\
from report import report
report("sorting", "ms", 2, {"bubble": 30, "quick": 1}, limit=0.5, goal=1)
report("packing", "MB/s", 40, {"tar": 20}, better="higher", goal=30)
"""


def run(tmp_path: Path, *arguments: str, **programs: str) -> subprocess.CompletedProcess[str]:
    """Run the runner of the checkout in a folder of its own, with *programs* beside it."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    (tmp_path / "docs").mkdir()
    for name in ("run.py", "report.py"):
        shutil.copy(REPOSITORY / "benchmarks" / name, folder)
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, str(folder / "run.py"), *arguments]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )


def cells(output: str, measure: str) -> list[str]:
    """The words of the line that begins with *measure*."""
    (line,) = [line for line in output.splitlines() if line.startswith(measure)]
    return [cell for cell in line.split("  ") if cell]


def test_a_ratio_above_one_means_that_ours_is_better(tmp_path: Path) -> None:
    """Anyone who reads the table need not know whether more is better."""
    done = run(tmp_path, good=GOOD)

    assert done.returncode == 0, done.stderr
    assert [cell.strip() for cell in cells(done.stdout, "good: sorting")] == [
        "good: sorting",
        "2 ms",
        "bubble",
        "30 ms",
        "15×",
        "0.50 ms; goal ≤ 1 ms, MISSED",
    ]
    assert "goal ≥ 30 MB/s, reached" in done.stdout
    assert "2.00×" in cells(done.stdout, "good: packing")[4]


def test_a_whole_run_writes_the_page_with_machine_and_date(tmp_path: Path) -> None:
    """Figures without the machine they were taken on say nothing."""
    run(tmp_path, good=GOOD)
    page = (tmp_path / "docs" / "benchmarks.md").read_text("utf-8")

    assert "| good: sorting | 2 ms | bubble | 30 ms | 15× |" in page
    assert all(f"| {fact} | " in page for fact in ("processor", "memory", "libraries", "date"))


def test_a_part_of_the_benchmarks_does_not_replace_the_page(tmp_path: Path) -> None:
    """One program run in passing must not throw the figures of the others away."""
    run(tmp_path, "good", good=GOOD)

    assert not (tmp_path / "docs" / "benchmarks.md").exists()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise SystemExit(3)", "exit status 3"),
        ("print('done')", "it reported no figure"),
    ],
)
def test_a_benchmark_that_fails_is_a_row_and_a_status(
    tmp_path: Path, program: str, reason: str
) -> None:
    """A table with a silent hole looks like a table without one."""
    done = run(tmp_path, good=GOOD, worse=program)

    assert done.returncode == 1
    assert "FAILED" in cells(done.stdout, "worse")[1]
    assert reason in cells(done.stdout, "worse")[-1]
    assert "good: sorting" in done.stdout


def test_a_benchmark_that_hangs_is_told_to_end_and_may_clean_up(tmp_path: Path) -> None:
    """A browser left behind would disturb every measurement that follows."""
    hanging = """\
import pathlib, time
try:
    time.sleep(600)
except KeyboardInterrupt:
    pathlib.Path(__file__).with_name("ended").touch()
"""

    done = run(tmp_path, "--minutes", "0.1", hanging=hanging)

    assert "not done after 6 s" in cells(done.stdout, "hanging")[-1]
    assert (tmp_path / "benchmarks" / "ended").exists()


def test_figures_that_came_before_a_failure_are_kept(tmp_path: Path) -> None:
    """Ten minutes of measuring are not lost because the last minute failed."""
    done = run(tmp_path, half=GOOD + "raise SystemExit(1)")

    assert "half: packing" in done.stdout
    assert "exit status 1" in done.stdout
