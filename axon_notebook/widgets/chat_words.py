"""The chat's states in words, the same ones as in ``js/src/content/entry-words.ts``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from ..agents.model import Annotation, Notice, Question, Session, Tool, Turn
from ..agents.parts import Field

__all__ = [
    "SIGNS",
    "STEPS",
    "annotation_line",
    "answer_text",
    "notice_line",
    "plural",
    "question_title",
    "tool_facts",
    "tool_title",
    "totals",
    "turn_state",
    "usage_text",
]

SIGNS: Final = {"completed": "✓", "failed": "✕", "in_progress": "◌", "stopped": "■"}
STEPS: Final = {"completed": "✓", "in_progress": "◐"}
WELL_ENDED: Final = ("", "end_turn", "success", "stop", "completed")
_ASKED: Final = {
    "form": "Input requested",
    "choice": "Choice requested",
    "plan": "Plan for approval",
    "url": "Open an address",
}


def plural(count: int, noun: str) -> str:
    """``1 turn``, ``1,204 turns``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def turn_state(turn: Turn) -> str:
    """Return how a turn stands; empty for one that ended well."""
    match turn.status:
        case "running":
            return "working"
        case "queued" | "failed" | "cancelled":
            return turn.status
    reason = turn.stop_reason
    return "" if reason in WELL_ENDED else reason.replace("_", " ")


def usage_text(turn: Turn) -> str:
    """``1,204 in · 388 out · 9,000 cached · $0.0125``."""
    usage = turn.usage
    cached = (usage.cache_read or 0) + (usage.cache_write or 0)
    parts = [
        "" if usage.input is None else f"{usage.input:,} in",
        "" if usage.output is None else f"{usage.output:,} out",
        f"{cached:,} cached" if cached else "",
        f"{usage.thought:,} thinking" if usage.thought else "",
        "" if turn.cost is None else money(turn.cost, turn.currency),
    ]
    return " · ".join(filter(None, parts))


def totals(turns: Sequence[Turn], session: Session | None) -> str:
    """Return the header's figures: turns, tokens, context, cost."""
    tokens = sum((turn.usage.input or 0) + (turn.usage.output or 0) for turn in turns)
    parts = [plural(len(turns), "turn") if turns else "", f"{tokens:,} tokens" if tokens else ""]
    if session is not None and session.context_used is not None:
        used, size = session.context_used, session.context_size
        share = f" ({round(100 * used / size)} %)" if size else ""
        parts.append(f"context {used:,}{f' of {size:,}' if size else ''}{share}")
    if session is not None and session.cost is not None:
        parts.append(money(session.cost, session.currency))
    return " · ".join(filter(None, parts))


def money(amount: float, currency: str = "USD") -> str:
    """``$0.0125``, ``1.20 EUR``."""
    digits = f"{amount:.2f}" if amount >= 1 else re.sub(r"(\.\d\d)0+$", r"\1", f"{amount:.4f}")
    return f"${digits}" if currency in ("", "USD") else f"{digits} {currency}"


def tool_title(tool: Tool) -> str:
    """Return the line of a tool call."""
    return tool.title or tool.name or tool.tool_kind or "a tool"


def tool_facts(tool: Tool, children: int) -> str:
    """Return the facts after a tool call's title."""
    parts = [
        plural(children, "step") if children else "",
        "not allowed" if tool.permission == "denied" else "",
        f"exit status {tool.exit_status}" if tool.exit_status else "",
    ]
    return " · ".join(filter(None, parts))


def notice_line(notice: Notice) -> str:
    """Return a notice in one line."""
    kind, title = notice.notice_kind, notice.title
    named = "." in kind or title not in ("", kind) or not notice.text
    name = title if title not in ("", kind) else kind.replace(".", " ").replace("_", " ")
    times = f" ({notice.count} times)" if notice.count > 1 else ""
    return ": ".join(filter(None, (name if named else "", notice.text))) + times


def annotation_line(annotation: Annotation) -> str:
    """Return a judgement in one line: ``quality: correct · 0.5 — why``."""
    name = annotation.name if annotation.name not in ("", "annotation") else ""
    score = "" if annotation.score is None else f"{annotation.score:g}"
    words = " · ".join(filter(None, (annotation.label, score)))
    judged = " — ".join(filter(None, (words, annotation.text)))
    return f"✎ {name}: {judged}" if name else f"✎ {judged}"


def question_title(question: Question) -> str:
    """Return what is asked, in one line."""
    if question.question_kind == "permission":
        return f"Allow {question.title or 'a tool'}?"
    if question.question_kind == "choice" and question.title in [f.title for f in question.fields]:
        return _ASKED["choice"]  # the field says it again
    return question.title or _ASKED.get(question.question_kind, "Question")


def answer_text(question: Question) -> str:
    """Return what was answered in the words of the button, or why there is no answer."""
    match question.status:
        case "open":
            return "Not answered yet."
        case "withdrawn":
            return "Withdrawn: no answer is needed any more."
        case "expired":
            return "Not answered: the turn is over."
    names = {option.id: option.name for option in question.options}
    answer = question.answer
    name = names.get(answer) if isinstance(answer, str) else None
    words = name or _spoken(question, answer)
    by = question.answered_by
    return words if by in ("", "user") else f"{words} (by the {by})"


def _spoken(question: Question, answer: Any) -> str:
    if answer in (None, ""):
        return "Answered; the value is not shown." if question.secret else "Answered."
    if not isinstance(answer, dict):
        text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        return text[:1].upper() + text[1:]
    fields = {field.id: field for field in question.fields}
    lines = [_answered(fields.get(name), name, value) for name, value in answer.items()]
    lines += [_labelled(f.title or f.id, "•••") for f in question.fields if f.secret]
    return "\n".join(lines) or "Answered."


def _answered(field: Field | None, name: str, value: Any) -> str:
    labels = {choice.value: choice.label for choice in field.choices} if field else {}

    def label(one: Any) -> str:
        known = labels.get(one) if isinstance(one, str) else ""
        return known or (one if isinstance(one, str) else json.dumps(one, ensure_ascii=False))

    words = ", ".join(map(label, value)) if isinstance(value, list) else label(value)
    return _labelled((field.title if field else "") or name, words)


def _labelled(title: str, text: str) -> str:
    return f"{title} {text}" if title.endswith(("?", ":", ".", "!")) else f"{title}: {text}"
