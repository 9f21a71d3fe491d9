"""Reads the Codex app-server: the payload is the whole frame, its ``method`` the event type.

Source: the generated types of Codex 0.171 (``app-server generate-ts``) and runs of it; Runloop's
broker documentation.
"""

from __future__ import annotations

from typing import Final

from ..models import AxonEvent
from .builder import Builder
from .codex_items import CodexItems
from .codex_questions import CodexQuestions
from .codex_settings import codex_settings
from .parts import Image, Link, Part, Step, Text, Usage
from .untrusted import Fields, array, integer, number, obj, string, text

__all__ = ["CodexCodec"]

#: Notifications without an effect of their own.
IGNORED: Final = (
    "thread/queue/",
    "thread/compacted",
    "thread/realtime/",
    "thread/goal/",
    "thread/status/",
    "remoteControl/",
    "rawResponse",
    "skills/",
    "fs/",
    "app/",
    "windows",
    "turn/diff/",
    "item/autoApprovalReview/",
    "account/updated",
)
OUTCOMES: Final = {"completed": "end_turn", "interrupted": "cancelled", "failed": "failed"}


class CodexCodec:
    """Reads the events of one axon, in order."""

    protocol: Final = "codex"

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._items = CodexItems(builder)
        self._questions = CodexQuestions(builder)
        self._asked: dict[str, tuple[str, Fields]] = {}
        self._chosen: dict[str, str] = {}
        self._models: list[Fields] = []
        self._totals: Fields = {}
        self._base: Fields | None = {}
        builder.protocol_ends_turns = True
        builder.session(protocol="codex", accepts=["image"])

    # -- clients

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""
        kind, params = event.event_type, obj(fields.get("params"))
        if kind == "turn/start":
            parts = [_input_part(part) for part in array(params.get("input"))]
            words = "\n".join(part.text for part in parts if isinstance(part, Text))
            rest = [part for part in parts if not isinstance(part, Text)]
            thread = text(params.get("threadId"))
            self._b.prompt(words, session=thread, source=event.source, parts=rest)
            self._remember(fields, kind, params)
            self._settings(params)  # these hold from this turn on
        elif kind == "turn/interrupt":
            self._b.cancelling()
            self._remember(fields, kind, params)
        elif kind == "response" or "method" not in fields:
            self._questions.answered(fields)
        else:
            self._remember(fields, kind, params)

    def _remember(self, fields: Fields, kind: str, params: Fields) -> None:
        if "id" in fields:
            self._asked[repr(fields["id"])] = (kind, params)

    # -- the agent

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent."""
        method, params = string(fields.get("method")), obj(fields.get("params"))
        if method is None:
            self._answer(fields)
        elif "id" in fields:
            self._questions.asked(event.sequence, method, params, fields)
        elif method.startswith("item/"):
            self._items.read(method, params, event.payload)
        elif method.startswith(("turn/", "thread/")):
            self._progress(method, params, event.payload)
        elif method == "serverRequest/resolved":
            self._questions.resolved(params.get("requestId"))
        else:
            self._news(method, params, event.payload)

    def _answer(self, fields: Fields) -> None:
        kind, _ = self._asked.pop(repr(fields.get("id")), ("", {}))
        error, result = obj(fields.get("error")), obj(fields.get("result"))
        if error:
            message = text(error.get("message"), "no reason given")
            if kind == "turn/start":
                self._b.outcome(error=message)
            elif "lready initialized" not in message:
                self._b.notice("error", f"{kind or 'request'}: {message}", "error")
        elif kind == "initialize":
            self._b.session(agent="Codex", version=text(result.get("userAgent")), gone="")
        elif kind in ("thread/start", "thread/resume", "thread/fork"):
            thread = obj(result.get("thread"))
            self._items.main = text(thread.get("id"))
            self._totals, self._base = {}, {}  # each thread counts for itself
            self._b.from_start |= kind == "thread/start"
            self._b.session(session=self._items.main, title=string(thread.get("name")))
            effort = result.get("reasoningEffort")
            self._settings(result if effort is None else {"effort": effort, **result})
        elif kind == "model/list":
            self._models = list(map(obj, array(result.get("data"))))
            self._settings({})

    def _settings(self, told: Fields) -> None:
        """Note model, effort and approval policy, and what they can be."""
        for name in ("model", "effort", "approvalPolicy"):
            if (value := string(told.get(name))) is not None:
                self._chosen[name] = value
        model = self._chosen.get("model", "")
        self._b.session(
            model=model or None,
            mode=self._chosen.get("approvalPolicy"),
            settings=codex_settings(self._chosen, self._models) or None,
        )

    # -- turns and threads

    def _progress(self, method: str, params: Fields, payload: str) -> None:
        thread = text(params.get("threadId"))
        main = self._items.is_main(thread)
        match method:
            case "turn/started":
                if main:
                    self._base = dict(self._totals) or None
                    self._b.begin_anew()
                    self._b.current_turn()
            case "turn/completed":
                self._completed(params, main, thread)
            case "turn/plan/updated":
                self._plan(params, thread)
            case "thread/tokenUsage/updated":
                if main:
                    self._usage(obj(params.get("tokenUsage")))
            case "thread/started":
                self._items.thread_started(obj(params.get("thread")))
            case "thread/name/updated":
                name = params.get("threadName") or params.get("name")
                self._b.session(title=string(name))
            case "thread/settings/updated":
                self._settings(obj(params.get("threadSettings")))
            case _ if not method.startswith(IGNORED):
                self._unknown(method, payload)

    def _completed(self, params: Fields, main: bool, thread: str) -> None:
        turn = obj(params.get("turn"))
        status = text(turn.get("status"), "completed")
        error = obj(turn.get("error"))
        if not main:
            self._items.thread_ended(thread, status)
            return
        words = text(error.get("message")) if status == "failed" else ""
        detail = text(error.get("additionalDetails"))
        words = f"{words}: {detail}" if words and detail else words
        if status == "failed":
            words = words or "no reason given"
        self._b.outcome(OUTCOMES.get(status, status), words)

    def _plan(self, params: Fields, thread: str) -> None:
        statuses = {"inProgress": "in_progress"}
        steps = []
        for step in map(obj, array(params.get("plan"))):
            status = text(step.get("status"), "pending")
            steps.append(Step(text(step.get("step")), statuses.get(status, status)))
        parent = self._items.parent_of(thread)
        self._b.plan("main", steps, parent=parent, title=text(params.get("explanation")))

    def _usage(self, usage: Fields) -> None:
        total, last = obj(usage.get("total")), obj(usage.get("last"))
        self._b.session(
            context_used=integer(last.get("totalTokens")),
            context_size=integer(usage.get("modelContextWindow")),
        )
        if self._base is None:
            # The first figure of a thread whose beginning was not seen.
            empty = {} if self._b.from_start else _difference(total, last)
            self._base = empty
        self._totals = total
        spent = _difference(total, self._base)
        inside, cached = integer(spent.get("inputTokens")), integer(spent.get("cachedInputTokens"))
        self._b.usage(
            Usage(
                None if inside is None else max(0, inside - (cached or 0)),
                integer(spent.get("outputTokens")),
                cached,
                integer(spent.get("cacheWriteInputTokens")),
                integer(spent.get("reasoningOutputTokens")),
            )
        )

    # -- news

    def _news(self, method: str, params: Fields, payload: str) -> None:
        match method:
            case "error":
                self._error(params)
            case "warning" | "guardianWarning":
                self._b.notice("notification", text(params.get("message")), "warning")
            case "configWarning" | "deprecationNotice":
                words, detail = text(params.get("summary")), text(params.get("details"))
                self._b.notice("config", words, "warning", detail=detail)
            case "hook/started" | "hook/completed":
                self._hook(obj(params.get("run")))
            case "account/rateLimits/updated":
                self._limits(obj(params.get("rateLimits")))
            case "account/login/completed" | "mcpServer/oauthLogin/completed":
                error = text(params.get("error"))
                words = f"login failed: {error}" if error else "login completed"
                self._b.notice("auth", words, "error" if error else "info")
            case "mcpServer/startupStatus/updated":
                self._server(params)
            case _ if method.startswith(("model/", "modelProvider/")):
                words = method.partition("/")[2].replace("/", " ")
                change = f"{text(params.get('fromModel'))} → {text(params.get('toModel'))}"
                self._b.notice("model", f"{words}: {change}" if len(change) > 3 else words)
            case _ if not method.startswith(IGNORED):
                self._unknown(method, payload)

    def _unknown(self, method: str, payload: str) -> None:
        key = f"unknown {method}"
        self._b.notice("unknown", method, "quiet", detail=payload[:2000], key=key, counts=True)

    def _error(self, params: Fields) -> None:
        words = text(obj(params.get("error")).get("message"), "no reason given")
        if self._b.running is None:
            self._b.notice("error", words, "error")
        elif params.get("willRetry") is True:
            self._b.notice("retry", words, "warning", key="retry", counts=True)
        # Without a retry the turn's end has the same error.

    def _hook(self, run: Fields) -> None:
        status = text(run.get("status"))
        level = "warning" if status in ("failed", "blocked") else "quiet"
        words = f"hook {text(run.get('eventName'))}: {status}"
        self._b.notice("hook", words, level, key=f"hook {text(run.get('id'))}")

    def _limits(self, limits: Fields) -> None:
        reached = text(limits.get("rateLimitReachedType"))
        used = [
            number(obj(limits.get(name)).get("usedPercent")) for name in ("primary", "secondary")
        ]
        highest = max((value for value in used if value is not None), default=0.0)
        if reached or highest >= 90:
            words = f"limit reached: {reached}" if reached else f"{highest:.0f} % of the limit used"
            self._b.notice("rate_limit", words, "warning", key="rate_limit")

    def _server(self, params: Fields) -> None:
        status, name = text(params.get("status")), text(params.get("name"))
        if status in ("failed", "cancelled"):
            words = f"MCP server {name}: {status} {text(params.get('error'))}".rstrip()
            self._b.notice("mcp", words, "warning", key=f"mcp {name}")


def _difference(later: Fields, before: Fields) -> Fields:
    found: Fields = {}
    for name, value in later.items():
        count = integer(value)
        if count is not None:
            found[name] = max(0, count - (integer(before.get(name)) or 0))
    return found


def _input_part(value: object) -> Part:
    part = obj(value)
    match part.get("type"):
        case "text":
            return Text(text(part.get("text")))
        case "image" | "localImage":
            where = text(part.get("url")) or text(part.get("path"))
            head, _, data = where.partition(";base64,")
            if data and head.startswith("data:"):
                return Image(head.removeprefix("data:"), data)
            return Image(uri=where)
    return Link(text(part.get("path")), text(part.get("name")))
