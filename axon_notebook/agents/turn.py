"""One turn of a conversation: from the prompt to the last output."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections import deque
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from ..errors import AgentError, TurnFailed, TurnTimedOut
from .client_protocol import Message as Published
from .client_protocol import ProtocolClient
from .model import Entry, Message, Question, Revision
from .model import Turn as TurnEntry
from .replies import Reply
from .trace import Trace
from .untrusted import Fields

__all__ = ["Turn", "TurnResult", "Update", "agent_text"]

#: Seconds of silence after a turn's end before it is over: updates may come after it.
GRACE: Final = 0.3
#: Updates of a turn that are kept at least; twice as many at most.
UPDATES_KEPT: Final = 100_000


class TurnOwner(Protocol):
    """What a turn needs of its conversation."""

    changed: threading.Condition
    client: ProtocolClient
    trace: Trace

    def publish(self, message: Published) -> int:
        """Publish as the user; return the sequence."""

    def wait(self, enough: Callable[[], bool], timeout: float | None) -> bool:
        """Wait until *enough* is true, *timeout* seconds at most; return whether it is."""

    async def wait_async(self, enough: Callable[[], bool]) -> None:
        """Wait until *enough* is true, without blocking the event loop."""


class TurnResult(msgspec.Struct, frozen=True):
    """How a turn ended.

    Attributes:
        text: All that the agent said, without its thoughts and its subagents.
        stop_reason: ``end_turn``, ``cancelled``, … as the protocol has it.
        turn_id: The broker's name for the turn.
        cost_usd: What this turn cost, where the agent tells it in US dollars.
        usage: Tokens by kind (``input``, ``output``, ``cache_read``, ``cache_write``,
            ``thought``), where the agent tells.
        cost: What this turn cost, in ``currency``.
    """

    text: str
    stop_reason: str | None = None
    turn_id: str = ""
    cost_usd: float | None = None
    usage: Fields = {}
    cost: float | None = None
    currency: str = ""


class Update(NamedTuple):
    """A change of an entry in a turn.

    Attributes:
        entry: The entry; live, it has the newest state.
        revision: What changed.
    """

    entry: Entry
    revision: Revision

    def __repr__(self) -> str:
        return f"<Update {self.entry!r}: {self.text[:60]!r}>"

    @property
    def kind(self) -> str:
        """The entry's kind."""
        return self.entry.kind

    @property
    def sequence(self) -> int:
        """The event that caused it."""
        return self.revision.sequence

    @property
    def text(self) -> str:
        """The text that came with this change; empty if the change is of something else."""
        if self.revision.append is not None:
            return self.revision.append
        return str((self.revision.state or {}).get("text", ""))


