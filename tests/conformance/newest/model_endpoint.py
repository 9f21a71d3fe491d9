"""A model that does as it is told, for agents that need one: two APIs on one local port.

Anthropic's Messages and OpenAI's Responses, both streaming.  What stands behind ``DO:`` in
the last message of the user says what the model answers: ``say TEXT`` · ``run COMMAND``: the
agent's shell tool · ``ask``: a question with choices · ``delegate TEXT``: a subagent that is
told TEXT · ``wait``: words without an end · ``fail``: an error.  After a tool's result it
says what the result was.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

__all__ = ["serve"]

ORDER: Final = re.compile(r"DO:(\w+) ?([^\n<]*)")
USAGE: Final = {"input_tokens": 10, "output_tokens": 5}
MOST_WORDS: Final = 600

#: Names of the shell tool, by which agents and versions of theirs call it.
SHELLS: Final = ("Bash", "bash", "exec_command", "shell_command", "shell", "local_shell")

QUESTION: Final = {
    "question": "Which color?",
    "header": "Color",
    "multiSelect": False,
    "options": [
        {"label": "Red", "description": "warm"},
        {"label": "Blue", "description": "cold"},
    ],
}

Event = dict[str, Any]


class Server(ThreadingHTTPServer):
    """Serves each request in a thread that ends with the process."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Say nothing: an agent may hang up at any time."""


class Handler(BaseHTTPRequestHandler):
    """One request; the protocol is told from the path."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json(200, {"data": [], "models": []})

    def do_HEAD(self) -> None:
        self._json(200, {})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        path = self.path.partition("?")[0]
        if path.endswith("/messages"):
            self._answer(body, anthropic_order(body), anthropic_stream)
        elif path.endswith("/responses"):
            self._answer(body, openai_order(body), openai_stream)
        elif path.endswith("/count_tokens"):
            self._json(200, {"input_tokens": 10})
        else:
            self._json(404, {"error": {"type": "not_found", "message": path}})

    def log_message(self, *_: Any) -> None:
        return

    def _answer(self, body: Event, order: tuple[str, str], stream: Any) -> None:
        if order[0] == "fail":
            error = {"type": "invalid_request_error", "message": "the model was told to fail"}
            self._json(400, {"type": "error", "error": error})
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):  # an interrupted agent hangs up
            for event in stream(body, order):
                text = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                self.wfile.write(text.encode())
                self.wfile.flush()

    def _json(self, status: int, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def order_in(texts: list[str]) -> tuple[str, str]:
    """Return what the last ``DO:`` says."""
    for text in reversed(texts):
        if found := ORDER.search(text):
            return found[1], found[2].strip()
    return "say", "ok"


def words(order: tuple[str, str]) -> Iterator[str]:
    """Yield the pieces of a text."""
    if order[0] != "wait":
        yield order[1]
        return
    for number in range(MOST_WORDS):
        yield f"{number} "
        time.sleep(0.1)


def tool_for(order: tuple[str, str], names: list[str]) -> tuple[str, Any] | None:
    """Return the tool call that *order* asks for, if the agent has such a tool."""
    name: str | None = None
    arguments: Any = {}
    match order[0]:
        case "run":
            name = next((shell for shell in SHELLS if shell in names), None)
            command: Any = ["bash", "-lc", order[1]] if name == "shell" else order[1]
            key = "cmd" if name == "exec_command" else "command"
            arguments = {key: command}
            if name == "Bash":
                arguments["description"] = "as told"
        case "ask":
            name, arguments = "AskUserQuestion", {"questions": [QUESTION]}
        case "delegate":
            name = next((n for n in ("Agent", "Task") if n in names), None)
            arguments = {
                "description": "as told",
                "prompt": f"DO:{order[1]}",
                "subagent_type": "general-purpose",
                "run_in_background": False,
            }
    return None if name is None else (name, arguments)


# -- Anthropic's Messages


def anthropic_order(body: Event) -> tuple[str, str]:
    users = [m for m in body.get("messages", []) if m.get("role") == "user"]
    content = users[-1]["content"] if users else ""
    if isinstance(content, str):
        return order_in([content])
    for block in content:
        if block.get("type") == "tool_result":
            return "say", f"result: {block_text(block.get('content'))[:200]}"
    return order_in([block.get("text", "") for block in content])


def block_text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(block.get("text", "")) for block in content)
    return str(content or "")


def anthropic_stream(body: Event, order: tuple[str, str]) -> Iterator[Event]:
    message: Event = {
        "id": f"msg_{time.time_ns()}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": USAGE,
    }
    yield {"type": "message_start", "message": message}
    tool = tool_for(order, [tool.get("name", "") for tool in body.get("tools", [])])
    if tool is None:
        start: Event = {"type": "text", "text": ""}
        deltas: Any = ({"type": "text_delta", "text": text} for text in words(order))
    else:
        start = {"type": "tool_use", "id": f"toolu_{time.time_ns()}", "name": tool[0], "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": json.dumps(tool[1])}]
    yield {"type": "content_block_start", "index": 0, "content_block": start}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    reason = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": reason, "usage": USAGE}
    yield {"type": "message_stop"}


# -- OpenAI's Responses


def openai_order(body: Event) -> tuple[str, str]:
    items = body.get("input", [])
    last = items[-1] if isinstance(items, list) and items else {}
    if str(last.get("type", "")).endswith("_call_output"):
        output = last.get("output")
        return "say", f"result: {output if isinstance(output, str) else json.dumps(output)}"[:200]
    texts = [
        part.get("text", "")
        for item in items
        if item.get("role") == "user"
        for part in item.get("content", [])
    ]
    return order_in(texts)


def openai_stream(body: Event, order: tuple[str, str]) -> Iterator[Event]:
    number = f"resp_{time.time_ns()}"
    response: Event = {"id": number, "object": "response", "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": response}
    tool = tool_for(order, [tool.get("name", "") for tool in body.get("tools", [])])
    if tool is not None:
        item: Event = {"type": "function_call", "id": f"fc_{number}", "call_id": f"call_{number}"}
        item |= {"name": tool[0], "arguments": json.dumps(tool[1])}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
    else:
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant", "content": []}
        yield {"type": "response.output_item.added", "output_index": 0, "item": item}
        said = ""
        for text in words(order):
            said += text
            place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
            yield {"type": "response.output_text.delta", **place, "delta": text}
        part = {"type": "output_text", "text": said, "annotations": []}
        item = {**item, "status": "completed", "content": [part]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    done = {**response, "status": "completed", "output": [item], "usage": usage}
    yield {"type": "response.completed", "response": done}


@contextlib.contextmanager
def serve() -> Iterator[str]:
    """Serve on a free port of this machine; yield the address without a path."""
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
