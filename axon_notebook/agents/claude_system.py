"""Reads what Claude says about itself: ``system`` messages and other news, as notices.

Source: the types of Claude Code's SDK (0.3.332) and runs of Claude Code 2.1.332.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from .builder import Builder
from .parts import Choice, Command, Setting
from .untrusted import Fields, array, integer, number, obj, string, summary_of, text

__all__ = ["ClaudeSystem", "commands_of"]

MODES: Final = ("default", "acceptEdits", "plan", "bypassPermissions", "dontAsk", "auto")
LEVELS: Final = {"warning": "warning", "error": "error"}
#: Subtypes that are worth a quiet line at most.
QUIET: Final = frozenset(
    {
        "files_persisted",
        "memory_recall",
        "mirror_error",
        "control_request_progress",
        "post_turn_summary",
        "task_summary",
        "session_metadata",
        "background_tasks_changed",
        "session_state_changed",
    }
)


class ClaudeSystem:
    """Notices and session facts.

    Attributes:
        retrying: Whether the request to the model is being repeated.
        compacted: Whether the summary of a compaction is still to come.
    """

    def __init__(
        self,
        builder: Builder,
        say_local: Callable[[str], None],
        retract_line: Callable[[object], None],
    ) -> None:
        self._b = builder
        self._say_local = say_local
        self._retract_line = retract_line
        self._ended_task = ""  # what the newest notification of a task says
        self._servers: dict[str, str] = {}
        self.retrying = False
        self.compacted = False

    # -- system

    def read(self, fields: Fields, payload: str) -> None:
        """Read a ``system`` message."""
        subtype = text(fields.get("subtype"))
        reader = getattr(self, f"_on_{subtype}", None) if subtype.isidentifier() else None
        if reader is not None:
            reader(fields)
        elif subtype.startswith("hook_"):
            self._hook(subtype, fields)
        elif subtype.startswith("model_refusal"):
            self._refusal(fields)
        elif subtype in ("worker_shutting_down", "session_writes_lost"):
            self._b.notice("error", subtype.replace("_", " "), "warning", key=subtype)
        elif subtype in QUIET:
            words = text(fields.get("summary")) or text(fields.get("state"))
            name = subtype.replace("_", " ")
            words = f"{name}: {words}" if words else name
            self._b.notice("system", words, "quiet", key=subtype, detail=_detail(fields))
        else:
            self._unknown(f"system {subtype}", payload)

    def _unknown(self, name: str, payload: str) -> None:
        key, detail = f"unknown {name}", payload[:2000]
        self._b.notice("unknown", name, "quiet", detail=detail, key=key, counts=True)

    def _on_init(self, fields: Fields) -> None:
        why = f"continued by itself: {self._ended_task}" if self._ended_task else ""
        self._b.begin_anew(why)
        self._ended_task = ""
        mode = text(fields.get("permissionMode"))
        names = [name for name in array(fields.get("slash_commands")) if isinstance(name, str)]
        known = {command.name: command for command in self._b.session_entry.commands}
        self._b.session(
            agent="Claude Code",
            version=string(fields.get("claude_code_version")),
            commands=[known.get(name, Command(name)) for name in names] or None,
            session=string(fields.get("session_id")),
            gone="",
        )
        self.model(text(fields.get("model")))
        self.mode(mode)
        for server in map(obj, array(fields.get("mcp_servers"))):
            self._server(text(server.get("name")), text(server.get("status")))

    def _server(self, name: str, status: str) -> None:
        if self._servers.get(name) != status and status not in ("connected", "pending", ""):
            level = "warning" if status in ("failed", "needs-auth") else "info"
            self._b.notice("mcp", f"MCP server {name}: {status}", level)
        self._servers[name] = status

    def model(self, model: str) -> None:
        """Note the model, in what can be switched as well."""
        if not model:
            return
        settings = self._b.session_entry.settings
        offered = {c.value for s in settings if s.category == "model" for c in s.choices}
        if model in offered:
            settings = [
                msgspec.structs.replace(s, value=model) if s.category == "model" else s
                for s in settings
            ]
        self._b.session(model=model, settings=settings)

    def mode(self, mode: str) -> None:
        """Note the permission mode, in what can be switched as well."""
        if not mode:
            return
        choices = [Choice(name, name) for name in MODES]
        others = [s for s in self._b.session_entry.settings if s.category != "mode"]
        setting = Setting("mode", "Permission mode", "mode", "select", mode, choices)
        self._b.session(mode=mode, settings=[setting, *others])

    def _on_status(self, fields: Fields) -> None:
        self.mode(text(fields.get("permissionMode")))
        result = text(fields.get("compact_result"))
        if fields.get("status") == "compacting":
            self._b.notice("compaction", "compacting the conversation", key="compaction")
        elif result == "failed":
            error = text(fields.get("compact_error"), "no reason given")
            self._b.notice("compaction", f"compaction failed: {error}", "error", key="compaction")

    def _on_compact_boundary(self, fields: Fields) -> None:
        meta = obj(fields.get("compact_metadata"))
        before, after = integer(meta.get("pre_tokens")), integer(meta.get("post_tokens"))
        words = f"conversation compacted ({text(meta.get('trigger'), 'auto')}"
        words += f", {before:,} tokens before" if before is not None else ""
        words += f", {after:,} after" if after is not None else ""
        self._b.notice("compaction", f"{words})", key="compaction")
        self.compacted = True

    def compaction_summary(self, words: str) -> None:
        """Fold the summary into the notice of its compaction."""
        self.compacted = False
        self._b.detail("compaction", words)

    def _on_api_retry(self, fields: Fields) -> None:
        self.retrying = True
        attempt, most = integer(fields.get("attempt")), integer(fields.get("max_retries"))
        delay = (number(fields.get("retry_delay_ms")) or 0.0) / 1000
        status = integer(fields.get("error_status"))
        why = text(fields.get("error"), "error") + (f" ({status})" if status else "")
        words = f"request failed: {why}; attempt {attempt} of {most} in {delay:g} s"
        self._b.notice("retry", words, "warning", key="retry", counts=True)

    def _on_local_command_output(self, fields: Fields) -> None:
        self._say_local(text(fields.get("content")))

    def _hook(self, subtype: str, fields: Fields) -> None:
        name = text(fields.get("hook_name")) or text(fields.get("hook_event"))
        key = f"hook {text(fields.get('hook_id')) or name}"
        said = text(fields.get("stderr")) or text(fields.get("output"))
        said = (said or text(fields.get("stdout"))).strip()
        code = integer(fields.get("exit_code"))
        failed = bool(code) or fields.get("outcome") == "error"
        words = f"hook {name}"
        if subtype == "hook_response":
            words += f" failed ({code})" if failed else ""
            words += f": {said}" if said else ""
        self._b.notice("hook", words, "warning" if failed else "quiet", key=key)

    def _on_plugin_install(self, fields: Fields) -> None:
        error = text(fields.get("error"))
        words = f"plugin {text(fields.get('name'))}: {text(fields.get('status'))} {error}".strip()
        self._b.notice("config", words, "warning" if error else "quiet")

    # -- tasks

    def _on_task_started(self, fields: Fields) -> None:
        words = text(fields.get("description"), "background task")
        self._task(fields, f"task started: {words}", "quiet", words)

    def _on_task_progress(self, fields: Fields) -> None:
        words = text(fields.get("summary")) or text(fields.get("description"))
        last = text(fields.get("last_tool_name"))
        words = f"{words} ({last})" if last else words
        self._task(fields, f"task: {words}", "quiet", words)

    def _on_task_updated(self, fields: Fields) -> None:
        patch = obj(fields.get("patch"))
        status = text(patch.get("status")) or text(patch.get("description")) or "updated"
        error = text(patch.get("error"))
        words = f"{status}: {error}" if error else status
        level = "warning" if error or status in ("failed", "killed") else "quiet"
        self._task(fields, f"task {words}", level, words)

    def _on_task_notification(self, fields: Fields) -> None:
        status = text(fields.get("status"), "ended")
        words = text(fields.get("summary")) or text(fields.get("reason"))
        level = "warning" if status == "failed" else "info"
        self._ended_task = words or status
        tool = self._b.find_tool(text(fields.get("tool_use_id")))
        if tool is not None and level == "info":
            level = "quiet"  # the call has it
        self._task(fields, f"task {status}: {words}", level, "")
        if tool is not None and words and words not in tool.text:
            # What the call returned was only that the task has begun.
            self._b.append(tool, f"\n{words}" if tool.text else words)
            if status == "failed":
                self._b.change(tool, status="failed", error=words)

    def _task(self, fields: Fields, words: str, level: str, progress: str) -> None:
        call = text(fields.get("tool_use_id"))
        tool = self._b.find_tool(call) if call else None
        if tool is not None:
            self._b.change(tool, progress=progress)
        hidden = fields.get("ambient") is True or fields.get("skip_transcript") is True
        level = "quiet" if hidden else level
        key = f"task {text(fields.get('task_id'))}"
        self._b.notice("task", words, level, key=key, parent=call if tool is not None else "")

    # -- the rest of the subtypes

    def _on_thinking_tokens(self, fields: Fields) -> None:
        """Count of a thought whose text is not shown: a spinner's matter."""

    def _on_commands_changed(self, fields: Fields) -> None:
        self._b.session(commands=commands_of(fields.get("commands")))

    def _on_notification(self, fields: Fields) -> None:
        key = f"notification {text(fields.get('key'))}"
        self._b.notice("notification", text(fields.get("text")), key=key)

    def _on_informational(self, fields: Fields) -> None:
        level = LEVELS.get(text(fields.get("level")), "info")
        self._b.notice("notification", text(fields.get("content")), level)

    def _on_permission_denied(self, fields: Fields) -> None:
        self.denial(fields)

    def denial(self, fields: Fields) -> None:
        """Note that a call was not permitted, once per call."""
        call = text(fields.get("tool_use_id"))
        name = summary_of(text(fields.get("tool_name"), "a tool"), fields.get("tool_input"))
        why = text(fields.get("message")) or text(fields.get("decision_reason"))
        tool = self._b.find_tool(call)
        if tool is not None:
            self._b.change(tool, permission="denied")
        words = f"not permitted: {name}" + (f" ({why})" if why else "")
        self._b.notice("denial", words, "warning", key=f"denial {call}")

    def _refusal(self, fields: Fields) -> None:
        for uuid in array(fields.get("retracted_message_uuids")):
            self._retract_line(uuid)
        before, after = text(fields.get("original_model")), text(fields.get("fallback_model"))
        words = f"{before} refused; {after} answers instead" if after else f"{before} refused"
        self._b.notice("refusal", words, "warning")

    def _on_elicitation_complete(self, fields: Fields) -> None:
        name = text(fields.get("elicitation_id"))
        for question in self._b.open_questions:
            request = obj(obj(question.request).get("request"))
            if name and request.get("elicitation_id") == name:
                self._b.answer(question.question_id, "completed", by="agent")

    def _on_session_title_changed(self, fields: Fields) -> None:
        self._b.session(title=string(fields.get("title")))

    # -- other types than ``system``

    def other(self, kind: str, fields: Fields, payload: str) -> None:
        """Read a message of a type of its own."""
        match kind:
            case "rate_limit_event":
                self._rate_limit(obj(fields.get("rate_limit_info")))
            case "tool_progress":
                self._progress(fields)
            case "tool_use_summary":
                self._b.notice("system", text(fields.get("summary")), "quiet")
            case "auth_status":
                error = text(fields.get("error"))
                state = "in progress" if fields.get("isAuthenticating") is True else "completed"
                said = [line for line in array(fields.get("output")) if isinstance(line, str)]
                words = f"authentication: {error or state}"
                level = "error" if error else "info"
                self._b.notice("auth", words, level, key="auth", detail="\n".join(said))
            case "prompt_suggestion":
                self._b.notice("suggestion", text(fields.get("suggestion")), "quiet")
            case "active_goal":
                goal = fields.get("value")
                words = "no goal" if goal is None else f"goal: {text(goal) or goal}"
                self._b.notice("config", words, "quiet", key="goal")
            case "error":
                words = text(obj(fields.get("error")).get("message")) or text(fields.get("error"))
                self._b.notice("error", words or payload[:2000], "error")
            case _:
                self._unknown(kind, payload)

    def _rate_limit(self, info: Fields) -> None:
        status = text(info.get("status"))
        if status == "allowed":
            return
        kind = text(info.get("rateLimitType"), "rate").replace("_", " ")
        words = f"{kind} limit reached" if status == "rejected" else f"{kind} limit nearly reached"
        if (used := number(info.get("utilization"))) is not None:
            words += f" ({used:.0%} used)"
        resets = number(info.get("resetsAt")) or 0.0
        resets = resets / 1000 if resets > 1e11 else resets  # some tell it in milliseconds
        if 0 < resets < 1e11:
            words += f"; resets at {datetime.fromtimestamp(resets, UTC):%Y-%m-%d %H:%M} UTC"
        level = "error" if status == "rejected" else "warning"
        self._b.notice("rate_limit", words, level, key=f"rate_limit {kind}")

    def _progress(self, fields: Fields) -> None:
        call, seconds = text(fields.get("tool_use_id")), number(fields.get("elapsed_time_seconds"))
        words = f"running for {seconds:g} s" if seconds is not None else "running"
        if (tool := self._b.find_tool(call)) is not None:
            self._b.change(tool, progress=words)
        else:
            name = text(fields.get("tool_name"), "a tool")
            self._b.notice("task", f"{name} {words}", "quiet", key=f"progress {call}")


def _detail(fields: Fields) -> str:
    known = ("type", "subtype", "uuid", "session_id")
    rest = {name: value for name, value in fields.items() if name not in known}
    return msgspec.json.encode(rest).decode()[:2000] if rest else ""


def commands_of(value: object) -> list[Command]:
    """Return slash commands."""
    return [
        Command(
            text(c.get("name")).removeprefix("/"),
            text(c.get("description")),
            text(c.get("argumentHint")),
        )
        for c in map(obj, array(value))
        if c.get("name")
    ]
