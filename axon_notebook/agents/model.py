"""The data model of a trace: entries, and the numbered revisions that make them.

A trace is a list of :class:`Entry` in the order of first appearance: turns, messages, tool
calls, plans, questions, notices, annotations, and one entry for the session.  An entry never moves
and is never removed.  All that is ever known of an entry comes from its :class:`Revision` records,
each of which names the event that caused it, so that folding the revisions up to a sequence
(:func:`fold`) gives the entries as of that event.  Page, snapshot, saved file, time bar and
``session.entries`` all read these revisions.

Times are milliseconds since the Unix epoch (UTC).  Nothing here reads a protocol; see
:mod:`.acp`, :mod:`.claude`, :mod:`.codex` and :mod:`.pi` for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from .parts import (
    Command,
    Diff,
    Field,
    Location,
    Option,
    Part,
    Setting,
    Step,
    Usage,
)

__all__ = [
    "OPEN_TOOL",
    "Annotation",
    "Entry",
    "Message",
    "Notice",
    "Plan",
    "Question",
    "Revision",
    "Session",
    "Tool",
    "Turn",
    "apply",
    "fold",
    "grow",
]

#: Statuses of a tool call that has not ended.
OPEN_TOOL: Final = ("pending", "in_progress")


class Revision(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """One change of one entry, caused by one event.

    Exactly one of ``append`` and ``state`` is set.  The first revision of an entry has its
    whole ``state`` (fields at their default left out), with ``kind``; so has one that stands for
    all before it (:class:`~.entry_log.EntryLog`).  A later ``state`` has
    the fields that changed; a ``text`` in it replaces the text.  Values of ``state`` are what
    ``msgspec.json.encode`` takes: plain values and the structs of this module.

    Attributes:
        entry: The entry's id.
        revision: Counts the entry's revisions from 1.
        sequence: Of the event.
        at_ms: The event's time.
        append: Text to append to the entry's ``text``.
        state: Changed fields by name.
    """

    entry: int
    revision: int
    sequence: int
    at_ms: int = 0
    append: str | None = None
    state: dict[str, Any] | None = None


class Entry(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """What all kinds of entries have; use the subclasses.

    Attributes:
        id: Counts the entries of a trace from 1, in the order of first appearance.
        kind: ``turn``, ``message``, ``tool``, ``plan``, ``question``, ``notice``, ``session``,
            ``annotation``.
        turn_id: The turn it belongs to; ``outside-…`` for what happened outside of all turns,
            empty only for the session.
        parent_id: The call id of the tool call (a subagent) it happened in, or empty.
        session: The agent's session, where the protocol names it.
        title: One line.
        status: See the subclasses.
        parts: Pictures, files, differences and the like, in order.
        revision: The number of the newest revision.
        first_sequence: The first event of it; ``last_sequence``: the newest.
        started_ms: The time of the first event.
        ended_ms: When it ended; ``None`` while a turn, a tool call or a question is open.
        ranges: Sequences of its events: first, last, first, last, ….  Events of a turn are
            these and all from its start to its end.
    """

    id: int
    kind: str
    turn_id: str = ""
    parent_id: str = ""
    session: str = ""
    title: str = ""
    status: str = ""
    parts: list[Part] = []
    revision: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    started_ms: int = 0
    ended_ms: int | None = None
    ranges: list[int] = []
    pieces: list[str] = []

    def __repr__(self) -> str:
        """Return one line: entries can hold megabytes."""
        what = " ".join(filter(None, [type(self).__name__, str(self.id), self.status]))
        return f"<{what}: {(self.title or self.text)[:60]!r}>"

    @property
    def text(self) -> str:
        """Its text: of a prompt, a message, a notice, or a plan that is to be approved."""
        if len(self.pieces) > 1:
            self.pieces[:] = ["".join(self.pieces)]
        return self.pieces[0] if self.pieces else ""

    @property
    def diffs(self) -> list[Diff]:
        """The differences among ``parts``."""
        return [part for part in self.parts if isinstance(part, Diff)]

    @property
    def output(self) -> object:
        """What a tool call returned, in the protocol's own form; ``None`` for other kinds."""
        return None


