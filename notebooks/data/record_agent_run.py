"""Let the demo agent run a nightly job that goes wrong, and record the run.

    python notebooks/data/record_agent_run.py -o notebooks/data/agent_run.jsonl.gz

The job is ``nightly.py``; the agent runs it for real, in a devbox of the embedded service,
step by step for three days.  On the third a step never returns: after a while the devbox is
shut down, as somebody who waits would do.  The events are what the broker put into the axon,
with their times; only the directory of the devbox is called ``/home/user``, as on Runloop.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import axon_notebook as an
from axon_notebook.errors import AxonError
from axon_notebook.local.process.launcher import stop_service
from axon_notebook.models import ORIGINS

HERE = Path(__file__).parent
ORDERS = {"monday": 310, "tuesday": 342, "wednesday": 3_000}
STEPS = ("fetch", "check", "bundle", "publish")
PATIENCE = 25.0  # seconds until the devbox is shut down
COLUMNS = ("sequence", "timestamp_ms", "origin", "source", "event_type", "payload")


def orders(day: str, count: int) -> str:
    """Return the orders of a day as the shop hands them out."""
    dice = random.Random(day)
    rows = [
        f"{day[:3]}-{number:05},{dice.choice('ABCDEFGH')}{dice.randint(10, 99)},"
        f"{dice.randint(1, 9)},{dice.uniform(2, 90):.2f}"
        for number in range(1, count + 1)
    ]
    return "\n".join([f"# orders: {count}", *rows]) + "\n"


def hold_the_run(axon: an.Axon, box: an.Devbox) -> None:
    """Ask for one step after the other, whatever became of the one before."""
    dice = random.Random(1)

    def allow(_: object) -> bool:
        time.sleep(dice.uniform(0.2, 0.9))  # somebody reads the question
        return True

    with an.AgentSession(axon, permissions=allow) as session:
        session.prompt("files source").result(60)
        for day in ORDERS:
            for step in STEPS:
                turn = session.prompt(f"run python3 nightly.py {step} {day}")
                try:
                    turn.result(PATIENCE)
                except AxonError as error:
                    sys.stderr.write(f"{step} {day}: {error}\n")
                    box.shutdown()
                    return
                time.sleep(dice.uniform(0.2, 0.6))
            session.prompt("count published/*").result(60)


def recorded(axon: an.Axon, directory: str) -> list[dict[str, Any]]:
    """Return the events of the axon; the devbox's own directory gets Runloop's name."""
    result = axon.execute(f"SELECT {', '.join(COLUMNS)} FROM rl_axon_events ORDER BY sequence")
    events = [dict(zip(COLUMNS, row, strict=True)) for row in result.rows]
    for event in events:
        event["origin"] = ORIGINS[event["origin"]]
        event["payload"] = event["payload"].replace(directory, "/home/user")
    return events


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, help="….jsonl.gz")
    args = parser.parse_args()
    files = {f"source/{day}.csv": orders(day, count) for day, count in ORDERS.items()}
    files["nightly.py"] = (HERE / "nightly.py").read_text("utf-8")
    with tempfile.TemporaryDirectory() as home:
        try:
            with an.connect(home=home) as client:
                axon = client.create_axon("nightly")
                mount = {
                    "type": "broker_mount",
                    "axon_id": axon.id,
                    "protocol": "acp",
                    "agent_binary": "axon-notebook-demo-agent",
                }
                box = client.create_devbox("nightly", mounts=[mount], files=files)
                directory = str(box.info().directory)
                hold_the_run(axon, box)
                time.sleep(1)  # the broker writes its last words
                events = recorded(axon, directory)
        finally:
            stop_service(Path(home))
    lines = "".join(json.dumps(event) + "\n" for event in events)
    with gzip.GzipFile(args.output, "wb", mtime=0) as file:
        file.write(lines.encode())
    sys.stderr.write(f"{len(events):,} events written to {args.output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
