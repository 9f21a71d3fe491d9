"""Claude's stream-json for the broker: a JSON object per line, which is the payload whole.

Source: Runloop's broker documentation; the messages of Claude Code's SDK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...models import AxonEvent
from .dialect import Heard, Kind, TurnEnd, Unspeakable, json_text

__all__ = ["ARGUMENTS", "ClaudeDialect"]

#: How the agent is told to speak this protocol, unless its arguments say so already.
ARGUMENTS: Final = (
    ("--output-format", "stream-json"),
    ("--input-format", "stream-json"),
    ("--verbose",),
    ("--permission-prompt-tool", "stdio"),
)

ASIDES: Final = ("control_request", "control_response", "control_cancel_request")


class ClaudeDialect:
    """Stream-json with one agent process."""

    #: Nothing has to be answered before more is said.
    holding = False

    def __init__(self) -> None:
        self._in_turn = False
        self._interrupted = False
        self._owed = 0  # results of turns that were given up

    def kind(self, event_type: str) -> Kind:
        """``query`` starts a turn; control messages pass."""
        if event_type == "query":
            return "turn"
        return "aside" if event_type in ASIDES else None

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return the payload as it is, in one line."""
        text, _ = _object(event.payload)
        if event.event_type == "query":
            self._in_turn, self._interrupted = True, False
        return [f"{text}\n".encode()]

    def refusal(self, event_type: str, payload: str, why: str) -> list[tuple[str, str]]:
        """Answer a control request with an error; what else failed, the turn's end tells."""
        if event_type != "control_request":
            return []
        try:
            request_id = _object(payload)[1].get("request_id")
        except Unspeakable:
            request_id = None
        response = {"subtype": "error", "request_id": request_id, "error": why}
        answer = {"type": "control_response", "response": response}
        return [("control_response", msgspec.json.encode(answer).decode())]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is the control request ``interrupt``."""
        if event.event_type != "control_request":
            return False
        try:
            request = _object(event.payload)[1].get("request")
        except Unspeakable:
            return False
        interrupts = isinstance(request, dict) and request.get("subtype") == "interrupt"
        self._interrupted |= interrupts
        return interrupts

    def hear(self, line: bytes) -> Heard:
        """Take a message; ``result`` ends the turn."""
        try:
            text, message = _object(line)
        except Unspeakable as error:
            return Heard(complaint=f"no stream-json message: {error}")
        kind = message.get("type")
        if not isinstance(kind, str) or not kind:
            return Heard(complaint="a message without a type")
        heard = Heard(events=[(kind, text)])
        if kind != "result":
            return heard
        if self._owed:
            self._owed -= 1
        elif self._in_turn:
            self._in_turn = False
            heard.end = self._end(message)
        return heard

    def hear_oversized(self, head: bytes, size: int) -> Heard:
        """End the turn if the line was its result."""
        heard = Heard(complaint=f"a line of {size:,} bytes, more than the 4 MiB a line may have")
        if head.lstrip().startswith((b'{"type":"result"', b'{"type": "result"')) and self._in_turn:
            self._in_turn = False
            heard.end = TurnEnd(error=f"the agent's result was {heard.complaint}")
        return heard

    def said(self, published: Sequence[tuple[str, int]]) -> None:
        """Nothing to learn: control messages carry ids."""

    def abandon(self) -> None:
        """Forget the running turn; its result may still come."""
        if self._in_turn:
            self._in_turn = False
            self._owed += 1

    def unasked(self) -> list[tuple[str, str]]:
        """Nothing is ever held back: control messages carry ids."""
        return []

    def _end(self, result: dict[str, Any]) -> TurnEnd:
        subtype = str(result.get("subtype", ""))
        if self._interrupted:
            return TurnEnd(stop_reason="cancelled")
        if result.get("is_error") or subtype.startswith("error"):
            reason = subtype if subtype.startswith("error") else None
            return TurnEnd(reason, str(result.get("result") or subtype or "error"))
        stop = result.get("stop_reason")
        return TurnEnd(stop_reason=stop if isinstance(stop, str) else "end_turn")


def _object(payload: bytes | str) -> tuple[str, dict[str, Any]]:
    try:
        text = json_text(payload)
        value = msgspec.json.decode(text)
    except ValueError as error:
        raise Unspeakable(f"the payload is no JSON ({error})") from None
    if not isinstance(value, dict):
        raise Unspeakable(f"the payload is no JSON object but {text[:40]!r}")
    return text, value
