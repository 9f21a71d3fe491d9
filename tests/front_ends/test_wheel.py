"""The wheel as a user installs it: into an empty environment, on a machine without Node.

Nothing of the checkout is on any path there; JupyterLab is installed with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest

from axon_notebook.version import __version__

REPOSITORY = Path(__file__).parents[2]
VIEW = "application/vnd.jupyter.widget-view+json"
#: All that the machine has apart from Python: what the devbox's commands use.
PROGRAMS = ("sh", "bash", "echo", "cat", "sleep")

pytestmark = pytest.mark.wheel  # installs JupyterLab into an empty environment: minutes


@dataclass(frozen=True)
class Built:
    """What was built: the wheel of the checkout, the sdist, and the wheel of the sdist."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path


@dataclass(frozen=True)
class Machine:
    """An environment that holds the wheel and JupyterLab, and a PATH without Node."""

    home: Path
    environment: dict[str, str]

    def run(self, *command: str, status: int = 0) -> str:
        """Run *command* there; return what it printed."""
        program = self.home / "venv" / "bin" / command[0]
        done = subprocess.run(
            [str(program), *command[1:]],
            cwd=self.home,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, done.stdout
        return done.stdout

    def notebook(self, *cells: str) -> list[Any]:
        """Execute *cells* in a kernel there; return them with their outputs."""
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        (self.home / "book.ipynb").write_text(nbformat.writes(book), "utf-8")
        options = ("--to", "notebook", "--execute", "--output", "ran.ipynb")
        self.run("jupyter", "nbconvert", *options, "book.ipynb")
        return list(nbformat.read(self.home / "ran.ipynb", as_version=4).cells)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Build all three, with no Node on ``PATH``; the bundles are there already."""
    place = tmp_path_factory.mktemp("dist")
    build("--sdist", "--outdir", place / "sdist", REPOSITORY)
    (sdist,) = (place / "sdist").iterdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (unpacked,) = place.glob("axon_notebook-*")
    build("--wheel", "--outdir", place / "direct", REPOSITORY)
    build("--wheel", "--outdir", place / "from-sdist", unpacked)
    (wheel,), (other) = (place / "direct").iterdir(), list((place / "from-sdist").iterdir())
    return Built(wheel, sdist, other[0])


def build(*arguments: str | Path) -> None:
    empty = {**os.environ, "PATH": os.fspath(Path(sys.executable).parent)}
    command = [sys.executable, "-m", "build", "--no-isolation", *map(os.fspath, arguments)]
    done = subprocess.run(command, env=empty, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def machine(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine on which nothing but Python was installed before."""
    home = tmp_path_factory.mktemp("machine")
    programs = home / "programs"
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(shutil.which(name) or name)
    subprocess.run([sys.executable, "-m", "venv", str(home / "venv")], check=True, timeout=300)
    kept = ("PIP_", "LANG", "SSL_", "HTTP", "http", "NO_PROXY", "no_proxy")
    environment = {k: v for k, v in os.environ.items() if k.startswith(kept)}
    environment |= {
        "HOME": str(home),
        "PATH": os.pathsep.join([str(home / "venv" / "bin"), str(programs)]),
        "AXON_NOTEBOOK_HOME": str(home / "axons"),
        "PIP_CACHE_DIR": pip_cache(),
    }
    machine = Machine(home, environment)
    pip = ("python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    machine.run(*pip, str(built.wheel), "jupyterlab")
    yield machine
    subprocess.run([home / "venv/bin/axon-notebook", "stop"], env=environment, check=False)


def pip_cache() -> str:
    """Where pip keeps what it has downloaded before; the test's own HOME would have none."""
    command = [sys.executable, "-m", "pip", "cache", "dir"]
    return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_sdist_builds_the_same_wheel(built: Built) -> None:
    """Who packages it builds from the sdist, and ships what was tested here."""
    direct, rebuilt = contents(built.wheel), contents(built.wheel_of_sdist)

    assert sorted(direct) == sorted(rebuilt)
    assert [name for name in direct if direct[name] != rebuilt[name]] == []


def test_the_wheel_holds_the_package_whole_and_nothing_else(built: Built) -> None:
    """A data file left out shows only on other people's machines."""
    held = set(contents(built.wheel))
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "axon_notebook"]
    source = subprocess.check_output(command, cwd=REPOSITORY, text=True).split()
    source = [name for name in source if (REPOSITORY / name).exists()]
    bundles = {f"axon_notebook/static/{n}.js" for n in ("event-viewer", "execution-log")}

    assert [name for name in source if name not in held and "/labextension/" not in name] == []
    assert bundles | {"axon_notebook/static/agent-chat.js", "axon_notebook/py.typed"} <= held
    assert {name.split("/")[0] for name in held} == {
        "axon_notebook",
        f"axon_notebook-{__version__}.dist-info",
        f"axon_notebook-{__version__}.data",
    }


def test_magics_and_widgets_work_in_a_kernel(machine: Machine) -> None:
    """The first cells of the README, on a machine that has nothing else."""
    cells = machine.notebook(
        "%load_ext axon_notebook\nimport shutil, axon_notebook as an\n"
        "print(an.__file__, shutil.which('node'), shutil.which('npm'))",
        "%axon create first",
        '%axon_publish note text="hello"',
        "%%axonsql --to scalar\nSELECT payload ->> 'text' FROM events",
        "axon = an.connect().axon('first')\nviewer = an.EventViewer(axon)\nviewer",
        "box = an.connect().create_devbox('here')\n"
        "log = an.ExecutionLog(box.run('echo from the devbox'))\nlog",
        "print([len(w._esm) > 10_000 for w in (viewer, log)], an.AgentChat.__name__)\n"
        "viewer.close(); log.close()",
    )
    printed = cells[0].outputs[-1].text.split()[-3:]

    assert str(machine.home / "venv") in printed[0]
    assert printed[1:] == ["None", "None"], "Node is on the PATH of the test"
    assert "hello" in str(cells[3].outputs)
    assert "hello" in str(cells[4].outputs[0].data["text/plain"])
    assert "text/html" in cells[5].outputs[0].data
    assert "[True, True] AgentChat" in cells[6].outputs[0].text


def test_jupyterlab_lists_the_extension(machine: Machine) -> None:
    """It is found without a build, and its version is the package's."""
    listed = machine.run("jupyter", "labextension", "list")
    (line,) = [line for line in listed.splitlines() if "axon-notebook" in line]

    assert f"v{__version__}" in line
    assert "enabled" in line
    assert "OK" in line


def test_the_commands_work(machine: Machine) -> None:
    """The doctor of a fresh installation finds nothing to fix."""
    assert machine.run("axon-notebook", "--version") == f"axon-notebook {__version__}\n"
    variables = machine.run("axon-notebook", "env")
    assert variables.startswith("export RUNLOOP_BASE_URL=http://127.0.0.1:")
    assert machine.run("axon-notebook", "doctor").endswith("all well\n")
    assert "ended" in machine.run("axon-notebook", "stop")
    assert (machine.home / "venv/bin/axon-notebook-demo-agent").exists()


def test_the_types_are_seen_by_a_type_checker(machine: Machine) -> None:
    """Without `py.typed` every name of ours would be Any, and no mistake would be found."""
    file = machine.home / "typed.py"
    file.write_text("import axon_notebook as an\nreveal_type(an.connect().axon('x').name)\n")
    python = machine.home / "venv" / "bin" / "python"
    command = [sys.executable, "-m", "mypy", "--python-executable", str(python), str(file)]
    empty = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=machine.home, env=empty, capture_output=True, text=True, timeout=200
    )

    assert 'Revealed type is "str | None"' in done.stdout.replace("builtins.", ""), done.stdout
