"""Reads Pi's RPC mode: the payload is the message, its ``type`` the event type.

Source: the documentation of Pi 1.6 (``docs/json.md``, ``rpc.md``, ``rpc-extension-ui.md``);
Runloop's broker documentation.
"""

from __future__ import annotations

from typing import Final

from ..models import AxonEvent
from .builder import Builder
from .model import Tool
from .parts import (
    Choice,
    Command,
    Diff,
    Field,
    Image,
    Option,
    Part,
    Setting,
    Text,
    Unknown,
    Usage,
)
from .untrusted import Fields, array, integer, number, obj, string, summary_of, text

__all__ = ["PI_DIALOGS", "PiCodec"]

#: Dialogs of extensions that wait for an answer.
PI_DIALOGS: Final = frozenset({"select", "confirm", "input", "editor"})
STOP: Final = {"stop": "end_turn", "length": "max_tokens", "aborted": "cancelled"}
KINDS: Final = {"bash": "execute", "edit": "edit", "write": "edit", "read": "read"}
IGNORED: Final = frozenset(
    {"agent_start", "agent_end", "turn_start", "turn_end", "entry_appended", "queue_update"}
)
LEVELS: Final = ("off", "minimal", "low", "medium", "high", "xhigh", "max")
YES: Final = Option("yes", "Yes", "allow_once")
NO: Final = Option("no", "No", "reject_once")


