"""The service in the background: what the launcher runs.

Standard output is a pipe to the launcher.  It closes when the service answers;
what was written to it before says why the service cannot.
"""

from __future__ import annotations

import argparse
import os
import sys


def main() -> int:
    """Leave the starter behind, then serve."""
    parser = argparse.ArgumentParser(prog="python -m axon_notebook.local")
    parser.add_argument("--home", required=True)
    parser.add_argument("--idle-seconds", type=float)
    options = parser.parse_args()
    if hasattr(os, "fork"):
        # Before anything heavy is imported, and before any thread exists.
        if os.fork():
            os._exit(0)
        os.setsid()
    return _serve(options.home, options.idle_seconds)


def _serve(home: str, idle_seconds: float | None) -> int:
    from ..errors import ServiceError
    from .process.home import Home
    from .process.server import IDLE_SECONDS, run

    try:
        run(
            Home(home),
            idle_seconds=IDLE_SECONDS if idle_seconds is None else idle_seconds,
            ready=lambda _: _let_go(),
        )
    except ServiceError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


def _let_go() -> None:
    """Close the pipe, which tells the launcher that the service is ready."""
    sys.stdout.flush()
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.close(nothing)


if __name__ == "__main__":
    sys.exit(main())
