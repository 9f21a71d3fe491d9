"""ACP for the broker: JSON-RPC 2.0, one message per line, against events without envelope.

On the axon an event's type is the method and its payload the ``params`` or the
``result`` alone.  There are no ids, so an answer belongs to the oldest request of
its method; a second request of the agent with the same method is held back until
the first is answered, and an answer older than its request is dropped.

Source: Agent Client Protocol, schema v1; Runloop's broker documentation.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import msgspec

from ...models import AxonEvent
from .dialect import Heard, Kind, TurnEnd, Unspeakable, json_text

__all__ = ["AcpDialect"]

PROMPT: Final = "session/prompt"
CANCEL: Final = "session/cancel"
PERMISSION: Final = "session/request_permission"

#: What clients may ask an agent for.  Extensions begin with ``_``.
REQUESTS: Final = frozenset(
    {
        "authenticate",
        "initialize",
        "logout",
        "mcp/message",
        *(f"nes/{name}" for name in ("start", "suggest", "close")),
        *(f"providers/{name}" for name in ("list", "set", "disable")),
        *(f"session/{name}" for name in ("new", "load", "list", "delete", "fork", "resume")),
        *(f"session/{name}" for name in ("close", "set_mode", "set_model", "set_config_option")),
    }
)

#: What clients only tell an agent.
NOTIFICATIONS: Final = frozenset(
    {
        "session/cancel",
        *(f"nes/{name}" for name in ("accept", "reject")),
        *(f"document/did{name}" for name in ("Open", "Change", "Close", "Save", "Focus")),
    }
)

OVERSIZED: Final = "a line of {:,} bytes, more than the 4 MiB a line may have"
CANCELLED: Final = b'{"outcome":{"outcome":"cancelled"}}'
ID_IN_HEAD: Final = re.compile(rb'"id"\s*:\s*(\d+|"[^"\\]*")')
NOTHING: Final = msgspec.Raw()


class Message(msgspec.Struct):
    """A line of the agent; values stay the bytes they are."""

    id: msgspec.Raw = NOTHING
    method: str | None = None
    params: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class Question(msgspec.Struct):
    """A request of the agent; ``sequence`` is its event's, once that is published."""

    id: bytes
    params: str
    sequence: int | None = None