class PiCodec:
    """Reads the events of one axon, in order."""

    protocol: Final = "pi"

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._message = 0  # counts the messages of the assistant: they have no id
        self._spent = 0.0
        self._reason = ""
        self._error = ""
        self._named = ""  # the model with its provider
        self._steered: list[str] = []  # sent while a turn ran, not echoed yet
        self._models: list[Fields] = []
        self._level = ""
        builder.protocol_ends_turns = True
        builder.from_start = True  # costs are summed here, not told as sums
        builder.session(protocol="pi", accepts=["image"])

    # -- clients

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""
        match event.event_type:
            case "turn/start":
                images = [_part(image) for image in array(fields.get("images"))]
                words = text(fields.get("message"))
                self._b.prompt(words, source=event.source, parts=images)
            case "cancel":
                self._b.cancelling()
            case _ if fields.get("type") == "extension_ui_response":
                self._answered(fields)
            case _ if fields.get("type") in ("steer", "follow_up"):
                words = text(fields.get("message"))
                self._steered.append(words)
                images = [_part(image) for image in array(fields.get("images"))]
                self._b.say(("steer", event.sequence), "user", words, parts=images)

    def _answered(self, fields: Fields) -> None:
        name = text(fields.get("id"))
        if fields.get("cancelled") is True:
            self._b.answer(name, "cancelled", allowed=False)
        elif "confirmed" in fields:
            yes = fields.get("confirmed") is True
            self._b.answer(name, "yes" if yes else "no", allowed=yes)
        else:
            self._b.answer(name, {"value": fields.get("value")})

    # -- the agent

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent."""
        kind = event.event_type
        match kind:
            case "message_update":
                self._update(obj(fields.get("assistantMessageEvent")))
            case "message_start":
                if obj(fields.get("message")).get("role") == "assistant":
                    self._message += 1
            case "message_end":
                self._finished(obj(fields.get("message")))
            case "agent_settled":
                self._settled(fields)
            case "response":
                self._response(fields)
            case "extension_ui_request":
                self._dialog(fields)
            case _ if kind.startswith("tool_execution_"):
                self._execution(kind, fields)
            case _ if kind not in IGNORED:
                self._news(kind, fields, event.payload)

    def _update(self, event: Fields) -> None:
        kind, index = text(event.get("type")), integer(event.get("contentIndex")) or 0
        key = ("pi", self._message, index)
        match kind:
            case "text_delta":
                self._b.say(key, "agent", text(event.get("delta")))
            case "thinking_delta":
                self._b.say(key, "thought", text(event.get("delta")))
            case "toolcall_end":
                self._call(obj(event.get("toolCall")))

    def _call(self, call: Fields) -> None:
        name, arguments = text(call.get("name")), call.get("arguments")
        self._b.tool(
            text(call.get("id")),
            begins=True,
            status="pending",
            name=name,
            title=summary_of(name, arguments),
            tool_kind=KINDS.get(name, "other"),
            input=arguments or None,
        )

    def _finished(self, message: Fields) -> None:
        match message.get("role"):
            case "assistant":
                self._assistant(message)
                self._message += 1  # some agents leave the start out
            case "user":
                self._user(message)
            case "toolResult":
                call = text(message.get("toolCallId"))
                tool = self._b.find_tool(call)
                if tool is None or tool.ended_ms is None:
                    self._result(call, text(message.get("toolName")), message)
            case "custom":
                if message.get("display") is True:
                    words = _joined(message.get("content"))
                    self._b.notice("extension", words)
            case "bashExecution":
                command = text(message.get("command"))
                tool = self._b.tool(f"bash-{self._b.sequence}", title=command, name="bash")
                self._b.change_text(tool, text(message.get("output")))
                status = "failed" if message.get("exitCode") else "completed"
                code = integer(message.get("exitCode"))
                self._b.tool(tool.call_id, status=status, exit_status=code)
            case "compactionSummary" | "branchSummary":
                self._b.notice("compaction", "summary", detail=text(message.get("summary")))

    def _assistant(self, message: Fields) -> None:
        for index, block in enumerate(map(obj, array(message.get("content")))):
            key = ("pi", self._message, index)
            match block.get("type"):
                case "text":
                    self._b.settle(key, "agent", text(block.get("text")))
                case "thinking":
                    words = text(block.get("thinking"))
                    if words:
                        self._b.settle(key, "thought", words)
                case "toolCall":
                    if self._b.find_tool(text(block.get("id"))) is None:
                        self._call(block)
                case _:
                    self._b.say(key, "agent", "", parts=[_part(block)])
        self._reason = text(message.get("stopReason"))
        if self._reason in ("aborted", "error"):
            for index in range(len(array(message.get("content")))):
                if said := self._b.message(("pi", self._message, index)):
                    self._b.change(said, status="cut")
        self._error = text(message.get("errorMessage")) if self._reason == "error" else ""
        if model := text(message.get("model")):
            self._b.session(model=model)
        self._spend(obj(message.get("usage")))

    def _spend(self, used: Fields) -> None:
        """Add what one request to the model has used."""
        if not used:
            return
        self._b.usage(
            Usage(
                integer(used.get("input")),
                integer(used.get("output")),
                integer(used.get("cacheRead")),
                integer(used.get("cacheWrite")),
                integer(used.get("reasoning")),
            ),
            add=True,
        )
        self._b.session(context_used=integer(used.get("totalTokens")))
        cost = number(obj(used.get("cost")).get("total"))
        if cost is not None:
            self._spent += cost
            self._b.cost(self._spent, "USD")

    def _user(self, message: Fields) -> None:
        words = _joined(message.get("content"))
        turn = self._b.running or self._b.last
        if words in self._steered:
            self._steered.remove(words)
        elif words and (turn is None or turn.text != words):
            self._b.say(("user", self._b.sequence), "user", words)

    # -- tools

    def _execution(self, kind: str, fields: Fields) -> None:
        call, name = text(fields.get("toolCallId")), text(fields.get("toolName"))
        if kind == "tool_execution_end":
            result = obj(fields.get("result"))
            self._result(call, name, {**result, "isError": fields.get("isError")}, fields)
            return
        arguments = fields.get("args")
        tool = self._b.tool(
            call,
            parent=text(fields.get("parentToolCallId")),
            status="in_progress",
            name=name or None,
            title=summary_of(name, arguments) if arguments else None,
            tool_kind=KINDS.get(name, "other"),
            input=arguments or None,
        )
        if partial := obj(fields.get("partialResult")):
            self._b.output(tool, [_part(block) for block in array(partial.get("content"))])

    def _result(self, call: str, name: str, result: Fields, fields: Fields | None = None) -> None:
        failed = result.get("isError") is True
        parts = [_part(block) for block in array(result.get("content"))]
        tool: Tool = self._b.tool(
            call,
            parent=text((fields or {}).get("parentToolCallId")),
            status="failed" if failed else "completed",
            name=name or None,
            tool_kind=KINDS.get(name),
            error=_joined(result.get("content"))[:2000] if failed else None,
        )
        details = obj(result.get("details"))
        patch = text(details.get("patch")) or text(details.get("diff"))
        if patch:
            path = text(obj(tool.input).get("path"))
            parts = [Diff(path, patch=patch), *parts]
        self._b.output(tool, parts)

    # -- the end of a turn

    def _settled(self, fields: Fields) -> None:
        aborted = fields.get("aborted") is True or self._reason == "aborted"
        if aborted:
            self._b.outcome("cancelled")
        elif self._reason == "error":
            self._b.outcome("error", self._error or "no reason given")
        else:
            self._b.outcome(STOP.get(self._reason, self._reason) or "end_turn")
        self._reason = self._error = ""

    def _response(self, fields: Fields) -> None:
        command, data = text(fields.get("command")), obj(fields.get("data"))
        if fields.get("success") is not True:
            error = text(fields.get("error"), "no reason given")
            if command == "prompt":
                self._b.outcome(error=error)
            else:
                self._b.notice("error", f"{command}: {error}", "error")
            return
        match command:
            case "prompt" if data.get("disposition") == "handled":
                self._b.outcome("handled")
            case "get_state":
                self._b.session(
                    agent="Pi",
                    session=string(data.get("sessionId")),
                    title=string(data.get("sessionName")),
                    gone="",
                )
                self._level = text(data.get("thinkingLevel")) or self._level
                self._model(data.get("model"))
            case "get_commands":
                commands = [
                    Command(text(c.get("name")).removeprefix("/"), text(c.get("description")))
                    for c in map(obj, array(data.get("commands")))
                ]
                self._b.session(commands=commands)
            case "get_session_stats":
                usage = obj(data.get("contextUsage"))
                size = integer(usage.get("contextWindow"))
                self._b.session(context_used=integer(usage.get("tokens")), context_size=size)
            case "set_model":
                self._model(data)
            case "get_available_models":
                self._models = list(map(obj, array(data.get("models"))))
                self._model(None)

    def _model(self, model: object) -> None:
        """Note the model, and what can be switched."""
        name = text(obj(model).get("id")) or text(model)
        provider = text(obj(model).get("provider"))
        if name:
            self._b.session(model=name)
            self._named = f"{provider}/{name}" if provider else name
        choices = [
            Choice(f"{text(m.get('provider'))}/{text(m.get('id'))}", text(m.get("name")))
            for m in self._models
        ]
        settings = []
        if self._level:
            levels = [Choice(level, level) for level in LEVELS]
            settings.append(
                Setting("thinking", "Thinking", "thought_level", "select", self._level, levels)
            )
        if choices:
            settings.append(Setting("model", "Model", "model", "select", self._named, choices))
        self._b.session(settings=settings or None)

    # -- questions and news

    def _dialog(self, fields: Fields) -> None:
        method, name = text(fields.get("method")), text(fields.get("id"))
        title = text(fields.get("title")) or "A question"
        wait = number(fields.get("timeout"))
        deadline = None if wait is None else self._b.at_ms + int(wait)
        if method == "confirm":
            self._b.ask(
                name,
                "permission",
                title=title,
                text=text(fields.get("message")),
                options=[YES, NO],
                background=True,
                deadline_ms=deadline,
                request=fields,
            )
        elif method in PI_DIALOGS:
            self._b.ask(
                name,
                "choice" if method == "select" else "form",
                title=title,
                fields=[_dialog_field(method, title, fields)],
                background=True,
                deadline_ms=deadline,
                request=fields,
            )
        elif method == "notify":
            level = text(fields.get("notifyType"), "info")
            level = level if level in ("warning", "error") else "info"
            self._b.notice("notification", text(fields.get("message")), level)
        elif method == "setTitle":
            self._b.session(title=string(fields.get("title")))
        else:
            words = text(fields.get("statusText")) or method
            self._b.notice("extension", words, "quiet", key=f"extension {method}")

    def _news(self, kind: str, fields: Fields, payload: str) -> None:
        match kind:
            case "compaction_start":
                reason = text(fields.get("reason"))
                self._b.notice("compaction", f"compacting ({reason})", key="compaction")
            case "compaction_end":
                result = obj(fields.get("result"))
                error = text(fields.get("errorMessage"))
                words = f"compaction failed: {error}" if error else "conversation compacted"
                if fields.get("aborted") is True:
                    words = "compaction cancelled"
                level = "error" if error else "info"
                detail = text(result.get("summary"))
                self._b.notice("compaction", words, level, detail=detail, key="compaction")
                self._spend(obj(result.get("usage")))
            case "auto_retry_start" | "auto_retry_end":
                self._retry(kind, fields)
            case "session_info_changed":
                self._b.session(title=text(fields.get("name")))
            case "thinking_level_changed":
                self._level = text(fields.get("level"))
                self._model(None)
                words = f"thinking level: {self._level}"
                self._b.notice("config", words, "quiet", key="thinking level")
            case "bash_execution_update":
                call = f"bash-{text(fields.get('id'))}"
                tool = self._b.tool(call, status="in_progress", name="bash", tool_kind="execute")
                self._b.append(tool, text(fields.get("delta")))
            case "extension_error":
                error = f"{text(fields.get('extensionPath'))}: {text(fields.get('error'))}"
                self._b.notice("extension", error, "error")
            case _:
                detail = payload[:2000]
                key = f"unknown {kind}"
                self._b.notice("unknown", kind, "quiet", detail=detail, key=key, counts=True)

    def _retry(self, kind: str, fields: Fields) -> None:
        attempt = integer(fields.get("attempt"))
        if kind == "auto_retry_start":
            most, delay = integer(fields.get("maxAttempts")), number(fields.get("delayMs")) or 0.0
            words = f"request failed: {text(fields.get('errorMessage'))}; attempt {attempt} of"
            words += f" {most} in {delay / 1000:g} s"
        else:
            done = fields.get("success") is True
            words = "the repeated request succeeded" if done else text(fields.get("finalError"))
        self._b.notice("retry", words, "warning", key="retry")


def _dialog_field(method: str, title: str, fields: Fields) -> Field:
    options = [str(option) for option in array(fields.get("options"))]
    return Field(
        id="value",
        title=title,
        description=text(fields.get("placeholder")),
        type="choice" if method == "select" else "string",
        choices=[Choice(option, option) for option in options],
        required=method == "select",
        default=fields.get("prefill"),
        format="multiline" if method == "editor" else "",
    )


def _joined(content: object) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(
        text(block.get("text")) for block in map(obj, array(content)) if "text" in block
    )


def _part(value: object) -> Part:
    block = obj(value)
    match block.get("type"):
        case "text":
            return Text(text(block.get("text")))
        case "image":
            return Image(text(block.get("mimeType")), text(block.get("data")))
    return Unknown(value)
