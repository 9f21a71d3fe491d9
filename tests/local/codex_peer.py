"""An agent that speaks Codex's app-server protocol from a script, as far as a broker goes.

The words of a prompt say what it does: ``approve``: asks for permission first · ``wait``:
until it is interrupted · ``fail``: the turn fails · ``child``: a sub-agent's thread ends a
turn first · ``vendor``: asks what nobody knows · anything else: echoes.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

THREAD = f"thread-{os.getpid()}"
threads: set[str] = set()
turns = 0


def tell(**frame: Any) -> None:
    sys.stdout.write(json.dumps(frame) + "\n")
    sys.stdout.flush()


def received() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    frame: dict[str, Any] = json.loads(line)
    return frame


def notify(method: str, **params: Any) -> None:
    tell(method=method, params=params)


def say(thread: str, text: str) -> None:
    item = {"type": "agentMessage", "id": "m1", "text": text}
    notify("item/completed", threadId=thread, turnId=f"u{turns}", item=item)


def ask(method: str, **params: Any) -> Any:
    tell(id=turns, method=method, params=params)
    while (answer := received()).get("id") != turns or "method" in answer:
        pass
    return answer.get("result", answer.get("error"))


def complete(thread: str, turn: str, status: str, **fields: Any) -> None:
    notify("turn/completed", threadId=thread, turn={"id": turn, "status": status, **fields})


def turn(number: Any, params: dict[str, Any]) -> None:
    global turns
    turns += 1
    thread, text, turn_id = params["threadId"], params["input"][0]["text"], f"u{turns}"
    tell(id=number, result={"turn": {"id": turn_id, "status": "inProgress", "items": []}})
    notify("turn/started", threadId=thread, turn={"id": turn_id, "status": "inProgress"})
    match text:
        case "approve":
            say(thread, ask("item/commandExecution/requestApproval", command="ls")["decision"])
        case "vendor":
            say(thread, str(ask("vendor/question")["code"]))
        case "child":
            complete("child", "u-child", "completed")
            say(thread, "after the child")
        case "wait":
            while (frame := received()).get("method") != "turn/interrupt":
                pass
            assert frame["params"] == {"threadId": thread, "turnId": turn_id}
            tell(id=frame["id"], result={})
            complete(thread, turn_id, "interrupted")
            return
        case "fail":
            complete(thread, turn_id, "failed", error={"message": "usage limit reached"})
            return
        case _:
            say(thread, text)
    complete(thread, turn_id, "completed")


def main() -> None:
    assert "app-server" in sys.argv, "the broker says which surface to serve"
    initialized = False
    while True:
        frame = received()
        method, number, params = frame.get("method"), frame.get("id"), frame.get("params", {})
        if method == "initialize":
            initialized = True
            tell(id=number, result={"userAgent": "peer"})
        elif not initialized:
            tell(id=number, error={"code": -32600, "message": "Not initialized"})
        elif method == "thread/start":
            threads.add(THREAD)
            tell(id=number, result={"thread": {"id": THREAD}, "cwd": params.get("cwd")})
        elif method == "thread/resume":
            threads.add(params["threadId"])
            tell(id=number, result={"thread": {"id": params["threadId"]}})
        elif method == "turn/start" and params["threadId"] not in threads:
            tell(id=number, error={"code": -32600, "message": "thread not found"})
        elif method == "turn/start":
            turn(number, params)
        elif method is not None and number is not None:
            tell(id=number, error={"code": -32600, "message": f"unknown method {method}"})


if __name__ == "__main__":
    main()
