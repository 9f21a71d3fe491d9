"""Brokers: agents that live in devboxes and talk through axons.

A ``broker_mount`` of a devbox starts an agent there and connects it to an axon (see
:mod:`.bridge`).  The agent gets what is published after the devbox was asked for, and
nothing older: a restart of the service replays no turn.  After a restart the agent
is not running, and the next event that is for it starts it anew.
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
from ..refusals import Refusal
from ..storage.commit import Draft
from ..storage.store import Store
from .agent_process import AgentPlan, find_binary
from .bridge import Bridge
from .client_paths import map_arguments
from .dialect import InvalidMessage
from .mounts import Mount, checked_mount, complete_arguments
from .running_turns import Turn, TurnFile
from .timeouts import Timeouts

__all__ = ["Brokers", "Timeouts"]

#: The command that this package installs.  It runs on the service's own Python, wherever
#: the command is installed.
DEMO_AGENT: Final = "axon-notebook-demo-agent"
DEMO_MODULE: Final = "axon_notebook.local.demo.demo_agent"

#: Where installers put commands; looked into also if the devbox has a ``PATH`` of its own.
LOCAL_BIN: Final = ".local/bin"

#: Events of one page, when a stretch of the history is read.
PAGE: Final = 500

Published = Callable[[str, list[AxonEvent]], None]


class Brokers:
    """All brokers of one service; made on its loop, closed before devboxes and store.

    Args:
        store: Where the axons are.
        devboxes: Its hooks for mounts are set here.
        home: The service's home, which the demo agent needs to query its axon.
        timeouts: How long to wait for agents and their clients.
    """

    def __init__(
        self,
        store: Store,
        devboxes: Devboxes,
        *,
        home: Path,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
    ) -> None:
        self._store = store
        self._devboxes = devboxes
        self._home = home
        self._timeouts = timeouts
        self._closed = False
        self._starts: dict[str, list[int]] = {}
        self._bridges: dict[str, dict[str, Bridge]] = {}  # axon → devbox → bridge
        self._ending: dict[str, list[tuple[Bridge, Bridge]]] = {}  # devbox → old, its successor
        devboxes.check_mounts = self.check
        devboxes.on_devbox_created = self.mount
        devboxes.on_devbox_shutdown = self.unmount
        devboxes.on_devbox_suspending = self.drain
        devboxes.on_devbox_suspended = self.suspend
        devboxes.mount_busy = self._busy_in

    @property
    def busy(self) -> bool:
        """Whether a turn runs or waits."""
        return any(b.busy for bridges in self._bridges.values() for b in bridges.values())

    def with_brokers(self, published: Published) -> Published:
        """Return a function that calls *published* and then tells the brokers."""

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
        wanted = [checked_mount(mount) for mount in mounts]
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
        except Refusal as refusal:
            if refusal.status != 404:
                raise
            raise Refusal(400, "mounts: the axon_id of a broker_mount is unknown.") from None
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
        """Connect a new devbox: pass on what was published since it was asked for, and start."""
        bridges = self._bridges.setdefault(axon_id, {})
        for devbox_id in [d for d, other in bridges.items() if other.over]:
            await bridges.pop(devbox_id).close("suspended", "another devbox replaces it")
        while (head := await self._store.head(axon_id)) > after:
            bridge.offer(await self._between(axon_id, after, head))
            after = head
        # No await since the head was read: nothing is published in between.
        bridges[bridge.devbox_id] = bridge
        try:
            await bridge.start()
        except InvalidMessage as error:
            raise Refusal(400, str(error)) from None
        finally:
            bridge.open()

    async def _resume(self, axon_id: str, bridge: Bridge) -> None:
        """Connect a devbox that outlived the last service; its agent is not running."""
        try:
            await bridge.settle("the service ended during the turn", partial(self._ended, axon_id))
        except Refusal:
            return  # the axon was deleted: this agent has no client
        self._bridges.setdefault(axon_id, {})[bridge.devbox_id] = bridge
        bridge.open()

    async def drain(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """Let the agents of a devbox end their turns; later events wait for the resume."""
        pairs = self._ending[record.id] = []
        for index, mount in enumerate(msgspec.convert(mounts, list[Mount])):
            bridges = self._bridges.get(mount.axon_id, {})
            if (old := bridges.get(record.id)) is not None and not old.over:
                successor = self._bridge(record, mount, index)
                bridges[record.id] = successor
                pairs.append((old, successor))
        for old, _ in pairs:
            await old.idle()

    async def suspend(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """End the agents of a devbox; the next event that is for one of them starts it anew."""
        for old, successor in self._ending.pop(record.id, []):
            successor.succeed(old)
            await old.close("suspended", "the devbox was suspended")
            successor.open()

    async def unmount(self, record: DevboxRecord, mounts: list[dict[str, Any]]) -> None:
        """End the agents of a devbox that is shut down."""
        self._starts.pop(record.id, None)
        for old, _ in self._ending.pop(record.id, []):
            await old.close("suspended", "the devbox was shut down")
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

    def _busy_in(self, devbox_id: str) -> bool:
        found = (bridges.get(devbox_id) for bridges in self._bridges.values())
        return any(bridge is not None and bridge.busy for bridge in found)

    def _bridge(self, record: DevboxRecord, mount: Mount, index: int) -> Bridge:
        folder = self._devboxes.directory(record.id).parent
        return Bridge(
            record.id,
            plan=partial(self._plan, record, mount),
            dialect=mount.spoken.dialect,
            map_path=self._devboxes.paths(record).for_process,
            awake=partial(self._devboxes.wait_until_awake, record.id),
            publish=partial(self._publish, mount.axon_id),
            read=partial(self._read, mount.axon_id),
            notes=TurnFile(folder / f"broker-{index}.json"),
            timeouts=self._timeouts,
        )

    def _plan(self, record: DevboxRecord, mount: Mount) -> AgentPlan:
        """Find the agent and its directory; blocks.

        Raises:
            InvalidMessage: One of them is not there.
        """
        paths = self._devboxes.paths(record)
        try:
            directory = self._devboxes.working_directory(record, mount.working_directory)
        except Refusal as refusal:
            raise InvalidMessage(f"working_directory: {refusal}") from None
        environment = self._devboxes.environment(record, "agent")
        arguments = map_arguments(complete_arguments(mount), paths.for_process)
        name = mount.binary
        search = f"{paths.search_path(environment)}:{paths.directory / LOCAL_BIN}"
        binary = find_binary(paths.on_disk(name), search, directory)
        if name == DEMO_AGENT:
            binary, arguments = sys.executable, ["-m", DEMO_MODULE, *arguments]
            environment |= {"AXON_NOTEBOOK_HOME": str(self._home), "AXON_ID": mount.axon_id}
        if binary is None:
            raise InvalidMessage(
                f"{name} is not on the PATH of the devbox: install it with launch_commands, or"
                " give agent_binary as a full path"
            )
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
