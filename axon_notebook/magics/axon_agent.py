"""``%axon agent``: start an agent and join it to the axon."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

from ..errors import ParameterError
from .axon_use import choose
from .command_requests import request
from .options import Option
from .registry import AXON, OUT, Call, Magic
from .shell_session import label
from .status import StatusLine

if TYPE_CHECKING:
    from ..agent_start import StartedAgent

__all__ = ["MAGICS"]

PROTOCOLS: Final = ("acp", "claude", "codex", "pi")

_DESCRIPTION: Final = """Start an agent in a devbox of its own; %%axon_prompt then talks to it.

Examples::

    %axon agent axon-notebook-demo-agent

    %axon agent --install "npm install -g opencode-ai" opencode acp

    %axon agent --protocol claude --env ANTHROPIC_API_KEY=$key claude

On the current axon, or a new one if none is chosen.  Returns the session, which owns the
devbox: session.close(), the end of the kernel or %unload_ext shut it down.  On
Runloop a running devbox costs money.
"""


def _agent(call: Call) -> Any:
    binary, *arguments = _words(call.text)
    started = _started(call, binary, arguments)
    session, axon = call.magics.session, started.axon
    if session.current is None:
        choose(call, call.magics.session.find(axon.id, call.names))
    session.keep_agent(started)
    if name := call.options.get("out"):
        call.magics.namespace[name] = started
    _report(call, started, binary)
    return started


def _words(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ParameterError(f"the command cannot be read: {error}") from None
    if not words:
        raise ParameterError("which agent? %axon agent BINARY, such as axon-notebook-demo-agent")
    return words


def _started(call: Call, binary: str, arguments: list[str]) -> StartedAgent:
    """Start the agent in a worker thread; one that is abandoned ends as soon as it runs."""
    given, session = call.options, call.magics.session
    axon = call.axon() if given.get("axon") or session.current is not None else None
    found: list[StartedAgent] = []
    abandoned: list[bool] = []

    def start() -> None:
        found.append(
            session.client.start_agent(
                binary,
                protocol=given.get("protocol", "acp"),
                axon=axon,
                args=arguments,
                environment={name: str(value) for name, value in given.get("env", {}).items()},
                launch_commands=[given["install"]] if "install" in given else [],
                keep="keep" in given,
            )
        )
        if abandoned:
            found[0].close()

    try:
        request(call, start)
    except KeyboardInterrupt:
        abandoned.append(True)
        for agent in found:
            agent.close()
        raise
    return found[0]


def _report(call: Call, started: StartedAgent, binary: str) -> None:
    local = call.magics.session.settings.base_url is None
    price = "" if local else "; on Runloop it costs money while it runs"
    until = "until it is shut down" if started.keep else "until session.close()"
    where = f"{binary} on {label(started.axon)} in devbox {started.devbox.id}"
    line = StatusLine(call.magics.shell, quiet=not call.magics.feedback)
    line.done(f"✓ {where}, {until}{price}")


MAGICS: Final = (
    Magic(
        "axon agent",
        "start an agent in a devbox, for %%axon_prompt",
        _agent,
        (
            AXON,
            OUT,
            Option(
                "--protocol",
                "",
                "text",
                "PROTOCOL",
                "what it speaks: acp (the usual), claude, codex or pi",
                PROTOCOLS,
            ),
            Option("--env", "", "pairs", "NAME=VALUE", "a variable for it; may be repeated"),
            Option("--install", "", "text", "COMMAND", "a command to run first in the devbox"),
            Option("--keep", "", "flag", "", "leave the devbox running at the end"),
        ),
        arguments="BINARY [ARGUMENTS]",
        raw=True,
        description=_DESCRIPTION,
    ),
)
