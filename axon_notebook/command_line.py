"""The command ``axon-notebook``: the embedded service's own commands, and those of a client."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import AxonError, ParameterError
from .local.cli import Commands, run

if TYPE_CHECKING:
    from .axon import Axon
    from .client import Client
    from .exports.otlp import Sent

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
    replay = commands.add_parser(
        "replay", parents=[home], help="publish a recording with the timing of the run"
    )
    replay.add_argument("file", metavar="FILE", type=Path, help="what save has written")
    replay.add_argument("axon", metavar="AXON", help="its id or name")
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="times as fast (1)")
    replay.add_argument(
        "--max-idle", type=float, metavar="SECONDS", help="cut longer silences short"
    )
    replay.set_defaults(run=_replay)
    html = commands.add_parser(
        "html",
        parents=[home],
        help="write all events of an axon or a recording as one interactive file",
    )
    html.add_argument("axon", metavar="AXON|FILE", help="id or name of an axon, or a recording")
    html.add_argument("path", metavar="PATH", type=Path, help="one that exists is replaced")
    html.set_defaults(run=_html)
    export = commands.add_parser(
        "export", parents=[home], help="add what axons have to a Parquet dataset"
    )
    export.add_argument("pattern", metavar="PATTERN", help="names with * ? […], or an id")
    export.add_argument(
        "path", metavar="PATH", help="a directory, or a URL such as s3://bucket/runs"
    )
    export.add_argument(
        "--since", metavar="TIME", help="only axons made since then: 7d, 2026-11-27"
    )
    export.add_argument("--until", metavar="TIME", help="only axons made before then")
    export.add_argument("--compact", action="store_true", help="then join small files")
    export.set_defaults(run=_export)
    _add_trace(commands, home)


def _add_trace(commands: Commands, home: argparse.ArgumentParser) -> None:
    trace = commands.add_parser(
        "trace", parents=[home], help="send an agent's runs to an OpenTelemetry receiver"
    )
    trace.add_argument("axon", metavar="AXON", help="its id or name")
    trace.add_argument("--otlp", metavar="URL", required=True, help="the receiver, OTLP/HTTP")
    trace.add_argument(
        "--header",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="for authentication; may be repeated",
    )
    trace.add_argument("--live", action="store_true", help="send spans as they end, until Ctrl-C")
    trace.add_argument(
        "--content", action="store_true", help="prompts, answers, arguments and results as well"
    )
    trace.set_defaults(run=_trace)


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


def _replay(options: argparse.Namespace) -> int:
    from .recording import open_recording
    from .replaying import replay

    with open_recording(options.file) as recording, _client(options) as client:
        for note in recording.notes:
            print(f"{options.file}: {note}", file=sys.stderr)
        axon = client.axon(options.axon)
        with replay(recording, axon, options.speed, max_idle=options.max_idle) as running:
            while not running.wait(1.0):
                _progress(f"{running.position:,} of {len(recording):,} events")
    print(f"{running.position:,} events → {axon.name or axon.id}")
    return 0


def _html(options: argparse.Namespace) -> int:
    path = Path(options.axon)
    if path.suffix and path.is_file():
        from .recording import open_recording

        with open_recording(path) as recording:
            for note in recording.notes:
                print(f"{path}: {note}", file=sys.stderr)
            return _write_html(recording, options.path)
    with _client(options) as client:
        return _write_html(client.axon(options.axon), options.path)


def _write_html(axon: Axon, target: Path) -> int:
    from .widgets.event_viewer import EventViewer

    with EventViewer(axon, timeline=True) as viewer:
        while not viewer.wait_for_history(1.0):
            _progress(f"{viewer.stats()['received']:,} events read")
        stats = viewer.stats()
        if stats["state"]["name"] == "failed":
            raise AxonError(f"the events cannot be read: {stats['state'].get('reason', '')}")
        viewer.save_html(target)
    older = f"; {stats['dropped']:,} older ones do not fit" if stats["dropped"] else ""
    print(f"{stats['received'] - stats['dropped']:,} events → {target}{older}")
    return 0


def _export(options: argparse.Namespace) -> int:
    with _client(options) as client:
        axons = client.axon_set(options.pattern, since=options.since, until=options.until)
        if not axons:
            raise AxonError(f"no axon matches {options.pattern!r} on {client.where}")
        done = axons.export(options.path, progress=sys.stderr.isatty())
    print(f"{done.events:,} events of {done.axons:,} axons → {options.path}")
    if options.compact:
        from .dataset import open_dataset

        with open_dataset(options.path) as data:
            joined = data.compact()
        print(f"{joined.before:,} files → {joined.after:,}")
    for axon, reason in done.failed.items():
        print(f"axon-notebook: {axon}: {reason}", file=sys.stderr)
    return 1 if done.failed else 0


def _trace(options: argparse.Namespace) -> int:
    headers = dict(_header(text) for text in options.header)
    with _client(options) as client:
        axon = client.axon(options.axon)
        if options.live:
            return _trace_live(axon, options, headers)
        sent = axon.trace().send(options.otlp, headers=headers, content=options.content)
    return _report(sent)


def _trace_live(axon: Axon, options: argparse.Namespace, headers: dict[str, str]) -> int:
    from .live_spans import LiveSpans

    def tell(line: str) -> None:
        print(f"axon-notebook: {line}", file=sys.stderr, flush=True)

    live = LiveSpans(axon, options.otlp, headers=headers, content=options.content, tell=tell)
    try:
        live.run()
    except KeyboardInterrupt:
        tell(f"stopped after event {live.position:,}")
    if live.waiting:
        tell(f"{len(live.waiting):,} spans were not sent; sending all again creates nothing twice")
    return _report(live.sent) or (1 if live.waiting else 0)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        # Without the text: it may be a key.
        raise ParameterError("a header is KEY=VALUE, for example --header api_key=…")
    return name.strip(), value.strip()


def _report(sent: Sent) -> int:
    """Print what a receiver has; return the exit code."""
    print(f"{sent.spans:,} spans sent, {sent.rejected:,} rejected")
    for reason in sent.reasons:
        print(f"axon-notebook: {reason}", file=sys.stderr)
    return 1 if sent.rejected else 0


def _progress(text: str) -> None:
    """Show how far it is, where a person looks on."""
    if sys.stderr.isatty():
        print(f"\r{text}", end="\r", file=sys.stderr, flush=True)
