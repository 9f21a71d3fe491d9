"""An ACP agent from a script, without a library: the words of a prompt say what it does.

``wait``: until it is cancelled · ``deafwait``: whatever comes · ``ask N``: N permissions at once
· ``late``: updates after the answer · ``garbage`` · ``big N``: an update of N bytes
· ``biganswer N`` · ``log`` · ``error`` · ``exit N`` · ``hangup``: closes its output
· ``child``: leaves a process behind · ``orphan``: dies by SIGKILL · ``vendor``: asks what
nobody knows · ``form``: asks for a region · else: echoes.
With ``--deaf`` it never reads; with ``--mute`` it never answers.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

pending: dict[int, Any] = {}


def tell(**message: Any) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def heard() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


def update(session: str, kind: str, **fields: Any) -> None:
    tell(
        method="session/update",
        params={"sessionId": session, "update": {"sessionUpdate": kind, **fields}},
    )


def say(session: str, text: str) -> None:
    update(session, "agent_message_chunk", content={"type": "text", "text": text})


def wait_for_cancel() -> None:
    while heard().get("method") != "session/cancel":
        pass


def ask(session: str, count: int) -> None:
    """Ask *count* permissions at once, then wait for the answers."""
    options = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]
    options.append({"optionId": "no", "name": "No", "kind": "reject_once"})
    for number in range(count):
        call = {"toolCallId": f"call-{number}", "title": f"call {number}", "kind": "execute"}
        params = {"sessionId": session, "toolCall": call, "options": options}
        tell(id=f"q{number}", method="session/request_permission", params=params)
    answers = {}
    while len(answers) < count:
        message = heard()
        if "method" not in message:
            answers[message["id"]] = message["result"]["outcome"]
    words = [answers[f"q{number}"].get("optionId", "cancelled") for number in range(count)]
    say(session, " ".join(words))


def question(session: str, method: str, **params: Any) -> tuple[dict[str, Any], bool]:
    """Ask; return the answer, and whether the turn was cancelled before it came."""
    tell(id="asked", method=method, params={"sessionId": session, **params})
    cancelled = False
    while (message := heard()).get("id") != "asked":
        cancelled |= message.get("method") == "session/cancel"
    return message, cancelled


def vendor(session: str) -> None:
    answer, _ = question(session, "cursor/ask_question", title="Which one?")
    say(session, str(answer["error"]["code"]))


def form(session: str) -> str:
    schema = {"type": "object", "properties": {"region": {"type": "string"}}}
    answer, cancelled = question(
        session, "elicitation/create", message="Where?", requestedSchema=schema
    )
    action = answer["result"]["action"]
    say(session, f"{action} " if cancelled else action)
    return "cancelled" if cancelled else "end_turn"


def prompt(number: Any, params: dict[str, Any]) -> None:
    session, text = params["sessionId"], params["prompt"][0]["text"]
    word, _, rest = text.partition(" ")
    reason = "end_turn"
    match word:
        case "wait":
            say(session, "waiting")
            wait_for_cancel()
            reason = "cancelled"
        case "vendor":
            vendor(session)
        case "form":
            reason = form(session)
        case "deafwait":
            time.sleep(600)
        case "ask":
            ask(session, int(rest))
        case "garbage":
            sys.stdout.write("Welcome to the agent!\n\n[1, 2\n")
            sys.stdout.buffer.write(b"\xff\xfe\n")
            sys.stdout.buffer.write(b'{"jsonrpc":"2.0","id":99,"result":{}}\n')
            say(session, "half \ud83d")
        case "big":
            say(session, "x" * int(rest))
        case "biganswer":
            tell(id=number, result={"stopReason": "end_turn", "note": "x" * int(rest)})
            return
        case "log":
            sys.stderr.write("first\nsecond\n")
            sys.stderr.flush()
            time.sleep(0.1)
        case "error":
            tell(id=number, error={"code": -32000, "message": "no account"})
            return
        case "exit":
            os._exit(int(rest))
        case "orphan":
            say(session, "last words")
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangup":
            os.close(1)
            time.sleep(600)
        case "child":
            child = subprocess.Popen(["sleep", "600"])
            say(session, str(child.pid))
        case _:
            say(session, text)
    tell(id=number, result={"stopReason": reason})
    if word == "late":
        say(session, " and more")


def main() -> None:
    if "--deaf" in sys.argv:
        time.sleep(600)
    while True:
        message = heard()
        method, number = message.get("method"), message.get("id")
        if "--mute" in sys.argv:
            continue
        if method == "initialize":
            tell(id=number, result={"protocolVersion": 1, "agentInfo": {"name": "peer"}})
        elif method == "session/new":
            where = {"cwd": message["params"].get("cwd")}
            tell(id=number, result={"sessionId": f"peer-{os.getpid()}", "_meta": where})
        elif method == "session/load":
            tell(id=number, result={"_meta": {"cwd": message["params"].get("cwd")}})
        elif method == "session/prompt":
            prompt(number, message["params"])
        elif method is not None and number is not None:
            tell(id=number, error={"code": -32601, "message": f"no method {method}"})


if __name__ == "__main__":
    main()
