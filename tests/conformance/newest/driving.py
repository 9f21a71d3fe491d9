"""An agent of today behind the real broker, driven by events alone."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

import axon_notebook as an
from axon_notebook.models import AxonEvent

from .install import node

__all__ = ["Driven", "environment", "program"]

#: Seconds; a first start on a busy machine takes long, and this only ends a hang.
LIMIT: Final = 180.0

ENDS: Final = ("turn.completed", "turn.failed")


def program(name: str) -> str:
    """Return the path of an agent that ``make conformance`` installed."""
    return str(Path(os.environ["AXON_NOTEBOOK_CONFORMANCE"]) / "node_modules" / ".bin" / name)


def environment(**variables: str) -> dict[str, str]:
    """Return *variables* with a ``PATH`` on which a new Node is found."""
    # Claude Code refuses to run as root outside of what it takes for a sandbox.
    path = f"{node() / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "IS_SANDBOX": "1", **variables}


class Driven:
    """An axon with an agent; reads the history as it grows."""

    def __init__(
        self,
        client: an.Client,
        name: str,
        *,
        protocol: str,
        args: Sequence[str] = (),
        variables: Mapping[str, str],
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.axon = client.create_axon(name)
        self._read = 0
        self._source = f"{protocol.removesuffix('_json')}-sdk-client"
        mount = {
            "type": "broker_mount",
            "axon_id": self.axon.id,
            "protocol": protocol,
            "agent_binary": program(name),
            "launch_args": list(args),
        }
        self.devbox = client.create_devbox(
            mounts=[mount], environment=variables, files=files, timeout=LIMIT
        )

    def publish(self, event_type: str, payload: Any) -> None:
        self.axon.publish(event_type, payload, source=self._source)

    def until(self, *types: str) -> tuple[Any, list[AxonEvent]]:
        """Read on to an event of agent or broker; return its payload, and all that was read."""
        seen: list[AxonEvent] = []
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            for event in self._new():
                seen.append(event)
                self._read = event.sequence
                if event.event_type in types and event.origin != "USER_EVENT":
                    return content(event), seen
                assert event.event_type not in ENDS, (event.event_type, event.payload)
            time.sleep(0.05)
        told = [(event.event_type, event.payload[:300]) for event in seen[-8:]]
        raise AssertionError(f"none of {types} in {LIMIT:.0f} s; the last events: {told}")

    def end(self) -> tuple[str, list[AxonEvent]]:
        """Read on to the end of the turn; return its stop reason or error, and what was read."""
        fields, seen = self.until(*ENDS)
        return fields.get("error") or fields["stop_reason"], seen

    def made(self, name: str) -> bool:
        """Whether the agent has made this file in its home directory."""
        directory = self.devbox.info().directory
        return directory is not None and Path(directory, name).exists()

    def _new(self) -> list[AxonEvent]:
        query = "SELECT * FROM rl_axon_events WHERE sequence > ? ORDER BY sequence"
        rows = self.axon.execute(query, [self._read]).rows
        return [AxonEvent.from_row(self.axon.id, row) for row in rows]


def content(event: AxonEvent) -> Any:
    return msgspec.json.decode(event.payload)
