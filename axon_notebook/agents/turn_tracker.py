"""Which turn something belongs to, how turns begin and end, and what they cost.

The broker runs one turn at a time and says so with ``turn.*`` system events.  A sequence of
events without them (a recording of the agent's messages alone) has turns as well: there a turn
begins with the first output after its prompt and ends with the agent's answer to it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final

from .model import Session, Turn
from .parts import Part, Usage
from .recorder import Recorder

__all__ = ["TurnTracker"]

#: Milliseconds after a turn's end in which output without a turn is still that turn's.
LATE_MS: Final = 2000
#: Stop reasons that mean a turn was cancelled.
CANCELLED: Final = frozenset({"cancelled", "canceled", "interrupted", "aborted"})


class TurnTracker(Recorder):
    """The turns of a trace.

    Attributes:
        running: The turn that runs.
        last: The turn that began last.
        protocol_ends_turns: Whether a turn without a prompt has an end of its own.
        known_session: The session's entry, once there is one.
        from_start: Whether the trace has seen the session from its beginning, so that the
            first cumulative cost is the first turn's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.running: Turn | None = None
        self.last: Turn | None = None
        self.protocol_ends_turns = False
        self.from_start = False
        self.known_session: Session | None = None
        self._queue: list[Turn] = []
        self._turns: dict[str, Turn] = {}
        self._has_broker = False
        self._cancelling: Turn | None = None
        self._history_key: Hashable = None
        self._anew = False
        self._why = ""
        self._outside = ""  # the id of what happens between two turns
        self._costs: dict[str, float] = {}  # cumulative, by session
        self._totals: dict[str, float] = {}  # likewise, over resets
        self._reset: set[str] = set()
        self._base: dict[str, float] = {}  # cumulative when the turn began

    # -- the session

    @property
    def session_entry(self) -> Session:
        """The one entry on agent and session."""
        if self.known_session is None:
            self.known_session = self.add("session")
        return self.known_session

    def session(self, **fields: Any) -> None:
        """Change fields of the session that are not ``None``."""
        known = {name: value for name, value in fields.items() if value is not None}
        if known:
            self.change(self.session_entry, **known)

    # -- beginnings

    def prompt(self, text: str, *, session: str = "", source: str = "", **fields: Any) -> Turn:
        """Begin a turn that waits until the agent gets its prompt."""
        turn: Turn = self.add(
            "turn",
            turn_id=f"prompt-{self.sequence}",
            session=session,
            status="queued",
            text=text,
            prompt_sequence=self.sequence,
            source=source,
            **fields,
        )
        self._queue.append(turn)
        return turn

    def start(self, turn_id: str, prompt_sequence: int | None) -> None:
        """The broker gives a prompt to the agent: the named one, or the oldest."""
        self._has_broker = True
        if turn_id and turn_id in self._turns:
            return  # repeated
        if self.running is not None:
            lost = self.running.origin != "unasked"
            why = "the end of this turn was not recorded" if lost else ""
            self.end("", "", why, failed=lost)
        wanted = prompt_sequence
        found = [t for t in self._queue if wanted in (None, t.prompt_sequence)]
        self._begin(found[0] if found else None, turn_id)

    def _begin(self, turn: Turn | None, turn_id: str, origin: str = "unasked") -> Turn:
        if turn is None:
            turn_id = turn_id or f"{origin}-{self.sequence}"
            title = self._why if origin == "unasked" else ""
            turn = self.add("turn", turn_id=turn_id, status="running", origin=origin, title=title)
            # When a turn of an earlier session began is unknown.
            at = None if origin == "history" else self.at_ms
            self.change(turn, running_ms=at, begun_sequence=self.sequence)
        else:
            for skipped in self._queue[: self._queue.index(turn)]:
                self._fail_unbegun(skipped, "no agent received this prompt")
            del self._queue[: self._queue.index(turn) + 1]
            self.change(
                turn,
                turn_id=turn_id or turn.turn_id,
                status="running",
                running_ms=self.at_ms,
                begun_sequence=self.sequence,
            )
        self._turns[turn.turn_id] = turn
        self._base = dict(self._costs)
        self.running = self.last = turn
        self._anew = False
        self._outside = self._why = ""
        self.open_turn(turn)
        return turn

    def _fail_unbegun(self, turn: Turn, error: str) -> None:
        self._turns[turn.turn_id] = turn
        begun, at = self.sequence, self.at_ms
        self.change(turn, status="failed", error=error, ended_ms=at, begun_sequence=begun)

    def history(self, text: str, key: Hashable, parts: Sequence[Part] = ()) -> None:
        """Take a prompt that the agent replays from an earlier session."""
        last = self.last
        if self._history_key == key and last is not None:
            self.append(last, text)
            if parts:
                self.change(last, parts=[*last.parts, *parts])
            return
        self._history_key = key
        turn = self._begin(None, "", "history")
        self.running = None
        self.change(turn, text=text, status="completed", ended_ms=self.at_ms, parts=list(parts))

    def begin_waiting(self) -> None:
        """Begin the oldest turn that waits, where no broker says when one begins."""
        if self.running is None and self._queue and not self._has_broker:
            self._begin(self._queue[0], "")

    def replays(self, key: Hashable) -> bool:
        """Whether the prompt *key* is being replayed, and nothing came after it."""
        return self._history_key == key and bool(self.entries) and self.entries[-1] is self.last

    def current_turn(self) -> Turn:
        """Return the turn in which something happens now; begin one if there is none."""
        if self.running is not None:
            return self.running
        if self._queue and not self._has_broker:
            return self._begin(self._queue[0], "")
        last = self.last
        if last is not None and self._is_late(last):
            return last
        turn = self._begin(None, "")
        if not self.protocol_ends_turns:
            self.running = None
            self.change(turn, status="completed", ended_ms=self.at_ms)
        return turn

    def place(self) -> str:
        """Return the id of the turn that runs; one of its own for what happens between turns."""
        if self.running is not None:
            return self.running.turn_id
        if not self._outside:
            self._outside = f"outside-{self.sequence}"
        return self._outside

    def begin_anew(self, why: str = "") -> None:
        """Let the next output, if no turn runs, begin a turn instead of being late.

        *why* becomes its title.
        """
        self._anew = self.running is None
        self._why = why

    def _is_late(self, last: Turn) -> bool:
        if self._anew:
            return False
        if last.origin == "history" or (last.origin != "prompt" and not self.protocol_ends_turns):
            return True
        return self.at_ms - (last.ended_ms or self.at_ms) <= LATE_MS

    def turn_by_id(self, turn_id: str) -> Turn | None:
        """Return the turn of this id, if it has begun."""
        return self._turns.get(turn_id)

    def note_output(self, turn: Turn) -> None:
        """The turn has given the first sign of life, or another one."""
        if turn.first_output_ms is None:
            self.change(turn, first_output_ms=self.at_ms)
        if turn.origin == "unasked" and turn.status == "completed":
            self.change(turn, ended_ms=self.at_ms)

    # -- ends

    def outcome(self, stop_reason: str = "", error: str = "") -> None:
        """The agent's own answer to the prompt; it ends the turn where no broker does."""
        turn = self.running
        if turn is None and self._queue and not self._has_broker:
            turn = self._begin(self._queue[0], "")
        if turn is None:
            turn = self.last
            if turn is None or turn.status == "queued":
                return
        self.change(turn, stop_reason=stop_reason or turn.stop_reason, error=error or turn.error)
        if turn is self.running and (not self._has_broker or turn.turn_id.startswith("unasked-")):
            self.end(turn.turn_id, stop_reason, error, failed=bool(error))
        elif turn is not self.running and error and turn.status == "completed":
            self.change(turn, status="failed")

    def cancelling(self) -> None:
        """The agent was asked to stop."""
        self._cancelling = self.running

    def end(self, turn_id: str, stop_reason: str, error: str, *, failed: bool) -> None:
        """End a turn: the named one, or the one that runs."""
        turn = self._turns.get(turn_id) or self.running or self._nameless(turn_id)
        if turn.status != "running" and turn.ended_ms is not None and turn.origin != "unasked":
            return  # repeated
        reason = turn.stop_reason or stop_reason
        stopped = self._cancelling is turn and failed
        cancelled = stopped or bool(CANCELLED & {reason, stop_reason})
        error = "" if cancelled else turn.error or (error if failed else "")
        status = "cancelled" if cancelled else "failed" if error or failed else "completed"
        reason = "cancelled" if cancelled else reason
        if self.running is turn:
            self.running = self._cancelling = None
        at = self.at_ms
        session = turn.session or (self.known_session.session if self.known_session else "")
        self.change(
            turn, status=status, stop_reason=reason, error=error, ended_ms=at, session=session
        )
        self.close_turn(turn)

    def end_by_broker(
        self,
        turn_id: str,
        prompt_sequence: int | None,
        stop_reason: str,
        error: str,
        *,
        failed: bool,
    ) -> None:
        """End a turn as the broker says, even one that has not begun."""
        self._has_broker = True
        waiting = [t for t in self._queue if t.prompt_sequence == prompt_sequence]
        if waiting and turn_id not in self._turns and self.running is None:
            self._begin(waiting[0], turn_id)
        self.end(turn_id, stop_reason, error, failed=failed)

    def _nameless(self, turn_id: str) -> Turn:
        """Return the turn whose beginning is not in the events."""
        last = self.last
        if last is not None and last.turn_id == f"unasked-{last.first_sequence}":
            return last
        turn = self._begin(None, turn_id, "history")
        return turn

    def lose(self, why: str) -> None:
        """The agent is gone: what waits for it fails."""
        turn, waiting = self.running, self._queue
        self.running, self._queue = None, []
        if turn is not None:
            self.change(turn, status="failed", error=turn.error or why, ended_ms=self.at_ms)
            self.close_turn(turn)
        for unbegun in waiting:
            self._fail_unbegun(unbegun, f"the agent was gone before it: {why}")
        self.close_all()
        self.session(gone=why)

    def close_all(self) -> None:
        """Close what outlives turns: the agent is gone."""

    def close_turn(self, turn: Turn) -> None:
        """Close what the turn has left open."""

    def open_turn(self, turn: Turn) -> None:
        """Prepare for a turn that has begun."""

    # -- what it costs

    def cost(self, amount: float, currency: str, *, session: str = "") -> None:
        """Take the session's cumulative cost; the turn's is the difference to its beginning."""
        before = self._costs.get(session, 0.0)
        if session in self._reset:
            self._reset.discard(session)
            if amount != before:
                before = 0.0
                self._base[session] = 0.0
        grown = amount - before if amount >= before else amount
        self._costs[session] = amount
        self._totals[session] = self._totals.get(session, 0.0) + grown
        self.session(cost=round(sum(self._totals.values()), 10), currency=currency)
        turn = self.running or self.last
        if turn is None:
            return
        base = self._base.get(session, 0.0 if self.from_start else None)
        if base is None:
            return
        cost = amount - base if amount >= base else amount
        self.change(turn, cost=round(cost, 10), currency=currency)

    def rebase_cost(self, amount: float, currency: str, *, session: str = "") -> None:
        """Take a cumulative cost that has grown by something other than the running turn."""
        running, last = self.running, self.last
        self.running = self.last = None
        grown = amount - self._costs.get(session, 0.0)
        self.cost(amount, currency, session=session)
        self.running, self.last = running, last
        before = self._base.get(session, 0.0 if self.from_start else None)
        if before is not None and grown > 0:
            self._base[session] = before + grown

    def forget_costs(self) -> None:
        """The process that counted is gone; the next one counts from zero."""
        self._costs.clear()
        self._base.clear()
        self._reset.clear()

    def reset_cost(self) -> None:
        """The cumulative costs start from zero again, at their next change."""
        self._reset = set(self._costs)

    def usage(self, usage: Usage, *, add: bool = False) -> None:
        """Set the turn's tokens, or add to them."""
        turn = self.running or self.last
        if turn is not None:
            self.change(turn, usage=_sum(turn.usage, usage) if add else usage)


def _sum(a: Usage, b: Usage) -> Usage:
    values = {}
    for name in Usage.__struct_fields__:
        left, right = getattr(a, name), getattr(b, name)
        values[name] = right if left is None else left if right is None else left + right
    return Usage(**values)