class Turn(Entry, kw_only=True):
    """From a prompt to the end of the agent's work on it.

    ``text`` and ``parts`` are the prompt's; ``status`` is ``queued``, ``running``,
    ``completed``, ``failed`` or ``cancelled``.

    Attributes:
        prompt_sequence: The prompt's event; ``None`` for a turn without a prompt.
        source: Who published the prompt.
        origin: ``prompt``, ``unasked`` (a schedule, a background task) or ``history``.
        stop_reason: In the protocol's word.
        error: Why it failed.
        running_ms: When the agent began with it; ``None`` if it never did.
        begun_sequence: The event by which it began, or ended without having begun.
        first_output_ms: When the first message, thought or tool call appeared.
        cost: What the turn cost; ``None`` if that is unknown.
    """

    prompt_sequence: int | None = None
    source: str = ""
    origin: str = "prompt"
    stop_reason: str = ""
    error: str = ""
    running_ms: int | None = None
    begun_sequence: int | None = None
    first_output_ms: int | None = None
    usage: Usage = Usage()
    cost: float | None = None
    currency: str = ""


class Message(Entry, kw_only=True):
    """What was said; ``status`` is empty, ``cut`` (it broke off) or ``retracted``.

    ``role`` is ``agent``, ``thought`` or ``user`` (a message in a turn: sent while it ran, by
    a harness, or to a subagent).
    """

    role: str = "agent"


class Tool(Entry, kw_only=True):
    """A tool call.

    ``status`` is ``pending``, ``in_progress``, ``completed``, ``failed`` or ``stopped`` (its
    turn ended before it did); ``parts`` are its output.

    Attributes:
        call_id: The protocol's id.
        name: The tool's name, where it is told.
        tool_kind: ``read``, ``edit``, ``delete``, ``move``, ``search``, ``execute``, ``think``,
            ``fetch``, ``agent`` (a subagent), ``switch_mode`` or ``other``.
        input: Its arguments.
        raw_output: What it returned, in the protocol's own form.
        permission: ``""``, ``asked``, ``allowed`` or ``denied``.
        asked_ms: When a person was asked something about it, such as for permission;
            ``permitted_ms``: when permission was given or denied; ``waited_ms``: how long the
            call has waited for persons, in all.
        exit_status: Of a command.
        progress: One line on how far it is.
    """

    call_id: str = ""
    name: str = ""
    tool_kind: str = ""
    input: object = None
    raw_output: object = None
    error: str = ""
    locations: list[Location] = []
    permission: str = ""
    asked_ms: int | None = None
    permitted_ms: int | None = None
    waited_ms: int | None = None
    exit_status: int | None = None
    progress: str = ""

    @property
    def output(self) -> object:
        """What it returned, in the protocol's own form."""
        return self.raw_output


class Plan(Entry, kw_only=True):
    """A list of steps; replaced as a whole.  ``status`` is empty, or ``removed``."""

    key: str = ""
    steps: list[Step] = []


class Question(Entry, kw_only=True):
    """A request of the agent that a person or a policy answers.

    ``status`` is ``open``, ``answered``, ``withdrawn`` (by the agent, or answered elsewhere) or
    ``expired`` (its turn ended).  ``text`` is the message, or the plan to be approved.

    Attributes:
        question_id: Names it among all questions of the axon.
        question_kind: ``permission``, ``form``, ``choice``, ``plan`` or ``url``.
        call_id: The tool call it is about, or empty.
        options: The buttons.
        fields: Of a form, or the questions of a choice.
        input: Arguments of the call that wants permission.
        url: The address to open; nothing opens it by itself.
        answer: The chosen option's id, or values by field id; secret values are left out.
        answered_by: ``user``, or ``agent`` (by itself); ``answered_ms``: when.
        background: Whether it outlives its turn.
        deadline_ms: When the agent answers it itself.
        secret: Whether any field is secret.
        request: The request's payload, for the answer.
    """

    question_id: str = ""
    question_kind: str = "permission"
    call_id: str = ""
    options: list[Option] = []
    fields: list[Field] = []
    input: object = None
    url: str = ""
    answer: object = None
    answered_by: str = ""
    answered_ms: int | None = None
    background: bool = False
    deadline_ms: int | None = None
    secret: bool = False
    request: object = None


class Notice(Entry, kw_only=True):
    """News of agent, broker or devbox; ``text`` is the line, ``detail`` what it folds away.

    Attributes:
        notice_kind: ``rate_limit``, ``compaction``, ``retry``, ``hook``, ``denial``, ``mcp``,
            ``auth``, ``model``, ``refusal``, ``config``, ``task``, ``notification``, ``log``,
            ``error``, ``unknown``; or the type of a system event, such as ``devbox.running``.
        level: ``quiet``, ``info``, ``warning`` or ``error``.
        count: How many events it stands for.
        key: A notice of the same key in the same turn is this one.
        fatal: Whether the agent is gone.
    """

    notice_kind: str = ""
    level: str = "info"
    detail: str = ""
    count: int = 1
    key: str = ""
    fatal: bool = False


