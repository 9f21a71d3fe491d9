"""Starting an agent: a devbox with a broker, and a session that owns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from .agent_state import agent_state
from .agents.session import AgentSession
from .devbox import Devbox, create_body
from .errors import AgentError, ExecutionError

if TYPE_CHECKING:
    from .axon import Axon

__all__ = ["AgentOptions", "StartedAgent", "start_agent"]

#: The names of protocols in a mount, by the names that users give them.
PROTOCOLS: Final = {
    name: mount
    for mount in ("acp", "claude_json", "codex_json", "pi_json")
    for name in (mount, mount.removesuffix("_json"))
}


class AgentOptions(NamedTuple):
    """What to start and in which devbox; see :meth:`Client.start_agent`."""

    binary: str
    protocol: str
    args: Sequence[str]
    files: Mapping[str, str] | None
    environment: Mapping[str, str] | None
    launch_commands: Sequence[str]
    secrets: Mapping[str, str] | None
    blueprint: str | None

    def checked(self) -> Self:
        """Return this.

        Raises:
            AgentError: The protocol is not one.
        """
        if self.protocol not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise AgentError(f"protocol {self.protocol!r} is not one of {known}")
        return self

    @property
    def name(self) -> str:
        """The program without its folder."""
        return PurePath(self.binary).name

    def mount(self, axon_id: str) -> dict[str, Any]:
        """Return the broker mount."""
        return {
            "type": "broker_mount",
            "axon_id": axon_id,
            "protocol": PROTOCOLS[self.protocol],
            "agent_binary": self.binary,
            "launch_args": list(self.args),
        }

    def body(self, axon_id: str) -> dict[str, Any]:
        """Return the body of ``POST /v1/devboxes``."""
        body = create_body(
            f"agent {self.name}",
            mounts=[self.mount(axon_id)],
            metadata={"axon_id": axon_id},  # Runloop does not tell the mounts of a devbox
            environment=self.environment,
            files=self.files,
            launch_commands=self.launch_commands,
            project_folders=(),
        )
        more = {"secrets": dict(self.secrets or {}), "blueprint_name": self.blueprint}
        return body | {name: value for name, value in more.items() if value}


class StartedAgent(AgentSession):
    """A session that owns the devbox of its agent; made by :meth:`Client.start_agent`.

    Attributes:
        devbox: Where the agent runs.
        keep: Whether :meth:`close` leaves the devbox running.
    """

    axon: Axon

    def __init__(
        self, axon: Axon, protocol: str, devbox: Devbox, *, keep: bool, **options: Any
    ) -> None:
        self.devbox = devbox
        self.keep = keep
        self._shut_down = False
        super().__init__(axon, protocol, **options)

    def close(self) -> None:
        """End the reader thread and, unless ``keep``, the devbox with the agent; idempotent."""
        super().close()
        if not self.keep and not self._shut_down:
            self._shut_down = True
            self.devbox.shutdown()


def start_agent(
    agent: AgentOptions, axon: Axon, *, keep: bool, timeout: float | None, session: dict[str, Any]
) -> StartedAgent:
    """Start an agent and a session with it; see :meth:`Client.start_agent`."""
    devbox = Devbox(axon.api, axon.api.create_devbox(agent.body(axon.id)))
    try:
        devbox.wait(timeout)
        return StartedAgent(
            axon, agent.protocol.removesuffix("_json"), devbox, keep=keep, **session
        )
    except ExecutionError as error:
        why = agent_state(axon).reason or str(error)
        devbox.shutdown()
        raise AgentError(f"{agent.name} was not started: {why}") from error
    except BaseException:
        devbox.shutdown()
        raise
