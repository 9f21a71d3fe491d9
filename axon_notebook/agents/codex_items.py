"""Reads the items of Codex: messages, thoughts, commands, file changes, calls of tools.

An item is streamed by its id; the finished item is authoritative.

Source: the generated types of Codex 0.171.
"""

from __future__ import annotations

from typing import Final

from . import acp_content
from .builder import Builder
from .parts import Diff, Image, Part, Text
from .untrusted import Fields, array, integer, obj, string, text

__all__ = ["CodexItems", "change_diffs"]

NOTICES: Final = {
    "contextCompaction": ("compaction", "conversation compacted"),
    "enteredReviewMode": ("config", "review mode"),
    "exitedReviewMode": ("config", "review mode ended"),
    "subAgentActivity": ("task", "subagent active"),
    "hookPrompt": ("hook", "prompt of a hook"),
}
ENDED: Final = ("completed", "failed", "declined")
#: Kinds of tools by the type of their item.
TOOLS: Final = {
    "commandExecution": "execute",
    "fileChange": "edit",
    "mcpToolCall": "other",
    "dynamicToolCall": "other",
    "collabAgentToolCall": "agent",
    "webSearch": "fetch",
    "imageView": "read",
    "imageGeneration": "other",
    "functionCallOutput": "other",
    "sleep": "other",
}


class CodexItems:
    """Items by thread and id.

    Attributes:
        main: The thread of the session; others are subagents.
    """

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self.main = ""
        self._parents: dict[str, str] = {}  # thread of a subagent → call that began it

    def is_main(self, thread: str) -> bool:
        """Whether *thread* is the session's own."""
        if not self.main and thread not in self._parents:
            self.main = thread
        return thread in ("", self.main)

    def parent_of(self, thread: str) -> str:
        """Return the call that began the thread; empty for the main one."""
        if self.is_main(thread):
            return ""
        if not self._parents.get(thread):
            # No call has named it yet: it stands for itself.
            self._parents[thread] = thread
            self._b.tool(thread, name="subagent", title="Subagent", tool_kind="agent")
        return self._parents[thread]

    def thread_started(self, thread: Fields) -> None:
        """Note a new thread."""
        name, parent = text(thread.get("id")), text(thread.get("parentThreadId"))
        if parent:
            self._parents.setdefault(name, "")
        elif not self.main:
            self.main = name

    def thread_ended(self, thread: str, status: str) -> None:
        """Note that a subagent's turn has ended."""
        call = self._parents.get(thread, "")
        if (tool := self._b.find_tool(call)) is not None:
            self._b.change(tool, progress=f"subagent {status}")
            if call == thread:
                self._b.tool(call, status=status if status in ENDED else "completed")
        self._b.notice("task", f"subagent {status}", "quiet", key=f"task {thread}", parent=call)

    # -- notifications

    def read(self, method: str, params: Fields, payload: str) -> None:
        """Read ``item/…``."""
        thread = text(params.get("threadId"))
        parent, item = self.parent_of(thread), text(params.get("itemId"))
        delta = text(params.get("delta"))
        match method:
            case "item/started" | "item/completed":
                done = method == "item/completed"
                self._item(obj(params.get("item")), thread, parent, done, payload)
            case "item/agentMessage/delta" | "item/plan/delta":
                self._b.say((thread, item), "agent", delta, parent=parent)
            case "item/reasoning/summaryTextDelta" | "item/reasoning/textDelta":
                self._b.say((thread, item), "thought", delta, parent=parent)
            case "item/reasoning/summaryPartAdded":
                if self._b.message((thread, item)) is not None:
                    self._b.say((thread, item), "thought", "\n\n", parent=parent)
            case "item/commandExecution/outputDelta":
                self._b.append(self._b.tool(item, parent=parent), delta)
            case "item/fileChange/patchUpdated":
                tool = self._b.tool(item, parent=parent)
                self._b.change(tool, parts=change_diffs(params.get("changes")))
            case "item/mcpToolCall/progress":
                tool = self._b.tool(item, parent=parent)
                self._b.change(tool, progress=text(params.get("message")))
            case _:
                self._quiet(method, payload)

    def _quiet(self, what: str, payload: str) -> None:
        key = f"unknown {what}"
        self._b.notice("unknown", what, "quiet", detail=payload[:2000], key=key, counts=True)

    def _item(self, item: Fields, thread: str, parent: str, done: bool, payload: str) -> None:
        kind, name = text(item.get("type")), text(item.get("id"))
        key = (thread, name)
        if kind in ("agentMessage", "plan"):
            if done:
                self._b.settle(key, "agent", text(item.get("text")), parent=parent)
        elif kind == "reasoning":
            words = array(item.get("summary")) or array(item.get("content"))
            said = "\n\n".join(word for word in words if isinstance(word, str))
            if done and said:
                self._b.settle(key, "thought", said, parent=parent)
        elif kind == "userMessage":
            self._user(item, key, parent, done)
        elif kind in NOTICES:
            what, news = NOTICES[kind]
            self._b.notice(what, news, key=f"{kind} {name}", parent=parent)
        elif kind in TOOLS:
            self._tool(kind, name, item, parent, done)
        else:
            self._quiet(f"item {kind}", payload)

    def _user(self, item: Fields, key: tuple[str, str], parent: str, done: bool) -> None:
        content = map(obj, array(item.get("content")))
        words = "\n".join(text(part.get("text")) for part in content if part.get("text"))
        turn = self._b.running or self._b.last
        if done and words and (turn is None or turn.text != words):
            self._b.say(key, "user", words, parent=parent)

    # -- tools

    def _tool(self, kind: str, name: str, item: Fields, parent: str, done: bool) -> None:
        title, arguments = _describe(kind, item)
        status = text(item.get("status")) or ("completed" if done else "inProgress")
        if done and status not in ENDED:
            status = "completed"
        tool = self._b.tool(
            name,
            parent=parent,
            status=status,
            begins=not done,
            title=title,
            name=text(item.get("tool")) or kind,
            tool_kind=TOOLS[kind],
            input=arguments or None,
            exit_status=integer(item.get("exitCode")),
        )
        if status == "declined":
            self._b.change(tool, permission="denied")
        if kind == "fileChange":
            self._b.change(tool, parts=change_diffs(item.get("changes")))
        elif isinstance(output := item.get("aggregatedOutput"), str):
            self._b.change_text(tool, output)
        elif done:
            self._result(kind, tool.call_id, item)
        if kind == "collabAgentToolCall":
            for thread in array(item.get("receiverThreadIds")):
                if isinstance(thread, str):
                    self._parents[thread] = self._parents.get(thread) or name

    def _result(self, kind: str, call: str, item: Fields) -> None:
        tool = self._b.find_tool(call)
        if tool is None:
            return
        result, error = obj(item.get("result")), obj(item.get("error"))
        parts: list[Part] = acp_content.content_parts(result.get("content"))
        parts += acp_content.content_parts(item.get("contentItems"))
        if kind == "imageGeneration" and (data := text(item.get("result"))):
            parts.append(Image("image/png", data))
        if message := text(error.get("message")):
            parts.append(Text(message))
            self._b.change(tool, error=message)
        if parts:
            self._b.output(tool, parts)
        if (structured := result.get("structuredContent")) is not None:
            self._b.change(tool, raw_output=structured)


