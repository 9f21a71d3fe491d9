#!/usr/bin/env python3
"""A Claude Code that prints what a JSON file says.

``{"turns": [[step…], …]}``; a step is a message to print, ``{"_raw": text}`` (printed as it is),
``{"_sleep": seconds}``, or ``{"_ask": request}``: its answer is said, or it is taken back if the
step has ``cancel_after``.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

Message = dict[str, Any]


def put(message: Message) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def received() -> Message:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: Message = json.loads(line)
    return message


def acknowledge(request: Message) -> None:
    body = {"subtype": "success", "request_id": request["request_id"], "response": {}}
    put({"type": "control_response", "response": body})


def say(text: str) -> None:
    message = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    put({"type": "assistant", "message": message, "parent_tool_use_id": None})


def ask(step: Message, number: int) -> None:
    name = f"ask_{number}"
    put({"type": "control_request", "request_id": name, "request": step["_ask"]})
    if "cancel_after" in step:
        put({"type": "control_cancel_request", "request_id": name})
        return
    while (message := received()).get("response", {}).get("request_id") != name:
        if message["type"] == "control_request":
            acknowledge(message)
            return
    say(f"[answered {json.dumps(message['response'], sort_keys=True)}] ")


def run(steps: list[Message], turn: int) -> None:
    for number, step in enumerate(steps):
        if "_raw" in step:
            sys.stdout.write(step["_raw"])
            sys.stdout.flush()
        elif "_sleep" in step:
            time.sleep(0.1)
        elif "_ask" in step:
            ask(step, 100 * turn + number)
        else:
            put(step)


def main() -> None:
    turns = json.loads(Path(sys.argv[1]).read_text("utf-8"))["turns"]
    turn = 0
    while True:
        message = received()
        if message["type"] == "control_request":
            acknowledge(message)
        elif message["type"] == "user":
            run(turns[turn], turn)
            turn += 1


if __name__ == "__main__":
    main()
