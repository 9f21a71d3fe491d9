"""An agent that speaks Pi's RPC mode from a script, as far as a broker goes.

The words of a prompt say what it does: ``retry``: two runs, one end · ``dialog``: asks first ·
``wait``: until it is aborted · ``handled``: begins no run · ``refuse`` · ``hologram``: asks in
a way that nobody knows · anything else: echoes.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def tell(kind: str, **fields: Any) -> None:
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


def received() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    command: dict[str, Any] = json.loads(line)
    return command


def answer(command: dict[str, Any], **fields: Any) -> None:
    tell("response", id=command.get("id"), command=command["type"], **{"success": True, **fields})


def run(text: str, reason: str = "stop", **fields: Any) -> None:
    tell("agent_start")
    content = [{"type": "text", "text": text}]
    message = {"role": "assistant", "content": content, "stopReason": reason, **fields}
    tell("message_end", message=message)
    tell("agent_end", messages=[], willRetry=reason == "error")


def ask(method: str) -> dict[str, Any]:
    tell("extension_ui_request", id="d1", method=method, title="Sure?")
    while (command := received())["type"] != "extension_ui_response":
        pass
    return command


def prompt(command: dict[str, Any]) -> None:
    text = command["message"]
    if text == "refuse":
        answer(command, success=False, error="no model selected")
        return
    if text == "handled":
        answer(command, data={"disposition": "handled"})
        return
    answer(command)
    match text:
        case "retry":
            run("", "error", errorMessage="overloaded")
            run("second")
        case "dialog":
            run(str(ask("confirm").get("confirmed")))
        case "hologram":
            run(str(ask("hologram").get("cancelled")))
        case "wait":
            while (other := received())["type"] != "abort":
                pass
            run("", "aborted")
            answer(other)
            tell("agent_settled", aborted=True)
            return
        case _:
            run(text)
    tell("agent_settled")


def main() -> None:
    assert sys.argv[-2:] == ["--mode", "rpc"], "the broker says which mode to run in"
    while True:
        command = received()
        if command["type"] == "prompt":
            prompt(command)
        else:
            answer(command, data={"sessionId": "pi-1"})


if __name__ == "__main__":
    main()
