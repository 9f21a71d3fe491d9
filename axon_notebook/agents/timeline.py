"""What happens between people and an agent, whatever the protocol.

A codec (:mod:`.acp`, :mod:`.claude`) turns each event of the axon into *updates*;
:class:`Timeline` folds updates into *entries*: one per message, thought, tool call,
plan or question, in the order of their beginning.  Everything here is pure.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from ..models import AxonEvent

__all__ = [
    "Answer",
    "Asked",
    "Diff",
    "Entry",
    "Info",
    "Notice",
    "Option",
    "PermissionAnswer",
    "PermissionRequest",
    "Plan",
    "Prompt",
    "Step",
    "Text",
    "Timeline",
    "Tool",
    "TurnEnded",
    "TurnStarted",
    "Update",
    "Usage",
    "payload_of",
    "system_updates",
]


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an event says.

    Attributes:
        sequence: The event's place in the axon.
        at_ms: Its time, in milliseconds since the epoch.
        session: The agent's session it belongs to; empty if that is not told.
    """

    sequence: int
    at_ms: int = 0
    session: str = ""


class Prompt(Update, frozen=True):
    """Somebody asked for a turn."""

    text: str


class Text(Update, frozen=True):
    """A piece of what the agent says, or of what it thinks."""

    text: str
    thought: bool = False


class Diff(msgspec.Struct, frozen=True):
    """A change of a file; ``old`` is ``None`` for a new one."""

    path: str
    new: str
    old: str | None = None


class Tool(Update, frozen=True):
    """A tool call, or news of one; ``None`` means unchanged.

    ``status`` is ``pending``, ``in_progress``, ``completed`` or ``failed``.
    """

    id: str
    title: str | None = None
    kind: str | None = None
    status: str | None = None
    input: Any = None
    output: Any = None
    text: str | None = None
    diffs: tuple[Diff, ...] | None = None
    paths: tuple[str, ...] | None = None


class Step(msgspec.Struct, frozen=True):
    """A step of a plan; ``status`` is ``pending``, ``in_progress`` or ``completed``."""

    text: str
    status: str = "pending"
    priority: str = "medium"


class Plan(Update, frozen=True):
    """The whole plan as it is now."""

    steps: tuple[Step, ...]


class Option(msgspec.Struct, frozen=True):
    """An answer one can choose; ``kind`` begins with ``allow`` or ``reject``."""

    id: str
    name: str
    kind: str


class PermissionRequest(Update, frozen=True):
    """The agent asks whether it may use a tool.

    ``id`` tells requests apart on one axon; ``raw`` is the payload.
    """

    id: str
    title: str
    options: tuple[Option, ...]
    tool_id: str = ""
    input: Any = None
    diffs: tuple[Diff, ...] = ()
    raw: Any = None


class PermissionAnswer(Update, frozen=True):
    """Somebody answered; ``option`` is empty for *cancelled*, ``id`` if it is not told."""

    option: str
    id: str = ""


class TurnStarted(Update, frozen=True):
    """The broker gave a prompt to the agent; ``prompt_sequence`` if it tells which."""

    turn_id: str
    prompt_sequence: int | None = None


class TurnEnded(Update, frozen=True):
    """A turn ended; ``error`` is ``None`` if it ended well."""

    turn_id: str
    stop_reason: str | None = None
    error: str | None = None


class Usage(Update, frozen=True):
    """What the agent used; ``values`` as the protocol has them."""

    values: dict[str, Any]
    cost_usd: float | None = None
    duration_ms: float | None = None


class Info(Update, frozen=True):
    """A change of what the agent offers: ``kind`` is ``commands``, ``mode`` and so on."""

    kind: str
    value: Any


class Notice(Update, frozen=True):
    """News of devbox, broker or agent; ``fatal`` if the agent is gone."""

    kind: str
    text: str
    fatal: bool = False


class Asked(Update, frozen=True):
    """A client asked the agent something besides a turn; ``key`` pairs it with its answer."""

    key: str


class Answer(Update, frozen=True):
    """The agent's answer; ``error`` is ``None`` if it is one."""

    key: str
    value: Any
    error: str | None = None


#: After these the agent is another process, or none: what it was told is forgotten.
GONE: Final = frozenset({"devbox.suspended", "devbox.shutdown", "devbox.failed", "broker.error"})

