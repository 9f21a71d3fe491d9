"""Record sixty runs of the demo agent, and six of Claude Code with a made-up model.

    python notebooks/data/record_many_runs.py -o notebooks/data/many_runs.zip --claude PATH

The demo agent makes the report of ``shop_report.py`` for a day, thirty times by each of two plans,
for real, in a devbox of the embedded service: some days have no file, some have orders that came
twice, some are large.  It calls no model.  Claude Code (``--claude``, its program) talks to an
endpoint of this repository's tests that answers what it is told and charges a fixed number of
tokens: its token and cost columns show how such columns look, and nothing about a model.

The zip has one recording per run, as ``axon.save`` writes it, with its real times.  Directories of
the machine are called ``/home/user``.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

import axon_notebook as an
from axon_notebook.errors import AxonError
from axon_notebook.local.process.launcher import stop_service
from axon_notebook.models import AxonEvent

HERE = Path(__file__).parent
RUNS = 60
AT_ONCE = 3
PATIENCE = 120.0  # seconds for a turn
CLAUDE = [
    ["DO:run ls"],
    ["DO:run ls", "DO:run wc -l *", "DO:say done"],
    ["DO:say nothing to do"],
    ["DO:run cat nowhere", "DO:run ls"],
    ["DO:run ls", "DO:run ls", "DO:run ls", "DO:run ls"],
    ["DO:fail"],
]


def orders(number: int) -> str | None:
    """Return the orders of a run's day; every tenth day has no file."""
    if number % 10 == 7:
        return None
    dice = random.Random(number)
    count = 6_000 if number % 12 == 4 else dice.randint(150, 900)
    rows = [
        f"{n:05},{dice.choice('ABCDEFGH')}{dice.randint(10, 99)},{dice.randint(1, 9)},"
        f"{dice.uniform(2, 90):.2f}"
        for n in range(count)
    ]
    if number % 6 == 5:
        rows += rows[:3]
    return "\n".join(rows) + "\n"


def prompts(number: int, plan: str) -> list[str]:
    """Return what the agent is asked: the second plan checks before it adds up, and notes it."""
    day = f"day{number % 30:02}"
    run = [f"run python3 shop_report.py {step} {day}" for step in ("fetch", "check", "total")]
    if plan == "first":
        return ["files source", run[0], run[2], f"count {day}.*"]
    return ["files source", *run[:2], f"edit notes.md: {day} was checked", run[2], "count *.total"]


def demo_run(client: an.Client, number: int, folder: Path) -> None:
    """Have the demo agent do one run, and save it."""
    plan = "first" if number < RUNS // 2 else "second"
    axon = client.create_axon(f"report-{plan}-{number % 30:02}", metadata={"plan": plan})
    files = {"shop_report.py": (HERE / "shop_report.py").read_text("utf-8"), "source/.keep": ""}
    if (rows := orders(number % 30)) is not None:
        files[f"source/day{number % 30:02}.csv"] = rows
    with client.start_agent(
        "axon-notebook-demo-agent", axon=axon, files=files, permissions="allow"
    ) as session:
        ask(session, prompts(number, plan))
        save(axon, session, folder)


def claude_run(client: an.Client, number: int, claude: str, model: str, folder: Path) -> None:
    """Have Claude Code do one run with the made-up model, and save it."""
    axon = client.create_axon(f"claude-{number}", metadata={"model": "made up"})
    environment = {
        "PATH": os.environ["PATH"],
        "ANTHROPIC_BASE_URL": model,
        "ANTHROPIC_API_KEY": "none",
        "IS_SANDBOX": "1",
    }
    with client.start_agent(
        claude, protocol="claude", axon=axon, environment=environment, permissions="allow"
    ) as session:
        ask(session, CLAUDE[number])
        save(axon, session, folder)


def ask(session: an.AgentSession, texts: Sequence[str]) -> None:
    for text in texts:
        try:
            session.prompt(text).result(PATIENCE)
        except AxonError as error:  # a failed turn is part of the run
            sys.stderr.write(f"{session.axon.name}: {str(error).splitlines()[0]}\n")


def save(axon: an.Axon, session: an.AgentSession, folder: Path) -> None:
    directory = str(session.devbox.info().directory)

    def redact(event: AxonEvent) -> AxonEvent:
        payload = event.payload
        for path in (directory, str(Path(directory).resolve()), str(Path.home())):
            payload = payload.replace(path, "/home/user")
        payload = re.sub(r"/tmp/[\w./-]+", "/tmp/file", payload)
        return msgspec.structs.replace(event, payload=payload)

    count = axon.save(folder / f"{axon.name}.jsonl", redact=redact)
    sys.stderr.write(f"{axon.name}: {count:,} events\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="….zip")
    parser.add_argument("--claude", help="the program of Claude Code")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of the demo agent ({RUNS})")
    args = parser.parse_args()
    sys.path.insert(0, str(HERE.parents[1]))
    from tests.conformance.newest.model_endpoint import serve

    with tempfile.TemporaryDirectory() as scratch:
        folder, home = Path(scratch) / "runs", Path(scratch) / "home"
        folder.mkdir()
        try:
            with an.connect(home=home) as client, ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda n: demo_run(client, n, folder), range(args.runs)))
                if args.claude:
                    with serve() as model:
                        for number in range(len(CLAUDE)):
                            claude_run(client, number, args.claude, model, folder)
        finally:
            stop_service(home)
        with zipfile.ZipFile(args.output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for path in sorted(folder.iterdir()):
                # A fixed time, so that the file depends on the runs alone.
                info = zipfile.ZipInfo(path.name, (2026, 1, 1, 0, 0, 0))
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, path.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