class Annotation(Entry, kw_only=True):
    """A published judgement; ``text`` is its explanation.

    ``status`` is empty, or ``retracted``.

    Attributes:
        target: The id of the entry that it is about; 0 if there is none.
        target_sequence: The event that it is about, or ``None``; or ``call_id``, of a tool call.
        name: What is judged, such as ``correctness``.
        label: The judgement in a word; ``score``: in a number.
        annotator: Who published it.
    """

    target: int = 0
    target_sequence: int | None = None
    call_id: str = ""
    name: str = ""
    label: str = ""
    score: float | None = None
    annotator: str = ""


class Session(Entry, kw_only=True):
    """The one entry on agent and session; ``title`` is the session's title.

    Attributes:
        protocol: ``acp``, ``claude``, ``codex`` or ``pi``.
        agent: The agent's name; ``version``: its version.
        mode: The current mode's id; ``model``: the current model's.
        settings: What can be switched, modes and models included.
        commands: Slash commands.
        context_used: Tokens in the context, of ``context_size``.
        cost: Cumulative cost of the session in ``currency``.
        auth_methods: ``{"id", "name", "description"}`` each.
        accepts: Kinds of prompt parts: ``image``, ``audio``, ``resource``.
        gone: Why there is no agent; empty while there is one.
    """

    protocol: str = ""
    agent: str = ""
    version: str = ""
    model: str = ""
    mode: str = ""
    settings: list[Setting] = []
    commands: list[Command] = []
    context_used: int | None = None
    context_size: int | None = None
    cost: float | None = None
    currency: str = ""
    auth_methods: list[dict[str, object]] = []
    accepts: list[str] = []
    gone: str = ""


KINDS: Final[dict[str, type[Entry]]] = {
    "turn": Turn,
    "message": Message,
    "tool": Tool,
    "plan": Plan,
    "question": Question,
    "notice": Notice,
    "session": Session,
    "annotation": Annotation,
}

#: Kinds whose end is told by their state; the others end with their newest revision.
ENDS_BY_STATE: Final = frozenset({"turn", "tool", "question"})


def apply(entries: list[Entry], revision: Revision) -> Entry:
    """Apply *revision* to *entries* (index is id − 1); return the entry that it changed.

    Raises:
        ValueError: If the revision does not follow those already applied.
    """
    state = revision.state
    is_whole = state is not None and "kind" in state
    if revision.entry > len(entries):
        if revision.entry != len(entries) + 1 or state is None or not is_whole:
            raise ValueError(
                f"revision {revision.revision} of entry {revision.entry} after"
                f" {len(entries)} entries"
            )
        kind = KINDS[state["kind"]]
        entry = kind(
            id=revision.entry,
            kind=state["kind"],
            first_sequence=revision.sequence,
            started_ms=revision.at_ms,
        )
        entries.append(entry)
    else:
        entry = entries[revision.entry - 1]
        if revision.revision != entry.revision + 1 and not is_whole:
            raise ValueError(
                f"revision {revision.revision} of entry {revision.entry} after {entry.revision}"
            )
    if state is None:
        grow(entry, revision, revision.append or "")
    else:
        _touch(entry, revision)
        for name, value in state.items():
            if name == "text":
                entry.pieces = [value]
            else:
                setattr(entry, name, value)
    return entry


def grow(entry: Entry, revision: Revision, text: str) -> None:
    """Append *text* to *entry*, as *revision* says: what most revisions do."""
    entry.pieces.append(text)
    _touch(entry, revision)


def fold(revisions: Iterable[Revision], as_of: int | None = None) -> list[Entry]:
    """Return the entries that *revisions*, in their order, make.

    Args:
        revisions: All of a trace, oldest first.
        as_of: Only what events up to this sequence say.
    """
    entries: list[Entry] = []
    for revision in revisions:
        if as_of is None or revision.sequence <= as_of:
            apply(entries, revision)
    return entries


def _touch(entry: Entry, revision: Revision) -> None:
    sequence, ranges = revision.sequence, entry.ranges
    entry.revision = revision.revision
    if entry.kind not in ENDS_BY_STATE:
        entry.ended_ms = revision.at_ms
    if not ranges or sequence > ranges[-1] + 1:
        ranges += (sequence, sequence)
    elif sequence > ranges[-1]:
        ranges[-1] = sequence
    entry.last_sequence = max(entry.last_sequence, sequence)
