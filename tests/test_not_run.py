"""A green run says which tests it did not run: what nobody ran, nobody has seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

CASES = """
import pytest

@pytest.mark.long
@pytest.mark.parametrize("times", [300])
def test_ten_minutes(times): pass

@pytest.mark.wheel
def test_an_installation(): pass

@pytest.mark.skip(reason="no printer here")
def test_paper(): pass

def test_at_run_time(): pytest.skip("it rains")

def test_quick(): pass
"""


def ran(folder: Path, cases: str, *options: str) -> list[str]:
    """The lines of pytest's output on *cases*, from the section on; the whole run is green."""
    (folder / "test_cases.py").write_text(cases)
    (folder / "pytest.ini").write_text(
        "[pytest]\nmarkers =\n  long: takes long\n  wheel: installs\n"
    )
    plugins = ["-p", "not_run", "-p", "no:cacheprovider", *options]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, "test_cases.py"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    lines = run.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "what did not run" in line)
    return [line for line in lines[start + 1 : -1] if line]


@pytest.mark.parametrize("options", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "two workers"])
def test_every_skip_and_every_long_test_is_named(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A number without names hides which promise went unchecked."""
    assert ran(tmp_path, CASES, *options) == [
        "1 skipped: it rains",
        "  test_cases.py::test_at_run_time",
        "1 skipped: no printer here",
        "  test_cases.py::test_paper",
        "1 left out: long: `make faults` runs it",
        "  test_cases.py::test_ten_minutes[300]",
        "1 left out: wheel: `make wheel-test` runs it",
        "  test_cases.py::test_an_installation",
    ]


def test_a_module_that_skips_itself_is_named(tmp_path: Path) -> None:
    """Its tests are not even counted."""
    cases = "import pytest\npytest.skip('not on Mondays', allow_module_level=True)\n"

    # Exit status 5 would mean that no test ran at all; one other file keeps it green.
    (tmp_path / "test_other.py").write_text("def test_it(): pass\n")
    assert ran(tmp_path, cases, "test_other.py") == [
        "1 skipped: not on Mondays",
        "  test_cases.py",
    ]


def test_what_a_person_left_out_is_counted(tmp_path: Path) -> None:
    """A person who chose one test of thousands needs no list of the others."""
    assert ran(tmp_path, CASES, "-k", "quick") == ["4 left out: not chosen by -k 'quick'"]
    assert "  test_cases.py::test_paper" in ran(tmp_path, CASES, "-k", "quick", "-v")


def test_a_run_that_left_nothing_out_says_so(tmp_path: Path) -> None:
    """Silence could also mean that the section broke."""
    cases = "def test_it(): pass\n"

    assert ran(tmp_path, cases) == ["nothing: every test that was collected ran"]


def test_long_tests_run_when_asked_for(tmp_path: Path) -> None:
    """`make faults` asks for them and for nothing else."""
    lines = ran(tmp_path, CASES, "--long", "-m", "long")

    assert lines == ["4 left out: not chosen by -m 'long'"]
