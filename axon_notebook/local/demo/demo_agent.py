"""A small agent without a model, to have someone to talk to: ``axon-notebook-demo-agent``.

It speaks the Agent Client Protocol on stdin and stdout and does what the first word
of a prompt says, for real: :data:`HELP` lists it.  On the way it shows what agents
show: thoughts, a plan, tool calls with their output and diffs, requests for
permission, text that comes word by word, and a turn that can be cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, cast

import acp
from acp.schema import (
    AgentCapabilities,
    AvailableCommand,
    AvailableCommandsUpdate,
    Implementation,
    InitializeResponse,
    NewSessionResponse,
    PromptResponse,
)

from ...version import __version__
from .demo_session import Declined, DemoSession
from .demo_work import count_lines, edit_file, list_files, run_command, run_sql, talk

__all__ = ["HELP", "DemoAgent", "main"]

Work = Callable[[DemoSession, str], Awaitable[None]]

#: What the agent can do: first word → what for, and who does it.
WORK: Final[dict[str, tuple[str, Work]]] = {
    "files": ("list the files of a folder: files [FOLDER]", list_files),
    "count": ("count lines: count [PATTERN], such as count *.py", count_lines),
    "run": ("run a shell command, after asking: run COMMAND", run_command),
    "sql": ("query the axon's database: sql QUERY", run_sql),
    "edit": ("write a file, after asking: edit FILE: TEXT", edit_file),
    "talk": ("say N words slowly, to be cancelled: talk [N]", talk),
}

ALIASES: Final = {"list": "files", "ls": "files", "query": "sql", "write": "edit", "say": "talk"}

HELP: Final = "I have no model; I do what your first word says:\n" + "".join(
    f"- {name}: {what}\n" for name, (what, _) in WORK.items()
)


class DemoAgent:
    """The agent's side of the protocol; one per process."""

    def __init__(self) -> None:
        self._client: acp.Client | None = None
        self._sessions: dict[str, DemoSession] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._greetings: set[asyncio.Task[None]] = set()

    def on_connect(self, conn: acp.Client) -> None:
        """Remember whom to talk to."""
        self._client = conn

    async def initialize(self, protocol_version: int, **_: Any) -> InitializeResponse:
        """Say who this is."""
        return InitializeResponse(
            protocol_version=min(protocol_version, acp.PROTOCOL_VERSION),
            agent_capabilities=AgentCapabilities(load_session=False),
            agent_info=Implementation(
                name="axon-notebook-demo-agent", title="Demo agent", version=__version__
            ),
        )

    async def new_session(self, cwd: str, **_: Any) -> NewSessionResponse:
        """Begin a session; a folder that is not there becomes the process's own."""
        assert self._client is not None
        session = DemoSession(self._client, f"demo-{secrets.token_hex(4)}", Path(cwd))
        self._sessions[session.id] = session
        greeting = asyncio.create_task(self._greet(session))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._greetings.discard)
        return NewSessionResponse(session_id=session.id)

    async def prompt(self, session_id: str, prompt: list[Any], **_: Any) -> PromptResponse:
        """Do what the prompt says; a cancelled one ends with ``cancelled``."""
        session = self._sessions.get(session_id)
        if session is None:
            raise acp.RequestError.invalid_params({"sessionId": f"no session {session_id}"})
        text = "\n".join(block.text for block in prompt if block.type == "text").strip()
        task = self._running[session_id] = asyncio.create_task(self._do(session, text))
        try:
            await task
        except asyncio.CancelledError:
            return PromptResponse(stop_reason="cancelled")
        except Declined:
            await session.say("Permission was not given: nothing was done.")
            return PromptResponse(stop_reason="end_turn")
        finally:
            self._running.pop(session_id, None)
        return PromptResponse(stop_reason="end_turn")

    async def cancel(self, session_id: str, **_: Any) -> None:
        """Stop what the session does, its command included."""
        if task := self._running.get(session_id):
            task.cancel()

    async def _greet(self, session: DemoSession) -> None:
        """Tell what can be asked for, after the session's own answer."""
        await asyncio.sleep(0)
        commands = [
            AvailableCommand(name=name, description=what) for name, (what, _) in WORK.items()
        ]
        await session.send(
            AvailableCommandsUpdate(
                session_update="available_commands_update", available_commands=commands
            )
        )

    async def _do(self, session: DemoSession, text: str) -> None:
        word, _, rest = text.removeprefix("/").partition(" ")
        name = ALIASES.get(word.lower(), word.lower())
        if name == "select":
            name, rest = "sql", text
        if name not in WORK:
            await session.say(HELP)
            return
        await session.think(f"The first word is {word!r}, so I am asked to {WORK[name][0]}.")
        try:
            await WORK[name][1](session, rest.strip())
        except OSError as error:
            await session.say(f"That did not work: {error}.")


async def _serve() -> None:
    await acp.run_agent(cast(acp.Agent, DemoAgent()))


def main() -> int:
    """Serve one client on stdin and stdout until it hangs up."""
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(_serve())
    return 0


if __name__ == "__main__":
    # A broken pipe must not be reported once more when Python flushes at its exit.
    os._exit(main())
