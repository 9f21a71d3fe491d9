"""Pi's RPC mode for the broker: a JSON object per line, which is the whole payload.

``turn/start`` carries a ``prompt`` command, ``cancel`` becomes ``abort`` and
``initialize`` becomes ``get_state``; every other event whose payload is a command of Pi
passes as it is.  Pi's lines are published under their ``type``.  A turn ends with
``agent_settled``, or with the answer to a prompt that began no run.  The broker's own ids
begin with ``broker-``.

Source: Runloop's remote-agents-sdk; the documentation of Pi's RPC mode.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count
from typing import Any, Final

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

__all__ = ["PiDialect"]

#: Events that start a turn; Runloop's SDK publishes the first.
TURNS: Final = ("turn/start", "prompt")

#: What Pi is asked besides prompts.
COMMANDS: Final = frozenset(
    {
        *("steer", "follow_up", "abort", "clear_queue", "new_session", "get_state"),
        *("get_messages", "set_model", "cycle_model", "get_available_models"),
        *("set_thinking_level", "cycle_thinking_level", "set_steering_mode"),
        *("set_follow_up_mode", "compact", "set_auto_compaction", "set_auto_retry"),
        *("abort_retry", "bash", "abort_bash", "get_session_stats", "export_html"),
        *("switch_session", "fork", "clone", "get_entries", "get_tree", "get_commands"),
        *("set_session_name", "get_last_assistant_text", "extension_ui_response"),
    }
)

#: What an extension asks a person; the run waits for the answer.
DIALOGS: Final = ("select", "confirm", "input", "editor")

#: What an extension shows, without an answer.
SHOWN: Final = ("notify", "setStatus", "setWidget", "setTitle", "set_editor_text")

STOP_REASONS: Final = {"stop": "end_turn", "length": "max_tokens", "aborted": "cancelled"}


class PiDialect:
    """RPC mode with one process."""

    #: Nothing has to be answered before more is sent.
    initializing = False

    def __init__(self) -> None:
        self._numbers = count(1)
        self._prompt: str | None = None  # id of the prompt whose turn runs
        self._accepted = False
        self._settling = 0  # runs of turns that were given up
        self._last: dict[str, Any] = {}  # the last message of the assistant
        self._dialogs: set[str] = set()  # ids of dialogs without an answer

    def kind(self, event_type: str) -> Kind:
        """``turn/start`` starts a turn; whether another event is for Pi, its payload tells."""
        return "turn" if event_type in TURNS else "immediate"

    def accepts(self, event: AxonEvent) -> bool:
        """Take ``cancel``, ``initialize``, and payloads that are commands."""
        if event.event_type in ("cancel", "initialize"):
            return True
        try:
            command = json_object(event.payload)[1].get("type")
        except InvalidMessage:
            return False
        return isinstance(command, str) and (command in COMMANDS or command == event.event_type)

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return the command, in one line."""
        if event.event_type == "cancel":
            return [*self._close_dialogs(), self._own("abort")]
        if event.event_type == "initialize":
            return [self._own("get_state")]
        text, command = json_object(event.payload)
        if event.event_type in TURNS:
            text = self._start_turn(text, command)
        elif command.get("type") == "extension_ui_response":
            self._dialogs.discard(str(command.get("id")))
        return [f"{text}\n".encode()]

    def error_events(self, event_type: str, payload: str, why: str) -> list[AgentEvent]:
        """Answer a command with an error in the agent's place."""
        try:
            command = json_object(payload)[1]
        except InvalidMessage:
            return []
        answer = {"type": "response", "command": command.get("type"), "success": False}
        named = {"id": command["id"]} if "id" in command else {}
        body = msgspec.json.encode({**answer, **named, "error": why}).decode()
        return [AgentEvent("response", body)]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is ``cancel``."""
        return event.event_type == "cancel"

    def receive(self, line: bytes) -> Received:
        """Read an event or an answer of Pi."""
        try:
            text, message = json_object(line)
        except InvalidMessage as error:
            return Received(problem=f"not a message of Pi: {error}")
        kind = message.get("type")
        if not isinstance(kind, str) or not kind:
            return Received(problem="a message without a type")
        received = Received(events=[AgentEvent(kind, text)])
        if kind == "response":
            received.end = self._answered(message)
        elif kind == "message_end":
            said = message.get("message")
            if isinstance(said, dict) and said.get("role") == "assistant":
                self._last = said
        elif kind == "agent_settled":
            received.end = self._settled(message)
        elif kind == "extension_ui_request":
            received.unknown = self._asked(message)
        return received

    def receive_oversized(self, line: Line) -> Received:
        """Report that a line was dropped; end the turn if it was its end."""
        why = too_long(line.size)
        received = Received(problem=why)
        fields = outer_fields(line.data, line.tail)
        kind = msgspec.json.decode(fields.get("type", b"null"))
        if kind == "agent_settled":
            received.end = self._settled({})
        elif kind == "extension_ui_request" and "id" in fields:
            received.replies = [_cancelled(str(msgspec.json.decode(fields["id"])))]
        return received

    def stored(self, request: Hashable, sequence: int) -> None:
        """Do nothing: dialogs carry ids."""

    def due_requests(self) -> list[AgentEvent]:
        """Return nothing: dialogs carry ids, so none is ever held back."""
        return []

    def refuse(self, request: Hashable) -> list[bytes]:
        """Cancel an unknown dialog."""
        if request not in self._dialogs:
            return []
        self._dialogs.discard(str(request))
        return [_cancelled(str(request))]

    def abandon(self) -> list[bytes]:
        """Forget the running turn; its end may still come."""
        if self._prompt is not None:
            self._settling += self._accepted
            self._prompt = None
        return self._close_dialogs()

    def _start_turn(self, text: str, command: dict[str, Any]) -> str:
        if command.get("type") != "prompt":
            raise InvalidMessage("the payload is not a command of type prompt")
        number = command.get("id")
        if not isinstance(number, str) or not number:
            number = self._number()
            fields = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
            text = msgspec.json.encode({**fields, "id": number}).decode()
        self._prompt, self._accepted, self._last = number, False, {}
        return text

    def _number(self) -> str:
        return f"broker-{next(self._numbers)}"

    def _own(self, command: str) -> bytes:
        return msgspec.json.encode({"id": self._number(), "type": command}) + b"\n"

    def _close_dialogs(self) -> list[bytes]:
        lines = [_cancelled(number) for number in sorted(self._dialogs)]
        self._dialogs.clear()
        return lines

    def _asked(self, message: dict[str, Any]) -> Hashable | None:
        """Note a dialog; return its id if no client may know its kind."""
        method, number = message.get("method"), str(message.get("id"))
        if method in SHOWN:
            return None
        self._dialogs.add(number)
        return None if method in DIALOGS else number

    def _answered(self, message: dict[str, Any]) -> TurnEnd | None:
        """Follow the answer to the running turn's prompt: accepted, refused or handled."""
        if self._prompt is None or message.get("id") != self._prompt:
            return None
        if not message.get("success"):
            self._prompt = None
            return TurnEnd(error=str(message.get("error") or "the prompt was refused"))
        data = message.get("data")
        if isinstance(data, dict) and data.get("disposition") == "handled":
            self._prompt = None
            return TurnEnd("end_turn")  # an extension's command ran; there is no run
        self._accepted = True
        return None

    def _settled(self, message: dict[str, Any]) -> TurnEnd | None:
        if self._settling:
            self._settling -= 1
            return None
        if self._prompt is None or not self._accepted:
            return None
        self._prompt = None
        reason = "aborted" if message.get("aborted") else str(self._last.get("stopReason", "stop"))
        if reason == "error":
            return TurnEnd(error=str(self._last.get("errorMessage") or "the turn failed"))
        return TurnEnd(STOP_REASONS.get(reason, reason))


def _cancelled(number: str) -> bytes:
    answer = {"type": "extension_ui_response", "id": number, "cancelled": True}
    return msgspec.json.encode(answer) + b"\n"
