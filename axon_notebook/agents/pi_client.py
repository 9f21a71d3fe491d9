"""Builds what a client of Pi's RPC mode publishes.

Source: the documentation of Pi 1.6; Runloop's broker documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Final

from ..models import AxonEvent
from .attachments import link_text
from .client_protocol import AgentAnswer, Message
from .model import Question
from .parts import Image, Link, Part, Resource, Setting, Text
from .replies import Reply
from .untrusted import Fields, obj, text

__all__ = ["PiClient"]


class PiClient:
    """One client of one agent."""

    source: Final = "pi-sdk-client"

    def __init__(self) -> None:
        self._prefix = token_hex(4)
        self._numbers = count(1)

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the event that makes the broker ask for the state."""
        return "get_state", ("initialize", {})

    def initialized(self) -> Message | None:
        """Nothing follows."""
        return None

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Nothing to ask: the process is the session."""
        return None

    def authenticate(self, method: str) -> tuple[str, Message] | None:
        """Nothing to ask: Pi logs in by its environment."""
        return None

    def prompt(self, session: str, parts: Sequence[Part]) -> Message:
        """Ask for a turn."""
        words = "\n\n".join(_words(part) for part in parts if not isinstance(part, Image))
        payload: Fields = {"id": self._id(), "type": "prompt", "message": words}
        images = [part for part in parts if isinstance(part, Image)]
        if images:
            payload["images"] = [
                {"type": "image", "data": image.data, "mimeType": image.mime} for image in images
            ]
        return "turn/start", payload

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""
        return "cancel", {}

    def switch(self, session: str, setting: Setting, value: object) -> tuple[str, Message] | None:
        """Return key and request to set the model or the thinking level."""
        key = self._id()
        if setting.category == "model":
            provider, _, model = str(value).partition("/")
            body: Fields = {"type": "set_model", "provider": provider, "modelId": model}
        elif setting.category == "thought_level":
            body = {"type": "set_thinking_level", "level": value}
        else:
            return None
        return key, (text(body["type"]), {"id": key, **body})

    def keep(self, setting: Setting, value: object) -> bool:
        """Nothing is kept: a switch is a request."""
        return False

    def offers(self) -> list[Message]:
        """Ask for models and commands."""
        names = ("get_available_models", "get_commands")
        return [(name, {"id": self._id(), "type": name}) for name in names]

    def answer(self, question: Question, reply: Reply) -> Message:
        """Answer a dialog of an extension."""
        payload: Fields = {"type": "extension_ui_response", "id": question.question_id}
        if reply.option is not None and question.question_kind == "permission":
            payload["confirmed"] = reply.option.kind.startswith("allow")
        elif reply.action == "accept":
            payload["value"] = reply.values.get("value", "")
        else:
            payload["cancelled"] = True
        return "extension_ui_response", payload

    def refusal(self, event: AxonEvent, fields: Fields) -> Message | None:
        """Pi asks nothing else that waits for an answer."""
        return None

    # -- pairing

    def asked(self, event: AxonEvent, fields: Fields) -> str | None:
        """Return the key of the answer that a client's event waits for, if it does."""
        if event.event_type == "initialize":
            return "get_state"
        named = isinstance(fields.get("id"), str) and event.event_type != "turn/start"
        return text(fields.get("id")) if named and "type" in fields else None

    def answered(self, event: AxonEvent, fields: Fields) -> AgentAnswer | None:
        """Return the answer that an agent's event is, if it is one."""
        if event.event_type != "response":
            return None
        command, name = text(fields.get("command")), text(fields.get("id"))
        key = "get_state" if command == "get_state" else name
        if not key or command == "prompt":
            return None
        data = obj(fields.get("data"))
        if fields.get("success") is not True:
            return AgentAnswer(key, data, text(fields.get("error"), "no reason given"))
        return AgentAnswer(key, data)

    def _id(self) -> str:
        return f"{self._prefix}-{next(self._numbers)}"


def _words(part: Part) -> str:
    match part:
        case Text():
            return part.text
        case Resource() if part.text is not None:
            return f"{part.uri}:\n{part.text}"
        case Link():
            return link_text(part)
    raise TypeError(f"{type(part).__name__} cannot be part of a prompt to Pi")
