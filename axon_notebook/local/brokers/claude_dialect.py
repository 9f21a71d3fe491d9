"""Claude's stream-json for the broker: a JSON object per line, which is the whole payload.

A turn ends with the ``result`` that belongs to its prompt.  Claude also begins turns by
itself, when a background task ends or by schedule; their results carry an ``origin`` and
end no turn.  Prompts get a ``uuid``, which newer versions name in the result.

Source: Runloop's broker documentation; the messages of Claude Code's SDK.
"""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from typing import Final

import msgspec

from ...models import AxonEvent
from .dialect import (
    AgentEvent,
    InvalidMessage,
    Kind,
    Line,
    Received,
    TurnEnd,
    json_object,
    too_long,
)
from .oversized import outer_fields

__all__ = ["ClaudeDialect"]

CONTROL: Final = ("control_request", "control_response", "control_cancel_request")

#: What Claude may ask; a person may take any time to answer, and the last two come only
#: if a client has registered for them.  Others are refused if they are not answered soon.
KNOWN_REQUESTS: Final = (
    "can_use_tool",
    "elicitation",
    "request_user_dialog",
    "hook_callback",
    "mcp_message",
)

#: How the reason of an interrupted turn begins in ``errors``; it is for Claude's developers.
DIAGNOSTIC: Final = "[ede_diagnostic]"