class Turn:
    """A turn that was asked for; made by :meth:`AgentSession.prompt`.

    Iterate it for its updates as they come, or wait for :meth:`result`.  Ctrl-C in
    either cancels the turn and leaves the agent running.  In a coroutine
    ``async for update in turn`` and ``await turn`` do the same without blocking the event
    loop; a cancelled task leaves the turn running, and the next one goes on where it was.

    Attributes:
        prompt: What was asked.
        sequence: Where the prompt stands in the axon.
        session: The agent's session.
        entry: The turn's entry; ``None`` until its prompt has been read back.
        cancelled: Whether it was asked to stop.
    """

    def __init__(
        self,
        conversation: TurnOwner,
        prompt: str,
        sequence: int,
        session: str,
        *,
        ask: Callable[[Question], None] | None,
        grace: float = GRACE,
    ) -> None:
        self.prompt = prompt
        self.sequence = sequence
        self.session = session
        self.entry: TurnEntry | None = None
        self.cancelled = False
        self._conversation = conversation
        self._ask = ask
        self._grace = grace
        self._updates: list[Update] = []
        self._dropped = 0  # older updates that are not kept
        self._entries: dict[int, Entry] = {}
        self._messages: list[Message] = []
        self._read = 0
        self._questions: deque[Question] = deque()
        self._received = self._ended_at = 0.0

    def __repr__(self) -> str:
        return f"<Turn {self.state}: {self.prompt[:40]!r}>"

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``."""
        return self.entry.status if self.entry is not None else "queued"

    @property
    def text(self) -> str:
        """All that the agent has said so far, without its thoughts and its subagents."""
        with self._conversation.changed:
            return agent_text(self._messages)

    @property
    def updates(self) -> list[Update]:
        """The newest updates, in order: 100,000 of them at least."""
        with self._conversation.changed:
            return list(self._updates)

    @property
    def entries(self) -> list[Entry]:
        """The turn's entries so far, in order; the turn's own entry is not among them."""
        with self._conversation.changed:
            return [self._entries[number] for number in sorted(self._entries)]

    @property
    def question(self) -> Question | None:
        """The question that the turn waits for a person to answer, if it does."""
        with self._conversation.changed:
            return self._questions[0] if self._questions else None

    def __iter__(self) -> Iterator[Update]:
        """Yield the updates that no iteration has yielded, until the turn is over.

        Raises:
            TurnFailed: It ended in an error; after the last update.
        """
        while True:
            self._wait(lambda: self._read < self._count() or self._over(), None)
            fresh = self._unread()
            for update in fresh:
                self._read += 1
                yield update
                if isinstance(update.entry, Question):
                    self._answer()
            if not fresh and self._over():
                self._raise_failure()
                return

    async def __aiter__(self) -> AsyncIterator[Update]:
        while True:
            await self._conversation.wait_async(lambda: self._read < self._count() or self._over())
            fresh = self._unread()
            for update in fresh:
                self._read += 1
                yield update
                if isinstance(update.entry, Question):
                    await asyncio.to_thread(self._answer)
            if not fresh and self._over():
                self._raise_failure()
                return

    def _unread(self) -> list[Update]:
        """Return what no iteration has yielded; warn of what was dropped before."""
        with self._conversation.changed:
            lost = self._dropped - self._read
            self._read = max(self._read, self._dropped)
            fresh = self._updates[self._read - self._dropped :]
        if lost > 0:
            warnings.warn(
                f"{lost:,} updates of {self!r} were dropped before they were read:"
                " turn.entries has what they made",
                stacklevel=3,
            )
        return fresh

    def __await__(self) -> Generator[Any, None, TurnResult]:
        return self._result_async().__await__()

    async def _result_async(self) -> TurnResult:
        while True:
            await self._conversation.wait_async(lambda: self._over() or bool(self._questions))
            if self._over():
                break
            await asyncio.to_thread(self._answer)
            self._raise_question()
        self._raise_failure()
        return self._outcome()

    def result(self, timeout: float | None = None) -> TurnResult:
        """Wait until the turn is over.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TurnFailed: It ended in an error; the session stays usable.
            TurnTimedOut: It is not over; it goes on, and this can be called again.
            AgentError: It waits for an answer that only you can give.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            done = self._wait(lambda: self._over() or bool(self._questions), left)
            if not done:
                raise TurnTimedOut(
                    f"the turn is {self.state} after {timeout:g} s: wait longer, or cancel() it"
                )
            if self._over():
                break
            self._answer()
            self._raise_question()
        self._raise_failure()
        return self._outcome()

    def cancel(self) -> None:
        """Ask the agent to stop; a turn that waits in the queue stops when it starts."""
        with self._conversation.changed:
            if self._is_final():
                return
            self.cancelled = True
            running, self._questions = self.state == "running", deque()
            questions = self._open_questions()
        if not running:
            return
        client = self._conversation.client
        self._conversation.publish(client.cancel(self.session))
        for question in questions:
            self._conversation.publish(client.answer(question, Reply("cancel")))

    def _open_questions(self) -> list[Question]:
        if self.entry is None:
            return []
        turn_id = self.entry.turn_id
        return [q for q in self._conversation.trace.open_questions if q.turn_id == turn_id]

    # -- in the reader thread, with the lock held

    def take(self, entry: Entry, revision: Revision) -> None:
        """Take an update of this turn."""
        self._updates.append(Update(entry, revision))
        if len(self._updates) >= 2 * UPDATES_KEPT:
            self._dropped += UPDATES_KEPT
            del self._updates[:UPDATES_KEPT]
        if entry is not self.entry and not isinstance(entry, TurnEntry):
            self._entries[entry.id] = entry
        self._received = time.monotonic()
        if isinstance(entry, TurnEntry):
            self.entry = entry
            if self._is_final() and not self._ended_at:
                self._ended_at = time.monotonic()
        elif isinstance(entry, Message) and revision.revision == 1:
            # Another session's late words are in this turn as well.
            mine = entry.session in ("", self.session)
            if entry.role == "agent" and not entry.parent_id and mine:
                self._messages.append(entry)
        elif isinstance(entry, Question) and entry.status != "open" and entry in self._questions:
            self._questions.remove(entry)

    def wants(self, question: Question) -> None:
        """Note that *question* needs a person to decide."""
        self._questions.append(question)

    def settled(self, question: Question) -> None:
        """Note that *question* was answered here; the answer itself comes back later."""
        if question in self._questions:
            self._questions.remove(question)

    def _count(self) -> int:
        return self._dropped + len(self._updates)

    def _is_final(self) -> bool:
        return self.state not in ("queued", "running")

    # -- in the thread that waits

    def _wait(self, enough: Callable[[], bool], timeout: float | None) -> bool:
        try:
            return self._conversation.wait(enough, timeout)
        except KeyboardInterrupt:
            self.cancel()
            raise

    def _over(self) -> bool:
        """Whether it has ended, and nothing came for a moment (or things never stop coming)."""
        now = time.monotonic()
        quiet = now - self._received >= self._grace or now - self._ended_at >= 10 * self._grace
        return self._is_final() and quiet

    def _answer(self) -> None:
        """Let the session's callback answer what is open, in this thread."""
        while self._ask is not None and (question := self.question) is not None:
            with self._conversation.changed:
                self._questions.popleft()
            self._ask(question)

    def _raise_question(self) -> None:
        if (question := self.question) is None:
            return
        if question.question_kind == "permission":
            raise AgentError(
                f"the agent asks for permission: {question.title}; answer with session.allow() or"
                " session.reject(), then ask for the result again"
            )
        raise AgentError(
            f"the agent asks: {question.title}; answer with session.answer(question, value), then"
            " ask for the result again (session.questions has it)"
        )

    def _raise_failure(self) -> None:
        if self.entry is not None and self.entry.status == "failed":
            why = self.entry.error or "no reason given"
            raise TurnFailed(f"the turn failed: {why}; the prompt was {self.prompt[:60]!r}")

    def _outcome(self) -> TurnResult:
        entry = self.entry
        assert entry is not None
        return TurnResult(
            self.text,
            entry.stop_reason or None,
            entry.turn_id,
            entry.cost if entry.currency == "USD" else None,
            {k: v for k, v in msgspec.to_builtins(entry.usage).items() if v is not None},
            entry.cost,
            entry.currency,
        )


def agent_text(messages: list[Message]) -> str:
    """Return messages of an agent as one text, a blank line between them."""
    texts = [message.text for message in messages if message.status != "retracted"]
    return "\n\n".join(text for text in texts if text)
