"""ACP for the broker: JSON-RPC 2.0, one message per line, against events without envelope.

On the axon an event's type is the method and its payload the ``params`` or the
``result`` alone.  There are no ids, so an answer belongs to the oldest request of
its method; a second request of the agent with the same method is held back until
the first is settled, and an answer older than its request is dropped.  A payload may
also be a whole JSON-RPC message; its envelope is then taken off.

Source: Agent Client Protocol, schema v1; Runloop's broker documentation.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
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
    json_text,
    too_long,
)
from .oversized import outer_fields

__all__ = ["AcpDialect"]

PROMPT: Final = "session/prompt"
CANCEL: Final = "session/cancel"
CANCEL_REQUEST: Final = "$/cancel_request"

#: What clients may ask an agent for.  Extensions begin with ``_``.
REQUESTS: Final = frozenset(
    {
        "auth/status",
        "authenticate",
        "initialize",
        "logout",
        "mcp/message",
        *(f"nes/{name}" for name in ("start", "suggest", "close")),
        *(f"providers/{name}" for name in ("list", "set", "disable")),
        *(f"session/{name}" for name in ("new", "load", "list", "delete", "fork", "resume")),
        *(f"session/{name}" for name in ("close", "set_mode", "set_model", "set_config_option")),
        *(f"session/{name}" for name in ("archive", "unarchive", "status", "set_title")),
    }
)

#: What clients only tell an agent.
NOTIFICATIONS: Final = frozenset(
    {
        CANCEL,
        *(f"nes/{name}" for name in ("accept", "reject")),
        *(f"document/did{name}" for name in ("Open", "Change", "Close", "Save", "Focus")),
    }
)

#: What an agent may ask, with the answer where none can be given any more.  A person may
#: take any time to answer these; other requests are refused if they are not answered soon.
CANCELLED: Final = {
    "session/request_permission": b'{"outcome":{"outcome":"cancelled"}}',
    "elicitation/create": b'{"action":"cancel"}',
    "session/elicitation": b'{"action":{"action":"cancel"}}',
}

#: What an agent may ask if the client's ``initialize`` offered it, by capability.
OFFERED: Final = {"fs": "fs/", "terminal": "terminal/"}

NOT_FOUND: Final = -32601
REQUEST_CANCELLED: Final = -32800
ABSENT: Final = (b"", b"null")
NOTHING: Final = msgspec.Raw()


class Message(msgspec.Struct):
    """A JSON-RPC message; values stay the bytes they are."""

    id: msgspec.Raw = NOTHING
    method: str | None = None
    params: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING

    @property
    def failed(self) -> bool:
        """Whether it is an answer that is an error."""
        return bytes(self.error) not in ABSENT


class Request(msgspec.Struct, eq=False):
    """A request of the agent; ``sequence`` is its event's, once that is stored."""

    id: bytes
    method: str
    params: str
    in_turn: bool
    announced: bool = False
    sequence: int | None = None

    @property
    def event(self) -> AgentEvent:
        """The event that carries it."""
        return AgentEvent(self.method, self.params, self)


