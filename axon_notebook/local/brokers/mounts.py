"""Broker mounts: what a client asks for, and which program speaks which protocol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from ..refusals import Refusal
from .acp_dialect import AcpDialect
from .claude_dialect import ClaudeDialect
from .codex_dialect import CodexDialect
from .dialect import Dialect
from .pi_dialect import PiDialect

__all__ = ["Mount", "checked_mount", "complete_arguments"]


class AgentProtocol(NamedTuple):
    """A protocol that a broker speaks.

    Attributes:
        dialect: Makes the broker's side of one agent process.
        binary: The program if a mount names none; empty if it must.
        arguments: Options that make the program speak the protocol, with their values.
    """

    dialect: Callable[[], Dialect]
    binary: str = ""
    arguments: tuple[tuple[str, ...], ...] = ()


CLAUDE: Final = AgentProtocol(
    ClaudeDialect,
    "claude",
    (
        ("--output-format", "stream-json"),
        ("--input-format", "stream-json"),
        ("--verbose",),
        ("--permission-prompt-tool", "stdio"),
    ),
)
CODEX: Final = AgentProtocol(CodexDialect, "codex", (("app-server",),))
PI: Final = AgentProtocol(PiDialect, "pi", (("--mode", "rpc"),))

#: By the name in a mount; Runloop's names first, then what people call them.
PROTOCOLS: Final = {
    "acp": AgentProtocol(AcpDialect),
    "claude_json": CLAUDE,
    "codex_json": CODEX,
    "pi_json": PI,
    "claude": CLAUDE,
    "codex": CODEX,
    "pi": PI,
}


class Mount(msgspec.Struct, frozen=True):
    """A broker mount, as the API has it."""

    axon_id: str
    type: str = "broker_mount"
    protocol: str = "acp"
    agent_binary: str | None = None
    launch_args: list[str] = []
    working_directory: str | None = None

    @property
    def spoken(self) -> AgentProtocol:
        """The protocol of this mount."""
        return PROTOCOLS[self.protocol]

    @property
    def binary(self) -> str:
        """The program to start."""
        return self.agent_binary or self.spoken.binary


def checked_mount(mount: dict[str, Any]) -> Mount:
    """Return *mount* with its types checked.

    Raises:
        Refusal: 400 with the field that is wrong.
    """
    try:
        wanted = msgspec.convert(mount, Mount)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"mounts: {error}.") from None
    if wanted.protocol not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise Refusal(400, f"mounts: protocol {wanted.protocol!r} is not one of {known}.")
    if not wanted.binary:
        raise Refusal(400, "mounts: a broker_mount with protocol acp needs agent_binary.")
    if any("\0" in word for word in (wanted.binary, *wanted.launch_args)):
        raise Refusal(400, "mounts: agent_binary and launch_args cannot have NUL.")
    return wanted


def complete_arguments(mount: Mount) -> list[str]:
    """Return the program's arguments, with what makes it speak the protocol."""
    arguments = list(mount.launch_args)
    for option in mount.spoken.arguments:
        if option[0] not in arguments:
            arguments += option
    return arguments
