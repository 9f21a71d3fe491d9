"""Turns in coroutines: a cell waits for the agent, and the kernel stays alive."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from axon_notebook.agents.model import Question
from axon_notebook.agents.session import AgentSession, Turn
from axon_notebook.agents.turn import TurnResult, Update
from axon_notebook.axon import Axon

from .conftest import Agents

WAIT = 120  # seconds: a guard against hanging, not a measure


@pytest.fixture
def axon(agent: Agents) -> Axon:
    """An axon with the scripted ACP peer."""
    return agent()


@pytest.fixture
def session(axon: Axon) -> Iterator[AgentSession]:
    with AgentSession(axon) as session:
        yield session


def test_a_turn_is_awaited_while_the_loop_goes_on(session: AgentSession) -> None:
    """Its updates, each once, also over a cancelled loop; then its result."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read(turn: Turn, most: int | None) -> list[Update]:
        seen: list[Update] = []
        async for update in turn:
            seen.append(update)
            if len(seen) == most:
                break
        return seen

    async def main() -> tuple[list[Update], TurnResult, Turn]:
        counting = asyncio.create_task(count())
        turn = await asyncio.to_thread(session.prompt, "hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turn, 0)
        first = await read(turn, 1)
        rest = await read(turn, None)
        result = await asyncio.wait_for(turn, WAIT)
        counting.cancel()
        return first + rest, result, turn

    updates, result, turn = asyncio.run(main())

    assert updates == turn.updates
    assert (result.text, result.stop_reason) == ("hello", "end_turn")
    assert turns > 10


def test_an_awaited_turn_asks_by_the_callback(axon: Axon) -> None:
    """It may block: a worker thread calls it, and the loop goes on."""
    asked: list[tuple[str, threading.Thread]] = []

    def decide(request: Question) -> str:
        asked.append((request.title, threading.current_thread()))
        return "yes"

    async def main(session: AgentSession) -> tuple[str, list[Update]]:
        result = await asyncio.wait_for(await asyncio.to_thread(session.prompt, "ask 1"), WAIT)
        iterated = await asyncio.to_thread(session.prompt, "ask 1")
        return result.text, [update async for update in iterated]

    with AgentSession(axon, permissions=decide) as session:
        text, updates = asyncio.run(main(session))

    assert text == "yes"
    assert "yes" in [update.text for update in updates]
    assert [title for title, _ in asked] == ["call 0", "call 0"]
    assert threading.current_thread() not in {thread for _, thread in asked}