class AcpDialect:
    """ACP with one agent process."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._asked: dict[bytes, str] = {}  # id of our request → method
        self._turn: bytes | None = None
        self._session: object = None
        self._cancelled = False
        self._abandoned: set[bytes] = set()
        self._requests: dict[str, deque[Request]] = defaultdict(deque)
        self._offered: tuple[str, ...] = ()

    @property
    def initializing(self) -> bool:
        """Whether ``initialize`` is under way, before which an agent reads nothing else."""
        return "initialize" in self._asked.values()

    def kind(self, event_type: str) -> Kind:
        """``session/prompt`` starts a turn; other methods of an agent, and answers, pass."""
        if event_type == PROMPT:
            return "turn"
        known = event_type in REQUESTS or event_type in NOTIFICATIONS
        answer = bool(self._requests.get(event_type))
        return "immediate" if known or answer or event_type.startswith("_") else None

    def accepts(self, event: AxonEvent) -> bool:
        """Take every event whose type passes."""
        return True

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Put the payload into its envelope, or answer the agent's request with it."""
        payload, _ = json_object(event.payload)
        envelope = _envelope(payload)
        if envelope is not None and envelope.method is None:
            return self._answer(event, _payload(envelope), envelope)
        if envelope is not None:
            payload = _payload(envelope)
        elif self._requests.get(event.event_type):
            return self._answer(event, payload, None)
        if event.event_type in NOTIFICATIONS:
            lines = [_line(method=event.event_type, params=payload)]
            return [*lines, *self._cancel(payload)] if event.event_type == CANCEL else lines
        number = str(next(self._ids)).encode()
        self._asked[number] = event.event_type
        if event.event_type == "initialize":
            self._offered = tuple(_offered(payload))
        if event.event_type == PROMPT:
            self._turn, self._session, self._cancelled = number, _session(payload), False
        return [_line(id=number, method=event.event_type, params=payload)]

    def error_events(self, event_type: str, payload: str, why: str) -> list[AgentEvent]:
        """Answer a request with an error in the agent's place; notifications get none."""
        if event_type in NOTIFICATIONS or self._requests.get(event_type):
            return []
        return [AgentEvent(event_type, _text(code=-32603, message=why))]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is ``session/cancel`` for the session of the last turn."""
        if event.event_type != CANCEL:
            return False
        try:
            payload, _ = json_object(event.payload)
        except InvalidMessage:
            return False
        envelope = _envelope(payload)
        session = _session(payload if envelope is None else _payload(envelope))
        return self._session in (None, session)

    def receive(self, line: bytes) -> Received:
        """Read a request, a notification or an answer of the agent."""
        try:
            message = msgspec.json.decode(json_text(line), type=Message)
        except ValueError as error:
            return Received(problem=f"not a JSON-RPC message ({error})")
        number = bytes(message.id)
        if message.method is None:
            return self._answered(number, _payload(message), message.failed)
        params = _payload(message)
        if number in ABSENT:
            event = AgentEvent(message.method, params)
            if message.method == CANCEL_REQUEST:
                return self._withdrawn(event)
            return Received(events=[event])
        request = Request(number, message.method, params, in_turn=self._in_turn(params))
        return self._requested(request)

    def receive_oversized(self, line: Line) -> Received:
        """Report that a line was dropped, so that what it carried is not waited for."""
        why = too_long(line.size)
        fields = outer_fields(line.data, line.tail)
        number = fields.get("id", b"null")
        if number in ABSENT:
            return Received(problem=why)
        if "method" in fields:
            return Received(replies=[_error_line(number, -32600, why)], problem=why)
        received = self._answered(
            number, _text(code=-32603, message=f"the agent answered in {why}"), True
        )
        received.problem = why
        return received

    def stored(self, request: Hashable, sequence: int) -> None:
        """Note where a request of the agent stands: an answer comes after it."""
        assert isinstance(request, Request)
        request.sequence = sequence

    def due_requests(self) -> list[AgentEvent]:
        """Return the oldest request of each method that is not published yet."""
        due = [queue[0] for queue in self._requests.values() if queue and not queue[0].announced]
        for request in due:
            request.announced = True
        return [request.event for request in due]

    def refuse(self, request: Hashable) -> list[bytes]:
        """Answer an unknown request with "method not found"."""
        assert isinstance(request, Request)
        if not self._remove(request):
            return []
        return [_error_line(request.id, NOT_FOUND, f"no client knows {request.method}")]

    def abandon(self) -> list[bytes]:
        """Forget the running turn, and settle what it asked."""
        if self._turn is not None:
            self._abandoned.add(self._turn)
            self._turn = None
        return self._settle(r for r in self._all() if r.in_turn)

    # -- requests of the agent

    def _in_turn(self, params: str) -> bool:
        return self._turn is not None and _session(params) in (None, self._session)

    def _requested(self, request: Request) -> Received:
        if self._cancelled and request.method in CANCELLED and request.in_turn:
            # It was on its way when the turn was cancelled.
            return Received(replies=[_cancelled_line(request)])
        queue = self._requests[request.method]
        queue.append(request)
        known = request.method in CANCELLED or request.method.startswith(self._offered or "\0")
        received = Received(unknown=None if known else request)
        if len(queue) == 1:
            request.announced = True
            received.events = [request.event]
        return received

    def _answer(self, event: AxonEvent, payload: str, envelope: Message | None) -> list[bytes]:
        """Pass an answer on to the request that it is for."""
        request = None if envelope is None else self._by_id(bytes(envelope.id))
        if request is None and (queue := self._requests.get(event.event_type)):
            request = queue[0]
        if request is None or request.sequence is None or event.sequence < request.sequence:
            return []
        if _names_another(request.params, payload):
            return []
        self._remove(request)
        failed = _is_error(payload) if envelope is None else envelope.failed
        return [_line(id=request.id, **{"error" if failed else "result": payload})]

    def _withdrawn(self, event: AgentEvent) -> Received:
        """Drop the request that the agent takes back; tell the axon if it was published."""
        number = bytes(_message(event.payload, "requestId"))
        request = self._by_id(number)
        if request is None:
            return Received(events=[event])
        self._remove(request)
        replies = [_error_line(number, REQUEST_CANCELLED, "the request was cancelled")]
        if not request.announced:
            return Received(replies=replies)
        # There are no ids on the axon: this says which request is meant.
        meta = {"method": request.method, "sequence": request.sequence}
        payload = _with_field(event.payload, "_meta", msgspec.json.encode(meta))
        return Received(events=[AgentEvent(event.event_type, payload)], replies=replies)

    def _cancel(self, payload: str) -> list[bytes]:
        """Answer what the session waits for: no other answer will come."""
        session = _session(payload)
        self._cancelled |= self._turn is not None and session == self._session
        return self._settle(r for r in self._all() if _session(r.params) == session)

    def _settle(self, requests: Iterator[Request]) -> list[bytes]:
        settled = list(requests)
        for request in settled:
            self._remove(request)
        return [_cancelled_line(request) for request in settled]

    def _all(self) -> Iterator[Request]:
        return (request for queue in list(self._requests.values()) for request in list(queue))

    def _by_id(self, number: bytes) -> Request | None:
        return next((request for request in self._all() if request.id == number), None)

    def _remove(self, request: Request) -> bool:
        """Forget *request*; return whether it was open."""
        queue = self._requests.get(request.method, deque())
        if request not in queue:
            return False
        queue.remove(request)
        return True

    # -- answers of the agent

    def _answered(self, number: bytes, payload: str, failed: bool) -> Received:
        method = self._asked.pop(number, None)
        if method is None:
            return Received(problem="an answer to no request")
        if number in self._abandoned:
            self._abandoned.discard(number)
            return Received(problem="an answer to a turn that was given up")
        received = Received(events=[AgentEvent(method, payload)])
        if number == self._turn:
            self._turn = None
            received.end = _turn_end(payload, failed)
            # What the turn still asks would keep back the requests of the next one.
            received.replies = self._settle(r for r in self._all() if r.in_turn)
        return received


def _turn_end(payload: str, failed: bool) -> TurnEnd:
    value = msgspec.json.decode(payload)
    if not isinstance(value, dict):
        return TurnEnd()
    if failed:
        return TurnEnd(error=str(value.get("message", payload)))
    reason = value.get("stopReason")
    return TurnEnd(stop_reason=reason if isinstance(reason, str) else None)


def _envelope(payload: str) -> Message | None:
    """Return a client's whole JSON-RPC message, or ``None`` if *payload* is not one."""
    if '"jsonrpc"' not in payload:
        return None
    fields = msgspec.json.decode(payload)
    if fields.get("jsonrpc") != "2.0" or not fields.keys() & {"method", "result", "error"}:
        return None
    try:
        return msgspec.json.decode(payload, type=Message)
    except msgspec.ValidationError as error:
        raise InvalidMessage(f"the payload is not a JSON-RPC message ({error})") from None


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


