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
from typing import Final

from ...version import __version__
from .demo_session import Declined, DemoSession
from .demo_work import count_lines, edit_file, list_files, run_command, run_sql, talk
from .json_rpc import INVALID_PARAMS, Fields, JsonRpc, RpcError

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
        self._sessions: dict[str, DemoSession] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._rpc = JsonRpc(
            {
                "initialize": self._initialize,
                "session/new": self._new_session,
                "session/prompt": self._prompt,
                "session/cancel": self._cancel,
            }
        )

    async def serve(self) -> None:
        """Serve one client until it hangs up."""
        await self._rpc.serve()

    async def _initialize(self, _: Fields) -> Fields:
        name = "axon-notebook-demo-agent"
        return {
            "protocolVersion": 1,
            "agentCapabilities": {"loadSession": False},
            "agentInfo": {"name": name, "title": "Demo agent", "version": __version__},
            "authMethods": [],
        }

    async def _new_session(self, params: Fields) -> Fields:
        """Begin a session; a folder that is not there becomes the process's own."""
        folder = Path(str(params.get("cwd", "")))
        session = DemoSession(self._rpc, f"demo-{secrets.token_hex(4)}", folder)
        self._sessions[session.id] = session
        # After the answer: the client does not know the session before.
        asyncio.get_running_loop().call_soon(_greet, session)
        return {"sessionId": session.id}

    async def _prompt(self, params: Fields) -> Fields:
        """Do what the prompt says; a cancelled one ends with ``cancelled``."""
        name = str(params.get("sessionId"))
        session = self._sessions.get(name)
        if session is None:
            raise RpcError(INVALID_PARAMS, f"there is no session {name}")
        blocks = params.get("prompt")
        texts = [_text_of(block) for block in blocks] if isinstance(blocks, list) else []
        task = asyncio.create_task(_do(session, "\n".join(filter(None, texts)).strip()))
        self._running[name] = task
        try:
            await task
        except asyncio.CancelledError:
            return {"stopReason": "cancelled"}
        except Declined:
            await session.say("Permission was not given: nothing was done.")
        finally:
            self._running.pop(name, None)
        return {"stopReason": "end_turn"}

    async def _cancel(self, params: Fields) -> None:
        """Stop what the session does, its command included."""
        if task := self._running.get(str(params.get("sessionId"))):
            task.cancel()


def _greet(session: DemoSession) -> None:
    """Tell what can be asked for."""
    commands = [{"name": name, "description": what} for name, (what, _) in WORK.items()]
    session.send("available_commands_update", availableCommands=commands)


async def _do(session: DemoSession, text: str) -> None:
    word, _, rest = text.removeprefix("/").partition(" ")
    name = ALIASES.get(word.lower(), word.lower())
    if name == "select":
        name, rest = "sql", text
    if name not in WORK:
        await session.say(HELP)
        return
    session.think(f"The first word is {word!r}, so I am asked to {WORK[name][0]}.")
    try:
        await WORK[name][1](session, rest.strip())
    except OSError as error:
        await session.say(f"That did not work: {error}.")


def _text_of(block: object) -> str:
    return str(block.get("text", "")) if isinstance(block, dict) else ""


def main() -> int:
    """Serve one client on stdin and stdout until it hangs up."""
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(DemoAgent().serve())
    return 0


if __name__ == "__main__":
    # A broken pipe must not be reported once more when Python flushes at its exit.
    os._exit(main())
