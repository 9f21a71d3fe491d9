"""What is installed is whole: the widgets' JavaScript is built without Node on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PARTS = ("axon_notebook", "js", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE")
LEFT_OUT = shutil.ignore_patterns("node_modules", "static", "__pycache__", "out")
BUNDLE = "axon_notebook/static/event-viewer.js"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The sources as in a fresh clone, but for the tools that npm has installed already."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    for name in (*PARTS, ".gitignore"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=LEFT_OUT)
        else:
            shutil.copy2(source, folder / name)
    static = ROOT / "axon_notebook" / "labextension" / "static"
    shutil.copytree(static, folder / "axon_notebook" / "labextension" / "static")
    installed = ROOT / "js" / "node_modules"
    if (installed / "esbuild").is_dir():
        (folder / "js" / "node_modules").symlink_to(installed)
    return folder


def build(folder: Path, target: str, **environment: str) -> Path:
    """Build a target with no Node on ``PATH``; return the file."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target],
        cwd=folder,
        env=os.environ | {"PATH": str(empty)} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return max((folder / "dist").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_wheel_carries_the_widgets_without_node_on_the_machine(checkout: Path) -> None:
    """`pip install .` is all that a user without JavaScript tools will type."""
    files = contents(build(checkout, "wheel"))

    assert len(files[BUNDLE]) > 10_000
    assert not [name for name in files if name.startswith("js/")]


def test_the_wheel_of_a_source_distribution_is_the_same(checkout: Path) -> None:
    """Distributions rebuild from the sdist, offline; they must ship what we tested."""
    direct = contents(build(checkout, "wheel"))
    with tarfile.open(build(checkout, "sdist")) as archive:
        archive.extractall(checkout, filter="data")
    unpacked = next(checkout.glob("axon_notebook-*"))

    assert contents(build(unpacked, "wheel")) == direct
    assert not (unpacked / "js" / "node_modules").exists()


def test_changed_sources_are_built_again(checkout: Path) -> None:
    """A stale bundle would speak an older protocol than the Python beside it."""
    before = contents(build(checkout, "wheel"))
    page = checkout / "js" / "src" / "viewer" / "index.ts"
    page.write_text(page.read_text("utf-8") + "\nconsole.debug('changed');\n", "utf-8")
    after = contents(build(checkout, "wheel"))

    assert b"changed" in after[BUNDLE]
    assert before[BUNDLE] != after[BUNDLE]


def test_the_build_of_the_widgets_can_be_left_out(checkout: Path) -> None:
    """Someone who works on SQL, offline, must be able to install."""
    files = contents(build(checkout, "wheel", AXON_NOTEBOOK_SKIP_JS="1"))

    assert BUNDLE not in files
    assert "axon_notebook/__init__.py" in files


def test_the_lock_file_names_no_registry() -> None:
    """Anyone who installs decides where packages come from."""
    lock = (ROOT / "js" / "package-lock.json").read_text("utf-8")

    assert '"resolved"' not in lock
    assert "registry" not in lock
