"""An agent that speaks stream-json from a script: the words of a prompt say what it does.

``tool``: asks for permission first · ``wait``: waits to be interrupted · ``fail``: ends with an
error · ``boom``: dies · anything else: answers in two deltas.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

SESSION = "claude-peer-session"


def tell(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def heard() -> dict[str, Any]:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    message: dict[str, Any] = json.loads(line)
    return message


def acknowledge(request: dict[str, Any], response: dict[str, Any] | None = None) -> None:
    body = {"subtype": "success", "request_id": request["request_id"], "response": response or {}}
    tell({"type": "control_response", "response": body})


def result(subtype: str, text: str, *, is_error: bool = False) -> None:
    tell(
        {
            "type": "result",
            "subtype": subtype,
            "is_error": is_error,
            "result": text,
            "session_id": SESSION,
            "duration_ms": 12,
            "num_turns": 1,
            "total_cost_usd": 0.0125,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    )


def assistant(*content: dict[str, Any]) -> None:
    message = {"role": "assistant", "model": "peer", "content": list(content)}
    tell({"type": "assistant", "message": message, "session_id": SESSION})


def use_tool(command: str) -> str:
    """Ask, run if allowed, and tell the outcome as Claude does."""
    call = {"command": command}
    assistant({"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": call})
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "input": call}
    request["tool_use_id"] = "toolu_1"
    tell({"type": "control_request", "request_id": "peer_1", "request": request})
    while (answer := heard())["type"] != "control_response":
        pass
    decision = answer["response"]["response"]
    allowed = decision["behavior"] == "allow"
    output = f"ran {decision['updatedInput']['command']}" if allowed else decision["message"]
    block = {"type": "tool_result", "tool_use_id": "toolu_1", "content": output}
    block["is_error"] = not allowed
    message = {"role": "user", "content": [block]}
    tell({"type": "user", "message": message, "session_id": SESSION})
    return output


def wait_for_interrupt() -> None:
    while True:
        message = heard()
        if message["type"] == "control_request":
            acknowledge(message)
            if message["request"]["subtype"] == "interrupt":
                return


def turn(text: str) -> None:
    tell({"type": "system", "subtype": "init", "session_id": SESSION, "model": "peer"})
    if "boom" in text:
        sys.stderr.write("about to die\n")
        os._exit(9)
    if "fail" in text:
        result("error_during_execution", "it failed", is_error=True)
        return
    if "wait" in text:
        wait_for_interrupt()
        result("error_during_execution", "interrupted", is_error=True)
        return
    answer = use_tool("ls") if "tool" in text else f"You said: {text}"
    for part in (answer[: len(answer) // 2], answer[len(answer) // 2 :]):
        delta = {"type": "text_delta", "text": part}
        event = {"type": "content_block_delta", "index": 0, "delta": delta}
        tell({"type": "stream_event", "event": event, "session_id": SESSION})
    assistant({"type": "text", "text": answer})
    result("success", answer)


def main() -> None:
    assert "stream-json" in sys.argv, "the broker says how to speak"
    while True:
        message = heard()
        if message["type"] == "control_request":
            acknowledge(message, {"commands": []})
        elif message["type"] == "user":
            content = message["message"]["content"]
            turn(content if isinstance(content, str) else content[0]["text"])


if __name__ == "__main__":
    main()
