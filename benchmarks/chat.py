"""The chat in a real JupyterLab: smooth to which rate of an agent's updates.

    python benchmarks/chat.py                       # 200, 1,000 and 3,000 updates a second
    python benchmarks/chat.py --rates 1000 --seconds 20

A server in this process sends the updates: Markdown that grows by a few words, a tool call
now and then.  Its peer, in the same run, is the event viewer on the same events.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from report import report
from viewer import SMOOTH, notebooks, percentile

from axon_notebook.models import AxonEvent
from tests.browser.chat_page import Chat
from tests.browser.viewer_page import CONNECT, Viewer
from tests.faults.rate_server import RateServer
from tests.widgets.conversations import MARKDOWN

RATES = (200, 1_000, 3_000)
#: Updates between two tool calls: a message of some 6,000 characters.
MESSAGE = 400
PIECE = 16


def update_of(sequence: int) -> AxonEvent:
    """A conversation of one turn without an end."""
    if sequence == 1:
        body: Any = {"sessionId": "s", "prompt": [{"type": "text", "text": "go on"}]}
        return _event(sequence, "USER_EVENT", "session/prompt", body)
    if sequence == 2:
        body = {"turn_id": "t", "event_sequence": 1}
        return _event(sequence, "SYSTEM_EVENT", "turn.started", body)
    at = sequence % MESSAGE
    update: dict[str, Any] = {"sessionUpdate": "agent_message_chunk"}
    if at == 0:
        update = {"sessionUpdate": "tool_call", "toolCallId": str(sequence), "title": "Look"}
    elif at == 1:
        update = {"sessionUpdate": "tool_call_update", "toolCallId": str(sequence - 1)}
        update["status"] = "completed"
    else:
        start = at * PIECE % len(MARKDOWN)
        update["content"] = {"type": "text", "text": MARKDOWN[start : start + PIECE]}
    body = {"sessionId": "s", "update": update}
    return _event(sequence, "AGENT_EVENT", "session/update", body)


def _event(sequence: int, origin: str, kind: str, payload: Any) -> AxonEvent:
    at_ms = int(time.time() * 1000)
    return AxonEvent(sequence, "axn_1", at_ms, origin, "agent", kind, json.dumps(payload))


def flow(opened: Any, widget: str, rate: int, seconds: float) -> tuple[float, ...]:
    """Frame times in ms while updates come at *rate*."""
    with RateServer(make=update_of) as server:
        cells = [CONNECT.format(url=server.base_url), widget]
        with opened(cells) as notebook:
            notebook.run_all()
            if "Chat" in widget:
                Chat(notebook).says("live", timeout=120)
            else:
                Viewer(notebook).is_live()
            server.run(rate, int(rate * (seconds + 2)))
            times: tuple[float, ...] = notebook.frames(seconds).times
            return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rates", type=int, nargs="*", default=RATES)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    print(f"{'updates/s':>9}  {'chat p50':>8}  {'p95':>6}  {'viewer p95':>10}")
    with notebooks() as opened:
        for rate in options.rates:
            ours = flow(opened, "chat = an.AgentChat(axon)\nchat", rate, options.seconds)
            peer = flow(opened, "viewer = an.EventViewer(axon)\nviewer", rate, options.seconds)
            p50, p95 = percentile(list(ours), 0.5), percentile(list(ours), 0.95)
            other = percentile(list(peer), 0.95)
            print(f"{rate:>9,}  {p50:>8.1f}  {p95:>6.1f}  {other:>10.1f}")
            if rate == 1_000:
                name = f"frame of the chat at {rate:,} updates/s, p95"
                report(name, "ms", p95, {"the event viewer": other}, goal=SMOOTH)


if __name__ == "__main__":
    main()