def _describe(kind: str, item: Fields) -> tuple[str, object]:
    match kind:
        case "commandExecution":
            command = text(item.get("command"))
            return command, {"command": command, "cwd": text(item.get("cwd"))}
        case "fileChange":
            paths = [text(obj(c).get("path")) for c in array(item.get("changes"))]
            return f"Edit {', '.join(paths)}", {"paths": paths}
        case "mcpToolCall":
            name = f"{text(item.get('server'))}.{text(item.get('tool'))}"
            return name, item.get("arguments")
        case "webSearch":
            return f"Search {text(item.get('query'))}", {"query": text(item.get("query"))}
        case "imageView":
            return f"View {text(item.get('path'))}", {"path": text(item.get("path"))}
        case "collabAgentToolCall":
            prompt = text(item.get("prompt"))
            return f"{text(item.get('tool'))} {prompt}".strip(), {"prompt": prompt}
    return text(item.get("tool")) or kind, item.get("arguments")


def change_diffs(changes: object) -> list[Part]:
    """Return the changes of files."""
    found: list[Part] = []
    for change in map(obj, array(changes)):
        kind = obj(change.get("kind"))
        what, diff = text(kind.get("type"), "update"), text(change.get("diff"))
        path, moved = text(change.get("path")), string(kind.get("move_path")) or ""
        if what == "add":
            found.append(Diff(path, None, diff, change="add"))
        elif what == "delete":
            found.append(Diff(path, diff, "", change="delete"))
        else:
            found.append(Diff(path, patch=diff, change="move" if moved else what, move_path=moved))
    return found
