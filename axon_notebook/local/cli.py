"""The command line: ``axon-notebook serve | status | stop | env | doctor``.

Exit codes: 0 as asked · 1 it failed, the reason is on standard error ·
2 wrong usage · 3 (``status``, ``stop``) no service is running.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ..config import home_directory
from ..errors import AxonError
from ..version import __version__

__all__ = ["Commands", "main", "run"]

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Commands = argparse._SubParsersAction

EXAMPLES: Final = """\
examples:
  axon-notebook serve                 serve your axons here until Ctrl-C
  axon-notebook status                is a service running, and what does it hold?
  eval "$(axon-notebook env)"         point Runloop's SDKs and tools at it
  axon-notebook stop                  end it; the data stays
  axon-notebook doctor                why does it not work?

"""

NOT_RUNNING: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command of the service; return the exit code."""
    return run(arguments)


def run(
    arguments: Sequence[str] | None,
    add_commands: Callable[[Commands, argparse.ArgumentParser], None] | None = None,
) -> int:
    """Run one command, one of *add_commands* included; return the exit code."""
    options = _parser(add_commands).parse_args(arguments)
    try:
        return int(options.run(options))
    except AxonError as error:
        print(f"axon-notebook: {error}", *error.detail, sep="\n  ", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class ExamplesFirst(argparse.ArgumentParser):
    """A parser whose help begins with examples."""

    def format_help(self) -> str:
        """Return the examples, then argparse's own text."""
        return EXAMPLES + super().format_help()


def _parser(
    add_commands: Callable[[Commands, argparse.ArgumentParser], None] | None,
) -> argparse.ArgumentParser:
    parser = ExamplesFirst(
        prog="axon-notebook",
        usage="axon-notebook COMMAND [--home DIR]",
        description="The embedded service: Runloop's axons on this machine.",
    )
    parser.add_argument("--version", action="version", version=f"axon-notebook {__version__}")
    commands = parser.add_subparsers(
        title="commands",
        metavar="COMMAND",
        required=True,
        prog="axon-notebook",
        parser_class=argparse.ArgumentParser,
    )
    home = argparse.ArgumentParser(add_help=False)
    home.add_argument(
        "--home", metavar="DIR", help="whose data (default: AXON_NOTEBOOK_HOME, or your user data)"
    )

    serve = commands.add_parser("serve", parents=[home], help="serve until stopped")
    serve.add_argument(
        "--idle-minutes",
        type=float,
        metavar="N",
        help="end after N minutes without client and work (default: never)",
    )
    serve.set_defaults(run=_serve)
    status = commands.add_parser("status", parents=[home], help="show the running service")
    status.add_argument("--json", action="store_true", help="for programs")
    status.set_defaults(run=_status)
    stop = commands.add_parser("stop", parents=[home], help="end the running service")
    stop.set_defaults(run=_stop)
    env = commands.add_parser(
        "env", parents=[home], help="print variables for Runloop's SDKs; starts the service"
    )
    env.set_defaults(run=_env)
    doctor = commands.add_parser("doctor", parents=[home], help="look for what does not work")
    doctor.set_defaults(run=_doctor)
    if add_commands is not None:
        add_commands(commands, home)
    return parser


def _home(options: argparse.Namespace) -> Path:
    return home_directory(options.home)


def _serve(options: argparse.Namespace) -> int:
    from .process.home import Home
    from .process.server import run

    home = Home(_home(options))
    minutes = options.idle_minutes
    run(
        home,
        idle_seconds=float("inf") if minutes is None else minutes * 60,
        ready=lambda record: print(
            f"serving {home.path} at {record.url}\n"
            "Ctrl-C ends it · in another terminal: axon-notebook env | status | stop",
            flush=True,
        ),
    )
    return 0


def _status(options: argparse.Namespace) -> int:
    from .process.launcher import find_service, service_status

    home = _home(options)
    address, status = find_service(home), service_status(home)
    if address is None or status is None:
        if options.json:
            print(msgspec.json.encode({"running": False, "home": str(home)}).decode())
        else:
            print(f"no service is running for {home}; connect() or axon-notebook serve starts one")
        return NOT_RUNNING
    if options.json:
        known = {"running": True, "home": str(home), "base_url": address.base_url}
        known |= {n: getattr(status, n) for n in ("pid", "version", "started_at_ms")}
        known |= {n: getattr(status, n) for n in ("axons", "streams", "busy")}
        print(msgspec.json.encode(known).decode())
        return 0
    print(f"running   {address.base_url} · process {status.pid} · version {status.version}")
    print(f"home      {home}")
    print(f"holds     {_count(status.axons, 'axon')}, {_count(status.streams, 'open stream')}")
    print(f"busy      {'yes' if status.busy else 'no'}")
    return 0


def _stop(options: argparse.Namespace) -> int:
    from .process.launcher import stop_service

    home = _home(options)
    if not stop_service(home):
        print(f"no service is running for {home}")
        return NOT_RUNNING
    print(f"ended; the data stays in {home}")
    return 0


def _env(options: argparse.Namespace) -> int:
    from .process.launcher import ensure_service

    address = ensure_service(_home(options))
    print(f"export RUNLOOP_BASE_URL={shlex.quote(address.base_url)}")
    print(f"export RUNLOOP_API_KEY={shlex.quote(address.token.reveal())}")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from .process.doctor import examine

    findings = examine(_home(options))
    for finding in findings:
        print(finding)
    trouble = sum(not finding.fine for finding in findings)
    print(f"\n{_count(trouble, 'trouble')} found" if trouble else "\nall well")
    return 1 if trouble else 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
