"""Brokers: agents that live in devboxes and talk through axons.

A ``broker_mount`` of a devbox starts an agent there and joins it to an axon (see
:mod:`.broker_bridge`).  The agent hears what is published after the devbox was
asked for, and nothing older: a restart of the service replays no turn.  After a
restart the agent sleeps, and the next event that is for it starts it anew.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from ...models import AxonEvent
from ...wire.sse import EventDecoder
from ..devboxes.devbox_records import DevboxRecord
from ..devboxes.devboxes import Devboxes
from ..http.answers import Refusal
from ..storage.commit import Draft
from ..storage.limits import NotFoundInStore, Refused
from ..storage.store import Store
from .acp_dialect import AcpDialect
from .agent_process import DEMO_AGENT, AgentPlan, find_binary
from .bridge import Bridge, Patience
from .claude_dialect import ARGUMENTS, ClaudeDialect
from .dialect import Dialect, Unspeakable
from .running_turns import Turn, TurnFile

__all__ = ["Brokers", "Patience"]

DIALECTS: Final[dict[str, Callable[[], Dialect]]] = {
    "acp": AcpDialect,
    "claude_json": ClaudeDialect,
}

#: The demo agent runs on the service's own Python, wherever its command is installed.
DEMO_MODULE: Final = "axon_notebook.local.demo.demo_agent"

#: Events of one page, when a stretch of the history is read.
PAGE: Final = 500

Published = Callable[[str, list[AxonEvent]], None]


class Mount(msgspec.Struct, frozen=True):
    """A broker mount, as the API has it."""

    axon_id: str
    type: str = "broker_mount"
    protocol: str = "acp"
    agent_binary: str | None = None
    launch_args: list[str] = []
    working_directory: str | None = None


class Brokers:
    """All brokers of one service; made on its loop, closed before devboxes and store.

    Args:
        store: Where the axons are.
        devboxes: Its hooks for mounts are taken over here.
        home: The service's home, which the demo agent needs to query its axon.
        patience: How long agents get.
    """

    def __init__(
        self,
        store: Store,
        devboxes: Devboxes,
        *,
        home: Path,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._devboxes = devboxes
        self._home = home
        self._patience = patience
        self._closed = False
        self._starts: dict[str, list[int]] = {}
        self._bridges: dict[str, dict[str, Bridge]] = {}  # axon → devbox → bridge
        devboxes.check_mounts = self.check
        devboxes.on_devbox_created = self.mount
        devboxes.on_devbox_shutdown = self.unmount

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits."""
        return any(b.busy for bridges in self._bridges.values() for b in bridges.values())

    def beside(self, published: Published) -> Published:
        """Return what calls *published* and then tells the brokers."""

        def both(axon_id: str, events: list[AxonEvent]) -> None:
            published(axon_id, events)
            for bridge in self._bridges.get(axon_id, {}).values():
                bridge.offer(events)

        return both

    async def check(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """Refuse a mount that cannot work; note where the axons stand.

        Raises:
            Refusal: 400 with the field that is wrong, 409 if the axon has a broker.
        """
        wanted = [_checked(mount) for mount in mounts]
        if len({mount.axon_id for mount in wanted}) < len(wanted):
            raise Refusal(400, "mounts: two broker_mounts name the same axon.")
        for mount in wanted:
            for devbox_id, bridge in self._bridges.get(mount.axon_id, {}).items():
                if not bridge.over:
                    raise Refusal(
                        409, f"The axon has a broker in devbox {devbox_id}: shut that down first."
                    )
        try:
            heads = [await self._store.head(mount.axon_id) for mount in wanted]
        except NotFoundInStore:
            raise Refusal(400, "mounts: a broker_mount names no axon there is.") from None
        self._starts[record.id] = heads

    async def mount(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """Build the bridges of a devbox, and start its agents if the devbox is new.

        Raises:
            Refusal: An agent cannot be started; its axon was told why.
        """
        starts = self._starts.pop(record.id, None)
        if self._closed:
            raise Refusal(503, "The service is stopping.")
        for index, mount in enumerate(msgspec.convert(mounts, list[Mount])):
            bridge = self._bridge(record, mount, index)
            if starts is None:
                await self._resume(mount.axon_id, bridge)
            else:
                await self._begin(mount.axon_id, bridge, after=starts[index])

    async def _begin(self, axon_id: str, bridge: Bridge, *, after: int) -> None:
        """Join a new devbox: hand over what was published since it was asked for, and start."""
        bridges = self._bridges.setdefault(axon_id, {})
        for devbox_id in [d for d, other in bridges.items() if other.over]:
            await bridges.pop(devbox_id).close("suspended", "another devbox took over")
        while (head := await self._store.head(axon_id)) > after:
            bridge.offer(await self._between(axon_id, after, head))
            after = head
        # No await since the head was read: nothing is published in between.
        bridges[bridge.devbox_id] = bridge
        try:
            await bridge.start()
        except Unspeakable as error:
            raise Refusal(400, str(error)) from None
        finally:
            bridge.open()

    async def _resume(self, axon_id: str, bridge: Bridge) -> None:
        """Join a devbox that outlived the last service; its agent sleeps."""
        try:
            await bridge.settle("the service ended during the turn", partial(self._ended, axon_id))
        except Refused:
            return  # the axon was deleted: nobody can talk to this agent
        self._bridges.setdefault(axon_id, {})[bridge.devbox_id] = bridge
        bridge.open()

    async def unmount(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """End the agents of a devbox that is shut down."""
        self._starts.pop(record.id, None)
        await self._close("shutdown", "the devbox was shut down", only=record.id)

    async def close(self) -> None:
        """End every agent; idempotent."""
        self._closed = True
        await self._close("suspended", "the service ended")

    async def _close(self, state: str, why: str, *, only: str | None = None) -> None:
        ending = []
        for bridges in self._bridges.values():
            for devbox_id in [only] if only else list(bridges):
                if bridge := bridges.pop(devbox_id, None):
                    ending.append(bridge.close(state, why))
        await asyncio.gather(*ending)

    def _bridge(self, record: DevboxRecord, mount: Mount, index: int) -> Bridge:
        folder = self._devboxes.directory(record.id).parent
        return Bridge(
            record.id,
            plan=partial(self._plan, record, mount),
            dialect=DIALECTS[mount.protocol],
            publish=partial(self._publish, mount.axon_id),
            read=partial(self._read, mount.axon_id),
            notes=TurnFile(folder / f"broker-{index}.json"),
            patience=self._patience,
        )

    def _plan(self, record: DevboxRecord, mount: Mount) -> AgentPlan:
        """Find the agent and its directory.

        Raises:
            Unspeakable: One of them is not there.
        """
        try:
            directory = self._devboxes.working_directory(record, mount.working_directory)
        except Refusal as refusal:
            raise Unspeakable(f"working_directory: {refusal}") from None
        environment = self._devboxes.environment(record, "agent")
        name = mount.agent_binary or "claude"
        paths = self._devboxes.paths(record)
        search = {"PATH": paths.search_path(environment)}
        binary = find_binary(paths.on_disk(name), search, directory)
        arguments = list(mount.launch_args)
        if name == DEMO_AGENT:
            binary, arguments = sys.executable, ["-m", DEMO_MODULE, *arguments]
            environment |= {"AXON_NOTEBOOK_HOME": str(self._home), "AXON_ID": mount.axon_id}
        if binary is None:
            raise Unspeakable(
                f"{name} is not on the PATH of the service: install it, or give agent_binary as a"
                " full path"
            )
        if mount.protocol == "claude_json":
            missing = [pair for pair in ARGUMENTS if pair[0] not in arguments]
            arguments = [*arguments, *(word for pair in missing for word in pair)]
        environment["PWD"] = paths.as_seen(directory)
        program = self._devboxes.program(record, [binary, *arguments], directory)
        return AgentPlan(Path(name).name, program, directory, environment)

    async def _publish(self, axon_id: str, drafts: list[Draft]) -> list[int]:
        return [result.sequence for result in await self._store.publish_many(axon_id, drafts)]

    async def _read(self, axon_id: str, sequence: int) -> AxonEvent:
        return (await self._page(axon_id, sequence - 1, 1))[0]

    async def _between(self, axon_id: str, after: int, last: int) -> list[AxonEvent]:
        """Return the events after *after* up to *last*."""
        found: list[AxonEvent] = []
        while after < last:
            page = await self._page(axon_id, after, min(PAGE, last - after))
            found += page
            after = page[-1].sequence
        return found

    async def _ended(self, axon_id: str, turn: Turn) -> bool:
        """Whether the history has the end of *turn*."""
        after = turn.event_sequence
        while page := await self._page(axon_id, after, PAGE):
            for event in page:
                ends = event.event_type in ("turn.completed", "turn.failed")
                if ends and event.origin == "SYSTEM_EVENT" and turn.turn_id in event.payload:
                    return True
            after = page[-1].sequence
        return False

    async def _page(self, axon_id: str, after: int, limit: int) -> list[AxonEvent]:
        frames, _, _ = await asyncio.to_thread(self._store.read_frames, axon_id, after, limit)
        texts = [frame.data for frame in EventDecoder().feed(frames)]
        return [msgspec.json.decode(text, type=AxonEvent) for text in texts]


def _checked(mount: dict[str, Any]) -> Mount:
    try:
        wanted = msgspec.convert(mount, Mount)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"mounts: {error}.") from None
    if wanted.protocol not in DIALECTS:
        known = " and ".join(DIALECTS)
        raise Refusal(
            400, f"protocol {wanted.protocol} is not available in the local service; {known} are."
        )
    if not wanted.agent_binary and wanted.protocol == "acp":
        raise Refusal(400, "mounts: a broker_mount with protocol acp needs agent_binary.")
    if any("\0" in word for word in (wanted.agent_binary or "", *wanted.launch_args)):
        raise Refusal(400, "mounts: agent_binary and launch_args cannot have NUL.")
    return wanted
