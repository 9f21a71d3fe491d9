"""A scripted server that takes prompts: an axon and an agent without either."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from axon_notebook.models import AxonEvent

from ..faults.scripted_server import Request, ScriptedServer
from .events import Script


class AgentServer(ScriptedServer):
    """Answers the handshake; ``on_prompt`` says what a prompt leads to.

    Attributes:
        script: Numbers the events.
        published: What the client has published, type and payload, in order.
        on_prompt: Called on the server's loop; returns the events that follow a prompt.
    """

    def __init__(self, events: Iterable[AxonEvent] = (), *, script: Script | None = None) -> None:
        super().__init__(events)
        self.script = script or Script()
        self.published: list[tuple[str, Any]] = []
        self.on_prompt: Callable[[Script], list[AxonEvent]] = lambda script: []

    def _answer(self, request: Request) -> tuple[int, Any]:
        if request.name != "publish":
            return super()._answer(request)
        body = json.loads(request.body)
        payload = json.loads(body["payload"])
        self.published.append((body["event_type"], payload))
        event = self.script.user(body["event_type"], payload)
        self.tell_soon([event, *self._follows(body["event_type"])])
        return 200, {"sequence": event.sequence, "timestamp_ms": event.timestamp_ms}

    def tell_soon(self, events: list[AxonEvent]) -> None:
        """Append to the history from the server's own loop."""
        self._loop.create_task(self._publish(events))

    def _follows(self, event_type: str) -> list[AxonEvent]:
        match event_type:
            case "initialize":
                return [self.script.agent("initialize", {"protocolVersion": 1})]
            case "session/new":
                return [self.script.agent("session/new", {"sessionId": "s"})]
            case "session/prompt":
                return self.on_prompt(self.script)
        return []
