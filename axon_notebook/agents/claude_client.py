"""Builds what a client of Claude Code's stream-json publishes.

Source: the types of Claude Code's SDK (0.3.332); Runloop's broker documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Final
from uuid import uuid4

import msgspec

from ..models import AxonEvent
from .attachments import link_text
from .client_protocol import AgentAnswer, Message
from .model import Question
from .parts import Image, Link, Part, Resource, Setting, Text
from .replies import Reply
from .untrusted import Fields, array, obj, text

__all__ = ["ClaudeClient"]

#: Control requests of the agent that are questions to a person.
QUESTIONS: Final = ("can_use_tool", "elicitation")


class ClaudeClient:
    """One client of one agent."""

    source: Final = "claude-sdk-client"

    def __init__(self) -> None:
        self._numbers = count(1)

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""
        return self._control({"subtype": "initialize"})

    def initialized(self) -> Message | None:
        """Nothing follows."""
        return None

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Nothing to ask: the process is the session."""
        return None

    def authenticate(self, method: str) -> tuple[str, Message] | None:
        """Nothing to ask: Claude logs in by its environment."""
        return None

    def prompt(self, session: str, parts: Sequence[Part]) -> Message:
        """Ask for a turn."""
        blocks = [_block(part) for part in parts]
        plain = len(parts) == 1 and isinstance(parts[0], Text)
        return "query", {
            "type": "user",
            "uuid": str(uuid4()),
            "message": {"role": "user", "content": blocks[0]["text"] if plain else blocks},
            "parent_tool_use_id": None,
            "session_id": session,
        }

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""
        return self._control({"subtype": "interrupt"})[1]

    def switch(self, session: str, setting: Setting, value: object) -> tuple[str, Message] | None:
        """Return key and request to set the permission mode or the model."""
        if setting.category == "mode":
            return self._control({"subtype": "set_permission_mode", "mode": value})
        if setting.category == "model":
            return self._control({"subtype": "set_model", "model": value})
        return None

    def keep(self, setting: Setting, value: object) -> bool:
        """Nothing is kept: a switch is a request."""
        return False

    def offers(self) -> list[Message]:
        """Nothing to ask: the agent tells it by itself."""
        return []

    def answer(self, question: Question, reply: Reply) -> Message:
        """Answer a question of the agent."""
        request = obj(obj(question.request).get("request"))
        if request.get("subtype") == "elicitation":
            action = reply.action if reply.action in ("accept", "decline") else "cancel"
            response: Fields = {"action": action}
            if reply.values:
                response["content"] = reply.values
        else:
            response = self._decision(question, request, reply)
        body = {"subtype": "success", "request_id": question.question_id, "response": response}
        return "control_response", {"type": "control_response", "response": body}

    def _decision(self, question: Question, request: Fields, reply: Reply) -> Fields:
        arguments = request.get("input")
        if reply.action == "accept":
            answers = {name: _joined(value) for name, value in reply.values.items()}
            updated = {**obj(arguments), "answers": answers}
            return {"behavior": "allow", "updatedInput": updated}
        option = reply.option
        if option is None or not option.kind.startswith("allow"):
            why = "the user rejected this" if option is not None else "the turn was cancelled"
            if question.question_kind == "choice" and reply.action != "cancel":
                why = "the user dismissed the question"
            return {"behavior": "deny", "message": why}
        decision: Fields = {"behavior": "allow", "updatedInput": arguments}
        if option.kind == "allow_always":
            decision["updatedPermissions"] = array(request.get("permission_suggestions"))
        elif option.id == "accept_edits":
            mode = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
            decision["updatedPermissions"] = [mode]
        return decision

    def refusal(self, event: AxonEvent, fields: Fields) -> Message | None:
        """Refuse a control request that no codec knows (hooks, MCP, dialogs)."""
        if event.event_type != "control_request":
            return None
        subtype = obj(fields.get("request")).get("subtype")
        if subtype in QUESTIONS:
            return None
        body = {
            "subtype": "error",
            "request_id": fields.get("request_id"),
            "error": f"Unsupported control request subtype: {subtype}",
            "error_code": "unsupported_request",
        }
        return "control_response", {"type": "control_response", "response": body}

    # -- pairing

    def asked(self, event: AxonEvent, fields: Fields) -> str | None:
        """Return the key of the answer that a client's event waits for, if it does."""
        return text(fields.get("request_id")) if event.event_type == "control_request" else None

    def answered(self, event: AxonEvent, fields: Fields) -> AgentAnswer | None:
        """Return the answer that an agent's event is, if it is one."""
        if event.event_type != "control_response":
            return None
        body = obj(fields.get("response"))
        key, value = text(body.get("request_id")), obj(body.get("response"))
        if body.get("subtype") == "error":
            return AgentAnswer(key, value, text(body.get("error"), "no reason given"))
        return AgentAnswer(key, value)

    def _control(self, request: Fields) -> tuple[str, Message]:
        key = f"req_{next(self._numbers)}_{token_hex(4)}"
        payload: Fields = {"type": "control_request", "request_id": key, "request": request}
        return key, ("control_request", payload)


def _joined(value: object) -> str:
    """Return several labels as one text, as Claude takes them apart again."""
    if not isinstance(value, list):
        return str(value)
    items = [msgspec.json.encode(v).decode() if ", " in v or '"' in v else v for v in value]
    return ", ".join(items)


def _block(part: Part) -> Fields:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            source = {"type": "base64", "media_type": part.mime, "data": part.data}
            return {"type": "image", "source": source}
        case Resource() if part.text is not None:
            return {"type": "text", "text": f"{part.uri}:\n{part.text}"}
        case Resource():
            source = {"type": "base64", "media_type": part.mime, "data": part.blob or ""}
            return {"type": "document", "source": source}
        case Link():
            return {"type": "text", "text": link_text(part)}
    raise TypeError(f"{type(part).__name__} cannot be part of a prompt to Claude")
