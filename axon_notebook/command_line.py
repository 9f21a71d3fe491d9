"""The command ``axon-notebook``: the embedded service's own commands, and those of a client."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .local.cli import Commands, run

if TYPE_CHECKING:
    from .client import Client

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit code."""
    return run(arguments, _add_commands)


def _add_commands(commands: Commands, home: argparse.ArgumentParser) -> None:
    save = commands.add_parser("save", parents=[home], help="write an axon into a file")
    save.add_argument("axon", metavar="AXON", help="its id or name")
    save.add_argument("file", metavar="FILE", type=Path, help=".jsonl, .jsonl.gz or .jsonl.zst")
    save.add_argument("--tables", action="store_true", help="the axon's own tables as well")
    save.set_defaults(run=_save)
    imported = commands.add_parser("import", parents=[home], help="make an axon of a recording")
    imported.add_argument("file", metavar="FILE", type=Path, help="what save has written")
    imported.add_argument("--name", metavar="NAME", help="else the name in the recording")
    imported.set_defaults(run=_import)


def _client(options: argparse.Namespace) -> Client:
    from .client import connect

    return connect(home=options.home)


def _save(options: argparse.Namespace) -> int:
    with _client(options) as client:
        count = client.axon(options.axon).save(options.file, tables=options.tables)
    print(f"{count:,} events → {options.file}")
    return 0


def _import(options: argparse.Namespace) -> int:
    with _client(options) as client:
        axon = client.import_recording(options.file, options.name)
    print(f"{options.file} → {axon.name} ({axon.id})")
    return 0
