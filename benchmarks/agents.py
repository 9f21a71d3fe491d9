"""Updates from an agent's process through broker, service and stream to a session.

    python benchmarks/agents.py                 # 40,000 updates of one turn
    python benchmarks/agents.py --updates 100000

The agent writes as fast as it is read.  Its peer, in the same run, is the same flood read from
the history as a frame, without a session.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from report import report

import axon_notebook as an

AGENT = """
import json, sys
COUNT = int(sys.argv[1])

def put(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\\n")

for line in sys.stdin:
    message = json.loads(line)
    method, number = message.get("method"), message.get("id")
    if method == "initialize":
        put(id=number, result={"protocolVersion": 1, "agentCapabilities": {}})
    elif method == "session/new":
        put(id=number, result={"sessionId": "s"})
    elif method == "session/prompt":
        block = {"type": "text", "text": "a few words "}
        update = {"sessionUpdate": "agent_message_chunk", "content": block}
        for _ in range(COUNT):
            put(method="session/update", params={"sessionId": "s", "update": update})
        put(id=number, result={"stopReason": "end_turn"})
    sys.stdout.flush()
"""


def flood(client: an.Client, folder: Path, updates: int) -> tuple[float, float]:
    """Seconds until the session has all updates, and until a frame of the history has them."""
    agent = folder / "agent.py"
    agent.write_text(AGENT, "utf-8")
    axon = client.create_axon("flood")
    mount = {"type": "broker_mount", "axon_id": axon.id, "protocol": "acp"}
    mount |= {"agent_binary": sys.executable, "launch_args": [str(agent), str(updates)]}
    box = client.create_devbox(mounts=[mount])
    with an.AgentSession(axon) as session:
        began = time.perf_counter()
        text = session.prompt("go").result(600).text
        seconds = time.perf_counter() - began
        assert len(text) == updates * len("a few words ")
    began = time.perf_counter()
    assert len(axon.events(limit=updates)) == updates
    read = time.perf_counter() - began
    box.shutdown()
    return seconds, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=40_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, an.connect() as client:
        flood(client, Path(folder), 1_000)  # everything is loaded
        seconds, read = flood(client, Path(folder), options.updates)
    rate, plain = options.updates / seconds, options.updates / read
    print(f"{rate:,.0f} updates/s to a session; as plain events of the history {plain:,.0f}/s")
    peer = {"the history as a frame": plain}
    report(
        "updates from an agent to a session", "updates/s", rate, peer, better="higher", goal=8_500
    )


if __name__ == "__main__":
    main()
