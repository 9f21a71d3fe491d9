"""Store, devboxes and brokers on one loop, as the service composes them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from axon_notebook.local.brokers.broker import Brokers, Timeouts
from axon_notebook.local.devboxes.devboxes import CreateDevbox, Devboxes
from axon_notebook.local.storage.store import Store
from axon_notebook.models import AxonEvent

AGENTS = Path(__file__).parents[1] / "agents"
PEER = str(AGENTS / "acp_peer.py")


class Brokered:
    """One axon with, at most, one devbox."""

    def __init__(self, store: Store, devboxes: Devboxes, brokers: Brokers, axon_id: str) -> None:
        self.store = store
        self.devboxes = devboxes
        self.brokers = brokers
        self.axon_id = axon_id
        self.devbox_id = ""

    async def mount(
        self,
        *flags: str,
        status: str = "running",
        launch: list[str] | None = None,
        lifecycle: dict[str, Any] | None = None,
        **mount: Any,
    ) -> str:
        """Create a devbox with the scripted peer, after *launch* commands; return its id."""
        parameters = {"launch_commands": launch or [], "lifecycle": lifecycle}
        defaults = {"agent_binary": sys.executable, "launch_args": [PEER, *flags]}
        wanted = {"type": "broker_mount", "axon_id": self.axon_id, **defaults, **mount}
        record = await self.devboxes.create(
            CreateDevbox(mounts=[wanted], launch_parameters=parameters)
        )
        self.devbox_id = record.id
        found = await self.devboxes.wait(record.id, statuses=["running", "failure"], hold=20)
        assert found is not None
        assert found.status == status
        return record.id

    async def say(self, event_type: str, payload: Any, origin: str = "USER_EVENT") -> int:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        published = await self.store.publish(
            self.axon_id, source="test", event_type=event_type, origin=origin, payload=text
        )
        return published.sequence

    async def prompt(self, text: str) -> int:
        block = {"type": "text", "text": text}
        return await self.say("session/prompt", {"sessionId": "s", "prompt": [block]})

    async def events(self) -> list[AxonEvent]:
        found = await self.store.list_events(
            self.axon_id, limit=5000, before=None, include_total_count=False
        )
        return found.events[::-1]

    async def until(
        self, enough: Callable[[list[AxonEvent]], bool], *, seconds: float = 120
    ) -> list[AxonEvent]:
        """Wait until the history is *enough*; return it."""
        async with asyncio.timeout(seconds):
            while not enough(events := await self.events()):
                await asyncio.sleep(0.01)
        return events

    async def until_type(self, event_type: str, count: int = 1) -> list[AxonEvent]:
        """Wait for the *count*-th event of this type that is not a user's."""
        return await self.until(lambda events: len(said(events, event_type)) >= count)

    async def turn(self, text: str) -> list[AxonEvent]:
        """Prompt; return what was published from then to the end of that turn."""
        sequence = await self.prompt(text)
        events = await self.until(
            lambda found: any(
                e.event_type in ("turn.completed", "turn.failed")
                and value(e)["event_sequence"] == sequence
                for e in found
            )
        )
        return events[sequence:]


@contextlib.asynccontextmanager
async def brokered(
    home: Path, *, axon_id: str | None = None, timeouts: Timeouts | None = None
) -> AsyncIterator[Brokered]:
    """Open everything in *home*; close it in the service's order, and find no task left."""
    before = asyncio.all_tasks()
    async with contextlib.AsyncExitStack() as stack:
        store = Store(home)
        stack.push_async_callback(store.close)
        devboxes = Devboxes(home / "devboxes")
        stack.push_async_callback(devboxes.close)
        await devboxes.recover()
        brokers = Brokers(store, devboxes, home=home, timeouts=timeouts or Timeouts())
        stack.push_async_callback(brokers.close)
        store.on_published = brokers.with_brokers(store.on_published)
        await devboxes.remount()
        axon_id = axon_id or (await store.create_axon("brokered", {})).id
        yield Brokered(store, devboxes, brokers, axon_id)
    assert asyncio.all_tasks() - before == set()


def said(events: list[AxonEvent], event_type: str) -> list[AxonEvent]:
    """Events of this type that the agent or the broker published."""
    return [
        event
        for event in events
        if event.event_type == event_type and event.origin in ("AGENT_EVENT", "SYSTEM_EVENT")
    ]


def value(event: AxonEvent) -> Any:
    return json.loads(event.payload)


def types(events: list[AxonEvent]) -> list[str]:
    return [event.event_type for event in events if event.origin != "USER_EVENT"]


def text_of(events: list[AxonEvent]) -> str:
    """What the agent said."""
    updates = [value(event)["update"] for event in said(events, "session/update")]
    return "".join(u["content"]["text"] for u in updates if "content" in u)
