"""Run this project's tests and record the run as the events of an agent at work.

    python notebooks/data/record_test_run.py tests/wire -o notebooks/data/test_run.jsonl.gz

Every test is a tool call with its start, its output and its end; every file is
an entry of the plan; the run is one turn.  Times are those of the real run.  The
event types and payloads have the shape an ACP agent's have behind an axon's broker.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

SESSION = "sess_test_run"


class Recorder:
    """A pytest plugin that writes one JSON line per event."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.files: list[str] = []
        self.passed = self.failed = self.tokens = 0

    def publish(
        self, event_type: str, payload: dict[str, Any], origin: str = "AGENT_EVENT"
    ) -> None:
        self.events.append(
            {
                "timestamp_ms": int(time.time() * 1000),
                "origin": origin,
                "source": "test-runner" if origin == "AGENT_EVENT" else "notebook",
                "event_type": event_type,
                "payload": json.dumps(payload, separators=(",", ":")),
            }
        )

    def update(self, update: str, **fields: Any) -> None:
        body = {"sessionId": SESSION, "update": {"sessionUpdate": update, **fields}}
        self.publish("session/update", body)

    def say(self, text: str, kind: str = "agent_message_chunk") -> None:
        for word in text.split(" "):
            self.update(kind, content={"type": "text", "text": f"{word} "})

    def plan(self, current: str | None) -> None:
        done = self.files.index(current) if current else len(self.files)
        states = ["completed"] * done + ["in_progress"] + ["pending"] * len(self.files)
        entries = [
            {"content": f"run {name}", "priority": "medium", "status": state}
            for name, state in zip(self.files, states, strict=False)
        ]
        self.update("plan", entries=entries)

    # -- pytest's hooks

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.files = list(dict.fromkeys(item.nodeid.partition("::")[0] for item in session.items))
        prompt = [{"type": "text", "text": "Run the tests and tell me what is slow or broken."}]
        body = {"sessionId": SESSION, "prompt": prompt}
        self.publish("session/prompt", body, origin="USER_EVENT")
        self.publish("turn.started", {"turn_id": "turn_1"}, origin="EXTERNAL_EVENT")
        self.say(
            f"There are {len(session.items)} tests in {len(self.files)} files; "
            "I run them file by file and keep an eye on the slow ones.",
            "agent_thought_chunk",
        )
        self._current = None

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        if file != self._current:
            self._current = file
            self.plan(file)
            self.say(f"Now {file}.")
        self.update(
            "tool_call",
            toolCallId=nodeid,
            title=f"pytest {nodeid}",
            kind="execute",
            status="in_progress",
            rawInput={"command": ["pytest", nodeid]},
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "setup" and report.passed:
            self.update(
                "tool_call_update",
                toolCallId=report.nodeid,
                status="in_progress",
                rawOutput={"phase": "setup", "duration_ms": round(report.duration * 1000, 3)},
            )
        if report.when == "call" or (report.when == "setup" and report.failed):
            self._finish(report)
        elif report.when == "teardown" and report.failed:
            self.say(f"The teardown of {report.nodeid} failed.")

    def _finish(self, report: pytest.TestReport) -> None:
        self.passed += report.passed
        self.failed += report.failed
        text = report.longreprtext.replace(str(Path.cwd()), ".") if report.failed else "passed"
        self.update(
            "tool_call_update",
            toolCallId=report.nodeid,
            status="failed" if report.failed else "completed",
            content=[{"type": "content", "content": {"type": "text", "text": text[-4000:]}}],
            rawOutput={"outcome": report.outcome, "duration_ms": round(report.duration * 1000, 3)},
        )
        self.tokens += len(text) // 4
        if report.failed:
            self.say(f"{report.nodeid} failed after {report.duration:.2f} s.")

    def pytest_sessionfinish(self) -> None:
        self.plan(None)
        self.say(f"{self.passed} tests passed and {self.failed} failed.")
        self.update("usage_update", used=self.tokens, size=200_000)
        self.publish("session/prompt", {"stopReason": "end_turn"})
        completed = {"turn_id": "turn_1", "stop_reason": "end_turn"}
        self.publish("turn.completed", completed, origin="EXTERNAL_EVENT")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", nargs="+", help="what pytest should run")
    parser.add_argument("-o", "--output", type=Path, required=True, help="….jsonl.gz")
    args = parser.parse_args()
    recorder = Recorder()
    pytest.main(["-q", "-p", "no:cacheprovider", *args.tests], plugins=[recorder])
    lines = "".join(json.dumps(event) + "\n" for event in recorder.events)
    with gzip.GzipFile(args.output, "wb", mtime=0) as file:
        file.write(lines.encode())
    sys.stderr.write(f"{len(recorder.events):,} events written to {args.output}\n")
    return 0 if len(recorder.events) >= 5000 else 1


if __name__ == "__main__":
    sys.exit(main())
