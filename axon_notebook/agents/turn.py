"""One turn of a conversation: from the prompt to the last word."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from ..errors import AgentError, TurnFailed, TurnTimedOut
from .conversation import Conversation
from .timeline import (
    Notice,
    PermissionAnswer,
    PermissionRequest,
    Text,
    TurnEnded,
    TurnStarted,
    Update,
    Usage,
)

__all__ = ["Turn", "TurnResult"]

#: Seconds of silence after a turn's end before it is over: updates may come after it.
GRACE: Final = 0.3


class TurnResult(msgspec.Struct, frozen=True):
    """How a turn ended.

    Attributes:
        text: All that the agent said.
        stop_reason: ``end_turn``, ``cancelled``, … as the protocol has it.
        turn_id: The broker's name for the turn.
        cost_usd: What it cost, where the agent tells.
        usage: Tokens and the like, where the agent tells.
    """

    text: str
    stop_reason: str | None = None
    turn_id: str = ""
    cost_usd: float | None = None
    usage: dict[str, object] = {}


class Turn:
    """A turn that was asked for; made by :meth:`AgentSession.prompt`.

    Iterate it for its updates as they come, or wait for :meth:`result`.  Ctrl-C in
    either cancels the turn and leaves the agent running.

    Attributes:
        prompt: What was asked.
        sequence: Where the prompt stands in the axon.
        session: The agent's session.
        state: ``queued``, ``running``, ``completed`` or ``failed``.
        cancelled: Whether it was asked to stop.
    """

    def __init__(
        self,
        conversation: Conversation,
        prompt: str,
        sequence: int,
        session: str,
        *,
        ask: Callable[[PermissionRequest], None] | None,
        grace: float = GRACE,
    ) -> None:
        self.prompt = prompt
        self.sequence = sequence
        self.session = session
        self.state = "queued"
        self.cancelled = False
        self._conversation = conversation
        self._ask = ask
        self._grace = grace
        self._updates: list[Update] = []
        self._read = 0
        self._questions: deque[PermissionRequest] = deque()
        self._settled = 0  # answers given here that have not come back from the axon
        self._end: TurnEnded | None = None
        self._heard = self._ended_at = 0.0

    def __repr__(self) -> str:
        return f"<Turn {self.state}: {self.prompt[:40]!r}>"

    @property
    def text(self) -> str:
        """All that the agent has said so far, without its thoughts."""
        with self._conversation.changed:
            texts = [u for u in self._updates if isinstance(u, Text) and not u.thought]
        return "".join(update.text for update in texts)

    @property
    def updates(self) -> list[Update]:
        """All updates so far, in order."""
        with self._conversation.changed:
            return list(self._updates)

    @property
    def question(self) -> PermissionRequest | None:
        """The request for permission that the turn waits for, if it does."""
        with self._conversation.changed:
            return self._questions[0] if self._questions else None

    def __iter__(self) -> Iterator[Update]:
        """Yield the updates that no iteration has yielded, until the turn is over.

        Raises:
            TurnFailed: It ended in an error; after the last update.
        """
        while True:
            self._wait(lambda: self._read < len(self._updates) or self._over(), None)
            with self._conversation.changed:
                fresh = self._updates[self._read :]
            for update in fresh:
                self._read += 1
                yield update
                if isinstance(update, PermissionRequest):
                    self._answer()
            if not fresh and self._over():
                self._raise_failure()
                return

    def result(self, timeout: float | None = None) -> TurnResult:
        """Wait until the turn is over.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TurnFailed: It ended in an error; the session stays usable.
            TurnTimedOut: It is not over; it goes on, and this can be called again.
            AgentError: It waits for a permission that only you can give.
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
            if self._end is not None:
                return
            self.cancelled = True
            running, questions = self.state == "running", list(self._questions)
            self._questions.clear()
        if not running:
            return
        codec = self._conversation.codec
        self._conversation.publish(codec.cancel(self.session))
        for question in questions:
            self._conversation.publish(codec.permission(question, None))

    # -- in the reader thread, with the lock held

    def take(self, update: Update) -> None:
        """Take an update of this turn."""
        self._updates.append(update)
        self._heard = time.monotonic()
        match update:
            case TurnStarted():
                self.state = "running"
            case TurnEnded():
                self._finish(update)
            case PermissionAnswer():
                self._answered(update)

    def wants(self, request: PermissionRequest) -> None:
        """Hear that *request* needs a person to decide."""
        self._questions.append(request)

    def settled(self, request: PermissionRequest) -> None:
        """Hear that *request* was answered here; the answer itself comes back later."""
        if request in self._questions:
            self._questions.remove(request)
            self._settled += 1

    def lost(self, notice: Notice) -> None:
        """Hear that the agent is gone."""
        if self._end is None:
            end = TurnEnded(sequence=notice.sequence, turn_id="", error=notice.text or notice.kind)
            self._updates.append(end)
            self._finish(end)

    def _finish(self, end: TurnEnded) -> None:
        if self._end is None:
            self._end = end
            self._ended_at = time.monotonic()
            self.state = "completed" if end.error is None else "failed"
            self._questions.clear()

    def _answered(self, answer: PermissionAnswer) -> None:
        if self._settled:
            self._settled -= 1
            return
        fitting = [q for q in self._questions if answer.id in ("", q.id)]
        if fitting:
            self._questions.remove(fitting[0])

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
        quiet = now - self._heard >= self._grace or now - self._ended_at >= 10 * self._grace
        return self._end is not None and quiet

    def _answer(self) -> None:
        """Let the session's callback answer what is open, in this thread."""
        while self._ask is not None and (question := self.question) is not None:
            with self._conversation.changed:
                self._questions.popleft()
            self._ask(question)

    def _raise_question(self) -> None:
        if (question := self.question) is not None:
            raise AgentError(
                f"the agent asks for permission: {question.title}; answer with session.allow() or"
                " session.reject(), then ask for the result again"
            )

    def _raise_failure(self) -> None:
        end = self._end
        if end is not None and end.error is not None:
            raise TurnFailed(f"the turn failed: {end.error}; the prompt was {self.prompt[:60]!r}")

    def _outcome(self) -> TurnResult:
        used = [update for update in self.updates if isinstance(update, Usage)]
        values: dict[str, object] = {}
        for usage in used:
            values.update(usage.values)
        costs = [usage.cost_usd for usage in used if usage.cost_usd is not None]
        end = self._end
        assert end is not None
        return TurnResult(
            self.text, end.stop_reason, end.turn_id, costs[-1] if costs else None, values
        )
