"""What codecs do to a trace, in terms that no protocol owns.

A codec reads one event and calls these operations.  All rules on which turn something belongs
to, when an open tool call or question closes, and how cumulative costs become costs of a turn are
here or in :mod:`.turn_tracker`, once for all protocols.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Final

from .model import OPEN_TOOL, Entry, Message, Notice, Plan, Question, Tool, Turn
from .parts import Part, Step, Terminal, Text
from .turn_tracker import TurnTracker

__all__ = ["Builder"]

#: Kinds of entries that stand between two messages.
CONTENT: Final = frozenset({"message", "tool", "plan", "question"})
#: Kinds of questions on which a tool call waits for permission.
PERMITS: Final = ("permission", "plan")
TOOL_STATUS: Final = {
    "pending": "pending",
    "in_progress": "in_progress",
    "inProgress": "in_progress",
    "running": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "declined": "failed",
    "denied": "failed",
    "cancelled": "stopped",
    "canceled": "stopped",
    "stopped": "stopped",
}


class Builder(TurnTracker):
    """The operations of codecs on the entries of one trace."""

    def __init__(self) -> None:
        super().__init__()
        self._messages: dict[Hashable, Message] = {}
        self._tools: dict[tuple[str, str], Tool] = {}
        self._open_tools: dict[int, Tool] = {}
        self._questions: dict[str, Question] = {}
        self._plans: dict[tuple[str, str], Plan] = {}
        self._notices: dict[tuple[str, str], Notice] = {}

    # -- messages

    def say(
        self,
        key: Hashable,
        role: str,
        text: str,
        *,
        parent: str = "",
        session: str = "",
        parts: Sequence[Part] = (),
    ) -> None:
        """Append *text* and *parts* to the message *key*, which begins with the first of them."""
        message = self._messages.get(key)
        if message is None:
            if text or parts:
                self._begin_message(key, role, text, parent, session, parts)
            return
        self.append(message, text)
        if parts:
            self.change(message, parts=[*message.parts, *parts])

    def settle(
        self,
        key: Hashable,
        role: str,
        text: str,
        *,
        parent: str = "",
        session: str = "",
        parts: Sequence[Part] = (),
    ) -> None:
        """Set the message's final text, in place of what was streamed of it."""
        message = self._messages.get(key)
        if message is None:
            self.say(key, role, text, parent=parent, session=session, parts=parts)
        else:
            self.change(message, text=text, parts=list(parts) or message.parts, status="")

    def message(self, key: Hashable) -> Message | None:
        """Return the message *key*, if it has begun."""
        return self._messages.get(key)

    def is_latest(self, message: Message) -> bool:
        """Whether nothing else has begun since, in its session and its subagent."""
        for entry in reversed(self.entries):
            if entry is message:
                return True
            same = entry.session in ("", message.session) and entry.parent_id == message.parent_id
            if entry.kind in CONTENT and same:
                return False
        return False

    def _begin_message(
        self,
        key: Hashable,
        role: str,
        text: str,
        parent: str,
        session: str,
        parts: Sequence[Part],
    ) -> None:
        turn = self.turn_of(parent, session)
        self._messages[key] = self.add(
            "message",
            turn_id=turn.turn_id,
            parent_id=parent,
            session=session,
            role=role,
            text=text,
            parts=list(parts),
        )
        if role != "user":
            self.note_output(turn)

    # -- tool calls

    def tool(
        self,
        call_id: str,
        *,
        session: str = "",
        parent: str = "",
        status: str | None = None,
        begins: bool = False,
        **fields: Any,
    ) -> Tool:
        """Change the call's fields that are not ``None``; the call begins with the first.

        Some agents use an id again: with *begins*, a call that has ended in another turn is
        another call.
        """
        known = {name: value for name, value in fields.items() if value is not None}
        mapped = TOOL_STATUS.get(status or "")
        tool = self._tools.get((session, call_id))
        if tool is not None and begins and self._is_of_another_turn(tool):
            tool = None
        if tool is None:
            turn = self.turn_of(parent, session)
            created: Tool = self.add(
                "tool",
                turn_id=turn.turn_id,
                parent_id=parent,
                session=session,
                call_id=call_id,
                status=mapped or "pending",
                **known,
            )
            self._tools[session, call_id] = self._open_tools[created.id] = created
            self.note_output(turn)
            self._end_tool(created, mapped)
            return created
        if mapped and not (mapped in OPEN_TOOL and tool.status not in OPEN_TOOL):
            known["status"] = mapped
            if mapped not in OPEN_TOOL and tool.status in (*OPEN_TOOL, "stopped"):
                known["ended_ms"] = self.at_ms
                self._open_tools.pop(tool.id, None)
        if parent and not tool.parent_id:
            known["parent_id"] = parent
        self.change(tool, **known)
        return tool

    def _is_of_another_turn(self, tool: Tool) -> bool:
        running = self.running
        ended = tool.status not in OPEN_TOOL
        return ended and running is not None and running.turn_id != tool.turn_id

    def output(self, tool: Tool, parts: Sequence[Part]) -> None:
        """Replace the call's output: its ``text`` if it is nothing but text, else ``parts``."""
        texts = [part.text for part in parts if isinstance(part, Text)]
        if len(texts) < len(parts):
            self.change(tool, parts=list(parts))
            # The output of a terminal comes by another way; other text is among the parts.
            if not any(isinstance(part, Terminal) for part in parts):
                self.change_text(tool, "")
            return
        said, known = "\n".join(texts), tool.text
        if tool.parts:
            self.change(tool, parts=[])
        if known and said.startswith(known):
            self.append(tool, said[len(known) :])
        else:
            self.change_text(tool, said)

    def find_tool(self, call_id: str, session: str = "") -> Tool | None:
        """Return the call, if it has begun."""
        return self._tools.get((session, call_id))

    def _end_tool(self, tool: Tool, status: str | None) -> None:
        if status and status not in OPEN_TOOL:
            self.change(tool, ended_ms=self.at_ms)
            self._open_tools.pop(tool.id, None)

    # -- plans

    def plan(
        self,
        key: str,
        steps: Sequence[Step],
        *,
        parent: str = "",
        session: str = "",
        title: str = "",
        text: str = "",
        removed: bool = False,
    ) -> None:
        """Replace the plan *key* of this turn; one that is removed may be older."""
        if removed:
            self._remove_plan(f"{session} {parent} {key}")
            return
        turn = self.turn_of(parent, session)
        plan = self._plans.get((turn.turn_id, f"{session} {parent} {key}"))
        if plan is None:
            plan = self.add(
                "plan",
                turn_id=turn.turn_id,
                parent_id=parent,
                session=session,
                key=key,
                steps=list(steps),
                title=title,
                text=text,
            )
            self._plans[turn.turn_id, f"{session} {parent} {key}"] = plan
            return
        self.change(plan, steps=list(steps), status="", title=title or plan.title)
        if text and text != plan.text:
            self.change_text(plan, text)

    def _remove_plan(self, key: str) -> None:
        for (_, known), plan in reversed(self._plans.items()):
            if known == key:
                self.change(plan, status="removed")
                return

    def change_text(self, entry: Entry, text: str) -> None:
        """Replace the entry's text."""
        if text != entry.text:
            self.change(entry, text=text)

    # -- questions

    @property
    def open_questions(self) -> list[Question]:
        """Questions that are not answered yet, oldest first."""
        return list(self._questions.values())

    def ask(self, question_id: str, kind: str, *, session: str = "", **fields: Any) -> None:
        """Begin a question; one of the same id that is open stays as it is."""
        if question_id in self._questions:
            return
        call = fields.get("call_id", "")
        tool = self._tools.get((session, call)) if call else None
        parent = fields.pop("parent", "") or (tool.parent_id if tool is not None else "")
        self._questions[question_id] = self.add(
            "question",
            turn_id=self._turn_asked_in(tool, parent, session, fields),
            parent_id=parent,
            session=session,
            question_id=question_id,
            question_kind=kind,
            status="open",
            **fields,
        )
        if tool is not None:
            state: dict[str, Any] = {"permission": "asked"} if kind in PERMITS else {}
            if not self._waits(tool, but=question_id):
                state["asked_ms"] = self.at_ms
            self.change(tool, **state)

    def _turn_asked_in(
        self, tool: Tool | None, parent: str, session: str, fields: dict[str, Any]
    ) -> str:
        if tool is not None:
            return tool.turn_id
        if fields.get("background") and self.running is None and not parent:
            # The session asks, not a turn: that begins none.
            return self.last.turn_id if self.last is not None else self.place()
        return self.turn_of(parent, session).turn_id

    def answer(
        self, question_id: str, answer: object, *, by: str = "user", allowed: bool | None = None
    ) -> None:
        """Close a question with its answer; of several answers the first counts."""
        question = self._close_question(question_id, "answered", answer=answer, answered_by=by)
        if question is not None and question.question_kind in PERMITS and allowed is not None:
            self._permit(question, allowed)

    def withdraw(self, question_id: str, by: str = "agent") -> None:
        """Close a question that can no longer be answered."""
        self._close_question(question_id, "withdrawn", answered_by=by)

    def _close_question(self, question_id: str, status: str, **fields: Any) -> Question | None:
        question = self._questions.pop(question_id, None)
        if question is not None:
            at = self.at_ms
            known = {name: value for name, value in fields.items() if value is not None}
            self.change(question, status=status, answered_ms=at, ended_ms=at, **known)
            self._end_wait(question)
        return question

    def _end_wait(self, question: Question) -> None:
        """The call has waited for a person, whichever way the question was closed."""
        tool = self._asking(question)
        if tool is None or tool.asked_ms is None or self._waits(tool):
            return
        waited = (tool.waited_ms or 0) + max(0, self.at_ms - tool.asked_ms)
        self.change(tool, waited_ms=waited)

    def _waits(self, tool: Tool, but: str = "") -> bool:
        """Whether a question about the call is open, other than *but*."""
        return any(
            self._asking(question) is tool
            for number, question in self._questions.items()
            if number != but
        )

    def _asking(self, question: Question) -> Tool | None:
        return self._tools.get((question.session, question.call_id)) if question.call_id else None

    def _permit(self, question: Question, allowed: bool) -> None:
        tool = self._asking(question)
        if tool is not None:
            word = "allowed" if allowed else "denied"
            self.change(tool, permission=word, permitted_ms=self.at_ms)

    # -- notices

    def notice(
        self,
        kind: str,
        text: str,
        level: str = "info",
        *,
        detail: str = "",
        key: str = "",
        parent: str = "",
        fatal: bool = False,
        counts: bool = False,
    ) -> None:
        """Add a notice; one of the same *key* in the same turn is replaced.

        With *counts* the notice says how many there were.
        """
        turn_id = self.place()
        known = self._notices.get((turn_id, key)) if key else None
        if known is not None:
            count = known.count + 1 if counts else known.count
            self.change(known, level=level, detail=detail or known.detail, count=count)
            self.change_text(known, text)
            return
        notice = self.add(
            "notice",
            turn_id=turn_id,
            parent_id=parent,
            title=kind,
            notice_kind=kind,
            text=text,
            level=level,
            detail=detail,
            key=key,
            fatal=fatal,
        )
        if key:
            self._notices[turn_id, key] = notice

    def detail(self, key: str, text: str) -> None:
        """Fold *text* into the newest notice *key*."""
        for (_, known), notice in reversed(self._notices.items()):
            if known == key:
                self.change(notice, detail=text)
                return

    def log(self, text: str) -> None:
        """Append a line to the agent's log of this turn."""
        turn_id = self.place()
        notice = self._notices.get((turn_id, "log"))
        line = text.removesuffix("\n") + "\n"
        if notice is None or self.entries[-1] is not notice:
            self._notices[turn_id, "log"] = self.add(
                "notice",
                turn_id=turn_id,
                title="agent.log",
                notice_kind="log",
                text=line,
                level="quiet",
                key="log",
            )
        else:
            self.append(notice, line)

    # -- what ends with a turn

    def close_turn(self, turn: Turn) -> None:
        """Stop the calls that the turn has left open, and let its questions expire."""
        for tool in [t for t in self._open_tools.values() if t.turn_id == turn.turn_id]:
            del self._open_tools[tool.id]
            self.change(tool, status="stopped", ended_ms=self.at_ms)
        for question in self.open_questions:
            if question.turn_id == turn.turn_id and not question.background:
                self._close_question(question.question_id, "expired")

    def close_all(self) -> None:
        """Let the questions expire that outlive their turns: the agent is gone."""
        for question in self.open_questions:
            self._close_question(question.question_id, "expired")

    def open_turn(self, turn: Turn) -> None:
        """Let what is said in another turn be another message."""
        self._messages.clear()

    def turn_of(self, parent: str, session: str = "") -> Turn:
        """Return the turn in which something happens now; inside of *parent*, that call's."""
        if parent:
            tool = self._tools.get((session, parent)) or self._tools.get(("", parent))
            if tool is not None and (turn := self.turn_by_id(tool.turn_id)) is not None:
                return turn
        return self.current_turn()
