"""The extension that colours cells arrives where JupyterLab looks for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import axon_notebook

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "axon_notebook" / "labextension"
PACKAGE = json.loads((SOURCE / "package.json").read_text("utf-8"))


def test_its_version_is_the_package_s() -> None:
    """``jupyter labextension list`` shows it beside the others."""
    assert PACKAGE["version"] == axon_notebook.__version__


def test_the_address_changes_with_the_file() -> None:
    """Browsers keep what a URL gave them: after an update they would run the old file."""
    file, _, stamp = PACKAGE["jupyterlab"]["_build"]["load"].partition("?v=")
    content = hashlib.sha256((SOURCE / file).read_bytes()).hexdigest()[:12]

    assert stamp == content, f'write "{file}?v={content}" into {SOURCE}/package.json'


def test_the_source_is_where_labextension_develop_looks() -> None:
    """Who works on the extension links it instead of installing it again and again."""
    (place,) = axon_notebook._jupyter_labextension_paths()

    assert place["dest"] == PACKAGE["name"]
    assert Path(axon_notebook.__file__).parent / place["src"] == SOURCE


@pytest.mark.parametrize("editable", [[], ["--editable"]], ids=["wheel", "editable"])
def test_an_installation_brings_it(editable: list[str], tmp_path: Path) -> None:
    """Both kinds do; without it all else works, in the wrong colours, and nobody knows why."""
    install(tmp_path, *editable)
    place = tmp_path / "share" / "jupyter" / "labextensions" / "axon-notebook"

    assert files(place) == files(SOURCE)


def test_jupyterlab_lists_it_as_enabled(tmp_path: Path) -> None:
    """JupyterLab leaves out, without a word, an extension whose metadata it cannot use."""
    install(tmp_path)
    listed = run(
        *("-m", "jupyter", "labextension", "list"),
        JUPYTER_PATH=f"{tmp_path}/share/jupyter",
        JUPYTER_DATA_DIR=f"{tmp_path}/data",
        JUPYTER_CONFIG_DIR=f"{tmp_path}/config",
        JUPYTER_PREFER_ENV_PATH="0",
    )
    line = re.search(r"axon-notebook v\S+ .*", re.sub(r"\x1b\[\d+m", "", listed))

    assert line is not None, listed
    assert line.group().split()[1:4] == [f"v{axon_notebook.__version__}", "enabled", "OK"]


def install(prefix: Path, *options: str) -> None:
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    target = ["--no-build-isolation", "--ignore-installed", f"--prefix={prefix}"]
    run(*pip, *target, *options, os.fspath(REPOSITORY))


def files(directory: Path) -> dict[str, bytes]:
    """Relative path → content of every file."""
    found = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def run(*arguments: str, **environment: str) -> str:
    """Run Python and return everything it printed; a failure fails the test with it."""
    done = subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
