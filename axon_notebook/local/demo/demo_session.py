"""What the demo agent can show its client: text, thoughts, plans, tool calls, questions."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Final

from .json_rpc import Fields, JsonRpc

__all__ = ["Declined", "DemoSession", "ToolCall", "diff_content", "text_content"]

#: Seconds between two words, so that one can watch.
PACE: Final = 0.02

OPTIONS: Final = (
    {"optionId": "allow", "name": "Allow", "kind": "allow_once"},
    {"optionId": "always", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "reject", "name": "Reject", "kind": "reject_once"},
)


class Declined(Exception):
    """The permission was not given."""


class ToolCall:
    """A tool call that the client sees; made by :meth:`DemoSession.tool`."""

    def __init__(self, session: DemoSession, call_id: str) -> None:
        self._session = session
        self.id = call_id

    def show(self, *content: Fields, **fields: object) -> None:
        """Replace what the client sees of it; *fields* are named as in the protocol."""
        shown = {"content": list(content), **fields} if content else fields
        self._session.send("tool_call_update", toolCallId=self.id, **shown)


class DemoSession:
    """One session with one client.

    Its files are in *directory*, or where the agent was started if that is not there.
    """

    def __init__(self, client: JsonRpc, session_id: str, directory: Path) -> None:
        self._client = client
        self._numbers = count(1)
        self._allowed: set[str] = set()  # kinds of tool calls that may always run
        self.id = session_id
        self.directory = directory if directory.is_dir() else Path.cwd()

    def send(self, update_kind: str, /, **fields: object) -> None:
        """Send one ``session/update``."""
        update = {"sessionUpdate": update_kind, **fields}
        self._client.notify("session/update", {"sessionId": self.id, "update": update})

    async def say(self, text: str, *, pace: float = PACE) -> None:
        """Say *text* word by word."""
        for word in re.findall(r"\S+\s*|\s+", text):
            self.send("agent_message_chunk", content=_text(word))
            await asyncio.sleep(pace)

    def think(self, text: str) -> None:
        """Think aloud."""
        self.send("agent_thought_chunk", content=_text(text))

    def plan(self, steps: Sequence[str], done: int) -> None:
        """Show the plan with its first *done* steps completed."""
        status = ["completed"] * done + ["in_progress"] + ["pending"] * len(steps)
        entries = [
            {"content": step, "priority": "medium", "status": status[i]}
            for i, step in enumerate(steps)
        ]
        self.send("plan", entries=entries)

    @contextlib.asynccontextmanager
    async def tool(self, title: str, kind: str, **fields: object) -> AsyncIterator[ToolCall]:
        """Show a tool call from its start to its end; it fails if the block does."""
        call = ToolCall(self, f"{self.id}-{next(self._numbers)}")
        shown = {"title": title, "kind": kind, "status": "in_progress", **fields}
        self.send("tool_call", toolCallId=call.id, **shown)
        try:
            yield call
        except BaseException:
            call.show(status="failed")
            raise
        call.show(status="completed")

    async def ask(self, call: ToolCall, kind: str, title: str, content: Fields) -> None:
        """Ask for permission.

        Raises:
            Declined: It was not given.
        """
        if kind in self._allowed:
            return
        wanted = {"toolCallId": call.id, "title": title, "kind": kind, "content": [content]}
        answer = await self._client.request(
            "session/request_permission",
            {"sessionId": self.id, "toolCall": wanted, "options": list(OPTIONS)},
        )
        outcome = answer.get("outcome")
        chosen = outcome.get("optionId") if isinstance(outcome, dict) else None
        if chosen == "always":
            self._allowed.add(kind)
        if chosen not in ("allow", "always"):
            raise Declined


def text_content(text: str) -> Fields:
    """Return *text* as content of a tool call."""
    return {"type": "content", "content": _text(text)}


def diff_content(path: Path, new: str, old: str | None) -> Fields:
    """Return the change of a file as content of a tool call; *old* is ``None`` if it is new."""
    return {"type": "diff", "path": str(path), "newText": new, "oldText": old}


def _text(text: str) -> Fields:
    return {"type": "text", "text": text}
