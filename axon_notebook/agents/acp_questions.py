"""Reads ACP's questions, and the answers to them.

Without ids on the axon an answer belongs to the oldest question of its kind, unless it names
another: by a call, by the id of the question, or by the id of a whole JSON-RPC message.

Source: Agent Client Protocol, schema v1; Runloop's broker documentation.
"""

from __future__ import annotations

from typing import Final

from . import acp_content as content
from .acp_methods import ENVELOPE, PERMISSION
from .builder import Builder
from .model import Question, Tool
from .parts import Text
from .untrusted import Fields, obj, text

__all__ = ["AcpQuestions"]

PERMISSIONS: Final = ("permission", "plan")
FORMS: Final = ("form", "url")


class AcpQuestions:
    """Permissions, forms and addresses."""

    def __init__(self, builder: Builder) -> None:
        self._b = builder

    # -- answers of clients

    def permission_answered(self, params: Fields, request_id: object) -> None:
        """Read a client's answer to a request for permission."""
        call = text(obj(params.get("_meta")).get("toolCallId"))
        question = self._oldest(PERMISSIONS, call, request_id)
        if question is None:
            return
        chosen = text(obj(params.get("outcome")).get("optionId"))
        kinds = {option.id: option.kind for option in question.options}
        allowed = kinds.get(chosen, "").startswith("allow")
        self._b.answer(question.question_id, chosen or "cancelled", allowed=allowed)

    def form_answered(self, params: Fields, request_id: object) -> None:
        """Read a client's answer to a form or an address."""
        meta = obj(obj(params.get("_meta")).get("runloop.dev/elicitation"))
        question = self._oldest(FORMS, text(meta.get("id")), request_id)
        if question is None:
            return
        action = params.get("action")
        nested = obj(action)
        word = text(nested.get("action")) or text(action)
        values = obj(nested.get("content") if nested else params.get("content"))
        secret = {field.id for field in question.fields if field.secret}
        shown = {name: value for name, value in values.items() if name not in secret}
        self._b.answer(question.question_id, shown if word == "accept" and shown else word)

    def refused(self, kind: str, request_id: object) -> None:
        """Read a client's error in place of an answer."""
        kinds = PERMISSIONS if kind == PERMISSION else FORMS
        if question := self._oldest(kinds, "", request_id):
            self._b.withdraw(question.question_id, "user")

    def _oldest(self, kinds: tuple[str, ...], name: str, request_id: object) -> Question | None:
        """Return the question that an answer means: the named one, or the oldest."""
        questions = [q for q in self._b.open_questions if q.question_kind in kinds]
        if request_id is not None:
            known = [q for q in questions if ENVELOPE in obj(q.request)]
            questions = [q for q in known if obj(q.request)[ENVELOPE] == request_id] or questions
        named = [q for q in questions if name and name in (q.call_id, q.question_id)]
        return next(iter(named or questions), None)

    def cancel(self, session: str) -> None:
        """Withdraw all: a client cancels the turn."""
        self._b.cancelling()
        for question in self._b.open_questions:
            if question.session in ("", session):
                self._b.withdraw(question.question_id, "user")

    # -- the agent

    def permission(
        self, sequence: int, params: Fields, request_id: object, tool: Tool | None
    ) -> None:
        """Ask for permission, or for approval of a plan; *tool* is what it is about."""
        session, call = text(params.get("sessionId")), obj(params.get("toolCall"))
        title = text(call.get("title")) or text(call.get("kind")) or "use a tool"
        parts = content.tool_parts(call.get("content"))
        plan = content.joined_text(parts) or (tool.text if tool is not None else "")
        is_plan = bool(plan) and "switch_mode" in (call.get("kind"), tool and tool.tool_kind)
        self._b.ask(
            str(sequence),
            "plan" if is_plan else "permission",
            session=session,
            text=plan if is_plan else "",
            title=(tool.title if tool is not None else "") or title,
            call_id=text(call.get("toolCallId")),
            options=content.options(params.get("options")),
            input=call.get("rawInput"),
            parts=[part for part in parts if not (is_plan and isinstance(part, Text))],
            request={**params, **_envelope(request_id)},
        )

    def elicitation(self, sequence: int, kind: str, params: Fields, request_id: object) -> None:
        """Ask to fill in a form, or to open an address."""
        fields = content.form_fields(params.get("requestedSchema"))
        url = text(params.get("url")) if params.get("mode") == "url" else ""
        message = text(params.get("message"))
        self._b.ask(
            text(params.get("elicitationId")) or f"rl-seq-{sequence}",
            "url" if url else "form",
            session=text(params.get("sessionId")),
            title=message.partition("\n")[0][:200] or "A question",
            text=message,
            call_id=text(params.get("toolCallId")),
            fields=fields,
            url=url,
            secret=any(field.secret for field in fields),
            request={**params, "method": kind, **_envelope(request_id)},
        )

    def completed(self, elicitation_id: str) -> None:
        """Close an address: what it was for is done."""
        self._b.answer(elicitation_id, "completed", by="agent")

    def cancelled(self, params: Fields) -> None:
        """Withdraw the question that the agent does not wait for any more."""
        meta, named = obj(params.get("_meta")), params.get("requestId")
        for question in self._b.open_questions:
            by_event = meta.get("sequence") == question.first_sequence
            if by_event or (named is not None and obj(question.request).get(ENVELOPE) == named):
                self._b.withdraw(question.question_id)
                return
        self._b.notice("unknown", "$/cancel_request", "quiet", key="$/cancel_request", counts=True)


def _envelope(request_id: object) -> Fields:
    """Return what a question keeps of a request that came as a whole JSON-RPC message."""
    return {} if request_id is None else {ENVELOPE: request_id}
