"""Reads Claude's control messages: its questions, and the answers to clients' requests.

Source: the types of Claude Code's SDK (0.3.332) and runs of Claude Code 2.1.332.
"""

from __future__ import annotations

from typing import Any, Final

from . import claude_content as content
from .acp_content import form_fields
from .builder import Builder
from .claude_system import ClaudeSystem, commands_of
from .model import Tool
from .parts import Choice, Option, Setting
from .untrusted import Fields, array, obj, summary_of, text

__all__ = ["ClaudeQuestions"]

ALLOW: Final = Option("allow", "Allow", "allow_once")
REJECT: Final = Option("reject", "Reject", "reject_once")
DISMISS: Final = Option("reject", "Dismiss", "reject_once")
PLAN_OPTIONS: Final = [
    Option("allow", "Approve", "allow_once"),
    Option("accept_edits", "Approve and accept edits", "allow_once", "for this session"),
    Option("reject", "Keep planning", "reject_once"),
]


class ClaudeQuestions:
    """Questions by their request id."""

    def __init__(self, builder: Builder, system: ClaudeSystem) -> None:
        self._b = builder
        self._system = system
        self._asked: dict[str, Fields] = {}  # requests of clients

    def asked(self, fields: Fields) -> None:
        """Read a request of the agent."""
        request, request_id = obj(fields.get("request")), text(fields.get("request_id"))
        match request.get("subtype"):
            case "can_use_tool":
                self._tool_question(request_id, request, fields)
            case "elicitation":
                self._elicitation(request_id, request, fields)
            case subtype:
                words = f"control request {subtype}"
                self._b.notice("unknown", words, "info", key=f"unknown {words}", counts=True)

    def _tool_question(self, request_id: str, request: Fields, fields: Fields) -> None:
        name, arguments = text(request.get("tool_name"), "a tool"), obj(request.get("input"))
        call = text(request.get("tool_use_id"))
        common: dict[str, Any] = {
            "call_id": call,
            "request": fields,
            "background": bool(request.get("agent_id")),
        }
        if name == "AskUserQuestion":
            asked = content.question_fields(arguments)
            title = asked[0].title if asked else "A question"
            self._b.ask(
                request_id,
                "choice",
                title=title,
                fields=asked,
                input=arguments,
                options=[DISMISS],
                **common,
            )
        elif name == "ExitPlanMode":
            self._b.ask(
                request_id,
                "plan",
                title="Approve the plan?",
                text=self._plan_text(call, arguments),
                input=arguments,
                options=PLAN_OPTIONS,
                **common,
            )
        else:
            always = content.always_option(request)
            title = text(request.get("title")) or summary_of(name, arguments)
            self._b.ask(
                request_id,
                "permission",
                title=title,
                text=text(request.get("description")) or text(request.get("decision_reason")),
                input=arguments,
                options=[ALLOW, *([always] if always else []), REJECT],
                parts=content.edit_diffs(arguments),
                **common,
            )

    def _plan_text(self, call: str, arguments: Fields) -> str:
        if plan := text(arguments.get("plan")):
            return plan
        tool = self._b.find_tool(call)
        if plan := text(obj(tool.input if tool is not None else None).get("plan")):
            return plan
        return self._plan_file() or "no text"

    def _plan_file(self) -> str:
        """Return the newest file that this turn has written into a folder of plans."""
        running = self._b.running
        for entry in reversed(self._b.entries[(running.id if running else 0) :]):
            if isinstance(entry, Tool) and entry.name == "Write":
                given = obj(entry.input)
                if "/plans/" in text(given.get("file_path")):
                    return text(given.get("content"))
        return ""

    def _elicitation(self, request_id: str, request: Fields, fields: Fields) -> None:
        asked = form_fields(request.get("requested_schema"))
        url = text(request.get("url")) if request.get("mode") == "url" else ""
        message = text(request.get("message"))
        self._b.ask(
            request_id,
            "url" if url else "form",
            title=text(request.get("title")) or message.partition("\n")[0][:200] or "A question",
            text=message,
            fields=asked,
            url=url,
            secret=any(field.secret for field in asked),
            background=True,
            request=fields,
        )

    # -- answers of clients

    def answered(self, body: Fields) -> None:
        """Read a client's answer to a question."""
        request_id = text(body.get("request_id"))
        question = next((q for q in self._b.open_questions if q.question_id == request_id), None)
        if question is None:
            return
        if body.get("subtype") == "error":
            self._b.withdraw(request_id, "user")
            return
        response = obj(body.get("response"))
        if question.question_kind in ("form", "url"):
            secret = {field.id for field in question.fields if field.secret}
            values = obj(response.get("content"))
            shown = {name: value for name, value in values.items() if name not in secret}
            self._b.answer(request_id, shown or text(response.get("action")))
            return
        allowed = response.get("behavior") == "allow"
        answer: object = "allow" if allowed else "reject"
        if allowed and question.question_kind == "choice":
            answer = obj(obj(response.get("updatedInput")).get("answers"))
        elif allowed and (updates := array(response.get("updatedPermissions"))):
            mode = any(obj(update).get("type") == "setMode" for update in updates)
            plan = question.question_kind == "plan"
            answer = "accept_edits" if plan and mode else "allow" if plan else "always"
        self._b.answer(request_id, answer, allowed=allowed)

    # -- requests of clients

    def client_request(self, fields: Fields) -> None:
        """Read a client's request, for its answer."""
        request = obj(fields.get("request"))
        self._asked[text(fields.get("request_id"))] = request
        if request.get("subtype") == "interrupt":
            self._b.cancelling()
        while len(self._asked) > 1000:
            del self._asked[next(iter(self._asked))]

    def agent_answer(self, body: Fields) -> None:
        """Read the agent's answer to a client's request; echoes of answers say nothing."""
        request = self._asked.pop(text(body.get("request_id")), None)
        if request is None:
            return
        subtype = text(request.get("subtype"))
        if body.get("subtype") == "error":
            self._b.notice("error", f"{subtype}: {text(body.get('error'))}", "error")
            return
        response = obj(body.get("response"))
        if subtype == "initialize":
            self._initialized(response)
        elif subtype == "set_model":
            self._system.model(text(response.get("model")) or text(request.get("model")))
        elif subtype == "set_permission_mode":
            self._system.mode(text(response.get("mode")) or text(request.get("mode")))

    def _initialized(self, response: Fields) -> None:
        models = [
            Choice(text(m.get("value")), text(m.get("displayName")), text(m.get("description")))
            for m in map(obj, array(response.get("models")))
        ]
        entry = self._b.session_entry
        settings = [s for s in entry.settings if s.category != "model"]
        if models:
            value = entry.model or models[0].value
            settings.append(Setting("model", "Model", "model", "select", value, models))
        self._b.session(
            agent="Claude Code",
            commands=commands_of(response.get("commands")) or None,
            settings=settings,
            gone="",
        )
        self._system.mode(text(response.get("current_permission_mode")))
