"""Run the tests that depend on Jupyter, pandas and Python with other versions of them.

``make matrix`` runs every row of :data:`ROWS`; ``make matrix ROWS="oldest py313"`` some of them.
Each row has a virtual environment of its own in ``.matrix/``, made once; delete the directory to
make it anew. A Python that is not on this machine is named at the end, and fails the run: a row
that was not tested is not a row that passed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[2]
PLACE: Final = REPOSITORY / ".matrix"

#: What stands on the versions: cells, frames, widgets, kernels, the terminal.
TESTS: Final = (
    "tests/magics",
    "tests/sql",
    "tests/widgets",
    "tests/test_kernels.py",
    "tests/front_ends/test_terminal.py",
)
TOOLS: Final = (
    *("pytest>=8", "pytest-timeout", "pytest-xdist", "hypothesis", "nbclient", "psutil"),
    *("trustme", "pexpect", "pyte", "polars"),
)

#: Warnings stay errors, but for what old versions say of themselves or hear from newer ones.
WARNINGS: Final = (
    "-o",
    "\n".join(
        [
            "filterwarnings=error",
            # pandas 2.2.0; pandas 2.2 with today's NumPy; ipywidgets 8.1.0 and anywidget 0.9.0
            r"ignore:\s*Pyarrow will become a required dependency:DeprecationWarning",
            "ignore:The 'generic' unit for NumPy timedelta:DeprecationWarning",
            "ignore:Deprecated in traitlets 4.1:DeprecationWarning",
        ]
    ),
)


@dataclass(frozen=True)
class Row:
    """One combination: a Python, and what pip is told beside the package."""

    name: str
    python: str
    wants: tuple[str, ...]
    why: str


ROWS: Final = (
    Row(
        "oldest",
        "3.11",
        (
            *("ipython==8.18.*", "ipykernel==6.29.0", "pandas==2.2.0", "anywidget==0.9.0"),
            *("ipywidgets==8.1.0", "httpx==0.27.0", "httpx-sse==0.4.0", "msgspec==0.19.0"),
            *("apsw==3.46.0.0", "h2==4.3.0", "uvloop==0.21.0"),
            *("httptools==0.6.0", "platformdirs==4.0.0", "filelock==3.15.1"),
        ),
        "the lowest versions that pyproject.toml promises",
    ),
    Row(
        "newest-bare",
        "3.11",
        ("ipython>=9", "ipykernel>=7", "pandas>=3"),
        "today's versions, without pyarrow",
    ),
    Row(
        "py312",
        "3.12",
        ("ipython==8.*", "ipykernel==6.29.5", "pandas==2.2.*", "pyarrow"),
        "the generation before, with pyarrow",
    ),
    Row(
        "py313",
        "3.13",
        ("ipython==9.*", "ipykernel==6.29.5", "pandas==3.*", "pyarrow"),
        "new IPython and pandas in an old kernel",
    ),
    Row(
        "py313-bare",
        "3.13",
        ("ipython==8.*", "ipykernel==7.*", "pandas==2.2.*"),
        "old IPython and pandas in a new kernel, without pyarrow",
    ),
)


def main(names: list[str]) -> int:
    """Run the rows *names*, or all; return the exit status."""
    wanted = [row for row in ROWS if not names or row.name in names]
    if unknown := set(names) - {row.name for row in ROWS}:
        print(f"no row {', '.join(sorted(unknown))}; there are: {', '.join(r.name for r in ROWS)}")
        return 2
    outcomes = {row.name: run(row) for row in wanted}
    print("\nrow           Python  outcome")
    for row in wanted:
        print(f"{row.name:<13} {row.python:<7} {outcomes[row.name]} · {row.why}")
    return 0 if all(outcome.startswith("passed") for outcome in outcomes.values()) else 1


def run(row: Row) -> str:
    """Make the environment of *row* if there is none, and run the tests in it."""
    interpreter = find_python(row.python)
    if interpreter is None:
        return f"not run: no python{row.python} here (PATH and ~/.pyenv were searched)"
    started = time.monotonic()
    python = environment(row, interpreter)
    print(f"\n== {row.name}: Python {row.python}, {' '.join(row.wants)}", flush=True)
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *WARNINGS, *TESTS]
    done = subprocess.run(command, cwd=REPOSITORY, check=False)
    outcome = "passed" if done.returncode == 0 else f"FAILED (exit status {done.returncode})"
    return f"{outcome} in {time.monotonic() - started:.0f} s"


def find_python(version: str) -> str | None:
    """Return a Python *version*: this one, of pyenv, or on ``PATH``."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    found = sorted((Path.home() / ".pyenv/versions").glob(f"{version}.*/bin/python"))
    candidates = [*map(str, reversed(found)), shutil.which(f"python{version}")]
    return next((path for path in candidates if path and answers(path, version)), None)


def answers(python: str, version: str) -> bool:
    """Say whether *python* runs and is *version*; a shim of pyenv may stand for none."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() == version


def environment(row: Row, interpreter: str) -> str:
    """Return the Python of the row's environment; it is made anew when the row has changed."""
    place = PLACE / row.name
    stamp = place / "made-for"
    wanted = "\n".join([row.python, *row.wants, *TOOLS])
    python = str(place / "bin" / "python")
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    shutil.rmtree(place, ignore_errors=True)
    print(f"== making {place}", flush=True)
    subprocess.run([interpreter, "-m", "venv", str(place)], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    skip = os.environ | {"AXON_NOTEBOOK_SKIP_JS": "1"}  # the page is the same for every row
    subprocess.run([*pip, "-e", str(REPOSITORY), *TOOLS, *row.wants], check=True, env=skip)
    stamp.write_text(wanted, "utf-8")
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