class ClaudeDialect:
    """Stream-json with one agent process."""

    #: Nothing has to be answered before more is sent.
    initializing = False

    def __init__(self) -> None:
        self._prompt: str | None = None  # uuid of the prompt whose turn runs
        self._interrupted = False
        self._abandoned: list[str] = []  # prompts whose results may still come
        self._open: set[str] = set()  # ids of requests without an answer

    def kind(self, event_type: str) -> Kind:
        """``query`` starts a turn; control messages pass."""
        if event_type == "query":
            return "turn"
        return "immediate" if event_type in CONTROL else None

    def accepts(self, event: AxonEvent) -> bool:
        """Take every event whose type passes."""
        return True

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return the payload as it is, in one line; a prompt gets a ``uuid`` if it has none."""
        text, message = json_object(event.payload)
        if event.event_type == "query":
            self._interrupted, prompt = False, message.get("uuid")
            if not isinstance(prompt, str) or not prompt:
                prompt = str(uuid.uuid4())
                text = msgspec.json.encode({**_raw_fields(text), "uuid": prompt}).decode()
            self._prompt = prompt
        elif event.event_type == "control_response":
            response = message.get("response")
            if isinstance(response, dict):
                self._open.discard(str(response.get("request_id")))
        self._interrupted |= self.cancels(event)
        return [f"{text}\n".encode()]

    def error_events(self, event_type: str, payload: str, why: str) -> list[AgentEvent]:
        """Answer a control request with an error; the end of the turn reports the rest."""
        if event_type != "control_request":
            return []
        try:
            request_id = json_object(payload)[1].get("request_id")
        except InvalidMessage:
            request_id = None
        answer = msgspec.json.encode(_error_response(request_id, why)).decode()
        return [AgentEvent("control_response", answer)]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is the control request ``interrupt``."""
        if event.event_type != "control_request":
            return False
        try:
            request = json_object(event.payload)[1].get("request")
        except InvalidMessage:
            return False
        return isinstance(request, dict) and request.get("subtype") == "interrupt"

    def receive(self, line: bytes) -> Received:
        """Read a message; the ``result`` of the prompt ends the turn."""
        try:
            text, message = json_object(line)
        except InvalidMessage as error:
            return Received(problem=f"not a stream-json message: {error}")
        kind = message.get("type")
        if not isinstance(kind, str) or not kind:
            return Received(problem="a message without a type")
        received = Received(events=[AgentEvent(kind, text)])
        if kind == "result":
            received.end = self._result(message)
        elif kind == "control_request":
            received.unknown = self._requested(message)
        elif kind == "control_cancel_request":
            self._open.discard(str(message.get("request_id")))
        return received

    def receive_oversized(self, line: Line) -> Received:
        """End the turn if the line was its result."""
        why = too_long(line.size)
        fields = outer_fields(line.data, line.tail)
        received = Received(problem=why)
        if fields.get("type") == b'"result"' and self._prompt is not None:
            named = msgspec.json.decode(fields.get("user_message_uuid", b"null"))
            if named in (None, self._prompt):
                self._prompt = None
                received.end = TurnEnd(error=f"the agent's result was {why}")
        return received

    def stored(self, request: Hashable, sequence: int) -> None:
        """Do nothing: control messages carry ids."""

    def due_requests(self) -> list[AgentEvent]:
        """Return nothing: control messages carry ids, so none is ever held back."""
        return []

    def refuse(self, request: Hashable) -> list[bytes]:
        """Answer an unknown control request with an error."""
        number, subtype = msgspec.convert(request, tuple[str, str])
        if number not in self._open:
            return []
        self._open.discard(number)
        answer = _error_response(number, f"Unsupported control request subtype: {subtype}")
        return [msgspec.json.encode(answer) + b"\n"]

    def abandon(self) -> list[bytes]:
        """Forget the running turn; its result may still come."""
        if self._prompt is not None:
            self._abandoned.append(self._prompt)
            self._prompt = None
        return []

    def _requested(self, message: dict[str, object]) -> Hashable | None:
        """Note a request of the agent; return it if no client may know it."""
        request = message.get("request")
        subtype = str(request.get("subtype")) if isinstance(request, dict) else "none"
        number = str(message.get("request_id"))
        if subtype in KNOWN_REQUESTS:
            return None
        self._open.add(number)
        return (number, subtype)

    def _result(self, result: dict[str, object]) -> TurnEnd | None:
        """Return the end of the running turn, if *result* belongs to it."""
        prompts = _prompts_of(result)
        if prompts:
            for prompt in [each for each in self._abandoned if each in prompts]:
                self._abandoned.remove(prompt)
            if self._prompt not in prompts:
                return None
        elif _unasked(result):
            return None
        elif self._abandoned:
            self._abandoned.pop(0)
            return None
        elif self._prompt is None:
            return None
        self._prompt = None
        return self._end(result)

    def _end(self, result: dict[str, object]) -> TurnEnd:
        subtype = str(result.get("subtype", ""))
        reason = str(result.get("terminal_reason") or "")
        failed = bool(result.get("is_error")) or subtype.startswith("error")
        if reason.startswith("aborted") or (failed and not reason and self._interrupted):
            return TurnEnd(stop_reason="cancelled")
        if failed:
            stop = subtype if subtype.startswith("error") else reason or None
            return TurnEnd(stop, _error_text(result) or subtype or "error")
        stop_reason = result.get("stop_reason")
        return TurnEnd(stop_reason=stop_reason if isinstance(stop_reason, str) else "end_turn")


def _prompts_of(result: dict[str, object]) -> list[str]:
    """Return the prompts that a result names as its own; older versions name none."""
    named = result.get("user_message_uuids")
    named = named if isinstance(named, list) else [result.get("user_message_uuid")]
    return [each for each in named if isinstance(each, str)]


def _unasked(result: dict[str, object]) -> bool:
    """Whether the turn began without a prompt of a client."""
    origin = result.get("origin")
    return isinstance(origin, dict) and origin.get("kind") not in (None, "human")


def _error_text(result: dict[str, object]) -> str:
    """Return why a turn failed, in the words of the agent."""
    errors = result.get("errors")
    texts = [str(each) for each in errors] if isinstance(errors, list) else []
    texts = [text for text in texts if not text.startswith(DIAGNOSTIC)]
    candidates = ("; ".join(texts), result.get("result"), result.get("error"))
    return next((text for text in candidates if isinstance(text, str) and text), "")


def _error_response(request_id: object, why: str) -> dict[str, object]:
    response = {"subtype": "error", "request_id": request_id, "error": why}
    return {"type": "control_response", "response": response}


def _raw_fields(text: str) -> dict[str, msgspec.Raw]:
    return msgspec.json.decode(text, type=dict[str, msgspec.Raw])
