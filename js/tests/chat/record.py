"""Record conversations for the tests of the chat: ``python js/tests/chat/record.py``.

The embedded service, the demo agent and the scripted Claude peer are the real ones; what
is written to ``recorded/`` is what a subscriber of the axon receives.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

import axon_notebook as an
from axon_notebook.local.process.launcher import stop_service

HERE = Path(__file__).parent
PEERS = HERE.parents[2] / "tests" / "agents"


def demo_agent(client: an.Client) -> an.Axon:
    """Files, a plan, a permission given, one refused, a failing tool, a cancelled turn."""
    axon = client.create_axon("demo")
    mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp"}
    mount["agent_binary"] = "axon-notebook-demo-agent"
    with (
        client.create_devbox(mounts=[mount]),
        an.AgentSession(axon, permissions="allow") as session,
    ):
        session.prompt("edit notes.txt: one\ntwo\nthree").result(30)
        session.prompt("edit notes.txt: one\n2\nthree\nfour").result(30)
        session.prompt("count *.txt").result(30)
        session.prompt("files nowhere").result(30)
        session.prompt("run echo out; echo err >&2; exit 3").result(30)
        long = session.prompt("talk 50")
        next(update for update in long if type(update).__name__ == "Text")
        session.cancel()
        long.result(30)
    return axon


def claude(client: an.Client) -> an.Axon:
    """Streamed text, a tool with permission, a failing turn, a dying agent."""
    axon = client.create_axon("claude")
    mount: dict[str, Any] = {"type": "broker_mount", "axon_id": axon.id, "protocol": "claude_json"}
    mount |= {"agent_binary": sys.executable, "launch_args": [str(PEERS / "claude_peer.py")]}
    with (
        client.create_devbox(mounts=[mount]),
        an.AgentSession(axon, "claude", permissions="allow") as session,
    ):
        session.prompt("hello").result(30)
        session.prompt("use a tool").result(30)
        for text in ("please fail", "boom"):
            try:
                session.prompt(text).result(30)
            except an.AxonError:
                continue
            raise AssertionError(f"{text!r} went well")
    return axon


def main() -> None:
    """Write both conversations."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        try:
            with an.connect(home=home) as client:
                for record in (demo_agent, claude):
                    axon = record(client)
                    page = axon.api.list_events(axon.id, limit=5000)
                    lines = [msgspec.json.encode(event) for event in reversed(page.events)]
                    text = b"\n".join(lines).replace(folder.encode(), b"/home")
                    name = record.__name__.replace("_", "-")
                    (HERE / "recorded" / f"{name}.jsonl").write_bytes(text + b"\n")
        finally:
            stop_service(home)


if __name__ == "__main__":
    main()
