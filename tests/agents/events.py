"""Events of an agent, built in a line each."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from axon_notebook.models import AxonEvent


class Script:
    """Numbers events as an axon does."""

    def __init__(self, first: int = 1, axon_id: str = "axn_1") -> None:
        self._numbers = count(first)
        self._axon_id = axon_id

    def event(self, origin: str, event_type: str, payload: Any) -> AxonEvent:
        number = next(self._numbers)
        text = payload if isinstance(payload, str) else json.dumps(payload)
        return AxonEvent(
            number, self._axon_id, 1000 + number, f"{origin}_EVENT", "test", event_type, text
        )

    def user(self, event_type: str, payload: Any = "{}") -> AxonEvent:
        return self.event("USER", event_type, payload)

    def agent(self, event_type: str, payload: Any = "{}") -> AxonEvent:
        return self.event("AGENT", event_type, payload)

    def system(self, event_type: str, **payload: Any) -> AxonEvent:
        return self.event("SYSTEM", event_type, payload)

    def update(self, kind: str, session: str = "s", /, **fields: Any) -> AxonEvent:
        return self.agent(
            "session/update", {"sessionId": session, "update": {"sessionUpdate": kind, **fields}}
        )

    def says(self, text: str, session: str = "s") -> AxonEvent:
        content = {"type": "text", "text": text}
        return self.update("agent_message_chunk", session, content=content)

    def prompt(self, text: str, session: str = "s") -> AxonEvent:
        block = {"type": "text", "text": text}
        return self.user("session/prompt", {"sessionId": session, "prompt": [block]})

    def asks(self, call: str = "c1", session: str = "s") -> AxonEvent:
        options = [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]
        options.append({"optionId": "no", "name": "No", "kind": "reject_once"})
        tool = {"toolCallId": call, "title": f"Do {call}"}
        return self.agent(
            "session/request_permission",
            {"sessionId": session, "toolCall": tool, "options": options},
        )
