"""Codex's app-server for the broker: JSON-RPC without ``jsonrpc``, frames as they are.

An event's type is the method and its payload the whole frame with its id; answers, of
either side, have the type ``response``.  Clients choose the ids of their requests.  The
broker adds what only it can know: it initializes a process that no client has initialized,
resumes the thread of a turn that another process began, and fills in the running turn
where a client interrupts or steers it.  Its own ids begin with ``runloop-broker-``.

Source: Runloop's remote-agents-sdk; the types of ``codex app-server``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from itertools import count
from typing import Final

import msgspec

from ...models import AxonEvent
from ...version import __version__
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

__all__ = ["CodexDialect"]

TURN: Final = "turn/start"
INTERRUPT: Final = "turn/interrupt"
STEER: Final = "turn/steer"

#: How the broker's own requests are numbered; clients must not use these.
OWN: Final = "runloop-broker-"

#: What clients send besides answers; Codex says itself what it does not know of these.
METHODS: Final = ("initialize", "initialized", "response")
PREFIXES: Final = tuple(
    f"{name}/"
    for name in (
        *("account", "app", "collaborationMode", "command", "config", "configRequirements"),
        *("experimentalFeature", "feedback", "fs", "hooks", "marketplace", "mcpServer"),
        *("mcpServerStatus", "model", "modelProvider", "plugin", "review", "skills", "thread"),
        "turn",
    )
)

#: What Codex may ask; a person may take any time to answer.  Others are refused if
#: nobody answers soon.
KNOWN_REQUESTS: Final = frozenset(
    {
        *(f"item/{name}/requestApproval" for name in ("commandExecution", "fileChange")),
        "item/permissions/requestApproval",
        "item/tool/requestUserInput",
        "item/tool/call",
        "mcpServer/elicitation/request",
        "execCommandApproval",
        "applyPatchApproval",
    }
)

STOP_REASONS: Final = {"completed": "end_turn", "interrupted": "cancelled"}


class CodexDialect:
    """The app-server protocol with one process."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._initialized = False
        self._initialize: object = None  # id of a client's request that is not answered
        self._threads: set[str] = set()  # that this process knows
        self._asked: set[object] = set()  # ids of clients' requests for a thread
        self._queue: deque[tuple[str, bytes]] = deque()  # own id or "", line
        self._awaited = ""  # own request that must be answered before the queue goes on
        self._resuming = ""  # own request on which the turn behind it depends
        self._thread = ""
        self._request: object = None  # id of the running turn's request
        self._running = False
        self._turn_id = ""
        self._interrupting: list[dict[str, object]] = []  # interrupts before the turn has an id
        self._abandoned: set[str] = set()
        self._open: set[object] = set()  # ids of requests without an answer

    @property
    def initializing(self) -> bool:
        """Whether a client's ``initialize`` is under way."""
        return self._initialize is not None

    def kind(self, event_type: str) -> Kind:
        """``turn/start`` starts a turn; other methods of Codex, and answers, pass."""
        if event_type == TURN:
            return "turn"
        return "immediate" if event_type in METHODS or event_type.startswith(PREFIXES) else None

    def accepts(self, event: AxonEvent) -> bool:
        """Take every event whose type passes."""
        return True

    def lines(self, event: AxonEvent) -> list[bytes]:
        """Return the frame, after what must come before it."""
        text, frame = json_object(event.payload)
        number = frame.get("id")
        if number is not None and not _is_id(number):
            raise InvalidMessage("the id is neither a number nor a text")
        if event.event_type == "response":
            if number is None:
                raise InvalidMessage("an answer needs the id of its request")
            self._open.discard(number)
            return [f"{text}\n".encode()]
        if frame.get("method") != event.event_type:
            raise InvalidMessage(f"the payload is not a whole frame with method {event.event_type}")
        if event.event_type == "initialize":
            self._initialized, self._initialize = True, number
        elif not self._initialized:
            self._initialize_process()
        if event.event_type == TURN:
            text = self._start_turn(text, frame)
        elif event.event_type in (INTERRUPT, STEER):
            text = self._name_turn(event.event_type, text, frame)
        elif event.event_type in ("thread/start", "thread/resume", "thread/fork"):
            self._asked.add(number)
        if text:
            self._queue.append(("", f"{text}\n".encode()))
        return self._advance()

    def error_events(self, event_type: str, payload: str, why: str) -> list[AgentEvent]:
        """Answer a request with an error in the agent's place."""
        try:
            number = json_object(payload)[1].get("id")
        except InvalidMessage:
            return []
        if number is None or event_type == "response":
            return []
        return [AgentEvent("response", _error_frame(number, -32603, why))]

    def cancels(self, event: AxonEvent) -> bool:
        """Whether this is ``turn/interrupt`` for the thread of the last turn."""
        if event.event_type != INTERRUPT:
            return False
        try:
            params = json_object(event.payload)[1].get("params")
        except InvalidMessage:
            return False
        thread = params.get("threadId") if isinstance(params, dict) else None
        return not thread or self._thread in ("", thread)

    def receive(self, line: bytes) -> Received:
        """Read a request, a notification or an answer of Codex."""
        try:
            text, frame = json_object(line)
        except InvalidMessage as error:
            return Received(problem=f"not a frame of the app-server: {error}")
        method, number = frame.get("method"), frame.get("id")
        if number is not None and not _is_id(number):
            return Received(problem="a frame whose id is neither a number nor a text")
        if isinstance(method, str):
            received = Received(events=[AgentEvent(method, text)])
            params = frame.get("params")
            params = params if isinstance(params, dict) else {}
            if number is not None:
                self._open.add(number)
                received.unknown = None if method in KNOWN_REQUESTS else (number, method)
            else:
                received.end = self._notified(method, params)
            received.replies = self._due_interrupts()
            return received
        if number is None:
            return Received(problem="a frame without method and id")
        if isinstance(number, str) and number.startswith(OWN):
            return self._own_answer(number, frame)
        return self._answered(number, text, frame)

    def receive_oversized(self, line: Line) -> Received:
        """Report that a line was dropped, so that what it carried is not waited for."""
        why = too_long(line.size)
        received = Received(problem=why)
        fields = outer_fields(line.data, line.tail)
        method = msgspec.json.decode(fields.get("method", b"null"))
        number = msgspec.json.decode(fields.get("id", b"null"))
        if method is not None and number is not None:
            received.replies = [f"{_error_frame(number, -32600, why)}\n".encode()]
        elif number is not None:
            text = _error_frame(number, -32603, f"the agent answered in {why}")
            received = self._answered(number, text, msgspec.json.decode(text))
            received.problem = why
        elif method == "turn/completed" and self._running:
            self._running = False
            received.end = TurnEnd(error=f"the agent's turn/completed was {why}")
        return received

    def stored(self, request: Hashable, sequence: int) -> None:
        """Do nothing: frames carry ids."""

    def due_requests(self) -> list[AgentEvent]:
        """Return nothing: frames carry ids, so none is ever held back."""
        return []

    def refuse(self, request: Hashable) -> list[bytes]:
        """Answer an unknown request with "method not found"."""
        number, method = msgspec.convert(request, tuple[int | str, str])
        if number not in self._open:
            return []
        self._open.discard(number)
        return [f"{_error_frame(number, -32601, f'no client knows {method}')}\n".encode()]

    def abandon(self) -> list[bytes]:
        """Forget the running turn; its end may still come."""
        if self._turn_id:
            self._abandoned.add(self._turn_id)
        self._running, self._turn_id = False, ""
        return []

    # -- towards Codex

    def _initialize_process(self) -> None:
        self._initialized = True
        client = {"name": "axon-notebook", "title": None, "version": __version__}
        self._own("initialize", {"clientInfo": client, "capabilities": None})
        self._queue.append(("", b'{"method":"initialized"}\n'))

    def _own(self, method: str, params: dict[str, object]) -> str:
        number = f"{OWN}{next(self._numbers)}"
        frame = {"id": number, "method": method, "params": params}
        self._queue.append((number, msgspec.json.encode(frame) + b"\n"))
        return number

    def _advance(self) -> list[bytes]:
        """Return the lines that may be sent now: up to an own request that needs its answer."""
        lines = []
        while self._queue and not self._awaited:
            self._awaited, line = self._queue.popleft()
            lines.append(line)
        return lines

    def _start_turn(self, text: str, frame: dict[str, object]) -> str:
        params = frame.get("params")
        thread = params.get("threadId") if isinstance(params, dict) else None
        if not isinstance(thread, str) or not thread:
            raise InvalidMessage("turn/start needs params.threadId: publish thread/start first")
        if frame.get("id") is None:
            raise InvalidMessage("turn/start needs an id")
        if thread not in self._threads:
            self._threads.add(thread)
            self._resuming = self._own("thread/resume", {"threadId": thread})
        self._thread, self._request = thread, frame["id"]
        self._running, self._turn_id, self._interrupting = True, "", []
        return text

    def _name_turn(self, method: str, text: str, frame: dict[str, object]) -> str:
        """Fill in the running turn where the client left it out; empty if it has no id yet."""
        params = frame.get("params")
        params = dict(params) if isinstance(params, dict) else {}
        field = "turnId" if method == INTERRUPT else "expectedTurnId"
        if params.get("threadId") and params.get(field):
            return text
        if not self._running:
            raise InvalidMessage(f"no turn is running: {method} needs threadId and {field}")
        if not self._turn_id and method == INTERRUPT:
            self._interrupting.append(frame)
            return ""
        named = {"threadId": self._thread, field: self._turn_id}
        filled = {**params, **{name: params.get(name) or id_ for name, id_ in named.items()}}
        return msgspec.json.encode({**frame, "params": filled}).decode()

    def _due_interrupts(self) -> list[bytes]:
        if not self._turn_id or not self._interrupting:
            return []
        frames, self._interrupting = self._interrupting, []
        texts = [self._name_turn(INTERRUPT, "", frame) for frame in frames]
        return [f"{text}\n".encode() for text in texts]

    # -- from Codex

    def _notified(self, method: str, params: dict[str, object]) -> TurnEnd | None:
        if method == "thread/started":
            self._threads.add(_id_in(params.get("thread")))
        elif method == "serverRequest/resolved":
            self._open.discard(params.get("requestId"))
        elif method in ("turn/started", "turn/completed") and self._running:
            turn = params.get("turn")
            number = _id_in(turn)
            if params.get("threadId") != self._thread or number in self._abandoned:
                return None
            if method == "turn/started":
                self._turn_id = self._turn_id or number
            elif number in (self._turn_id or number, "") and isinstance(turn, dict):
                self._running = False
                return _turn_end(turn)
        return None

    def _answered(self, number: object, text: str, frame: dict[str, object]) -> Received:
        received = Received(events=[AgentEvent("response", text)])
        error, result = frame.get("error"), frame.get("result")
        if number == self._initialize:
            self._initialize = None
        if number in self._asked:
            self._asked.discard(number)
            self._threads.add(_id_in(result.get("thread") if isinstance(result, dict) else None))
        if self._running and number == self._request:
            if error is not None:
                self._running = False
                received.end = TurnEnd(error=_message(error))
            elif isinstance(result, dict):
                self._turn_id = _id_in(result.get("turn"))
                received.replies = self._due_interrupts()
        return received

    def _own_answer(self, number: str, frame: dict[str, object]) -> Received:
        """Go on with what waited for the answer to an own request."""
        error = frame.get("error")
        if number == self._awaited:
            self._awaited = ""
        already = "already initialized" in _message(error).lower()
        if error is None or already:
            return Received(replies=self._advance())
        received = Received(problem=f"the broker's request was refused: {_message(error)}")
        if self._running and self._resuming == number:
            self._queue.popleft()  # the turn, whose thread is not there
            self._running = False
            self._threads.discard(self._thread)
            received.events = self.error_events(TURN, _request(self._request), _message(error))
            received.end = TurnEnd(error=_message(error))
        received.replies = self._advance()
        return received


def _turn_end(turn: dict[str, object]) -> TurnEnd:
    status, error = turn.get("status"), turn.get("error")
    if status == "failed" or error:
        return TurnEnd(error=_message(error) or "the turn failed")
    return TurnEnd(stop_reason=STOP_REASONS.get(str(status), str(status)))


def _is_id(value: object) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _request(number: object) -> str:
    return msgspec.json.encode({"id": number}).decode()


def _id_in(value: object) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _message(error: object) -> str:
    return str(error.get("message", error)) if isinstance(error, dict) else str(error or "")


def _error_frame(number: object, code: int, message: str) -> str:
    frame = {"id": number, "error": {"code": code, "message": message}}
    return msgspec.json.encode(frame).decode()
