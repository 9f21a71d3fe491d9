"""Builds what a client of the Codex app-server publishes.

Source: the generated types of Codex 0.171; Runloop's broker documentation.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from secrets import token_hex
from typing import Final

import msgspec

from ..models import AxonEvent
from ..version import __version__
from .attachments import link_text
from .client_protocol import AgentAnswer, Message
from .codex_questions import CODEX_QUESTIONS, LEGACY
from .codex_settings import CODEX_SETTINGS
from .model import Question
from .parts import Image, Link, Part, Resource, Setting, Text
from .replies import Reply
from .untrusted import Fields, integer, obj, text

__all__ = ["CodexClient"]


class CodexClient:
    """One client of one agent."""

    source: Final = "codex-sdk-client"

    def __init__(self) -> None:
        self._prefix = token_hex(4)
        self._numbers = count(1)
        self._chosen: Fields = {}  # goes with the next prompt

    def _request(self, method: str, params: Fields) -> tuple[str, Message]:
        key = f"{self._prefix}-{next(self._numbers)}"
        return key, (method, {"id": key, "method": method, "params": params})

    def initialize(self) -> tuple[str, Message]:
        """Return the key of its answer, and the request that comes before all others."""
        info: Fields = {"name": "axon-notebook", "title": None, "version": __version__}
        return self._request("initialize", {"clientInfo": info, "capabilities": None})

    def initialized(self) -> Message | None:
        """Return what follows the answer to ``initialize``."""
        return "initialized", {"method": "initialized"}

    def new_session(self, directory: str) -> tuple[str, Message] | None:
        """Return key and request for a thread in *directory*."""
        return self._request("thread/start", {"cwd": directory})

    def authenticate(self, method: str) -> tuple[str, Message] | None:
        """Nothing to ask: a key in a request would stand on the axon for all readers."""
        return None

    def prompt(self, session: str, parts: Sequence[Part]) -> Message:
        """Ask for a turn."""
        params: Fields = {"threadId": session, "input": [_input(part) for part in parts]}
        params |= self._chosen
        return self._request("turn/start", params)[1]

    def offers(self) -> list[Message]:
        """Ask which models there are."""
        return [self._request("model/list", {})[1]]

    def cancel(self, session: str) -> Message:
        """Ask for the end of the running turn; the broker adds its id."""
        return self._request("turn/interrupt", {"threadId": session})[1]

    def switch(self, session: str, setting: Setting, value: object) -> tuple[str, Message] | None:
        """Nothing to ask: Codex takes model and policies with each turn."""
        return None

    def keep(self, setting: Setting, value: object) -> bool:
        """Send *value* with the prompts from now on."""
        if setting.id not in CODEX_SETTINGS:
            return False
        self._chosen[setting.id] = value
        return True

    def answer(self, question: Question, reply: Reply) -> Message:
        """Answer a question of the agent."""
        frame = obj(question.request)
        method = text(frame.get("method"))
        if question.question_kind == "permission":
            result = self._decision(method, frame, reply)
        elif method == "item/tool/requestUserInput":
            answers = {
                k: {"answers": v if isinstance(v, list) else [str(v)]}
                for k, v in reply.values.items()
            }
            result = {"answers": answers}
        else:
            action = reply.action if reply.action in ("accept", "decline") else "cancel"
            result = {"action": action, "content": reply.values or None, "_meta": None}
        return "response", {"id": frame.get("id"), "result": result}

    def _decision(self, method: str, frame: Fields, reply: Reply) -> Fields:
        chosen = reply.option.id if reply.option is not None else ""
        if method == "item/permissions/requestApproval":
            asked = obj(obj(frame.get("params")).get("permissions"))
            allowed = chosen.startswith("accept")
            scope = "session" if chosen == "acceptForSession" else "turn"
            return {"permissions": asked if allowed else {}, "scope": scope}
        if method in LEGACY:
            return {"decision": chosen or "abort"}
        if chosen.startswith("{"):
            return {"decision": msgspec.json.decode(chosen)}
        return {"decision": chosen or "cancel"}

    def refusal(self, event: AxonEvent, fields: Fields) -> Message | None:
        """Refuse a request that no codec knows (tools, tokens, attestation)."""
        method = text(fields.get("method"))
        if "id" not in fields or not method or method in CODEX_QUESTIONS:
            return None
        error: Fields = {"code": -32601, "message": f"method not found: {method}"}
        return "response", {"id": fields["id"], "error": error}

    # -- pairing

    def asked(self, event: AxonEvent, fields: Fields) -> str | None:
        """Return the key of the answer that a client's event waits for, if it does."""
        has_answer = "method" in fields and event.event_type not in ("turn/start", "initialized")
        return str(fields["id"]) if has_answer and "id" in fields else None

    def answered(self, event: AxonEvent, fields: Fields) -> AgentAnswer | None:
        """Return the answer that an agent's event is, if it is one."""
        if "method" in fields or "id" not in fields:
            return None
        key, value, error = str(fields["id"]), obj(fields.get("result")), obj(fields.get("error"))
        message = text(error.get("message"), "no reason given")
        if error and "lready initialized" not in message:
            return AgentAnswer(key, value, message, integer(error.get("code")))
        thread = text(obj(value.get("thread")).get("id"))
        return AgentAnswer(key, value, session=thread)


def _input(part: Part) -> Fields:
    match part:
        case Text():
            return {"type": "text", "text": part.text, "text_elements": []}
        case Image():
            return {"type": "image", "url": f"data:{part.mime};base64,{part.data}"}
        case Resource() if part.text is not None:
            return {"type": "text", "text": f"{part.uri}:\n{part.text}", "text_elements": []}
        case Link():
            return {"type": "text", "text": link_text(part), "text_elements": []}
    raise TypeError(f"{type(part).__name__} cannot be part of a prompt to Codex")
