"""Transcripts of Claude Code: a registry, and lines of Claude in a line each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from axon_notebook.models import AxonEvent

from .events import Script


class Claude(Script):
    """Lines of Claude, each in a line of the test."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = count(1)

    def line(self, kind: str, **fields: Any) -> AxonEvent:
        number = next(self._ids)
        return self.agent(kind, {"type": kind, "uuid": f"u{number}", "session_id": "s", **fields})

    def asks(self, text: str = "go", uuid: str = "p1") -> AxonEvent:  # type: ignore[override]
        message = {"role": "user", "content": text}
        return self.user("query", {"type": "user", "uuid": uuid, "message": message})

    def starts(self, turn: str = "t1") -> AxonEvent:
        return self.system("turn.started", turn_id=turn)

    def ends(self, turn: str = "t1") -> AxonEvent:
        return self.system("turn.completed", turn_id=turn)

    def message(
        self, *blocks: Any, id: str = "m", parent: str | None = None, **more: Any
    ) -> AxonEvent:
        content = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
        body = {"id": id, "role": "assistant", "content": content}
        return self.line("assistant", message=body, parent_tool_use_id=parent, **more)

    def call(
        self, call: str, name: str = "Bash", parent: str | None = None, **given: Any
    ) -> AxonEvent:
        block = {"type": "tool_use", "id": call, "name": name, "input": given}
        return self.message(block, id=f"m{call}", parent=parent)

    def returns(self, call: str, text: Any = "ok", **more: Any) -> AxonEvent:
        block = {"type": "tool_result", "tool_use_id": call, "content": text}
        block |= {name: more.pop(name) for name in ("is_error",) if name in more}
        return self.line("user", message={"role": "user", "content": [block]}, **more)

    def says_user(self, text: str, **more: Any) -> AxonEvent:
        return self.line("user", message={"role": "user", "content": text}, **more)

    def stream(self, kind: str, parent: str | None = None, **fields: Any) -> AxonEvent:
        return self.line("stream_event", event={"type": kind, **fields}, parent_tool_use_id=parent)

    def begins(self, id: str = "m", parent: str | None = None) -> AxonEvent:
        return self.stream("message_start", parent, message={"id": id})

    def opens(self, index: int, kind: str = "text", parent: str | None = None) -> AxonEvent:
        return self.stream(
            "content_block_start", parent, index=index, content_block={"type": kind, kind: ""}
        )

    def piece(
        self, index: int, text: str, kind: str = "text", parent: str | None = None
    ) -> AxonEvent:
        delta = {"type": f"{kind}_delta", kind: text}
        return self.stream("content_block_delta", parent, index=index, delta=delta)

    def closes(self, index: int, parent: str | None = None) -> AxonEvent:
        return self.stream("content_block_stop", parent, index=index)

    def result(self, text: str = "", **more: Any) -> AxonEvent:
        return self.line(
            "result", **{"subtype": "success", "is_error": False, "result": text, **more}
        )

    def news(self, subtype: str, **more: Any) -> AxonEvent:
        return self.line("system", subtype=subtype, **more)

    def request(self, id: str, subtype: str = "can_use_tool", **more: Any) -> AxonEvent:
        request = {"subtype": subtype, **more}
        return self.line("control_request", request_id=id, request=request)

    def reply(self, id: str, **response: Any) -> AxonEvent:
        body = {"subtype": "success", "request_id": id, "response": response}
        return self.user("control_response", {"type": "control_response", "response": body})


Case = Callable[[Claude], list[AxonEvent]]
Cases = list[tuple[str, Case, list[str]]]


def registry(cases: Cases) -> Callable[..., Callable[[Case], Case]]:
    """A decorator that takes a transcript's name and the lines it means."""

    def case(name: str, *expected: str) -> Callable[[Case], Case]:
        def keep(function: Case) -> Case:
            cases.append((name, function, list(expected)))
            return function

        return keep

    return case