def _error_line(number: bytes, code: int, message: str) -> bytes:
    return _line(id=number, error=_text(code=code, message=message))


def _cancelled_line(request: Request) -> bytes:
    """Answer *request* with "cancelled", in the form its method has for that."""
    if answer := CANCELLED.get(request.method):
        return _line(id=request.id, result=answer)
    return _error_line(request.id, REQUEST_CANCELLED, "the turn is over")


def _text(**values: Any) -> str:
    return msgspec.json.encode(values).decode()


def _payload(message: Message) -> str:
    """Return what stands on the axon of a message: params, result or error."""
    for part in (message.error, message.result, message.params):
        if bytes(part) not in ABSENT:
            return bytes(part).decode()
    return "{}"


def _message(payload: str, field: str) -> msgspec.Raw:
    try:
        return msgspec.json.decode(payload, type=dict[str, msgspec.Raw]).get(field, NOTHING)
    except msgspec.DecodeError:
        return NOTHING


def _with_field(payload: str, field: str, value: bytes) -> str:
    """Return the object *payload* with one more field."""
    fields = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
    return msgspec.json.encode({**fields, field: msgspec.Raw(value)}).decode()


def _is_error(payload: str) -> bool:
    value = msgspec.json.decode(payload)
    return isinstance(value.get("code"), int) and isinstance(value.get("message"), str)


def _offered(payload: str) -> Iterator[str]:
    """Yield the prefixes of the requests that a client's ``initialize`` offers to answer."""
    capabilities = msgspec.json.decode(payload).get("clientCapabilities")
    for name, prefix in OFFERED.items():
        offer = capabilities.get(name) if isinstance(capabilities, dict) else None
        if offer is True or (isinstance(offer, dict) and any(offer.values())):
            yield prefix


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
