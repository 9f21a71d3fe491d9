"""Reads the Agent Client Protocol: the method is the event type, params or result the payload.

Some brokers and agents put the whole JSON-RPC envelope on the axon; both forms are read.

Source: Agent Client Protocol, schema v1 (stable, and what agents send in practice); Runloop's
broker documentation.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable
from itertools import count
from typing import Final

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
from .acp_questions import AcpQuestions
from .builder import Builder
from .model import Tool
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
        self._questions = AcpQuestions(builder)
        self._numbers = count(1)
        #: Session and subagent → role and key.
        self._last: dict[tuple[str, str], tuple[str, Hashable]] = {}
        self._children: set[str] = set()  # sessions of subagents
        self._compactions: dict[str, Fields] = {}
        self._asked: defaultdict[str, deque[Fields]] = defaultdict(deque)
        self._loading = 0
        self._echo: dict[str, str] = {}
        builder.session(protocol="acp")

    # -- clients

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""
        kind, params, request_id, failed = unwrapped(event.event_type, fields)
        if kind == PROMPT:
            parts = content.content_parts(params.get("prompt"))
            self._b.prompt(
                content.joined_text(parts),
                session=text(params.get("sessionId")),
                source=event.source,
                parts=[part for part in parts if not isinstance(part, Text)],
            )
        elif kind == PERMISSION and not failed:
            self._questions.permission_answered(params, request_id)
        elif kind in ELICITATIONS and not failed:
            self._questions.form_answered(params, request_id)
        elif kind == "session/cancel":
            self._questions.cancel(text(params.get("sessionId")))
        elif kind in REQUESTS:
            self._asked[kind].append(params)
            self._loading += kind == "session/load"
        elif failed and kind in AGENT_REQUESTS:
            self._questions.refused(kind, request_id)

    # -- the agent

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent."""
        if event.event_type == "session/update" and "update" in fields:
            # Nearly all events of an agent come here.
            self._update(obj(fields.get("update")), text(fields.get("sessionId")))
            return
        kind, params, request_id, failed = unwrapped(event.event_type, fields)
        if kind == "session/update":
            self._update(obj(params.get("update")), text(params.get("sessionId")))
        elif kind == PROMPT:
            self._prompt_answer(params, failed)
        elif kind in REQUESTS:
            self._request_answer(kind, params, failed)
        elif kind == PERMISSION:
            tool = self._asked_about(params)
            self._questions.permission(event.sequence, params, request_id, tool)
        elif kind in ELICITATIONS:
            self._questions.elicitation(event.sequence, kind, params, request_id)
        elif kind in COMPLETIONS:
            self._questions.completed(text(params.get("elicitationId")))
        elif kind == "auth/status_update":
            self._b.notice("auth", f"authentication: {text(params.get('state'), '?')}", key="auth")
        elif kind == "$/cancel_request":
            self._questions.cancelled(params)
        else:
            self._unknown(kind, event.payload, failed, params)

    def _unknown(self, kind: str, payload: str, failed: bool, params: Fields) -> None:
        if failed:
            self._b.notice("error", f"{kind}: {text(params.get('message'))}", "error")
            return
        level = "quiet" if kind.startswith("_") else "info"
        key = f"unknown {kind}"
        self._b.notice("unknown", kind, level, detail=payload[:2000], key=key, counts=True)

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
                name = "unknown update"
                self._b.notice("unknown", "session/update", "quiet", key=name, counts=True)

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
                self._b.notice("unknown", kind, "quiet", key=f"unknown {kind}", counts=True)

    def _chunk(self, role: str, update: Fields, session: str) -> None:
        self._b.begin_waiting()
        parent = self._parent(update, session)
        key = self._key(role, update.get("messageId"), session, parent)
        for part in content.content_parts(update.get("content")):
            if isinstance(part, Text):
                self._b.say(key, role, part.text, parent=parent, session=session)
            else:
                self._b.say(key, role, "", parent=parent, session=session, parts=[part])

    def _key(self, role: str, message_id: object, session: str, parent: str = "") -> Hashable:
        if isinstance(message_id, str | int) and message_id != "":
            key: Hashable = (session, role, str(message_id))
        else:
            last = self._last.get((session, parent))
            key = (session, role, next(self._numbers))
            if last is not None and last[0] == role and self._goes_on(last[1]):
                key = last[1]
        self._last[session, parent] = (role, key)
        return key

    def _goes_on(self, key: Hashable) -> bool:
        """Whether nothing has begun since the message *key*, or the replayed prompt."""
        message = self._b.message(key)
        if message is None:
            return self._b.replays(key)
        return self._b.is_latest(message)

    def _user_chunk(self, update: Fields, session: str) -> None:
        parts = content.content_parts(update.get("content"))
        said = "\n".join(part.text for part in parts if isinstance(part, Text))
        others = [part for part in parts if not isinstance(part, Text)]
        turn, parent = self._b.running, self._parent(update, session)
        if turn is not None and not self._loading and not parent:
            # Blocks of a prompt come back one by one, without what joined them.
            echoed = self._echo.get(turn.turn_id, "") + "".join(said.split())
            if "".join(turn.text.split()).startswith(echoed):
                self._echo = {turn.turn_id: echoed}
                return
        key = self._key("user", update.get("messageId"), session, parent)
        if turn is None and not parent:
            self._b.history(said, key, others)
        else:
            self._b.say(key, "user", said, session=session, parent=parent, parts=others)

    def _tool(self, update: Fields, session: str) -> Tool:
        call = text(update.get("toolCallId")) or f"unnamed-{self._b.sequence}"
        tool = self._b.tool(
            call,
            session=session,
            parent=self._parent(update, session),
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
        if tool.status == "failed" and not tool.error:
            why = text(raw.get("error")) or text(raw.get("message"))
            why = why or text(update.get("rawOutput")) or _words(tool)
            self._b.change(tool, error=why[:2000])
        return tool

    def _asked_about(self, params: Fields) -> Tool | None:
        """Note the call that wants permission, which may not have been told before."""
        call = obj(params.get("toolCall"))
        return self._tool(call, text(params.get("sessionId"))) if call.get("toolCallId") else None

    def _terminal(self, tool: Tool, meta: Fields) -> None:
        for name in ("terminal_output", "terminal_output_delta"):
            if data := text(obj(meta.get(name)).get("data")):
                self._b.append(tool, data)
        if ended := obj(meta.get("terminal_exit")):
            self._b.change(tool, exit_status=integer(ended.get("exit_code")))

    @staticmethod
    def _claude_meta(update: Fields, name: str) -> str | None:
        return string(obj(obj(update.get("_meta")).get("claudeCode")).get(name))

    def _parent(self, update: Fields, session: str) -> str:
        """Return the call in which this happens: a tool's, or the one that is a subagent."""
        within = self._claude_meta(update, "parentToolUseId") if "_meta" in update else None
        return within or (session if session in self._children else "")

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
        if session not in self._children:
            self._b.session(context_used=used, context_size=size)
        cost = obj(update.get("cost"))
        if (amount := number(cost.get("amount"))) is not None:
            self._b.cost(amount, text(cost.get("currency"), "USD"), session=session)

    def _compaction(self, kind: str, update: Fields) -> None:
        name = text(update.get("compactionId"))
        known = self._compactions.setdefault(name, {"status": "in_progress", "detail": ""})
        if kind == "compaction_update":
            known |= {k: v for k, v in update.items() if k in ("status", "error")}
        if "summary" in update:
            known["detail"] = content.joined_text(content.content_parts(update.get("summary")))
        if kind == "compaction_summary_chunk":
            added = content.joined_text(content.content_parts(update.get("content")))
            known["detail"] = text(known.get("detail")) + added
        state = text(known.get("status"), "in_progress")
        words = f"compaction {state.replace('_', ' ')}"
        if error := known.get("error"):
            words += f": {text(error) or text(obj(error).get('message'))}"
        level = "error" if state == "failed" else "info"
        detail = text(known.get("detail"))
        self._b.notice("compaction", words, level, detail=detail, key=f"compaction {name}")

    def _subagent(self, update: Fields) -> None:
        """A subagent with a session of its own is a call that holds what it does."""
        child, state = text(update.get("sessionId")), obj(update.get("state"))
        self._children.add(child)
        stop, error = text(state.get("stopReason")), state.get("error")
        status = {"idle": "completed"}.get(text(state.get("state")), "in_progress")
        if status == "completed" and (error or stop == "cancelled"):
            status = "failed" if error else "stopped"
        words = text(error) or text(obj(error).get("message"))
        tool = self._b.tool(
            child,
            status=status if state else None,
            title=string(update.get("title")),
            name="subagent",
            tool_kind="agent",
            error=words or None,
        )
        waits = state.get("state") == "requires_action"
        self._b.change(tool, progress="waits for an answer" if waits else "")
        if about := string(update.get("description")):
            self._b.change(tool, input={"description": about})


def _words(tool: Tool) -> str:
    return tool.text or content.joined_text(tool.parts)


def _error_text(error: Fields) -> str:
    data = error.get("data")
    detail = text(obj(data).get("details")) or text(obj(data).get("message")) or text(data)
    message = text(error.get("message"), "no reason given")
    return f"{message}: {detail}" if detail and detail not in message else message
