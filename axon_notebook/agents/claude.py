"""Reads Claude Code's stream-json: the payload is the message, its ``type`` the event type.

Source: the types of Claude Code's SDK (0.3.332), runs of Claude Code 2.1.332; Runloop's broker
documentation.
"""

from __future__ import annotations

from itertools import count
from typing import Final

import msgspec

from ..models import AxonEvent
from . import claude_content as content
from .builder import Builder
from .claude_questions import ClaudeQuestions
from .claude_stream import Block, Streams
from .claude_system import ClaudeSystem
from .claude_todos import TODO_CALLS, ClaudeTodos
from .model import Message
from .parts import Part, Text
from .untrusted import Fields, array, integer, number, obj, string, summary_of, text

__all__ = ["ClaudeCodec"]

INTERRUPTED: Final = "[Request interrupted by user"
IGNORED: Final = frozenset({"keep_alive", "transcript_mirror", "command_lifecycle"})


class ClaudeCodec:
    """Reads the events of one axon, in order."""

    protocol: Final = "claude"

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._streams = Streams()
        self._system = ClaudeSystem(builder, self._say_local, self._retract_line)
        self._questions = ClaudeQuestions(builder, self._system)
        self._numbers = count(1)
        self._todos = ClaudeTodos(builder)
        self._said = False  # whether the main loop has said anything in this turn
        self._uuids: dict[int, str] = {}  # prompt's turn → uuid of the prompt
        self._by_uuid: dict[str, list[Message]] = {}  # uuid of a line → messages, of this turn
        builder.protocol_ends_turns = True
        builder.session(protocol="claude", accepts=["image", "document"])

    # -- clients

    def from_client(self, event: AxonEvent, fields: Fields) -> None:
        """Read what a client has published."""
        match event.event_type:
            case "query":
                blocks = content.result_parts(obj(fields.get("message")).get("content"))
                turn = self._b.prompt(
                    "\n".join(part.text for part in blocks if isinstance(part, Text)),
                    source=event.source,
                    parts=[part for part in blocks if not isinstance(part, Text)],
                )
                self._uuids[turn.id] = text(fields.get("uuid"))
            case "control_request":
                self._questions.client_request(fields)
            case "control_response":
                self._questions.answered(obj(fields.get("response")))
            case "control_cancel_request":
                pass  # of a client's own request: there is no entry for these

    # -- the agent

    def from_agent(self, event: AxonEvent, fields: Fields) -> None:
        """Read what the agent has sent."""
        parent = text(fields.get("parent_tool_use_id"))
        match event.event_type:
            case "stream_event":
                self._stream(obj(fields.get("event")), parent)
            case "assistant":
                self._assistant(fields, parent)
            case "user":
                self._user(fields, parent)
            case "result":
                self._result(fields)
            case "system":
                self._system.read(fields, event.payload)
            case "control_request":
                self._questions.asked(fields)
            case "control_cancel_request":
                self._b.withdraw(text(fields.get("request_id")))
            case "control_response":
                self._questions.agent_answer(obj(fields.get("response")))
            case "conversation_reset":
                self._b.notice("config", "the conversation starts anew", "info")
                self._b.session(session=string(fields.get("new_conversation_id")), context_used=0)
                self._b.reset_cost()
            case kind if kind not in IGNORED:
                self._system.other(kind, fields, event.payload)

    # -- streams

    def _stream(self, event: Fields, parent: str) -> None:
        index = integer(event.get("index")) or 0
        match event.get("type"):
            case "content_block_delta":
                self._delta(obj(event.get("delta")), parent, index)
            case "message_start":
                message_id = text(obj(event.get("message")).get("id"))
                status = "retracted" if self._system.retrying else "cut"
                self._mark(self._streams.start(parent, message_id), status)
            case "content_block_start":
                self._block_start(obj(event.get("content_block")), parent, index)
            case "content_block_stop":
                self._streams.close(parent, index)
            case "message_delta":
                self._context(obj(event.get("usage")), parent)
            case "message_stop" | "ping":
                pass
            case other:
                name = f"stream_event {other}"
                self._b.notice("unknown", name, "quiet", key=name, counts=True)

    def _mark(self, unfinished: list[Block], status: str) -> None:
        """Say of streamed texts that have no end what became of them."""
        for block in unfinished:
            message = self._b.message(block.key)
            if message is not None and (status == "retracted" or not block.closed):
                self._b.change(message, status=status)

    def _block_start(self, block: Fields, parent: str, index: int) -> None:
        kind = text(block.get("type"))
        if kind in ("text", "thinking"):
            opened = self._streams.open(parent, index, kind)
            if given := text(block.get(kind)):
                opened.text += given
                self._said_something(kind, parent)
                self._b.say(opened.key, _role(kind), given, parent=parent)
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            name = text(block.get("name"))
            if name not in TODO_CALLS:
                self._call(block, parent, "pending")

    def _delta(self, delta: Fields, parent: str, index: int) -> None:
        kind = text(delta.get("type"))
        if kind in ("text_delta", "thinking_delta"):
            field = kind.removesuffix("_delta")
            piece = text(delta.get(field))
            block = self._streams.grow(parent, index, field, piece)
            if piece:
                self._said_something(field, parent)
                self._b.say(block.key, _role(field), piece, parent=parent)
        elif kind not in ("input_json_delta", "signature_delta", "citations_delta"):
            name = f"delta {kind}"
            self._b.notice("unknown", name, "quiet", key=name, counts=True)

    def _said_something(self, kind: str, parent: str) -> None:
        self._said |= kind == "text" and not parent

    # -- finished messages

    def _assistant(self, fields: Fields, parent: str) -> None:
        message = obj(fields.get("message"))
        self._system.retrying = False
        for uuid in array(fields.get("supersedes")):
            self._retract_line(uuid)
        before = len(self._b.revisions)
        blocks = message.get("content")
        if isinstance(blocks, str):
            blocks = [{"type": "text", "text": blocks}]
        if self._is_failure(fields, message, parent, blocks):
            return
        model = text(message.get("model"))
        if model and model != "<synthetic>" and not parent:
            self._b.session(model=model)
        self._context(obj(message.get("usage")), parent)
        for block in map(obj, array(blocks)):
            self._block(block, parent, text(message.get("id")))
        changed = {revision.entry for revision in self._b.revisions[before:]}
        said = [e for e in map(self._b.entry, changed) if isinstance(e, Message)]
        if fields.get("aborted") is True:
            for each in said:
                self._b.change(each, status="cut")
        if (uuid := text(fields.get("uuid"))) and said:
            self._by_uuid[uuid] = said

    def _retract_line(self, uuid: object) -> None:
        for message in self._by_uuid.get(text(uuid), ()):
            self._b.change(message, status="retracted")

    def _is_failure(self, fields: Fields, message: Fields, parent: str, blocks: object) -> bool:
        """Keep the text of an API error for the turn's end, which tells it."""
        failed = isinstance(fields.get("error"), str) or fields.get("is_api_error_message") is True
        words = content.joined(blocks)
        if not failed or parent or not words:
            return False
        turn = self._b.current_turn()
        self._b.change(turn, error=words)
        return True

    def _block(self, block: Fields, parent: str, message_id: str) -> None:
        kind = text(block.get("type"))
        if kind in ("text", "thinking"):
            self._text_block(kind, text(block.get(kind)), parent, message_id)
        elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            self._tool_block(block, parent)
        elif kind.endswith("_tool_result") or kind == "tool_result":
            self._tool_result(block, parent, {}, None)
        elif kind != "redacted_thinking":
            part: Part = content.block_part(block)
            key = (parent, message_id, next(self._numbers))
            self._b.say(key, "agent", "", parent=parent, parts=[part])

    def _text_block(self, kind: str, words: str, parent: str, message_id: str) -> None:
        key = self._streams.take(parent, message_id, kind, words)
        self._said_something(kind if words else "", parent)
        if key is not None and (words or kind == "text"):
            self._b.settle(key, _role(kind), words, parent=parent)
        elif key is None:
            key = (parent, message_id, next(self._numbers))
            self._b.say(key, _role(kind), words, parent=parent)

    def _tool_block(self, block: Fields, parent: str) -> None:
        name, arguments = text(block.get("name")), obj(block.get("input"))
        if name not in TODO_CALLS:
            self._call(block, parent, "in_progress")
            return
        self._todos.called(name, text(block.get("id")), arguments, parent)

    def _call(self, block: Fields, parent: str, status: str) -> None:
        name, arguments = text(block.get("name")), block.get("input")
        call = text(block.get("id"))
        self._b.tool(
            call,
            parent=parent,
            status=status,
            begins=True,
            title=summary_of(name, arguments),
            name=name,
            tool_kind=content.KINDS.get(name, "other"),
            input=arguments if arguments else None,
            parts=content.edit_diffs(arguments) or None,
        )

    # -- users' lines

    def _user(self, fields: Fields, parent: str) -> None:
        given = obj(fields.get("message")).get("content")
        blocks = list(map(obj, array(given)))
        results = [block for block in blocks if block.get("type") == "tool_result"]
        for block in results:
            structured = fields.get("tool_use_result") if len(results) == 1 else None
            self._tool_result(block, parent, fields, structured)
        rest = [block for block in blocks if block.get("type") != "tool_result"]
        if rest or not results:
            self._user_text(fields, parent, content.result_parts(rest if results else given))

    def _user_text(self, fields: Fields, parent: str, parts: list[Part]) -> None:
        words = "\n".join(part.text for part in parts if isinstance(part, Text))
        local = content.local_output(words)
        if words.startswith("<local-command-caveat>"):
            local = None
        if words.startswith(INTERRUPTED):
            self._b.cancelling()
            self._b.notice("interrupted", "interrupted by the user", "quiet", key="interrupted")
        elif local is not None:
            self._say_local(local)
        elif self._system.compacted and not parent:
            self._system.compaction_summary(words)
        elif fields.get("isSynthetic") is True or words.startswith("<local-command-caveat>"):
            self._b.notice("system", words[:200], "quiet", detail=words, parent=parent)
        elif not self._is_echo(words, fields) and (words or parts):
            others = [part for part in parts if not isinstance(part, Text)]
            key = ("user", next(self._numbers))
            self._b.say(key, "user", words, parent=parent, parts=others)

    def _is_echo(self, words: str, fields: Fields) -> bool:
        turn = self._b.running or self._b.last
        if turn is not None and turn.text == words:
            return True
        if fields.get("isReplay") is not True:
            return False
        if self._b.running is None:
            self._b.history(words, next(self._numbers))
        else:
            self._b.notice("system", words[:200], "quiet", detail=words)
        return True

    def _say_local(self, words: str) -> None:
        """Show the output of a local command, which no model has written."""
        if words:
            self._said = True
            self._b.say(("local", next(self._numbers)), "agent", words)

    def _tool_result(self, block: Fields, parent: str, line: Fields, structured: object) -> None:
        call, failed = text(block.get("tool_use_id")), block.get("is_error") is True
        given = block.get("content")
        if call in self._todos.calls:
            self._todos.returned(call, failed, given, structured)
            return
        error = obj(given).get("error_code") if isinstance(given, dict) else None
        tool = self._b.tool(
            call,
            parent=parent,
            status="failed" if failed or error else "completed",
            raw_output=content.raw_result(given, structured),
            error=content.joined(given)[:2000] if failed else None,
        )
        parts = content.result_parts(given)
        diffs = content.result_diffs(structured) or tool.diffs
        if diffs:
            texts = [p for p in parts if not isinstance(p, Text)] if not failed else parts
            self._b.change(tool, parts=[*diffs, *texts])
        else:
            self._b.output(tool, parts)
        if isinstance(code := obj(structured).get("exitCode"), int):
            self._b.change(tool, exit_status=integer(code))
        self._decided(tool.call_id, array(line.get("tool_result_meta")))

    def _decided(self, call: str, metas: list[object]) -> None:
        """Note who permitted or denied a call without asking a person."""
        tool = self._b.find_tool(call)
        for meta in map(obj, metas):
            decision = obj(meta.get("permission_decision")).get("decision")
            if meta.get("id") == call and tool is not None and not tool.permission:
                word = "denied" if decision == "reject" else "allowed" if decision else ""
                denied = meta.get("non_execution_kind") is not None
                self._b.change(tool, permission="denied" if denied else word)

    # -- the end of a turn

    def _context(self, used: Fields, parent: str) -> None:
        names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
        counts = [integer(used.get(name)) or 0 for name in (*names, "output_tokens")]
        if not parent and any(counts):
            self._b.session(context_used=sum(counts))

    def _result(self, fields: Fields) -> None:
        kind = text(obj(fields.get("origin")).get("kind"), "human")
        running = self._b.running
        unasked = self._is_unasked(fields, kind)
        cost = number(fields.get("total_cost_usd"))
        if cost is not None and unasked:
            self._b.rebase_cost(cost, "USD")
        elif cost is not None:
            self._b.cost(cost, "USD")
        self._sizes(obj(fields.get("modelUsage")))
        for denial in map(obj, array(fields.get("permission_denials"))):
            self._system.denial(denial)
        words = text(fields.get("result"))
        if unasked:
            if words and not self._was_said(words):
                self._b.notice("task", words, "info")
            return
        self._tokens(fields)
        self._mark(self._streams.clear(), "cut")
        self._outcome(fields, words)
        self._said = self._system.compacted = False
        if running is not None:
            self._uuids.pop(running.id, None)
        self._by_uuid.clear()

    def _is_unasked(self, fields: Fields, kind: str) -> bool:
        """Whether a result is of another turn than the prompt's that runs."""
        running = self._b.running
        if kind not in ("human", ""):
            return running is None or running.origin == "prompt"
        wanted = self._uuids.get(running.id, "") if running is not None else ""
        named = {text(fields.get("user_message_uuid")), *array(fields.get("user_message_uuids"))}
        named.discard("")
        return bool(wanted and named) and wanted not in named

    def _was_said(self, words: str) -> bool:
        turn = self._b.running or self._b.last
        return turn is not None and any(
            isinstance(entry, Message) and entry.text.strip() == words.strip()
            for entry in self._b.entries[turn.id - 1 :]
        )

    def _tokens(self, fields: Fields) -> None:
        usage = content.usage_of_models(fields.get("model_usage_since_last_result"))
        usage = usage or content.usage_of_result(fields.get("usage"))
        if usage is not None:
            self._b.usage(usage, add=True)

    def _sizes(self, models: Fields) -> None:
        main = obj(models.get(self._b.session_entry.model))
        found = main or next((m for m in models.values() if isinstance(m, dict)), {})
        self._b.session(context_size=integer(found.get("contextWindow")))

    def _retract(self, words: str) -> None:
        """An error that was sent as a message as well is shown once, as the turn's error."""
        turn = self._b.running or self._b.last
        if turn is None or not words:
            return
        for entry in reversed(self._b.entries):
            if isinstance(entry, Message) and entry.role == "agent" and not entry.parent_id:
                if entry.turn_id == turn.turn_id and entry.text.strip() == words.strip():
                    self._b.change(entry, status="retracted")
                return

    def _overcome(self) -> None:
        """The turn has succeeded: an error on the way to it is no more than a notice."""
        turn = self._b.running
        if turn is not None and turn.error:
            self._b.notice("error", turn.error, "warning")
            self._b.change(turn, error="")

    def _outcome(self, fields: Fields, words: str) -> None:
        subtype = text(fields.get("subtype"))
        errors = [e for e in array(fields.get("errors")) if isinstance(e, str)]
        diagnostic = any(e.startswith("[ede_diagnostic]") for e in errors)
        aborted = text(fields.get("terminal_reason")).startswith("aborted")
        told = [e for e in errors if not e.startswith("[ede_diagnostic]")]
        if subtype == "error_during_execution" and (aborted or (diagnostic and not told)):
            self._b.outcome("cancelled")
            return
        if fields.get("is_error") is True or subtype.startswith("error") or errors:
            told += [e for e in (string(fields.get("error")), words) if e and e not in told]
            self._retract(words)
            reason = subtype if subtype.startswith("error") else ""
            self._b.outcome(reason, "; ".join(told[:3]) or subtype or "no reason given")
            return
        self._overcome()
        if words and not self._said:
            self._say_local(words)
        elif not self._said and (given := fields.get("structured_output")) is not None:
            self._say_local(f"```json\n{msgspec.json.encode(given).decode()}\n```")
        self._b.outcome(text(fields.get("stop_reason")) or "end_turn")


def _role(kind: str) -> str:
    return "thought" if kind == "thinking" else "agent"
