"""Many runs as a dataset: generated, exported, and asked five questions by DuckDB and by Dask.

    python benchmarks/scale.py                         # 100,000 events of 20 runs
    python benchmarks/scale.py --events 10000000       # of 2,000 runs; takes half an hour
    python benchmarks/scale.py --events 100000 --s3    # to moto's server, which imitates S3

Runs have 5,000 events each, are made here, imported into an embedded service of its own, exported
by ``axons.export`` and compacted.  Dask works on a ``LocalCluster`` of two workers with one thread
each; without ``dask[dataframe]`` and ``distributed`` its columns stay empty.  Both give the same
answers, which is checked.  ``--s3`` needs ``moto[server]`` and ``s3fs``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from report import report

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service
from axon_notebook.models import AxonEvent
from axon_notebook.recording_file import event_line

EVENTS_PER_RUN = 5_000
ROUNDS = 3
TOOLS = ("Read", "Write", "Bash", "Search", "Fetch", "Plan", "Test", "Deploy")
WORDS = ("the", "agent", "reads", "a", "file", "and", "says", "what", "it", "has", "found")
FIRST_DAY = 1_795_000_000_000
DAY = 86_400_000

QUESTIONS = {
    "events per type": "SELECT event_type AS k, count(*) AS n FROM events GROUP BY 1",
    "the ten largest runs": """
        SELECT axon AS k, sum(length(payload)) AS n FROM events
        GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10""",
    "events per hour": "SELECT hour(timestamp) AS k, count(*) AS n FROM events GROUP BY 1",
    "payloads with a word": """
        SELECT origin AS k, count(*) AS n FROM events
        WHERE contains(payload, 'found') GROUP BY 1""",
    "failed calls per tool": """
        SELECT title AS k, count(*) AS n FROM tool_calls WHERE status = 'failed' GROUP BY 1""",
}


def by_dask(data: an.Dataset) -> dict[str, Callable[[], Any]]:
    """Return the same questions for Dask; each returns a Series of counts by key."""

    def largest() -> Any:
        frame = data.dask("events")[["axon", "payload"]]
        sizes = frame.assign(n=frame.payload.str.len()).groupby("axon").n.sum().compute()
        return (
            sizes.reset_index()
            .sort_values(["n", "axon"], ascending=[False, True])
            .set_index("axon")["n"]
            .head(10)
        )

    def hours() -> Any:
        frame = data.dask("events")[["timestamp"]]
        return frame.assign(k=frame.timestamp.dt.hour).groupby("k").size().compute()

    def with_word() -> Any:
        frame = data.dask("events")[["origin", "payload"]]
        chosen = frame[frame.payload.str.contains("found", regex=False)]
        return chosen.groupby("origin").size().compute()

    def failed() -> Any:
        frame = data.dask("tool_calls")[["title", "status"]]
        return frame[frame.status == "failed"].groupby("title").size().compute()

    def types() -> Any:
        return data.dask("events")[["event_type"]].groupby("event_type").size().compute()

    return dict(zip(QUESTIONS, (types, largest, hours, with_word, failed), strict=True))


class Run:
    """Writes one run of an agent, event by event."""

    def __init__(self, number: int) -> None:
        self._chosen = random.Random(number)
        self._at = FIRST_DAY + (number % 10) * DAY + self._chosen.randrange(DAY // 2)
        self._count = 0
        self.lines: list[bytes] = []

    def put(self, origin: str, kind: str, payload: Any) -> None:
        self._count += 1
        self._at += self._chosen.randrange(400)
        text = json.dumps(payload)
        event = AxonEvent(self._count, "axn_1", self._at, f"{origin}_EVENT", "agent", kind, text)
        self.lines.append(event_line(event))

    def update(self, **fields: Any) -> None:
        self.put("AGENT", "session/update", {"sessionId": "s", "update": fields})

    def turn(self, name: str) -> None:
        """A turn of three calls and 30 pieces of text."""
        block = {"type": "text", "text": f"go on with {name}"}
        self.put("USER", "session/prompt", {"sessionId": "s", "prompt": [block]})
        self.put("SYSTEM", "turn.started", {"turn_id": name})
        for number in range(3):
            call, tool = f"{name}-{number}", self._chosen.choice(TOOLS)
            status = "failed" if self._chosen.random() < 0.05 else "completed"
            self.update(
                sessionUpdate="tool_call", toolCallId=call, title=tool, status="in_progress",
                rawInput={"path": f"src/part_{self._chosen.randrange(200)}.py"},
            )  # fmt: skip
            self.update(sessionUpdate="tool_call_update", toolCallId=call, status=status)
            for _ in range(10):
                words = " ".join(self._chosen.choices(WORDS, k=6))
                piece = {"type": "text", "text": f"{words} "}
                self.update(sessionUpdate="agent_message_chunk", content=piece)
        self.put("AGENT", "session/prompt", {"stopReason": "end_turn"})
        self.put("SYSTEM", "turn.completed", {"turn_id": name, "stop_reason": "end_turn"})


def generate(client: an.Client, runs: int, scratch: Path) -> None:
    path = scratch / "run.jsonl"
    for number in range(runs):
        run = Run(number)
        while len(run.lines) < EVENTS_PER_RUN:
            run.turn(f"turn-{len(run.lines)}")
        path.write_bytes(b"".join(run.lines[:EVENTS_PER_RUN]))
        client.import_recording(path, f"scale-{number:04}")
    path.unlink()


@contextlib.contextmanager
def cluster() -> Iterator[bool]:
    """Start two workers; yields whether Dask is installed."""
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        yield False
        return
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as workers,
        Client(workers),
    ):
        yield True


@contextlib.contextmanager
def bucket(wanted: bool) -> Iterator[tuple[str, dict[str, Any]] | None]:
    """Start moto's server with a bucket; yields a URL and the options for fsspec."""
    if not wanted:
        yield None
        return
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options = {"key": "x", "secret": "x", "endpoint_url": f"http://{host}:{port}"}
        s3fs.S3FileSystem(**options).mkdir("runs")
        yield "s3://runs/data", options
    finally:
        server.stop()


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    value = work()
    return time.perf_counter() - start, value