class AcpDialect:
    """ACP with one agent process."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._asked: dict[bytes, str] = {}  # id of our request → method
        self._turn: bytes | None = None
        self._session: object = None
        self._cancelled = False
        self._given_up: set[bytes] = set()
        self._questions: dict[str, deque[Question]] = defaultdict(deque)

    @property
    def holding(self) -> bool:
        """Whether ``initialize`` is under way, before which an agent takes nothing else."""
        return "initialize" in self._asked.values()

    def kind(self, event_type: str) -> Kind:
        """``session/prompt`` starts a turn; other methods of an agent, and answers, pass."""
        if event_type == PROMPT:
            return "turn"
        known = event_type in REQUESTS or event_type in NOTIFICATIONS
        answer = bool(self._questions.get(event_type))
        return "aside" if known or answer or event_type.startswith("_") else None

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Put the payload into its envelope, or answer the agent's question with it."""
        payload = _object(event)
        if questions := self._questions.get(event.event_type):
            return self._answer(event, payload, questions)
        if event.event_type in NOTIFICATIONS:
            lines = [_line(method=event.event_type, params=payload)]
            return [*lines, *self._cancel(payload)] if event.event_type == CANCEL else lines
        number = str(next(self._ids)).encode()
        self._asked[number] = event.event_type
        if event.event_type == PROMPT:
            self._turn, self._session, self._cancelled = number, _session(payload), False
        return [_line(id=number, method=event.event_type, params=payload)]

    def refusal(self, event_type: str, payload: str, why: str) -> list[tuple[str, str]]:
        """Answer a request with an error in the agent's place; notifications get none."""
        if event_type in NOTIFICATIONS or self._questions.get(event_type):
            return []
        return [(event_type, _text(code=-32603, message=why))]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is ``session/cancel`` for the session of the running turn."""
        return event.event_type == CANCEL and _session(event.payload) == self._session

    def hear(self, line: bytes) -> Heard:
        """Take a request, a notification or an answer of the agent."""
        try:
            message = msgspec.json.decode(json_text(line), type=Message)
        except ValueError as error:
            return Heard(complaint=f"no JSON-RPC message ({error})")
        number = bytes(message.id)
        if message.method is not None:
            params = _payload(message.params)
            if number in (b"", b"null"):
                return Heard(events=[(message.method, params)])
            return self._asks(message.method, Question(number, params))
        method = self._asked.pop(number, None)
        if method is None:
            return Heard(complaint="an answer to nothing that was asked")
        if number in self._given_up:
            self._given_up.discard(number)
            return Heard(complaint="an answer to a turn that was given up")
        failed = bytes(message.error) not in (b"", b"null")
        payload = _payload(message.error if failed else message.result)
        return Heard(events=[(method, payload)], end=self._end(number, payload, failed))

    def hear_oversized(self, head: bytes, size: int) -> Heard:
        """Say that a line was dropped, so that nobody waits for what it carried."""
        why = OVERSIZED.format(size)
        found = ID_IN_HEAD.search(head)
        if found is None:
            return Heard(complaint=why)
        number = found[1]
        if b'"method"' in head:
            error = msgspec.json.encode({"code": -32600, "message": why})
            return Heard(replies=[_line(id=number, error=error)], complaint=why)
        if (method := self._asked.pop(number, None)) is None or number in self._given_up:
            return Heard(complaint=why)
        payload = _text(code=-32603, message=f"the agent answered in {why}")
        return Heard([(method, payload)], end=self._end(number, payload, True), complaint=why)

    def said(self, published: Sequence[tuple[str, int]]) -> None:
        """Note where the agent's questions stand: an answer comes after its question."""
        for event_type, sequence in published:
            if (questions := self._questions.get(event_type)) and questions[0].sequence is None:
                questions[0].sequence = sequence

    def abandon(self) -> None:
        """Forget the running turn."""
        if self._turn is not None:
            self._given_up.add(self._turn)
            self._turn = None

    def _asks(self, method: str, question: Question) -> Heard:
        if self._cancelled and method == PERMISSION and _session(question.params) == self._session:
            # It was on its way when the turn was cancelled.
            return Heard(replies=[_line(id=question.id, result=CANCELLED)])
        questions = self._questions[method]
        questions.append(question)
        return Heard(events=[(method, question.params)] if len(questions) == 1 else [])

    def _answer(self, event: AxonEvent, payload: str, questions: deque[Question]) -> list[bytes]:
        question = questions[0]
        if question.sequence is None or event.sequence < question.sequence:
            return []
        if _names_another(question.params, payload):
            return []
        questions.popleft()
        field = "error" if _is_error(payload) else "result"
        return [_line(id=question.id, **{field: payload})]

    def unasked(self) -> list[tuple[str, str]]:
        """Return the questions whose turn has come, one per method, to be published."""
        waiting = [(m, q[0]) for m, q in self._questions.items() if q and q[0].sequence is None]
        return [(method, question.params) for method, question in waiting]

    def _cancel(self, payload: str) -> list[bytes]:
        """Answer what the session waits for permission for: nobody will any more."""
        session = _session(payload)
        self._cancelled = self._cancelled or (self._turn is not None and session == self._session)
        questions = self._questions.get(PERMISSION, deque())
        mine = [question for question in questions if _session(question.params) == session]
        for question in mine:
            questions.remove(question)
        return [_line(id=question.id, result=CANCELLED) for question in mine]

    def _end(self, number: bytes, payload: str, failed: bool) -> TurnEnd | None:
        if number != self._turn:
            return None
        self._turn = None
        value = msgspec.json.decode(payload)
        if not isinstance(value, dict):
            return TurnEnd()
        if failed:
            return TurnEnd(error=str(value.get("message", payload)))
        reason = value.get("stopReason")
        return TurnEnd(stop_reason=reason if isinstance(reason, str) else None)


def _object(event: AxonEvent) -> str:
    try:
        payload = json_text(event.payload)
    except ValueError as error:
        raise Unspeakable(f"the payload is no JSON ({error})") from None
    if not payload.startswith("{"):
        raise Unspeakable(f"the payload is no JSON object but {payload[:40]!r}")
    return payload


def _line(**parts: Any) -> bytes:
    """Return a JSON-RPC message; every part but ``method`` is JSON already."""
    fields = ['"jsonrpc":"2.0"']
    for name, part in parts.items():
        if name == "method":
            text = msgspec.json.encode(part).decode()
        else:
            text = part.decode() if isinstance(part, bytes) else part
        fields.append(f'"{name}":{text}')
    return f"{{{','.join(fields)}}}\n".encode()


def _text(**values: Any) -> str:
    return msgspec.json.encode(values).decode()


def _payload(part: msgspec.Raw) -> str:
    text = bytes(part).decode()
    return "{}" if text in ("", "null") else text


def _is_error(payload: str) -> bool:
    value = msgspec.json.decode(payload)
    return isinstance(value.get("code"), int) and isinstance(value.get("message"), str)


def _session(payload: str) -> object:
    try:
        value = msgspec.json.decode(payload)
    except ValueError:
        return None
    return value.get("sessionId") if isinstance(value, dict) else None


def _names_another(question: str, answer: str) -> bool:
    """Whether *answer* says in ``_meta`` that it is about another tool call."""
    meta = msgspec.json.decode(answer).get("_meta")
    meant = meta.get("toolCallId") if isinstance(meta, dict) else None
    asked: Any = msgspec.json.decode(question)
    call = asked.get("toolCall") if isinstance(asked, dict) else None
    return meant is not None and isinstance(call, dict) and call.get("toolCallId") != meant
