"""Find Chromium: ``$CHROMIUM``, else the system's."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

__all__ = ["FLAGS", "INSTALL", "describe", "find"]

INSTALL = "apt-get install chromium, or set CHROMIUM=/path/to/a/chromium"

# CI runs as root in a container: no sandbox, no GPU.  The rest keeps the browser off the network.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names of web sites in the tests of what a page elsewhere may do.
    "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP rebound.example 127.0.0.1",
]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> Path | None:
    """Return the browser to use, or ``None``.

    Raises:
        FileNotFoundError: If ``$CHROMIUM`` names no program; another browser
            would test something else than was asked for.
    """
    if chosen := os.environ.get("CHROMIUM"):
        if found := shutil.which(chosen):
            return Path(found)
        raise FileNotFoundError(f"CHROMIUM={chosen} is not a program: correct or unset it")
    candidates = (shutil.which(name) for name in NAMES)
    return next((Path(path) for path in candidates if path), None)


@cache
def describe() -> str:
    """Say in one line which browser the tests use, for the header of the run."""
    try:
        path = find()
    except FileNotFoundError as error:
        return str(error)
    if path is None:
        return f"none found: {INSTALL}"
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=300)
    return f"{path} ({answer.stdout.strip() or f'exit status {answer.returncode}'})"