def ask(data: an.Dataset, events: int, *, dask: bool) -> None:
    """Ask the five questions; the answers of both must be equal."""
    others = by_dask(data) if dask else {}
    for name, sql in QUESTIONS.items():
        seconds, frame = min((timed(lambda s=sql: data.sql(s)) for _ in range(ROUNDS)), key=_first)
        theirs = None
        if name in others:
            theirs, series = min((timed(others[name]) for _ in range(ROUNDS)), key=_first)
            ours = dict(zip(frame["k"], frame["n"].astype(int), strict=True))
            assert ours == {key: int(n) for key, n in series.items()}, name
        shown = "" if theirs is None else f", Dask {theirs:.2f} s"
        print(f"  {name}: DuckDB {seconds:.3f} s{shown}", flush=True)
        report(f"{events:,} events: {name}", "s", seconds, {"Dask, two workers": theirs})


def _first(pair: tuple[float, Any]) -> float:
    return pair[0]


def measure(
    client: an.Client, events: int, scratch: Path, place: tuple[str, dict[str, Any]]
) -> None:
    runs = max(1, events // EVENTS_PER_RUN)
    target, options = place
    seconds, _ = timed(lambda: generate(client, runs, scratch))
    print(
        f"{events:,} events of {runs:,} runs: generated and imported in {seconds:.1f} s", flush=True
    )
    axons = client.axon_set("scale-*")
    seconds, done = timed(lambda: axons.export(target, options=options, progress=False))
    assert done.events == events, (done, done.failed)
    print(f"  exported in {seconds:.1f} s, {events / seconds:,.0f} events/s", flush=True)
    report(f"export of {events:,} events", "events/s", events / seconds, better="higher")
    again, done = timed(lambda: axons.export(target, options=options, progress=False))
    assert done.events == 0
    print(f"  exported again, nothing new, in {again:.1f} s", flush=True)
    with an.open_dataset(target, options=options) as data:
        seconds, compacted = timed(data.compact)
        print(f"  {compacted} in {seconds:.1f} s", flush=True)
        if not options:
            size = sum(path.stat().st_size for path in Path(target).rglob("*.parquet"))
            print(f"  {size / 1e6:,.0f} MB of Parquet", flush=True)
        with cluster() as dask:
            ask(data, events, dask=dask)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--s3", action="store_true", help="write to moto's server")
    args = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="axon-scale-"))
    try:
        with bucket(args.s3) as remote, an.connect(home=scratch / "home") as client:
            try:
                measure(client, args.events, scratch, remote or (str(scratch / "runs"), {}))
            finally:
                stop_service(scratch / "home")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
