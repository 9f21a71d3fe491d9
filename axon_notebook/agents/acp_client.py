"""Builds what a client of the Agent Client Protocol publishes.

Source: Agent Client Protocol, schema v1; Runloop's broker documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..models import AxonEvent
from ..version import __version__
from .acp_methods import (
    AGENT_REQUESTS,
    COMPLETIONS,
    ENVELOPE,
    PERMISSION,
    PROMPT,
    REQUESTS,
    is_envelope,
    unwrapped,
)
from .client_protocol import AgentAnswer, Message
from .model import Question
from .parts import Audio, Image, Link, Part, Resource, Setting, Text
from .replies import Reply
from .untrusted import Fields, integer, obj, text

__all__ = ["AcpClient"]

#: What agents only tell; anything else that no codec knows may be a request and is refused.
NOTIFICATIONS: Final = frozenset(
    {"session/update", "auth/status_update", "$/cancel_request", "$/progress", *COMPLETIONS}
)
#: Extensions that are notifications by the habit of their agents.
EXTENSIONS: Final = (
    "_x.ai/session",
    "_kiro.dev/",
    "_claude/",
    "_codex/",
    "_subagent_",
    "_async_task_",
)


class AcpClient:
    """One client of one agent."""

    source: Final = "acp-sdk-client"

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""
        payload = {
            "protocolVersion": 1,
            "clientInfo": {"name": "axon-notebook", "version": __version__},
            # An empty object means yes.
            "clientCapabilities": {
                "fs": {"readTextFile": False, "writeTextFile": False},
                "terminal": False,
                "session": {"notices": {}, "compaction": {}, "configOptions": {"boolean": {}}},
                "elicitation": {"form": {}, "url": {}},
                "_meta": {"terminal_output": True},
            },
        }
        return "initialize", ("initialize", payload)

    def initialized(self) -> Message | None:
        """Nothing follows."""
        return None

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Return the key of its answer, and the request for a session in *directory*."""
        return "session/new", ("session/new", {"cwd": directory, "mcpServers": []})

    def authenticate(self, method: str) -> tuple[str, Message] | None:
        """Return key and request to log in."""
        return "authenticate", ("authenticate", {"methodId": method})

    def prompt(self, session: str, parts: Sequence[Part]) -> Message:
        """Ask for a turn."""
        return PROMPT, {"sessionId": session, "prompt": [_block(part) for part in parts]}

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn."""
        return "session/cancel", {"sessionId": session}

    def switch(self, session: str, setting: Setting, value: object) -> tuple[str, Message] | None:
        """Return key and request to set a mode, a model or another option."""
        payload: Fields
        if not setting.id and setting.category == "mode":
            name, payload = "session/set_mode", {"modeId": value}
        elif not setting.id:
            name, payload = "session/set_model", {"modelId": value}
        else:
            name, payload = "session/set_config_option", {"configId": setting.id, "value": value}
            if setting.type == "boolean":
                payload["type"] = "boolean"
        return name, (name, {"sessionId": session, **payload})

    def keep(self, setting: Setting, value: object) -> bool:
        """Nothing is kept: a switch is a request."""
        return False

    def offers(self) -> list[Message]:
        """Nothing to ask: the agent tells it by itself."""
        return []

    def answer(self, question: Question, reply: Reply) -> Message:
        """Answer a question of the agent."""
        if question.question_kind in ("permission", "plan"):
            return PERMISSION, _enclosed(question, self._outcome(question, reply))
        method = text(obj(question.request).get("method"), "elicitation/create")
        action = reply.action if reply.action in ("accept", "decline") else "cancel"
        body: Fields = {"action": action}
        if reply.values:
            body["content"] = reply.values
        if method == "session/elicitation":
            body = {"action": body}
        # The axon has no ids of requests; brokers that know this field match by it.
        body["_meta"] = {"runloop.dev/elicitation": {"id": question.question_id}}
        return method, _enclosed(question, body)

    def _outcome(self, question: Question, reply: Reply) -> Fields:
        outcome: Fields = {"outcome": "cancelled"}
        if reply.option is not None:
            outcome = {"outcome": "selected", "optionId": reply.option.id}
        payload: Fields = {"outcome": outcome}
        if question.call_id:
            # The answer has no id: this says which of two questions is meant.
            payload["_meta"] = {"toolCallId": question.call_id}
        return payload

    def refusal(self, event: AxonEvent, fields: Fields) -> Message | None:
        """Refuse a request that no codec knows (files, terminals, extensions)."""
        name, _, request_id, failed = unwrapped(event.event_type, fields)
        known = name in NOTIFICATIONS or name in REQUESTS or name in AGENT_REQUESTS
        if failed or known or name == PROMPT or name.startswith(EXTENSIONS):
            return None
        if is_envelope(fields) and (request_id is None or "method" not in fields):
            return None  # a notification, or an answer
        error = {"code": -32601, "message": f"method not found: this client does not offer {name}"}
        if request_id is not None:
            return event.event_type, {"jsonrpc": "2.0", "id": request_id, "error": error}
        return event.event_type, error

    # -- pairing

    def asked(self, event: AxonEvent, fields: Fields) -> str | None:
        """Return the key of the answer that a client's event waits for, if it does."""
        name = unwrapped(event.event_type, fields)[0]
        return name if name in REQUESTS else None

    def answered(self, event: AxonEvent, fields: Fields) -> AgentAnswer | None:
        """Return the answer that an agent's event is, if it is one."""
        name, value, _, failed = unwrapped(event.event_type, fields)
        if name not in REQUESTS:
            return None
        if not failed:
            opened = text(value.get("sessionId")) if name == "session/new" else ""
            return AgentAnswer(name, value, session=opened)
        message = text(value.get("message"), "no reason given")
        return AgentAnswer(name, value, message, integer(value.get("code")))


def _enclosed(question: Question, result: Fields) -> Fields:
    """A request that came as a whole JSON-RPC message is answered with one."""
    request_id = obj(question.request).get(ENVELOPE)
    return result if request_id is None else {"jsonrpc": "2.0", "id": request_id, "result": result}


def _block(part: Part) -> Fields:
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case Image():
            return {"type": "image", "data": part.data, "mimeType": part.mime}
        case Audio():
            return {"type": "audio", "data": part.data, "mimeType": part.mime}
        case Resource():
            inner: Fields = {"uri": part.uri, "mimeType": part.mime}
            if part.text is not None:
                inner["text"] = part.text
            else:
                inner["blob"] = part.blob or ""
            return {"type": "resource", "resource": inner}
        case Link():
            link: Fields = {
                "type": "resource_link",
                "uri": part.uri,
                "name": part.title or part.uri,
            }
            known = {"mimeType": part.mime or None, "size": part.size}
            return link | {name: value for name, value in known.items() if value is not None}
    raise TypeError(f"{type(part).__name__} cannot be part of a prompt")