Kind = Literal["prompt", "text", "thought", "tool", "plan", "permission", "turn", "notice"]


class Entry(msgspec.Struct, kw_only=True):
    """A line of the conversation; it changes in place until its turn is over.

    Attributes:
        number: Its place, from 0.
        kind: What it is; decides which of the fields below ``until_ms`` have a meaning.
        sequence: The first event of it.
        last_sequence: The newest event of it.
        at_ms: When it began; ``until_ms``: when it last changed.
        status: Of a tool call, or ``queued``, ``running``, ``completed``, ``failed`` of a
            turn, or ``open``, ``answered``, ``closed`` of a question.
    """

    number: int
    kind: Kind
    sequence: int
    last_sequence: int
    at_ms: int
    until_ms: int
    session: str = ""
    turn_id: str = ""
    id: str = ""
    title: str = ""
    parts: list[str] = msgspec.field(default_factory=list)
    status: str = ""
    tool_kind: str = ""
    input: Any = None
    output: Any = None
    diffs: tuple[Diff, ...] = ()
    paths: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    options: tuple[Option, ...] = ()
    answer: str | None = None
    error: str | None = None
    usage: dict[str, Any] = msgspec.field(default_factory=dict)
    cost_usd: float | None = None
    request: PermissionRequest | None = None

    @property
    def text(self) -> str:
        """What it says; ``parts`` are the pieces in which that came."""
        return "".join(self.parts)


