"""Reads the requests of Codex: approvals, questions to the user, forms of MCP servers.

Source: the generated types of Codex 0.171 and runs of it.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .acp_content import form_fields
from .builder import Builder
from .codex_items import change_diffs
from .parts import Choice, Field, Option
from .untrusted import Fields, array, number, obj, text

__all__ = ["CODEX_QUESTIONS", "CodexQuestions"]

ACCEPT: Final = Option("accept", "Allow", "allow_once")
FOR_SESSION: Final = Option(
    "acceptForSession", "Allow for this session", "allow_always", "for this session"
)
DECLINE: Final = Option("decline", "Reject", "reject_once")
CANCEL: Final = Option("cancel", "Reject and stop", "cancel")
LEGACY: Final = ("execCommandApproval", "applyPatchApproval")
#: Requests that are questions to a person; others are refused.
CODEX_QUESTIONS: Final = frozenset(
    {
        "item/commandExecution/requestApproval",
        "item/fileChange/requestApproval",
        "item/permissions/requestApproval",
        "item/tool/requestUserInput",
        "mcpServer/elicitation/request",
        *LEGACY,
    }
)


class CodexQuestions:
    """Questions by the id of their request; ids count from 0 in each process."""

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._open: dict[str, str] = {}  # request id, with its JSON type → question

    def asked(self, sequence: int, method: str, params: Fields, frame: Fields) -> None:
        """Read a request of the agent."""
        if method not in CODEX_QUESTIONS:
            self._b.notice("unknown", method, key=f"unknown {method}", counts=True)
            return
        question = str(sequence)
        self._open[repr(frame.get("id"))] = question
        if method == "item/tool/requestUserInput":
            self._choice(question, params, frame)
        elif method == "mcpServer/elicitation/request":
            self._form(question, params, frame)
        else:
            self._approval(question, method, params, frame)

    def _approval(self, question: str, method: str, params: Fields, frame: Fields) -> None:
        call = text(params.get("itemId")) or text(params.get("callId"))
        tool = self._b.find_tool(call)
        command = params.get("command")
        if isinstance(command, list):
            command = " ".join(str(word) for word in command)
        title = text(command) or (tool.title if tool is not None else "") or "Change files"
        if method == "item/permissions/requestApproval":
            title = "More permissions"
        self._b.ask(
            question,
            "permission",
            title=title,
            text=text(params.get("reason")),
            call_id=call,
            options=_options(method, params),
            input={"command": command, "cwd": params.get("cwd")} if command else None,
            parts=change_diffs(params.get("changes")),
            request=frame,
        )

    def _choice(self, question: str, params: Fields, frame: Fields) -> None:
        fields = []
        for asked in map(obj, array(params.get("questions"))):
            choices = [
                Choice(text(o.get("label")), text(o.get("label")), text(o.get("description")))
                for o in map(obj, array(asked.get("options")))
            ]
            fields.append(
                Field(
                    id=text(asked.get("id")),
                    title=text(asked.get("question")),
                    description=text(asked.get("header")),
                    type="choice" if choices else "string",
                    choices=choices,
                    required=True,
                    free_text=asked.get("isOther") is True or not choices,
                    secret=asked.get("isSecret") is True,
                )
            )
        wait = number(params.get("autoResolutionMs"))
        self._b.ask(
            question,
            "choice",
            title=fields[0].title if fields else "A question",
            call_id=text(params.get("itemId")),
            fields=fields,
            secret=any(field.secret for field in fields),
            deadline_ms=None if wait is None else self._b.at_ms + int(wait),
            request=frame,
        )

    def _form(self, question: str, params: Fields, frame: Fields) -> None:
        fields = form_fields(params.get("requestedSchema"))
        url = text(params.get("url"))
        message = text(params.get("message"))
        self._b.ask(
            question,
            "url" if url else "form",
            title=message.partition("\n")[0][:200] or "A question",
            text=message,
            fields=fields,
            url=url,
            secret=any(field.secret for field in fields),
            request=frame,
        )

    def answered(self, frame: Fields) -> None:
        """Read a client's answer."""
        name = self._open.pop(repr(frame.get("id")), None)
        question = next((q for q in self._b.open_questions if q.question_id == name), None)
        if name is None or question is None:
            return
        if "error" in frame:
            self._b.withdraw(name, "user")
            return
        result = obj(frame.get("result"))
        if question.question_kind == "permission":
            answer, allowed = _decision(result)
            self._b.answer(name, answer, allowed=allowed)
            return
        values = result.get("content") or _answers(result.get("answers"))
        secret = {field.id for field in question.fields if field.secret}
        shown = {key: value for key, value in obj(values).items() if key not in secret}
        self._b.answer(name, shown or text(result.get("action")) or "answered")

    def resolved(self, request_id: object) -> None:
        """A request was settled, by anybody or by the end of its turn."""
        name = self._open.pop(repr(request_id), None)
        if name is not None:
            self._b.withdraw(name)


def _answers(value: object) -> Fields:
    """Return ``{"id": {"answers": [...]}}`` as values by field."""
    found: Fields = {}
    for name, answer in obj(value).items():
        given = array(obj(answer).get("answers"))
        found[name] = given[0] if len(given) == 1 else given
    return found


def _decision(result: Fields) -> tuple[str, bool]:
    decision = result.get("decision")
    word = text(decision) or next(iter(obj(decision)), "")
    if not word and "permissions" in result:
        word = "acceptForSession" if result.get("scope") == "session" else "accept"
        return word, bool(obj(result.get("permissions")))
    return word, word.startswith(("accept", "approved", "apply"))


def _options(method: str, params: Fields) -> list[Option]:
    if method in LEGACY:
        session = Option("approved_for_session", "Allow for this session", "allow_always")
        return [
            Option("approved", "Allow", "allow_once"),
            session,
            Option("denied", "Reject", "reject_once"),
        ]
    offered = params.get("availableDecisions")
    if not isinstance(offered, list):
        return [ACCEPT, FOR_SESSION, DECLINE]
    found = []
    for decision in offered:
        simple = {"accept": ACCEPT, "acceptForSession": FOR_SESSION, "cancel": CANCEL}
        if isinstance(decision, str) and decision in simple:
            found.append(simple[decision])
        elif isinstance(decision, dict):
            found.append(_amendment(decision))
    # Codex takes it although it does not list it; "cancel" would end the whole turn.
    return [*found, DECLINE]


def _amendment(decision: Fields) -> Option:
    words = obj(decision.get("acceptWithExecpolicyAmendment")).get("execpolicy_amendment")
    name = "Always allow " + " ".join(str(word) for word in array(words))
    stored = "in Codex's execution policy"
    if not words:
        name, stored = "Always allow this host", "in Codex's network policy"
    return Option(msgspec.json.encode(decision).decode(), name, "allow_always", stored)
