"""What the demo agent can show its client: text, thoughts, plans, tool calls, questions."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Final

import acp
from acp.schema import PermissionOption

__all__ = ["Declined", "DemoSession", "ToolCall"]

#: Seconds between two words, so that one can watch.
PACE: Final = 0.02

OPTIONS: Final = (
    PermissionOption(option_id="allow", name="Allow", kind="allow_once"),
    PermissionOption(option_id="always", name="Always allow", kind="allow_always"),
    PermissionOption(option_id="reject", name="Reject", kind="reject_once"),
)


class Declined(Exception):
    """The permission was not given."""


class ToolCall:
    """A tool call that the client sees; made by :meth:`DemoSession.tool`."""

    def __init__(self, session: DemoSession, call_id: str) -> None:
        self._session = session
        self.id = call_id

    async def show(self, *content: Any, **fields: Any) -> None:
        """Replace what the client sees of it."""
        shown = {"content": list(content), **fields} if content else fields
        await self._session.send(acp.update_tool_call(self.id, **shown))


class DemoSession:
    """One session with one client.

    Its files are in *directory*, or where the agent was started if that is not there.
    """

    def __init__(self, client: acp.Client, session_id: str, directory: Path) -> None:
        self._client = client
        self._numbers = count(1)
        self._allowed: set[str] = set()  # kinds of tool calls that may always run
        self.id = session_id
        self.directory = directory if directory.is_dir() else Path.cwd()

    async def send(self, update: Any) -> None:
        """Send one ``session/update``."""
        await self._client.session_update(session_id=self.id, update=update)

    async def say(self, text: str, *, pace: float = PACE) -> None:
        """Say *text* word by word."""
        for word in re.findall(r"\S+\s*|\s+", text):
            await self.send(acp.update_agent_message_text(word))
            await asyncio.sleep(pace)

    async def think(self, text: str) -> None:
        """Think aloud."""
        await self.send(acp.update_agent_thought_text(text))

    async def plan(self, steps: Sequence[str], done: int) -> None:
        """Show the plan with its first *done* steps completed."""
        status = ["completed"] * done + ["in_progress"] + ["pending"] * len(steps)
        entries = [
            acp.plan_entry(step, status=cast_status(status[i])) for i, step in enumerate(steps)
        ]
        await self.send(acp.update_plan(entries))

    @contextlib.asynccontextmanager
    async def tool(self, title: str, kind: Any, **fields: Any) -> AsyncIterator[ToolCall]:
        """Show a tool call from its start to its end; it fails if the block does."""
        call = ToolCall(self, f"{self.id}-{next(self._numbers)}")
        await self.send(
            acp.start_tool_call(call.id, title, kind=kind, status="in_progress", **fields)
        )
        try:
            yield call
        except BaseException:
            await call.show(status="failed")
            raise
        await call.show(status="completed")

    async def ask(self, call: ToolCall, kind: str, title: str, content: Sequence[Any]) -> None:
        """Ask for permission.

        Raises:
            Declined: It was not given.
        """
        if kind in self._allowed:
            return
        wanted = acp.update_tool_call(call.id, title=title, content=content)
        answer = await self._client.request_permission(
            session_id=self.id, tool_call=cast_call(wanted), options=list(OPTIONS)
        )
        chosen = getattr(answer.outcome, "option_id", None)
        if chosen == "always":
            self._allowed.add(kind)
        if chosen not in ("allow", "always"):
            raise Declined


def cast_status(status: str) -> Any:
    """Return *status* as the library's own literal type, which is not public."""
    return status


def cast_call(update: Any) -> Any:
    """Return the update as the tool call of a permission request: the fields are the same."""
    from acp.schema import ToolCallUpdate

    return ToolCallUpdate(**update.model_dump(exclude={"session_update"}, exclude_none=True))
