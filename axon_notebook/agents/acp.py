"""Reads the Agent Client Protocol: the method is the event type, params or result the payload.

Some brokers and agents put the whole JSON-RPC envelope on the axon; both forms are read.

Source: Agent Client Protocol, schema v1 (stable, and what agents send in practice); Runloop's
broker documentation.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable
from itertools import count
from typing import Any, Final

from ..models import AxonEvent
from . import acp_content as content
from .acp_methods import (
    AGENT_REQUESTS,
    COMPLETIONS,
    ELICITATIONS,
    PERMISSION,
    PROMPT,
    REQUESTS,
    SESSIONS,
    unwrapped,
)
from .builder import Builder
from .model import Question, Tool
from .parts import Setting, Text, Usage
from .untrusted import Fields, array, integer, number, obj, string, text

__all__ = ["AcpCodec"]

#: Where agents put a command's exit status into ``rawOutput``.
EXIT_STATUS: Final = ("exit_status", "exit_code", "exitCode")


class AcpCodec:
    """Reads the events of one axon, in order."""

    protocol: Final = "acp"

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._numbers = count(1)
        self._last: dict[str, tuple[str, Hashable]] = {}  # session → role and key
        self._asked: defaultdict[str, deque[Fields]] = defaultdict(deque)
        self._loading = 0
        self._echo: dict[str, str] = {}
        builder.session(protocol="acp")

    # -- clients

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""
        kind, params, _, failed = unwrapped(event.event_type, fields)
        if kind == PROMPT:
            parts = content.blocks(params.get("prompt"))
            self._b.prompt(
                content.joined_text(parts),
                session=text(params.get("sessionId")),
                source=event.source,
                parts=[part for part in parts if not isinstance(part, Text)],
            )
        elif kind == PERMISSION and not failed:
            self._permission_answer(params)
        elif kind in ELICITATIONS and not failed:
            self._form_answer(kind, params)
        elif kind == "session/cancel":
            self._cancel(text(params.get("sessionId")))
        elif kind in REQUESTS:
            self._asked[kind].append(params)
            self._loading += kind == "session/load"
        elif failed and kind in AGENT_REQUESTS:
            self._refused(kind)

    def _permission_answer(self, params: Fields) -> None:
        call = text(obj(params.get("_meta")).get("toolCallId"))
        question = self._oldest(lambda q: q.question_kind in ("permission", "plan"), call)
        if question is None:
            return
        chosen = text(obj(params.get("outcome")).get("optionId"))
        kinds = {option.id: option.kind for option in question.options}
        allowed = kinds.get(chosen, "").startswith("allow")
        self._b.answer(question.question_id, chosen or "cancelled", allowed=allowed)

    def _form_answer(self, kind: str, params: Fields) -> None:
        meta = obj(obj(params.get("_meta")).get("runloop.dev/elicitation"))
        question = self._oldest(lambda q: q.question_kind in ("form", "url"), text(meta.get("id")))
        if question is None:
            return
        action = params.get("action")
        nested = obj(action)
        word = text(nested.get("action")) or text(action)
        values = obj(nested.get("content") if nested else params.get("content"))
        secret = {field.id for field in question.fields if field.secret}
        shown = {name: value for name, value in values.items() if name not in secret}
        self._b.answer(question.question_id, shown if word == "accept" and shown else word)

    def _refused(self, kind: str) -> None:
        wanted = ("permission", "plan") if kind == PERMISSION else ("form", "url")
        if question := self._oldest(lambda q: q.question_kind in wanted, ""):
            self._b.withdraw(question.question_id, "user")

    def _oldest(self, fits: Any, name: str) -> Question | None:
        questions = [q for q in self._b.open_questions if fits(q)]
        named = [q for q in questions if name and name in (q.call_id, q.question_id)]
        return next(iter(named or questions), None)

    def _cancel(self, session: str) -> None:
        self._b.cancelling()
        for question in self._b.open_questions:
            if question.session in ("", session):
                self._b.withdraw(question.question_id, "user")

    # -- the agent

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent."""
        if event.event_type == "session/update" and "jsonrpc" not in fields:
            # Nearly all events of an agent come here.
            self._update(obj(fields.get("update")), text(fields.get("sessionId")))
            return
        kind, params, _, failed = unwrapped(event.event_type, fields)
        if kind == "session/update":
            self._update(obj(params.get("update")), text(params.get("sessionId")))
        elif kind == PROMPT:
            self._prompt_answer(params, failed)
        elif kind in REQUESTS:
            self._request_answer(kind, params, failed)
        elif kind == PERMISSION:
            self._permission(event.sequence, params)
        elif kind in ELICITATIONS:
            self._elicitation(event.sequence, kind, params)
        elif kind in COMPLETIONS:
            self._completed(text(params.get("elicitationId")))
        elif kind == "auth/status_update":
            self._b.notice("auth", f"authentication: {text(params.get('state'), '?')}", key="auth")
        elif kind == "$/cancel_request":
            self._b.notice("unknown", kind, "quiet", key=kind)
        else:
            self._unknown(kind, event.payload, failed, params)

    def _unknown(self, kind: str, payload: str, failed: bool, params: Fields) -> None:
        if failed:
            self._b.notice("error", f"{kind}: {text(params.get('message'))}", "error")
            return
        level = "quiet" if kind.startswith("_") else "info"
        self._b.notice("unknown", kind, level, detail=payload[:2000], key=f"unknown {kind}")

    def _prompt_answer(self, params: Fields, failed: bool) -> None:
        if failed:
            self._b.outcome(error=_error_text(params))
            return
        if used := obj(params.get("usage")):
            usage = Usage(
                integer(used.get("inputTokens")),
                integer(used.get("outputTokens")),
                integer(used.get("cachedReadTokens")),
                integer(used.get("cachedWriteTokens")),
                integer(used.get("thoughtTokens")),
            )
            self._b.usage(usage)
        self._b.outcome(text(params.get("stopReason")))

    def _request_answer(self, kind: str, params: Fields, failed: bool) -> None:
        asked = self._asked[kind].popleft() if self._asked[kind] else {}
        self._loading -= kind == "session/load" and self._loading > 0
        if failed:
            what = "auth" if params.get("code") == -32000 else "error"
            self._b.notice(what, f"{kind}: {_error_text(params)}", "error")
            return
        if kind == "initialize":
            self._initialized(params)
        elif kind in SESSIONS:
            self._session_known(params)
        elif kind == "session/set_mode":
            self._mode(text(asked.get("modeId")))
        elif kind == "session/set_model":
            self._switched("model", text(asked.get("modelId")))
        elif kind == "session/set_config_option":
            self._settings(content.settings(params.get("configOptions")))

    def _initialized(self, params: Fields) -> None:
        info = obj(params.get("agentInfo"))
        accepts = obj(obj(params.get("agentCapabilities")).get("promptCapabilities"))
        names = {"image": "image", "audio": "audio", "embeddedContext": "resource"}
        methods = [
            {"id": text(m.get("id")), "name": text(m.get("name")), "type": text(m.get("type"))}
            | {"description": text(m.get("description"))}
            for m in map(obj, array(params.get("authMethods")))
        ]
        self._b.session(
            agent=text(info.get("title")) or text(info.get("name")),
            version=text(info.get("version")),
            accepts=[name for key, name in names.items() if accepts.get(key) is True],
            auth_methods=methods,
            gone="",
        )

    def _session_known(self, params: Fields) -> None:
        self._b.from_start = True
        if session := text(params.get("sessionId")):
            self._b.session(session=session)
        self._settings(content.settings_of_session(params))

    def _settings(self, settings: list[Setting] | None) -> None:
        if settings is None:
            return
        for setting in settings:
            if setting.category in ("mode", "model") and isinstance(setting.value, str):
                self._b.session(**{setting.category: setting.value})
        self._b.session(settings=settings)

    def _mode(self, mode: str) -> None:
        self._switched("mode", mode)

    def _switched(self, category: str, value: str) -> None:
        if not value:
            return
        settings = [
            Setting(s.id, s.name, s.category, s.type, value, s.choices)
            if s.category == category
            else s
            for s in self._b.session_entry.settings
        ]
        self._b.session(**{category: value}, settings=settings)

    # -- session/update

    def _update(self, update: Fields, session: str) -> None:
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                self._chunk("agent", update, session)
            case "agent_thought_chunk":
                self._chunk("thought", update, session)
            case "user_message_chunk":
                self._user_chunk(update, session)
            case "tool_call" | "tool_call_update":
                self._tool(update, session)
            case "plan":
                self._b.plan("main", content.steps(update.get("entries")), session=session)
            case "plan_update" | "plan_removed":
                self._keyed_plan(update, session)
            case str(other):
                self._session_update(other, update, session)
            case _:
                self._b.notice("unknown", "session/update", "quiet", key="unknown update")

    def _session_update(self, kind: str, update: Fields, session: str) -> None:
        match kind:
            case "usage_update":
                self._usage(update, session)
            case "available_commands_update":
                self._b.session(commands=content.commands(update.get("availableCommands")))
            case "current_mode_update":
                self._mode(text(update.get("currentModeId")))
            case "config_option_update":
                self._settings(content.settings(update.get("configOptions")))
            case "session_info_update":
                if "title" in update:
                    self._b.session(title=text(update.get("title")))
            case "notice":
                severity = text(update.get("severity"), "info")
                level = severity if severity in ("warning", "error") else "info"
                title, detail = text(update.get("title")), text(update.get("description"))
                self._b.notice("notification", title, level, detail=detail)
            case "compaction_update" | "compaction_summary_chunk":
                self._compaction(kind, update)
            case "subagent_update":
                self._subagent(update)
            case _:
                self._b.notice("unknown", kind, "quiet", key=f"unknown {kind}")

    def _chunk(self, role: str, update: Fields, session: str) -> None:
        key = self._key(role, update.get("messageId"), session)
        parent = self._parent(update)
        part = content.content_part(update.get("content"))
        if isinstance(part, Text):
            self._b.say(key, role, part.text, parent=parent, session=session)
        else:
            self._b.say(key, role, "", parent=parent, session=session, parts=[part])

    def _key(self, role: str, message_id: object, session: str) -> Hashable:
        if isinstance(message_id, str) and message_id:
            key: Hashable = (session, role, message_id)
        else:
            last = self._last.get(session)
            key = (session, role, next(self._numbers))
            if last is not None and last[0] == role:
                message = self._b.message(last[1])
                key = last[1] if message is not None and self._b.is_latest(message) else key
        self._last[session] = (role, key)
        return key

    def _user_chunk(self, update: Fields, session: str) -> None:
        part = content.content_part(update.get("content"))
        said = getattr(part, "text", "") or ""
        turn = self._b.running
        if turn is not None and not self._loading:
            echoed = self._echo.get(turn.turn_id, "") + said
            if turn.text.startswith(echoed):
                self._echo = {turn.turn_id: echoed}
                return
        if turn is None:
            self._b.history(said, self._key("user", update.get("messageId"), session))
            return
        key = self._key("user", update.get("messageId"), session)
        self._b.say(key, "user", said, session=session)

    def _tool(self, update: Fields, session: str) -> Tool:
        call = text(update.get("toolCallId"))
        tool = self._b.tool(
            call,
            session=session,
            parent=self._parent(update),
            status=string(update.get("status")),
            begins=update.get("sessionUpdate") != "tool_call_update",
            title=string(update.get("title")),
            name=string(update.get("name")) or self._claude_meta(update, "toolName"),
            tool_kind=string(update.get("kind")),
            input=update.get("rawInput"),
            raw_output=update.get("rawOutput"),
            locations=content.locations(update.get("locations")),
        )
        if isinstance(given := update.get("content"), list):
            self._b.output(tool, content.tool_parts(given))
        self._terminal(tool, obj(update.get("_meta")))
        raw = obj(update.get("rawOutput"))  # ACP leaves its content to the agent
        if (status := next((raw[key] for key in EXIT_STATUS if key in raw), None)) is not None:
            self._b.change(tool, exit_status=integer(status))
        return tool

    def _terminal(self, tool: Tool, meta: Fields) -> None:
        for name in ("terminal_output", "terminal_output_delta"):
            if data := text(obj(meta.get(name)).get("data")):
                self._b.append(tool, data)
        if ended := obj(meta.get("terminal_exit")):
            self._b.change(tool, exit_status=integer(ended.get("exit_code")))

    @staticmethod
    def _claude_meta(update: Fields, name: str) -> str | None:
        return string(obj(obj(update.get("_meta")).get("claudeCode")).get(name))

    def _parent(self, update: Fields) -> str:
        if "_meta" not in update:
            return ""
        return self._claude_meta(update, "parentToolUseId") or ""

    def _keyed_plan(self, update: Fields, session: str) -> None:
        plan = obj(update.get("plan"))
        key = text(plan.get("planId")) or text(update.get("planId"))
        self._b.plan(
            key or "main",
            content.steps(plan.get("entries")),
            session=session,
            text=text(plan.get("content")) or text(plan.get("uri")),
            removed=update.get("sessionUpdate") == "plan_removed",
        )

    def _usage(self, update: Fields, session: str) -> None:
        used, size = integer(update.get("used")), integer(update.get("size"))
        self._b.session(context_used=used, context_size=size)
        cost = obj(update.get("cost"))
        if (amount := number(cost.get("amount"))) is not None:
            self._b.cost(amount, text(cost.get("currency"), "USD"), session=session)

    def _compaction(self, kind: str, update: Fields) -> None:
        key = f"compaction {text(update.get('compactionId'))}"
        summary = update.get("summary")
        given = summary if isinstance(summary, list) else [update.get("content")]
        detail = content.joined_text(content.blocks([b for b in given if b]))
        state = text(update.get("status"), "in_progress")
        words = f"compaction {state.replace('_', ' ')}"
        if error := update.get("error"):
            words += f": {text(error) or text(obj(error).get('message'))}"
        level = "error" if state == "failed" else "info"
        self._b.notice("compaction", words, level, detail=detail, key=key)

    def _subagent(self, update: Fields) -> None:
        state = obj(update.get("state"))
        name = text(update.get("title")) or text(update.get("sessionId"))
        words = f"subagent {name}: {text(state.get('state'), 'started')}"
        self._b.notice("task", words, key=f"subagent {text(update.get('sessionId'))}")

    # -- questions

    def _permission(self, sequence: int, params: Fields) -> None:
        session, call = text(params.get("sessionId")), obj(params.get("toolCall"))
        tool = self._tool(call, session) if call.get("toolCallId") else None
        title = text(call.get("title")) or text(call.get("kind")) or "use a tool"
        kind = text(call.get("kind"))
        self._b.ask(
            str(sequence),
            "plan" if kind == "switch_mode" and tool and tool.text else "permission",
            session=session,
            title=(tool.title if tool is not None else "") or title,
            call_id=text(call.get("toolCallId")),
            options=content.options(params.get("options")),
            input=call.get("rawInput"),
            parts=content.tool_parts(call.get("content")),
            request=params,
        )

    def _elicitation(self, sequence: int, kind: str, params: Fields) -> None:
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
            request={**params, "method": kind},
        )

    def _completed(self, elicitation_id: str) -> None:
        self._b.answer(elicitation_id, "completed", by="agent")


def _error_text(error: Fields) -> str:
    data = error.get("data")
    detail = text(obj(data).get("details")) or text(obj(data).get("message")) or text(data)
    message = text(error.get("message"), "no reason given")
    return f"{message}: {detail}" if detail and detail not in message else message
