#!/usr/bin/env python3
"""An ACP agent that does what a JSON file says.

``{"before_new": [update…], "init": {…}, "new_error": {…}, "turns": [[step…], …]}``; a step is
``{"update": {…}}``, ``{"ask": [method, params]}`` (its answer is said), ``{"message": {…}}``,
``{"result": {…}}`` or ``{"error": {…}}``.  ``authenticate`` ends the ``new_error``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SESSION = "sess_1"
Step = dict[str, Any]


def put(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def received() -> Iterator[Step]:
    for line in sys.stdin:
        yield json.loads(line)


def update(fields: Step) -> None:
    put(method="session/update", params={"sessionId": SESSION, "update": fields})


def say(text: str) -> None:
    content = {"type": "text", "text": text}
    update({"sessionUpdate": "agent_message_chunk", "content": content})


def ask(method: str, params: Step, messages: Iterator[Step], number: int) -> bool:
    """Ask and say the answer; return whether the turn was cancelled instead."""
    put(id=number, method=method, params=params)
    for message in messages:
        if message.get("id") == number and "method" not in message:
            answer = message.get("result", message.get("error"))
            say(f"[answered {json.dumps(answer, sort_keys=True)}] ")
            return False
        if message.get("method") == "session/cancel":
            return True
    return True


def run(steps: list[Step], messages: Iterator[Step]) -> Step:
    """Run the steps; return the answer to the prompt."""
    for number, step in enumerate(steps, start=5000):
        if "update" in step:
            update(step["update"])
        elif "message" in step:
            put(**step["message"])
        elif "ask" in step:
            if ask(*step["ask"], messages, number):
                return {"result": {"stopReason": "cancelled"}}
        else:
            return step
    return {"result": {"stopReason": "end_turn"}}


def answer(message: Step, script: Step, messages: Iterator[Step]) -> Step | None:
    """Return the answer to a request; ``None`` if there is none."""
    match message.get("method"):
        case "initialize":
            usual = {"protocolVersion": 1, "agentInfo": {"name": "scripted"}}
            return {"result": script.get("init", usual)}
        case "authenticate":
            script.pop("new_error", None)
            return {"result": {}}
        case "session/new":
            for fields in script.get("before_new", []):
                update(fields)
            if "new_error" in script:
                return {"error": script["new_error"]}
            return {"result": {"sessionId": SESSION, **script.get("new", {})}}
        case "session/prompt":
            return run(script["turns"].pop(0), messages)
        case "session/set_mode" | "session/set_model":
            return {"result": {}}
    return {"error": {"code": -32601, "message": "no such method"}}


def main() -> None:
    script: Step = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    messages = received()
    for message in messages:
        if "id" in message and "method" in message:
            fields = answer(message, script, messages)
            put(id=message["id"], **(fields or {}))


if __name__ == "__main__":
    main()