class Timeline:
    """Entries in order; :meth:`apply` returns those that an update changed."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.turn: Entry | None = None  # the turn that runs
        self._talk: dict[str, Entry] = {}  # session → the message that still grows
        self._tools: dict[tuple[str, str], Entry] = {}
        self._plans: dict[str, Entry] = {}
        self._queue: list[Entry] = []  # prompts whose turn has not started
        self._prompt: Entry | None = None  # the prompt of the running turn
        self._last_turn: Entry | None = None
        self._open: list[Entry] = []

    @property
    def questions(self) -> list[Entry]:
        """Requests for permission that nobody has answered, oldest first."""
        return list(self._open)

    def apply(self, update: Update) -> list[Entry]:
        """Fold *update* in; return the entries that are new or changed."""
        match update:
            case Text():
                return [self._say(update)]
            case Tool():
                return [self._use(update)]
            case Prompt():
                entry = self._add("prompt", update, parts=[update.text], status="queued")
                self._queue.append(entry)
                return [entry]
            case Plan():
                return [self._plan(update)]
            case PermissionRequest():
                return [self._ask(update)]
            case PermissionAnswer():
                return self._answered(update)
            case TurnStarted():
                return self._start(update)
            case TurnEnded():
                return self._end(update)
            case Usage():
                return self._use_up(update)
            case Notice():
                entry = self._add("notice", update, title=update.kind, parts=[update.text])
                return [entry, *(self._lose() if update.fatal else [])]
        return []

    def _add(self, kind: Kind, update: Update, **fields: Any) -> Entry:
        if kind not in ("text", "thought", "notice"):
            self._talk.pop(update.session, None)
        entry = Entry(
            number=len(self.entries),
            kind=kind,
            sequence=update.sequence,
            last_sequence=update.sequence,
            at_ms=update.at_ms,
            until_ms=update.at_ms,
            session=update.session,
            turn_id=self.turn.turn_id if self.turn is not None else "",
            **fields,
        )
        self.entries.append(entry)
        return entry

    def _say(self, update: Text) -> Entry:
        kind: Kind = "thought" if update.thought else "text"
        entry = self._talk.get(update.session)
        if entry is None or entry.kind != kind:
            entry = self._talk[update.session] = self._add(kind, update)
        entry.parts.append(update.text)
        return _touched(entry, update)

    def _use(self, update: Tool) -> Entry:
        key = (update.session, update.id)
        entry = self._tools.get(key)
        if entry is None:
            entry = self._tools[key] = self._add("tool", update, id=update.id, status="pending")
        self._talk.pop(update.session, None)
        for name in ("title", "status", "input", "output", "diffs", "paths"):
            if (value := getattr(update, name)) is not None:
                setattr(entry, name, value)
        if update.text is not None:
            entry.parts = [update.text]
        entry.tool_kind = update.kind or entry.tool_kind
        return _touched(entry, update)

    def _plan(self, update: Plan) -> Entry:
        entry = self._plans.get(update.session)
        if entry is None:
            entry = self._plans[update.session] = self._add("plan", update)
        entry.steps = update.steps
        return _touched(entry, update)

    def _ask(self, update: PermissionRequest) -> Entry:
        entry = self._add(
            "permission",
            update,
            id=update.id,
            title=update.title,
            status="open",
            options=update.options,
            input=update.input,
            diffs=update.diffs,
            request=update,
        )
        self._open.append(entry)
        return entry

    def _answered(self, update: PermissionAnswer) -> list[Entry]:
        fitting = (e for e in self._open if update.id in ("", e.id))
        entry = next(fitting, None)
        if entry is None:
            return []  # a second answer: the first one counted
        self._open.remove(entry)
        entry.status, entry.answer = "answered", update.option
        return [_touched(entry, update)]

    def _start(self, update: TurnStarted) -> list[Entry]:
        wanted = update.prompt_sequence
        prompts = [e for e in self._queue if wanted in (None, e.sequence)]
        changed = []
        if prompts:
            # A prompt before it in the queue was published when there was no broker.
            prompt = self._prompt = prompts[0]
            self._queue = [e for e in self._queue if e.sequence > prompt.sequence]
            prompt.status, prompt.turn_id = "running", update.turn_id
            changed.append(_touched(prompt, update))
        self._talk.clear()
        self._plans.clear()
        self.turn = self._last_turn = self._add("turn", update, status="running")
        self.turn.turn_id = update.turn_id
        self.turn.sequence = prompts[0].sequence if prompts else update.sequence
        return [*changed, self.turn]

    def _end(self, update: TurnEnded) -> list[Entry]:
        turn, self.turn = self.turn, None
        if turn is None:
            turn = self._last_turn = self._add("turn", update)
            turn.turn_id = update.turn_id
        turn.status = "completed" if update.error is None else "failed"
        turn.error, turn.title = update.error, update.stop_reason or ""
        changed = [_touched(turn, update)]
        if self._prompt is not None:
            self._prompt.status = turn.status
            changed.append(self._prompt)
            self._prompt = None
        return [*changed, *self._close_questions(update)]

    def _close_questions(self, update: Update) -> list[Entry]:
        """Nobody can answer any more what the turn has left open."""
        closed, self._open = self._open, []
        for entry in closed:
            entry.status = "closed"
            _touched(entry, update)
        return closed

    def _use_up(self, update: Usage) -> list[Entry]:
        turn = self._last_turn
        if turn is None:
            return []
        turn.usage = {**turn.usage, **update.values}
        turn.cost_usd = turn.cost_usd if update.cost_usd is None else update.cost_usd
        return [_touched(turn, update)]

    def _lose(self) -> list[Entry]:
        """The agent is gone: what waits for it will not come."""
        lost, self._queue = self._queue, []
        for entry in lost:
            entry.status = "failed"
        return lost


def payload_of(event: AxonEvent) -> dict[str, Any]:
    """Return the payload's fields; none if it is no JSON object."""
    try:
        value = event.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def system_updates(event: AxonEvent) -> list[Update]:
    """Return what a system event says; every field of it may be missing."""
    fields = payload_of(event)
    place: dict[str, Any] = {"sequence": event.sequence, "at_ms": event.timestamp_ms}
    turn_id = str(fields.get("turn_id", ""))
    if event.event_type == "turn.started":
        asked = fields.get("event_sequence")
        prompt = asked if isinstance(asked, int) else None
        return [TurnStarted(turn_id=turn_id, prompt_sequence=prompt, **place)]
    if event.event_type in ("turn.completed", "turn.failed"):
        failed = event.event_type == "turn.failed"
        error = str(fields.get("error") or "no reason given") if failed else None
        reason = fields.get("stop_reason")
        return [
            TurnEnded(
                turn_id=turn_id,
                stop_reason=reason if isinstance(reason, str) else None,
                error=error,
                **place,
            )
        ]
    text = str(fields.get("message") or fields.get("reason") or "")
    if not fields:
        text = event.payload
    return [Notice(kind=event.event_type, text=text, fatal=event.event_type in GONE, **place)]


def _touched(entry: Entry, update: Update) -> Entry:
    entry.last_sequence, entry.until_ms = update.sequence, update.at_ms
    return entry
