"""An agent that says what a conversation of ``tests/widgets/conversations.py`` has it say.

    python replay_agent.py acp|claude FILE

FILE holds, per prompt, the agent's events as pairs of type and payload.  A request of the
agent waits for its answer, whatever it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REQUESTS = ("elicitation/create", "session/request_permission")


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def heard() -> Iterator[dict[str, Any]]:
    for line in sys.stdin:
        yield json.loads(line)


def acp(turns: list[list[list[Any]]]) -> None:
    messages, left = heard(), iter(turns)
    for message in messages:
        match message.get("method"):
            case "initialize":
                result: Any = {
                    "protocolVersion": 1,
                    "agentInfo": {"name": "replay", "version": "1"},
                }
            case "session/new":
                result = {"sessionId": "s"}
            case "session/prompt":
                result = play_acp(next(left, []), messages)
            case _:
                continue
        say({"jsonrpc": "2.0", "id": message["id"], "result": result})


def play_acp(events: list[list[Any]], messages: Iterator[dict[str, Any]]) -> Any:
    result: Any = {"stopReason": "end_turn"}
    for number, (kind, payload) in enumerate(events):
        if kind == "session/prompt":
            result = payload
        elif kind in REQUESTS:
            name = f"ask-{number}"
            say({"jsonrpc": "2.0", "id": name, "method": kind, "params": payload})
            while next(messages).get("id") != name:
                pass
        else:
            say({"jsonrpc": "2.0", "method": kind, "params": payload})
    return result


def claude(turns: list[list[list[Any]]]) -> None:
    messages, left = heard(), iter(turns)
    for message in messages:
        if message.get("type") == "control_request":
            body = {"subtype": "success", "request_id": message["request_id"], "response": {}}
            say({"type": "control_response", "response": body})
        elif message.get("type") == "user":
            for _, payload in next(left, []):
                say(payload)
                if payload["type"] == "control_request":
                    while next(messages).get("type") != "control_response":
                        pass


if __name__ == "__main__":
    script = json.loads(Path(sys.argv[2]).read_text("utf-8"))
    {"acp": acp, "claude": claude}[sys.argv[1]](script)
